//! Amounts as Go writes them: durations (`1m30s`), sizes (`64m`). Knows nothing of flags.
use std::time::Duration;

/// Reads a Go duration: a sign, then numbers with units `ns us µs ms s m h`; `0` alone too.
/// A duration below zero is `None`, like anything else that is malformed.
pub(crate) fn go_duration(text: &str) -> Option<Duration> {
    if let Some(negated) = text.strip_prefix('-') {
        return go_duration(negated).filter(|amount| amount.is_zero() && !negated.starts_with(['+', '-']));
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        total = total.checked_add(nanoseconds(number, unit_nanoseconds(unit)?)?)?;
        rest = tail;
    }
    (!text.is_empty() && i64::try_from(total).is_ok()).then_some(Duration::from_nanos(total))
}

fn unit_nanoseconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// `12`, `12.`, `.5`, `1.25` times a unit; what is finer than a nanosecond is dropped.
fn nanoseconds(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let (mut part, mut scale) = (0_u64, unit);
    for digit in fraction.chars() {
        scale /= 10;
        part += u64::from(digit.to_digit(10)?) * scale;
    }
    whole.checked_mul(unit)?.checked_add(part)
}

/// Sizes are below 2^63 bytes.
const MAX_SIZE: f64 = 9_223_372_036_854_775_808.0;

/// Reads a size in bytes: a decimal number, an optional blank, an optional unit of `k m g t p` (powers of 1024)
/// with an optional `b` or `ib` behind it, in any case.
pub(crate) fn size(text: &str) -> Option<u64> {
    let last = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ')?;
    let (number, unit) = text.split_at(last + 1);
    let number: f64 = number.strip_suffix(' ').unwrap_or(number).parse().ok()?;
    let unit = unit.to_ascii_lowercase();
    let power = match (unit.chars().next(), unit.get(1..).unwrap_or_default()) {
        (None, _) | (Some('b'), "") => 0,
        (Some(prefix), "" | "b" | "ib") => "kmgtp".find(prefix)? as i32 + 1,
        _ => return None,
    };
    let bytes = number * 1024_f64.powi(power);
    (0.0..MAX_SIZE).contains(&bytes).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::{go_duration, size};
    use std::time::Duration;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("1m30s", Some(90_000_000_000)),
            ("0", Some(0)),
            ("1.5h", Some(5_400_000_000_000)),
            (".5s", Some(500_000_000)),
            ("100us", Some(100_000)),
            ("100µs", Some(100_000)),
            ("", None),
            ("5", None),
            (".s", None),
            ("-1s", None),
            ("3 s", None),
            ("9999999999h", None),
            ("1.2.3s", None),
        ] {
            assert_eq!(go_duration(text), expected.map(Duration::from_nanos), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("128", Some(128)),
            ("64m", Some(64 << 20)),
            ("1.5 KiB", Some(1536)),
            ("2GB", Some(2 << 30)),
            ("3b", Some(3)),
            ("", None),
            ("-1", None),
            ("5x", None),
            ("5bb", None),
            ("k", None),
            ("9e99", None),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
    }
}
