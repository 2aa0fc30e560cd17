//! The machine that processes are seen on: its clock, its memory, its users. Knows no column.

use super::seen::Seen;
use crate::error::{Error, Result};
use rbuild_oci::Timestamp;
use rbuild_runner::users::{PasswdEntry, parse_passwd};

/// The kernel counts time for programs in this many ticks a second, on every architecture of today.
pub(super) const TICKS: u64 = 100;

/// What the values of some columns depend on.
#[derive(Debug)]
pub(super) struct Surroundings {
    accounts: Vec<PasswdEntry>,
    now: Timestamp,
    /// When the machine was booted, in seconds as [`Timestamp`] counts them.
    boot: i64,
    /// Kilobytes of the machine's memory.
    memory: u64,
}

impl Surroundings {
    /// Those of this machine.
    pub(super) fn read(now: Timestamp) -> Result<Self> {
        let read = |path: &str| std::fs::read_to_string(path).map_err(Error::io("read", path));
        Ok(Self {
            accounts: parse_passwd(&std::fs::read("/etc/passwd").unwrap_or_default()),
            now,
            boot: number(&read("/proc/stat")?, "btime ") as i64,
            memory: number(&read("/proc/meminfo")?, "MemTotal:"),
        })
    }

    /// The machine's name for a user, or its number.
    pub(super) fn user(&self, uid: u32) -> String {
        let entry = self.accounts.iter().find(|entry| entry.uid == uid);
        entry.map_or_else(|| uid.to_string(), |entry| String::from_utf8_lossy(&entry.name).into_owned())
    }

    /// For how many seconds the process has been there.
    pub(super) fn age(&self, seen: &Seen) -> u64 {
        u64::try_from(self.now.seconds - self.began(seen)).unwrap_or(0)
    }

    /// Processor time for time passed, in thousandths.
    pub(super) fn load(&self, seen: &Seen) -> u64 {
        (seen.ticks * 1000 / TICKS).checked_div(self.age(seen)).unwrap_or(0)
    }

    /// Its part of the memory, in thousandths.
    pub(super) fn share(&self, seen: &Seen) -> u64 {
        (seen.resident * 1000).checked_div(self.memory).unwrap_or(0)
    }

    /// When it began, in UTC: the time of a process of today, the day of one of this year, else the year.
    pub(super) fn start(&self, seen: &Seen) -> String {
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (began, now) = (Timestamp::from_seconds(self.began(seen)).to_string(), self.now.to_string());
        let (date, time) = began.split_once('T').unwrap_or((&began, ""));
        let mut parts = date.split('-');
        let (year, month, day) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        if now.starts_with(date) {
            time.get(..5).unwrap_or(time).to_owned()
        } else if now.starts_with(year) {
            let month = month.parse::<usize>().ok().and_then(|month| MONTHS.get(month - 1)).unwrap_or(&"");
            format!("{month}{day}")
        } else {
            year.to_owned()
        }
    }

    fn began(&self, seen: &Seen) -> i64 {
        self.boot + (seen.started / TICKS) as i64
    }
}

/// The number behind that beginning of a line.
fn number(text: &str, start: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(start));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_shares_are_as_ps_shows_them() {
        let noon = 1_700_049_600;
        let around = Surroundings {
            accounts: parse_passwd(b"root:x:0:0::/:\n"),
            now: Timestamp::from_seconds(noon),
            boot: noon - 400 * 86_400,
            memory: 1000,
        };
        let after = |days: u64, hours: u64| Seen { started: (days * 24 + hours) * 3600 * TICKS, ..Seen::default() };
        assert_eq!(around.start(&after(399, 20)), "08:00");
        assert_eq!(around.start(&after(398, 20)), "Nov14");
        assert_eq!(around.start(&after(1, 0)), "2022");
        assert_eq!(around.age(&after(399, 23)), 3600);
        let busy = Seen { ticks: 1800 * TICKS, resident: 55, ..after(399, 23) };
        assert_eq!((around.load(&busy), around.share(&busy)), (500, 55));
        assert_eq!((around.load(&after(400, 0)), around.age(&after(500, 0))), (0, 0));
        assert_eq!((around.user(0), around.user(7)), ("root".to_owned(), "7".to_owned()));
    }
}
