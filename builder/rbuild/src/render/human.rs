//! Sizes, times and ids as docker prints them for people. Knows no clock: the time now is an argument.

use rbuild_oci::{Digest, Timestamp};

const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/// A size in SI units with three significant digits, as in `docker images`: `0B`, `8.46MB`, `120MB`.
pub fn size(bytes: u64) -> String {
    scaled(bytes, 3)
}

/// A size in SI units with four significant digits, as where docker says how much space was freed: `1.845kB`.
pub fn precise_size(bytes: u64) -> String {
    scaled(bytes, 4)
}

/// How long ago `then` was, as people say it: `2 hours ago`.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    format!("{} ago", duration(now.seconds - then.seconds))
}

/// A duration as people say it, in docker's steps: `45 seconds`, `About an hour`, `3 weeks`.
pub fn duration(seconds: i64) -> String {
    let minutes = seconds / 60;
    let hours = (seconds + 1800) / 3600;
    match () {
        () if seconds < 1 => "Less than a second".to_owned(),
        () if seconds == 1 => "1 second".to_owned(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

/// A point in time as `docker images` prints it, in UTC: `2023-11-14 22:13:20 +0000 UTC`.
pub fn date(time: Timestamp) -> String {
    let text = Timestamp::from_seconds(time.seconds).to_string();
    format!("{} +0000 UTC", text.trim_end_matches('Z').replacen('T', " ", 1))
}

/// The text if it has at most `width` characters; else its beginning and `…`, together `width` characters.
pub fn ellipsis(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    if width == 0 { kept } else { kept + "…" }
}

/// An id as people read it: whole, or its first 12 hexadecimal characters.
pub fn id(digest: &Digest, whole: bool) -> String {
    if whole { digest.to_string() } else { digest.short() }
}

/// In the largest unit that leaves at least 1. Where rounding makes 1000 of it, the next unit is taken (docker writes
/// `1e+03kB` there).
#[allow(clippy::cast_precision_loss)] // four digits are shown, fifteen are kept
fn scaled(bytes: u64, digits: usize) -> String {
    let (mut value, mut unit) = (bytes as f64, 0);
    while unit + 1 < UNITS.len() && (value >= 1000.0 || significant(value, digits) == "1000") {
        (value, unit) = (value / 1000.0, unit + 1);
    }
    format!("{}{}", significant(value, digits), UNITS[unit])
}

/// A number below 10,000 with that many significant digits, trailing zeros left out.
fn significant(value: f64, digits: usize) -> String {
    let whole = format!("{:.0}", value.trunc()).len();
    let text = format!("{value:.*}", digits.saturating_sub(whole));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_dockers() {
        for (bytes, three, four) in [
            (0, "0B", "0B"),
            (1, "1B", "1B"),
            (220, "220B", "220B"),
            (999, "999B", "999B"),
            (1000, "1kB", "1kB"),
            (1024, "1.02kB", "1.024kB"),
            (1845, "1.84kB", "1.845kB"),
            (6_300_000, "6.3MB", "6.3MB"),
            (8_460_000, "8.46MB", "8.46MB"),
            (77_800_000, "77.8MB", "77.8MB"),
            (119_999_999, "120MB", "120MB"),
            (999_949, "1MB", "999.9kB"),
            (999_999, "1MB", "1MB"),
            (2_498_000_000, "2.5GB", "2.498GB"),
            (u64::MAX, "18.4EB", "18.45EB"),
        ] {
            assert_eq!((size(bytes).as_str(), precise_size(bytes).as_str()), (three, four), "{bytes}");
        }
    }

    #[test]
    fn durations_are_dockers() {
        const HOUR: i64 = 3600;
        const DAY: i64 = 24 * HOUR;
        for (seconds, text) in [
            (-5, "Less than a second"),
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (120, "2 minutes"),
            (59 * 60 + 59, "59 minutes"),
            (HOUR, "About an hour"),
            (HOUR + 1799, "About an hour"),
            (HOUR + 1800, "2 hours"),
            (47 * HOUR, "47 hours"),
            (2 * DAY, "2 days"),
            (13 * DAY, "13 days"),
            (14 * DAY, "2 weeks"),
            (59 * DAY, "8 weeks"),
            (60 * DAY, "2 months"),
            (729 * DAY, "24 months"),
            (730 * DAY, "2 years"),
            (3650 * DAY, "10 years"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
        let at = Timestamp::from_seconds;
        assert_eq!(ago(at(100), at(100 + 2 * HOUR)), "2 hours ago");
    }

    #[test]
    fn text_is_cut_by_characters() {
        for (text, width, cut) in
            [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("äöü", 2, "ä…"), ("ab", 1, "…"), ("ab", 0, ""), ("", 0, "")]
        {
            assert_eq!(ellipsis(text, width), cut);
        }
    }

    #[test]
    fn dates_are_in_utc() {
        assert_eq!(date(Timestamp { seconds: 1_700_000_000, nanos: 5 }), "2023-11-14 22:13:20 +0000 UTC");
    }
}
