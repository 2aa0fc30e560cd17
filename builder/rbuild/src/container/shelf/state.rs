//! Where a container is in its life, as `state.json` keeps it, and what that means now: a process is named by its
//! number, its start time and the boot, so one that died unnoticed is never taken for alive.

use crate::container::model::Binding;
use crate::error::{Error, Result};
use rbuild_oci::Timestamp;
use rbuild_runner::Process;
use rbuild_runner::cgroup::is_frozen;
use rbuild_store::boot_id;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// What was last written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum State {
    /// It never ran.
    Created,
    /// It runs, if that process still does.
    Running {
        /// Its first process.
        process: ProcessMark,
        /// Since when.
        started: Timestamp,
        /// Its ports that are published.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ports: Vec<Binding>,
    },
    /// It ended.
    Exited {
        /// The shell's number for how.
        code: u8,
        /// When it began; none if its process could not be started.
        started: Option<Timestamp>,
        /// When it ended.
        finished: Timestamp,
        /// Whether a process of it was killed because its memory was used up.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        out_of_memory: bool,
        /// What kept it from starting.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
}

/// The exit code of a container that is gone without a word: it was killed together with who lived it.
pub const LOST: u8 = 128 + 9;

/// A process that no later one can be taken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMark {
    /// Its number.
    pub pid: u32,
    /// When it began, in clock ticks since the boot (proc_pid_stat(5), field 22).
    pub ticks: u64,
    /// The boot's id.
    pub boot: String,
}

/// What a state means now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// It never ran.
    #[default]
    Created,
    /// It runs; its first process.
    Running(u32),
    /// It stands still, by `pause`; its first process.
    Paused(u32),
    /// It ended with this number.
    Exited(u8),
    /// It ran, and is gone without a word: rbuild or the machine was killed.
    Lost,
}

impl State {
    /// What this means now.
    pub fn status(&self) -> Status {
        match self {
            Self::Created => Status::Created,
            Self::Exited { code, .. } => Status::Exited(*code),
            Self::Running { process, .. } if !process.is_alive() => Status::Lost,
            Self::Running { process, .. } if is_frozen(process.pid) => Status::Paused(process.pid),
            Self::Running { process, .. } => Status::Running(process.pid),
        }
    }

    /// Lets whoever lives the container go on where it stands still, as a `run` does after Ctrl-Z: nobody would answer.
    pub fn wake(&self) {
        if let Self::Running { process, .. } = self {
            process.wake_parent();
        }
    }

    /// Whether the machine went down while it ran.
    pub(crate) fn went_down(&self) -> Result<bool> {
        let Self::Running { process, .. } = self else { return Ok(false) };
        Ok(process.boot != boot_id()?)
    }

    /// Whether its process is there now.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running { process, .. } if process.is_alive())
    }
}

impl Status {
    /// Its first process, if it has one now.
    pub fn pid(&self) -> Option<u32> {
        match self {
            Self::Running(pid) | Self::Paused(pid) => Some(*pid),
            Self::Created | Self::Exited(_) | Self::Lost => None,
        }
    }
}

impl ProcessMark {
    /// That of a process which is there, even if it has ended and waits to be collected.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/stat");
        let stat = std::fs::read(&path).map_err(Error::io("read", &path))?;
        let ticks = Stat::parse(&stat).ok_or(rustix::io::Errno::SRCH).map_err(Error::io("understand", &path))?.ticks;
        Ok(Self { pid, ticks, boot: boot_id()?.to_owned() })
    }

    /// Kills the process, if it is still there, and waits for its end: what outlived its supervisor.
    pub(crate) fn end(&self) -> Result<()> {
        let failed = || Error::io("end", format!("process {}", self.pid));
        let Some(process) = self.process()? else { return Ok(()) };
        process.signal(Signal::KILL).map_err(failed())?;
        process.wait_for_end().map_err(failed())
    }

    /// The process, as it can be signalled and its namespaces entered; none if it has ended.
    pub fn process(&self) -> Result<Option<Process>> {
        let failed = || Error::io("look for", format!("process {}", self.pid));
        let Some(process) = Process::open(self.pid).map_err(failed())? else { return Ok(None) };
        // In this order: while that process lives, what is read of its number is read of itself.
        let same = self.is_alive() && !process.has_ended().map_err(failed())?;
        Ok(same.then_some(process))
    }

    /// Lets the process that began it, and waits for its end, go on if it was stopped.
    fn wake_parent(&self) {
        let parent = Stat::of(self.pid).filter(|_| self.is_alive()).map(|stat| stat.parent);
        let stopped = parent.filter(|parent| Stat::of(*parent).is_some_and(|stat| stat.stopped));
        if let Some(parent) = stopped.and_then(|parent| Pid::from_raw(i32::try_from(parent).ok()?)) {
            // One that has ended meanwhile answers no question either.
            let _ = kill_process(parent, Signal::CONT);
        }
    }

    fn is_alive(&self) -> bool {
        Stat::of(self.pid).is_some_and(|stat| !stat.ended) && Self::of(self.pid).is_ok_and(|now| now == *self)
    }
}

