//! The columns of ps(1): how each is called and what it says of a process. Knows no option and no container.

use super::seen::Seen;
use super::surroundings::{Surroundings, TICKS};

/// A column under some heading.
#[derive(Clone, Debug)]
pub(super) struct Column {
    heading: String,
    what: &'static What,
}

/// The names that ps has for it, its heading, and its value.
#[derive(Debug)]
struct What {
    names: &'static [&'static str],
    heading: &'static str,
    value: fn(&Seen, &Surroundings) -> String,
}

static COLUMNS: [What; 28] = [
    What { names: &["pid", "tgid"], heading: "PID", value: |seen, _| seen.pid.to_string() },
    What { names: &["ppid"], heading: "PPID", value: |seen, _| seen.parent.to_string() },
    What { names: &["uid"], heading: "UID", value: |seen, around| around.user(seen.uid) },
    What { names: &["user", "euser", "uname"], heading: "USER", value: |seen, around| around.user(seen.uid) },
    What { names: &["uidnumber", "euid"], heading: "UID", value: |seen, _| seen.uid.to_string() },
    What { names: &["gid", "egid"], heading: "GID", value: |seen, _| seen.gid.to_string() },
    What { names: &["pgid", "pgrp"], heading: "PGID", value: |seen, _| seen.group.to_string() },
    What { names: &["sid", "sess", "session"], heading: "SID", value: |seen, _| seen.session.to_string() },
    What { names: &["c"], heading: "C", value: |seen, around| (around.load(seen) / 10).min(99).to_string() },
    What { names: &["%cpu", "pcpu"], heading: "%CPU", value: |seen, around| tenths(around.load(seen)) },
    What { names: &["%mem", "pmem"], heading: "%MEM", value: |seen, around| tenths(around.share(seen)) },
    What { names: &["stime", "start_time"], heading: "STIME", value: |seen, around| around.start(seen) },
    What { names: &["start", "bsdstart"], heading: "START", value: |seen, around| around.start(seen) },
    What { names: &["etime"], heading: "ELAPSED", value: |seen, around| elapsed(around.age(seen)) },
    What { names: &["etimes"], heading: "ELAPSED", value: |seen, around| around.age(seen).to_string() },
    What { names: &["tty", "tname", "tt"], heading: "TTY", value: |seen, _| terminal(seen.terminal) },
    What { names: &["time", "cputime"], heading: "TIME", value: |seen, _| clock(seen.ticks / TICKS) },
    What { names: &["s", "state"], heading: "S", value: |seen, _| seen.state.to_string() },
    What { names: &["stat"], heading: "STAT", value: |seen, _| stat(seen) },
    What { names: &["ni", "nice"], heading: "NI", value: |seen, _| seen.nice.to_string() },
    What { names: &["pri"], heading: "PRI", value: |seen, _| (39 - seen.priority).to_string() },
    What { names: &["nlwp", "thcount"], heading: "NLWP", value: |seen, _| seen.threads.to_string() },
    What { names: &["vsz", "vsize"], heading: "VSZ", value: |seen, _| (seen.virtual_size >> 10).to_string() },
    What { names: &["rss", "rssize"], heading: "RSS", value: |seen, _| seen.resident.to_string() },
    What { names: &["cmd"], heading: "CMD", value: |seen, _| seen.command.clone() },
    What { names: &["command", "args"], heading: "COMMAND", value: |seen, _| seen.command.clone() },
    What { names: &["comm", "ucomm"], heading: "COMMAND", value: |seen, _| seen.name.clone() },
    What { names: &["ucmd"], heading: "CMD", value: |seen, _| seen.name.clone() },
];

impl Column {
    /// The column that ps calls so.
    pub(super) fn named(name: &str) -> Option<Self> {
        let what = COLUMNS.iter().find(|what| what.names.contains(&name))?;
        Some(Self { heading: what.heading.to_owned(), what })
    }

    /// What columns are called.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        COLUMNS.iter().filter_map(|what| what.names.first().copied())
    }

    /// Gives it another heading.
    pub(super) fn rename(&mut self, heading: &str) {
        heading.clone_into(&mut self.heading);
    }

    /// What stands above it.
    pub(super) fn heading(&self) -> &str {
        &self.heading
    }

    /// Whether it is the number of the process.
    pub(super) fn is_pid(&self) -> bool {
        self.what.names.contains(&"pid")
    }

    /// What it says of a process.
    pub(super) fn cell(&self, seen: &Seen, around: &Surroundings) -> String {
        (self.what.value)(seen, around)
    }
}

fn tenths(value: u64) -> String {
    format!("{}.{}", value / 10, value % 10)
}

/// `[DD-]HH:MM:SS`.
fn clock(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let clock = format!("{hours:02}:{:02}:{:02}", seconds / 60 % 60, seconds % 60);
    if days == 0 { clock } else { format!("{days}-{clock}") }
}

/// `[[DD-]HH:]MM:SS`.
fn elapsed(seconds: u64) -> String {
    if seconds < 3600 { format!("{:02}:{:02}", seconds / 60, seconds % 60) } else { clock(seconds) }
}

/// A terminal's name by its device number (the kernel's admin-guide/devices.txt): the minor has 20 bits, in two parts.
fn terminal(device: u32) -> String {
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00);
    match major {
        0 => "?".to_owned(),
        136..=143 => format!("pts/{}", (major - 136) * 256 + minor),
        4 if minor < 64 => format!("tty{minor}"),
        4 => format!("ttyS{}", minor - 64),
        5 if minor == 1 => "console".to_owned(),
        229 => format!("hvc{minor}"),
        _ => format!("{major}:{minor}"),
    }
}

/// The state with the letters that ps adds to it.
fn stat(seen: &Seen) -> String {
    let further = [
        (seen.nice < 0, '<'),
        (seen.nice > 0, 'N'),
        (seen.locked > 0, 'L'),
        (seen.session == seen.pid, 's'),
        (seen.threads > 1, 'l'),
        (i64::from(seen.foreground) == i64::from(seen.group), '+'),
    ];
    std::iter::once(seen.state).chain(further.iter().filter(|(holds, _)| *holds).map(|(_, letter)| *letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_as_ps_shows_them() {
        for (device, name) in [
            (0, "?"),
            (34816, "pts/0"),
            (34817, "pts/1"),
            (35072, "pts/256"),
            (1025, "tty1"),
            (1281, "console"),
            (1088, "ttyS0"),
        ] {
            assert_eq!(terminal(device), name, "{device}");
        }
        for (seconds, shown) in [(0, "00:00:00"), (3661, "01:01:01"), (90_000, "1-01:00:00")] {
            assert_eq!(clock(seconds), shown);
        }
        assert_eq!((elapsed(61), elapsed(3600)), ("01:01".to_owned(), "01:00:00".to_owned()));
        let seen =
            Seen { pid: 5, state: 'S', session: 5, group: 5, foreground: 5, threads: 2, nice: -1, ..Seen::default() };
        assert_eq!(stat(&seen), "S<sl+");
    }

    #[test]
    fn every_column_is_found_by_all_its_names() {
        for what in &COLUMNS {
            for name in what.names {
                let found = Column::named(name).map(|column| column.heading);
                assert_eq!(found.as_deref(), Some(what.heading), "{name}");
            }
        }
        assert_eq!(Column::names().count(), COLUMNS.len());
    }
}
