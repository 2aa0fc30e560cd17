//! Which failures are tried again, and when. The schedule has no jitter: the same failures give the same waits. Knows
//! errors, not what is being tried.

use crate::error::{Error, Result};
use crate::wait;
use rbuild_oci::{Cancel, Timestamp};
use std::time::Duration;

/// How often a failed request is tried again: the waits double from `first` to `longest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How often a request is made in all, at least once.
    pub attempts: u32,
    /// The wait after the first failure.
    pub first: Duration,
    /// The longest wait; a registry that asks for a longer one (`Retry-After`) is not tried again.
    pub longest: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { attempts: 5, first: Duration::from_millis(500), longest: Duration::from_mins(1) }
    }
}

/// How often a host is tried at most that cannot be reached at all: a build without network should say so soon. It is one
/// attempt less than other failures have.
const ATTEMPTS_TO_REACH: u32 = 2;

impl Schedule {
    /// One attempt.
    pub(crate) const ONCE: Self = Self { attempts: 1, first: Duration::ZERO, longest: Duration::ZERO };

    /// The first success of `attempt`, or its last failure.
    pub(crate) fn run<T>(&self, cancel: &Cancel, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        let mut failures = 0;
        loop {
            let error = match attempt() {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            failures += 1;
            match self.wait_after(&error, failures) {
                Some(time) => wait::pause(cancel, time)?,
                None => return Err(error),
            }
        }
    }

    /// How long to wait after the `failures`th failure in a row; none to give up.
    pub(crate) fn wait_after(&self, error: &Error, failures: u32) -> Option<Duration> {
        let (attempts, asked) = match error {
            Error::Unreachable { .. } => (self.attempts.saturating_sub(1).min(ATTEMPTS_TO_REACH), None),
            Error::Interrupted { .. } => (self.attempts, None),
            Error::TooManyRequests { retry_after, .. }
            | Error::Status { status: 408 | 500 | 502 | 503 | 504, retry_after, .. } => (self.attempts, *retry_after),
            _ => return None,
        };
        let doubled = self.first.saturating_mul(1 << (failures - 1).min(16)).min(self.longest);
        let time = asked.unwrap_or(doubled);
        (failures < attempts && time <= self.longest).then_some(time)
    }
}

/// The wait that a `Retry-After` header asks for: seconds, or a date, which is read against the answer's own `Date`.
pub(crate) fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = http_date(value)?.seconds - http_date(date?)?.seconds;
    Some(Duration::from_secs(wait.try_into().unwrap_or(0)))
}

/// `Wed, 21 Oct 2015 07:28:00 GMT` (RFC 9110, IMF-fixdate).
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [_, day, month, year, clock, "GMT"] = words[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    format!("{year}-{month:02}-{day}T{clock}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interrupted() -> Error {
        let source = std::io::Error::other("reset");
        Error::Interrupted { host: "h".into(), subject: "s".into(), source }
    }

    fn limited(seconds: Option<u64>) -> Error {
        let retry_after = seconds.map(Duration::from_secs);
        Error::TooManyRequests { host: "h".into(), subject: "s".into(), retry_after }
    }

    #[test]
    fn waits_double_up_to_the_longest_and_end() {
        let schedule = Schedule { attempts: 6, first: Duration::from_secs(1), longest: Duration::from_secs(5) };
        let waits: Vec<_> = (1..=6).map(|failures| schedule.wait_after(&interrupted(), failures)).collect();
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(waits, [seconds(1), seconds(2), seconds(4), seconds(5), seconds(5), None]);
    }

    #[test]
    fn who_cannot_be_reached_is_tried_less_often() {
        let away = Error::Unreachable { host: "h".into(), subject: "s".into(), source: std::io::Error::other("no") };
        let tries = |attempts| {
            let schedule = Schedule { attempts, ..Schedule::default() };
            (1..9).take_while(|failures| schedule.wait_after(&away, *failures).is_some()).count() + 1
        };
        assert_eq!([1, 2, 3, 5].map(tries), [1, 1, 2, 2]);
    }

    #[test]
    fn the_registry_may_ask_for_its_own_wait_within_reason() {
        let schedule = Schedule::default();
        assert_eq!(schedule.wait_after(&limited(Some(7)), 1), Some(Duration::from_secs(7)));
        assert_eq!(schedule.wait_after(&limited(None), 1), Some(Duration::from_millis(500)));
        assert_eq!(schedule.wait_after(&limited(Some(21_600)), 1), None);
        assert_eq!(Schedule::ONCE.wait_after(&limited(Some(0)), 1), None);
    }

    #[test]
    fn a_date_is_read_against_the_answers_own() {
        let date = Some("Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(retry_after("120", None), Some(Duration::from_mins(2)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:30 GMT", date), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:00:00 GMT", date), Some(Duration::ZERO));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:30 GMT", None), None);
        assert_eq!(retry_after("soon", date), None);
    }

    #[test]
    fn what_cannot_get_better_is_not_tried_again() {
        let mut tries = 0;
        let result: Result<()> = Schedule::default().run(&Cancel::new(), || {
            tries += 1;
            Err(Error::Denied { host: "h".into(), subject: "s".into(), reason: String::new() })
        });
        assert!(matches!(result, Err(Error::Denied { .. })));
        assert_eq!(tries, 1);
    }
}
