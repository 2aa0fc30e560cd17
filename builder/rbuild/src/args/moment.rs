//! Points in time as `--since`, `--until` and filters take them: RFC 3339, whole or in part (then in UTC), seconds since 1970 with a
//! fraction, or a duration before now. PURE: now is handed in.

use super::usage;
use crate::error::Result;
use rbuild_oci::Timestamp;

/// The point in time; `flag` is for errors.
pub(crate) fn parse(flag: &str, text: &str, now: Timestamp) -> Result<Timestamp> {
    let found = seconds(text).or_else(|| duration(text).map(|ago| before(now, ago))).or_else(|| date(text));
    found.ok_or_else(|| {
        usage(format!(
            "{flag} {text:?}: give a time such as 2024-05-01T10:00:00Z, seconds since 1970, or how long ago, such as 1h30m"
        ))
    })
}

fn date(text: &str) -> Option<Timestamp> {
    let whole = match (text.len(), text.contains(['T', 't'])) {
        (10, false) => format!("{text}T00:00:00Z"),
        (16, true) => format!("{text}:00Z"),
        (17, true) if text.ends_with('Z') => format!("{}:00Z", text.trim_end_matches('Z')),
        (19.., true) if !text[10..].contains(['Z', 'z', '+', '-']) => format!("{text}Z"),
        _ => text.to_owned(),
    };
    whole.parse().ok()
}

fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    Some(Timestamp { seconds: whole.parse().ok()?, nanos: format!("{fraction:0<9.9}").parse().ok()? })
}

/// Nanoseconds of a duration of Go: `1h30m`, `1.5s`, `250ms`.
fn duration(text: &str) -> Option<i128> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..unit_at].parse().ok()?;
        let tail = &rest[unit_at..];
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (_, size) = UNITS.iter().find(|(name, _)| *name == &tail[..unit_end])?;
        total += number * size;
        rest = &tail[unit_end..];
    }
    (!text.is_empty() && total < 1e27).then_some(total as i128)
}

fn before(now: Timestamp, ago: i128) -> Timestamp {
    const SECOND: i128 = 1_000_000_000;
    let then = i128::from(now.seconds) * SECOND + i128::from(now.nanos) - ago;
    Timestamp { seconds: then.div_euclid(SECOND) as i64, nanos: then.rem_euclid(SECOND) as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_say_when() {
        let now = Timestamp::from_seconds(1_700_000_000);
        for (text, expected) in [
            ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20Z"),
            ("2023-11-14T23:13:20+01:00", "2023-11-14T22:13:20Z"),
            ("2023-11-14T22:13:20.5", "2023-11-14T22:13:20.5Z"),
            ("2023-11-14T22:13", "2023-11-14T22:13:00Z"),
            ("2023-11-14", "2023-11-14T00:00:00Z"),
            ("1970-01-01T00:01:00Z", "1970-01-01T00:01:00Z"),
            ("1700000000.25", "2023-11-14T22:13:20.25Z"),
            ("0", "1970-01-01T00:00:00Z"),
            ("5", "1970-01-01T00:00:05Z"),
            ("1h", "2023-11-14T21:13:20Z"),
            ("20s", "2023-11-14T22:13:00Z"),
            ("1h13m20s", "2023-11-14T21:00:00Z"),
            ("1.5s", "2023-11-14T22:13:18.5Z"),
            ("250ms", "2023-11-14T22:13:19.75Z"),
        ] {
            assert_eq!(parse("--since", text, now).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "yesterday", "1x", "3x", "h", "1h5", "-1h", "2023-13-01", "1..5s"] {
            assert!(parse("--since", text, now).is_err(), "{text}");
        }
    }
}