/// What is needed of `/proc/PID/stat`.
struct Stat {
    /// Field 22.
    ticks: u64,
    /// Whether field 3 says so.
    ended: bool,
    /// The same.
    stopped: bool,
    /// Field 4.
    parent: u32,
}

impl Stat {
    /// That of a process; none where there is no such.
    fn of(pid: u32) -> Option<Self> {
        Self::parse(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name, field 2, may hold anything, so the fields are counted from its last parenthesis.
    fn parse(text: &[u8]) -> Option<Self> {
        let end = text.iter().rposition(|byte| *byte == b')')?;
        let fields: Vec<&str> = std::str::from_utf8(&text[end + 1..]).ok()?.split_ascii_whitespace().collect();
        let (state, parent) = (*fields.first()?, fields.get(1)?.parse().ok()?);
        let (ended, stopped) = (matches!(state, "Z" | "X"), matches!(state, "T" | "t"));
        Some(Self { ticks: fields.get(19)?.parse().ok()?, ended, stopped, parent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_times_are_found_behind_any_name() {
        let rest = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        let show = |text: &str| Stat::parse(text.as_bytes()).map(|stat| (stat.ticks, stat.ended));
        for name in ["sh", "a b", ") S 1 (", "x) Z"] {
            assert_eq!(show(&format!("7 ({name}) S {rest}")), Some((4711, false)), "{name:?}");
            assert_eq!(show(&format!("7 ({name}) Z {rest}")), Some((4711, true)), "{name:?}");
        }
        assert_eq!(show("nonsense"), None);
        assert_eq!(show("7 (sh) S 1"), None);
    }

    #[test]
    fn only_the_same_process_runs() {
        let running = |process| State::Running { process, started: Timestamp::default(), ports: Vec::new() }.status();
        let own = ProcessMark::of(std::process::id()).unwrap();
        assert_eq!(running(own.clone()), Status::Running(std::process::id()));
        assert_eq!(running(ProcessMark { ticks: own.ticks + 1, ..own.clone() }), Status::Lost);
        assert_eq!(running(ProcessMark { boot: "another".into(), ..own.clone() }), Status::Lost);
        assert_eq!(running(ProcessMark { pid: 4_194_304, ..own }), Status::Lost);
    }

    #[test]
    fn a_mark_leads_to_its_process_alone() {
        let own = ProcessMark::of(std::process::id()).unwrap();
        assert_eq!(own.process().unwrap().map(|process| process.pid()), Some(own.pid));
        for other in [ProcessMark { ticks: own.ticks + 1, ..own.clone() }, ProcessMark { pid: 0, ..own.clone() }] {
            assert!(other.process().unwrap().is_none(), "{other:?}");
        }
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let gone = ProcessMark::of(child.id()).unwrap();
        child.wait().unwrap();
        assert!(gone.process().unwrap().is_none());
    }

    #[test]
    fn states_survive_the_disk() {
        let finished = Timestamp::default();
        for state in [
            State::Created,
            State::Running {
                process: ProcessMark { pid: 1, ticks: 2, boot: "b".into() },
                started: finished,
                ports: Vec::new(),
            },
            State::Exited { code: 127, started: None, finished, out_of_memory: true, error: Some("no".into()) },
        ] {
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state, "{text}");
        }
    }
}
