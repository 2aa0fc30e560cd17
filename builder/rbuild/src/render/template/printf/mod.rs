//! Go's `printf` for JSON values: every verb of its `fmt` but `%p`, with flags `-+ #0`, width and precision (also `*`)
//! and indexes `[n]`. Fractions have no binary and hexadecimal forms, and no other form for `#`. What does not fit is
//! marked in the text as Go marks it, and is no error.

mod directive;
mod one;

use super::LARGEST;
use super::show::show;
use directive::Directive;
use one::go_type;
use serde_json::Value;

/// The text that a format makes of values; an error is one that grows beyond measure.
pub(super) fn printf(format: &str, values: &[Value]) -> Result<String, String> {
    let mut work = Work { values, next: 0, reordered: false };
    let (mut out, mut rest) = (String::new(), format);
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        out.push_str(&work.directive(&mut rest));
        if out.len() > LARGEST {
            return Err(format!("it would print more than {LARGEST} bytes"));
        }
    }
    out.push_str(rest);
    out.push_str(&work.extra());
    Ok(out)
}

/// Which values a format has used.
struct Work<'a> {
    values: &'a [Value],
    next: usize,
    /// Whether any was asked for by its index.
    reordered: bool,
}

/// The most characters a width or precision may ask for.
const MOST: usize = 10_000;

impl Work<'_> {
    /// What stands in place of a directive, of which `rest` begins behind `%`.
    fn directive(&mut self, rest: &mut &str) -> String {
        let mut out = String::new();
        let mut directive = Directive::flags(rest);
        let mut good = true;
        let mut indexed = self.index(rest, &mut good);
        if take(rest, '*') {
            match self.number() {
                Some(width) => directive.widen(width),
                None => out.push_str("%!(BADWIDTH)"),
            }
            indexed = Index::None;
        } else if let Some(width) = digits(rest) {
            directive.width = Some(width);
            good &= indexed == Index::None;
        }
        if take(rest, '.') {
            good &= indexed == Index::None;
            indexed = self.index(rest, &mut good);
            if take(rest, '*') {
                directive.precision = self.number().and_then(|number| usize::try_from(number).ok());
                directive.precision = directive.precision.map(|precision| precision.min(MOST));
                if directive.precision.is_none() {
                    out.push_str("%!(BADPREC)");
                }
                indexed = Index::None;
            } else {
                directive.precision = Some(digits(rest).unwrap_or_default());
            }
        }
        if indexed == Index::None {
            self.index(rest, &mut good);
        }
        let Some(verb) = rest.chars().next() else { return out + "%!(NOVERB)" };
        *rest = &rest[verb.len_utf8()..];
        out + &self.verb(verb, good, &directive)
    }

    fn verb(&mut self, verb: char, good: bool, directive: &Directive) -> String {
        match self.values.get(self.next) {
            _ if verb == '%' => "%".to_owned(),
            _ if !good => format!("%!{verb}(BADINDEX)"),
            None => format!("%!{verb}(MISSING)"),
            Some(value) => {
                self.next += 1;
                one::one(&directive.within(LARGEST / parts(value)), verb, value)
            }
        }
    }

    /// The index `[n]` that `rest` begins with, if it does.
    fn index(&mut self, rest: &mut &str, good: &mut bool) -> Index {
        let Some(inside) = rest.strip_prefix('[') else { return Index::None };
        self.reordered = true;
        let Some((number, behind)) = inside.split_once(']') else {
            *rest = inside;
            *good = false;
            return Index::Wrong;
        };
        *rest = behind;
        let Some(at) = number.parse::<usize>().ok().filter(|at| (1..=self.values.len()).contains(at)) else {
            *good = false;
            return Index::Wrong;
        };
        self.next = at - 1;
        Index::Found
    }

    /// The next value as a width or precision.
    fn number(&mut self) -> Option<i64> {
        let number = self.values.get(self.next)?.as_i64();
        self.next += 1;
        number.filter(|number| number.unsigned_abs() <= 1_000_000)
    }

    /// What was given and not asked for.
    fn extra(&self) -> String {
        let extra = self.values.get(self.next..).unwrap_or_default();
        if extra.is_empty() || self.reordered {
            return String::new();
        }
        let shown = extra.iter().map(|value| match value {
            Value::Null => "<nil>".to_owned(),
            value => format!("{}={}", go_type(value), show(value)),
        });
        format!("%!(EXTRA {})", shown.collect::<Vec<_>>().join(", "))
    }
}

/// What a place for an index holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Index {
    None,
    Found,
    Wrong,
}

fn take(rest: &mut &str, sign: char) -> bool {
    let behind = rest.strip_prefix(sign);
    *rest = behind.unwrap_or(rest);
    behind.is_some()
}

/// The number that `rest` begins with, if it does.
fn digits(rest: &mut &str) -> Option<usize> {
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, behind) = rest.split_at(length);
    *rest = behind;
    (length > 0).then(|| number.parse().unwrap_or(MOST).min(MOST))
}

/// How many values are shown for this one, each as wide as the directive says.
fn parts(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(parts).sum::<usize>().max(1),
        Value::Object(map) => map.values().map(|value| parts(value) + 1).sum::<usize>().max(1),
        _ => 1,
    }
}
