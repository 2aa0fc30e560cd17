//! Go's `printf` for JSON values: `%v %s %q %d %x %X %o %b %c %t %f %e %g %%` with flags `-+ #0`, width and precision.
//! What does not fit is marked in the text as Go marks it, and is no error.

use super::show::show;
use serde_json::Value;

/// The most characters a width or precision may ask for.
const MOST: usize = 10_000;

/// The text that a format makes of values.
pub(super) fn printf(format: &str, values: &[Value]) -> String {
    let (mut out, mut next) = (String::new(), 0);
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let (directive, length) = Directive::read(&rest[at + 1..]);
        rest = &rest[at + 1 + length..];
        match directive.verb {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match values.get(next) {
                Some(value) => out.push_str(&directive.apply(verb, value)),
                None => out.extend(["%!", &verb.to_string(), "(MISSING)"]),
            },
        }
        next += usize::from(!matches!(directive.verb, None | Some('%')));
    }
    out.push_str(rest);
    if let Some(extra) = values.get(next..).filter(|extra| !extra.is_empty()) {
        let shown: Vec<String> = extra.iter().map(|value| format!("{}={}", go_type(value), show(value))).collect();
        out.extend(["%!(EXTRA ", &shown.join(", "), ")"]);
    }
    out
}

/// What stands between `%` and the end of its verb.
#[derive(Debug, Default)]
struct Directive {
    left: bool,
    plus: bool,
    space: bool,
    sharp: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    verb: Option<char>,
}

impl Directive {
    /// Reads a directive and says how long it is.
    fn read(text: &str) -> (Self, usize) {
        let mut directive = Self::default();
        let mut at = 0;
        for flag in text.bytes() {
            match flag {
                b'-' => directive.left = true,
                b'+' => directive.plus = true,
                b' ' => directive.space = true,
                b'#' => directive.sharp = true,
                b'0' => directive.zero = true,
                _ => break,
            }
            at += 1;
        }
        let number = |from: usize| {
            let digits = text[from..].bytes().take_while(u8::is_ascii_digit).count();
            (text[from..from + digits].parse().unwrap_or(0_usize).min(MOST), from + digits)
        };
        (directive.width, at) = number(at);
        if text[at..].starts_with('.') {
            let (precision, end) = number(at + 1);
            (directive.precision, at) = (Some(precision), end);
        }
        directive.verb = text[at..].chars().next();
        (directive, at + text[at..].chars().next().map_or(0, char::len_utf8))
    }

    fn apply(&self, verb: char, value: &Value) -> String {
        let integer = value.as_i64();
        let text = match (verb, value) {
            ('v', Value::Null) => "<nil>".to_owned(),
            ('v', Value::String(text)) if self.sharp => format!("{text:?}"),
            ('v', _) | ('s', Value::Array(_) | Value::Object(_)) => show(value),
            ('s', Value::String(text)) => self.cut(text),
            ('q', Value::String(text)) => format!("{text:?}"),
            ('x', Value::String(text)) => hex(text),
            ('X', Value::String(text)) => hex(text).to_uppercase(),
            ('t', Value::Bool(truth)) => truth.to_string(),
            ('d' | 'x' | 'X' | 'o' | 'b' | 'c', Value::Number(_)) if integer.is_some() => {
                return self.integer(verb, integer.unwrap_or_default());
            }
            ('f' | 'F' | 'e' | 'g', Value::Number(number)) => {
                return self.float(verb, number.as_f64().unwrap_or_default());
            }
            _ => return format!("%!{verb}({}={})", go_type(value), show(value)),
        };
        self.fill("", &text)
    }

    fn cut(&self, text: &str) -> String {
        text.chars().take(self.precision.unwrap_or(usize::MAX)).collect()
    }

    fn integer(&self, verb: char, number: i64) -> String {
        let size = number.unsigned_abs();
        let digits = match verb {
            'x' => format!("{size:x}"),
            'X' => format!("{size:X}"),
            'o' => format!("{size:o}"),
            'b' => format!("{size:b}"),
            'c' => {
                return self.fill(
                    "",
                    &u32::try_from(number).ok().and_then(char::from_u32).map_or_else(String::new, String::from),
                );
            }
            _ => size.to_string(),
        };
        let prefix = match verb {
            'x' if self.sharp => "0x",
            'X' if self.sharp => "0X",
            'o' if self.sharp => "0",
            _ => "",
        };
        let missing = self.precision.unwrap_or(0).saturating_sub(digits.len());
        self.fill(&format!("{}{prefix}", self.sign(number < 0)), &("0".repeat(missing) + &digits))
    }

    fn float(&self, verb: char, number: f64) -> String {
        let size = number.abs();
        let digits = match verb {
            'e' => exponent(&format!("{size:.*e}", self.precision.unwrap_or(6))),
            'g' => size.to_string(),
            _ => format!("{size:.*}", self.precision.unwrap_or(6)),
        };
        self.fill(self.sign(number.is_sign_negative()), &digits)
    }

    const fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        }
    }

    /// Fills up to the width: with spaces, or with zeros between the sign and what follows it.
    fn fill(&self, sign: &str, text: &str) -> String {
        let missing = self.width.saturating_sub(sign.chars().count() + text.chars().count());
        if self.left {
            return format!("{sign}{text}{}", " ".repeat(missing));
        }
        if self.zero {
            format!("{sign}{}{text}", "0".repeat(missing))
        } else {
            format!("{}{sign}{text}", " ".repeat(missing))
        }
    }
}

/// The bytes of a text in hexadecimal.
fn hex(text: &str) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    text.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Go writes at least two digits of an exponent, and its sign.
fn exponent(text: &str) -> String {
    let Some((digits, exponent)) = text.split_once('e') else { return text.to_owned() };
    let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
    format!("{digits}e{sign}{size:0>2}")
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}
