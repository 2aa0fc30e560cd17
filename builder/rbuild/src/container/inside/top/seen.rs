//! PURE. What the kernel tells of a process, as text of `/proc/PID` (proc_pid_stat(5), proc_pid_status(5)).

use crate::render::visible;

/// A process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) pid: u32,
    pub(super) parent: u32,
    /// Effective user.
    pub(super) uid: u32,
    /// Effective group.
    pub(super) gid: u32,
    /// One letter.
    pub(super) state: char,
    pub(super) group: u32,
    pub(super) session: u32,
    /// The foreground process group of its terminal.
    pub(super) foreground: i32,
    /// Device number of its terminal; 0 is none.
    pub(super) terminal: u32,
    /// Processor time, in ticks.
    pub(super) ticks: u64,
    pub(super) priority: i64,
    pub(super) nice: i64,
    pub(super) threads: u64,
    /// When it began, in ticks since the boot.
    pub(super) started: u64,
    /// Bytes.
    pub(super) virtual_size: u64,
    /// Kilobytes.
    pub(super) resident: u64,
    /// Kilobytes that stay in memory.
    pub(super) locked: u64,
    /// The name of its program.
    pub(super) name: String,
    /// Its arguments; the name in brackets where it has none.
    pub(super) command: String,
}

impl Seen {
    /// The process of the three files; none if they are not of this form.
    pub(super) fn parse(stat: &[u8], status: &[u8], cmdline: &[u8]) -> Option<Self> {
        let (open, close) = (stat.iter().position(|byte| *byte == b'(')?, stat.iter().rposition(|byte| *byte == b')')?);
        let name = text(stat.get(open + 1..close)?);
        let fields: Vec<&str> = std::str::from_utf8(&stat[close + 1..]).ok()?.split_ascii_whitespace().collect();
        // proc_pid_stat(5) counts from 1, and the third field is the first behind the name.
        let field = |number: usize| fields.get(number - 3).copied();
        let number = |at: usize| field(at)?.parse::<i64>().ok();
        let status = String::from_utf8_lossy(status);
        let of_status = |key: &str, at: usize| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            line.split_ascii_whitespace().nth(at)?.parse::<u64>().ok()
        };
        let (effective, first) = (1, 0);
        Some(Self {
            pid: text(&stat[..open]).trim().parse().ok()?,
            parent: number(4)? as u32,
            uid: of_status("Uid", effective)? as u32,
            gid: of_status("Gid", effective)? as u32,
            state: field(3)?.chars().next()?,
            group: number(5)? as u32,
            session: number(6)? as u32,
            terminal: number(7)? as u32,
            foreground: number(8)? as i32,
            ticks: (number(14)? + number(15)?) as u64,
            priority: number(18)?,
            nice: number(19)?,
            threads: number(20)? as u64,
            started: number(22)? as u64,
            virtual_size: number(23)? as u64,
            resident: of_status("VmRSS", first).unwrap_or(0),
            locked: of_status("VmLck", first).unwrap_or(0),
            command: command(cmdline, &name),
            name,
        })
    }
}

fn command(cmdline: &[u8], name: &str) -> String {
    let words: Vec<String> =
        cmdline.strip_suffix(b"\0").unwrap_or(cmdline).split(|byte| *byte == 0).map(text).collect();
    let command = words.join(" ");
    if command.is_empty() { format!("[{name}]") } else { command }
}

/// Nothing in it can act on a terminal.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arguments_may_hold_anything() {
        let stat = b"42 (a) b (c) S 7 40 39 34816 42 4194304 1 2 3 4 150 50 0 0 20 -5 3 0 9000 4096 1 0\n";
        let status = b"Name:\ta\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nVmLck:\t 8 kB\nVmRSS:\t  64 kB\n";
        let seen = Seen::parse(stat, status, b"a\0b c\0\x1b[31m\0\0").unwrap();
        let expected = Seen {
            pid: 42,
            parent: 7,
            uid: 2,
            gid: 6,
            state: 'S',
            group: 40,
            session: 39,
            foreground: 42,
            terminal: 34816,
            ticks: 200,
            priority: 20,
            nice: -5,
            threads: 3,
            started: 9000,
            virtual_size: 4096,
            resident: 64,
            locked: 8,
            name: "a) b (c".into(),
            command: "a b c \u{fffd}[31m ".into(),
        };
        assert_eq!(seen, expected);
        assert_eq!(Seen::parse(stat, status, b"").unwrap().command, "[a) b (c]");
        assert_eq!(Seen::parse(b"42 (a) S 7", status, b""), None);
        assert_eq!(Seen::parse(stat, b"", b""), None);
    }
}
