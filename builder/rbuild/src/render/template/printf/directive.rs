//! What stands between `%` and its verb, and what it does to numbers and texts. Knows no value.

use super::super::escape::{quoted, raw};
use super::super::float;
use super::MOST;

/// Flags, width, precision.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Directive {
    pub(super) left: bool,
    pub(super) plus: bool,
    pub(super) space: bool,
    pub(super) sharp: bool,
    pub(super) zero: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
}

impl Directive {
    /// The flags that `rest` begins with.
    pub(super) fn flags(rest: &mut &str) -> Self {
        let mut flags = Self::default();
        while let Some(flag) = rest.chars().next() {
            match flag {
                '-' => (flags.left, flags.zero) = (true, false),
                '+' => flags.plus = true,
                ' ' => flags.space = true,
                '#' => flags.sharp = true,
                '0' => flags.zero = !flags.left,
                _ => break,
            }
            *rest = &rest[1..];
        }
        flags
    }

    /// Takes a width; a negative one means the left.
    pub(super) fn widen(&mut self, width: i64) {
        if width < 0 {
            (self.left, self.zero) = (true, false);
        }
        self.width = usize::try_from(width.unsigned_abs()).ok().map(|width| width.min(MOST));
    }

    /// The same, no wider than that: what goes on beyond it is refused for its length anyway.
    pub(super) fn within(&self, most: usize) -> Self {
        let narrow = |asked: Option<usize>| asked.map(|asked| asked.min(most));
        Self { width: narrow(self.width), precision: narrow(self.precision), ..*self }
    }

    /// Fills up to the width.
    pub(super) fn pad(&self, text: &str) -> String {
        let missing = self.width.unwrap_or_default().saturating_sub(text.chars().count());
        match (self.left, self.zero) {
            (true, _) => format!("{text}{}", " ".repeat(missing)),
            (false, true) => format!("{}{text}", "0".repeat(missing)),
            (false, false) => format!("{}{text}", " ".repeat(missing)),
        }
    }

    fn cut<'a>(&self, text: &'a str) -> &'a str {
        let end = self.precision.and_then(|precision| text.char_indices().nth(precision));
        end.map_or(text, |(end, _)| &text[..end])
    }

    /// `%s`
    pub(super) fn text(&self, text: &str) -> String {
        self.pad(self.cut(text))
    }

    /// `%q`
    pub(super) fn quoted(&self, text: &str) -> String {
        let text = self.cut(text);
        let in_backquotes = if self.sharp { raw(text) } else { None };
        self.pad(&in_backquotes.unwrap_or_else(|| quoted(text, self.plus)))
    }

    /// `%x` of a text.
    pub(super) fn hex(&self, text: &str, upper: bool) -> String {
        let bytes = &text.as_bytes()[..self.precision.unwrap_or(text.len()).min(text.len())];
        let digits = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        let prefix = match (self.sharp, upper) {
            (false, _) => "",
            (true, false) => "0x",
            (true, true) => "0X",
        };
        let words: Vec<String> = bytes.iter().map(digits).collect();
        let shown = match (words.is_empty(), self.space) {
            (true, _) => String::new(),
            (false, true) => words.iter().map(|word| format!("{prefix}{word}")).collect::<Vec<_>>().join(" "),
            (false, false) => format!("{prefix}{}", words.concat()),
        };
        self.pad(&shown)
    }

    /// A whole number in a verb's base.
    pub(super) fn integer(&self, verb: char, number: i64) -> String {
        let size = number.unsigned_abs();
        let mut digits = match verb {
            'x' => format!("{size:x}"),
            'X' => format!("{size:X}"),
            'o' | 'O' => format!("{size:o}"),
            'b' => format!("{size:b}"),
            _ => size.to_string(),
        };
        let sign = self.sign(number < 0);
        let unfilled = Self { zero: false, ..*self };
        let least = match (self.precision, self.width) {
            (Some(0), _) if number == 0 => return unfilled.pad(""),
            (Some(precision), _) => precision,
            (None, Some(width)) if self.zero => width.saturating_sub(sign.len()),
            _ => 0,
        };
        digits.insert_str(0, &"0".repeat(least.saturating_sub(digits.len())));
        let prefix = match verb {
            'O' => "0o",
            'o' if self.sharp && !digits.starts_with('0') => "0",
            'b' if self.sharp => "0b",
            'x' if self.sharp => "0x",
            'X' if self.sharp => "0X",
            _ => "",
        };
        unfilled.pad(&format!("{sign}{prefix}{digits}"))
    }

    /// A fraction.
    pub(super) fn float(&self, verb: char, number: f64) -> String {
        let size = number.abs();
        let text = match verb {
            'e' | 'E' => float::scientific(size, self.precision.unwrap_or(6)),
            'f' | 'F' => format!("{size:.*}", self.precision.unwrap_or(6)),
            _ => float::general(size, self.precision),
        };
        let text = if matches!(verb, 'E' | 'G') { text.to_uppercase() } else { text };
        let sign = self.sign(number.is_sign_negative());
        let width = self.width.unwrap_or_default();
        if self.zero && !sign.is_empty() && width > text.len() + 1 {
            return format!("{sign}{}{text}", "0".repeat(width - text.len() - 1));
        }
        self.pad(&format!("{sign}{text}"))
    }

    const fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        }
    }
}
