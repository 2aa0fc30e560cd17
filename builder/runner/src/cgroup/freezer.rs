//! Stops all processes of a container at once and lets them go on. Makes no group.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::group::{hierarchies_of, read_hierarchies, why_no_freezer};
use super::place::{Hierarchy, Version};
use crate::error::{Error, Result};

/// How long the processes of a group may take to stop: those in the middle of a write to a slow disk do so late.
const PATIENCE: Duration = Duration::from_secs(10);

/// A group that can be frozen.
#[derive(Debug, PartialEq, Eq)]
enum Freezer {
    /// `freezer.state` of version 1.
    One(PathBuf),
    /// `cgroup.freeze` of version 2.
    Two(PathBuf),
}

/// Whether the container whose first process is `pid` is frozen; one that is gone is not.
pub fn is_frozen(pid: u32) -> bool {
    let freezers = freezers(read_hierarchies(&pid.to_string()).unwrap_or_default());
    freezers.iter().any(|freezer| freezer.is_frozen().unwrap_or(false))
}

/// Stops all processes of the container `name` whose first process is `pid`, and returns when they stand still.
pub fn freeze(pid: u32, name: &str) -> Result<()> {
    let freezer = own(pid, name)?;
    let done = freezer.set(true).and_then(|()| freezer.wait_until_frozen());
    if done.is_err() {
        // Half of them standing still would be worse than none; the first error is the one to tell.
        let _ = freezer.set(false);
    }
    done.map_err(|error| Error::io("freeze", freezer.dir().display().to_string(), error))
}

/// Lets them go on.
pub fn thaw(pid: u32, name: &str) -> Result<()> {
    let freezer = own(pid, name)?;
    freezer.set(false).map_err(|error| Error::io("thaw", freezer.dir().display().to_string(), error))
}

/// The freezer that is this container's alone.
fn own(pid: u32, name: &str) -> Result<Freezer> {
    let failed = |error: io::Error| Error::io("look at the control groups of", format!("process {pid}"), error);
    let freezers = freezers(hierarchies_of(pid, name).map_err(failed)?);
    freezers.into_iter().next().ok_or_else(|| Error::NoFreezer(why_no_freezer()))
}

/// The freezers of a process's groups: that of version 2 first.
fn freezers(hierarchies: Vec<Hierarchy>) -> Vec<Freezer> {
    let mut found = Vec::new();
    for hierarchy in hierarchies {
        let dir = hierarchy.own_dir();
        match hierarchy.version {
            Version::Two => found.insert(0, Freezer::Two(dir)),
            Version::One(_) if hierarchy.controls("freezer") => found.push(Freezer::One(dir)),
            Version::One(_) => {}
        }
    }
    found
}

impl Freezer {
    fn dir(&self) -> &Path {
        match self {
            Self::One(dir) | Self::Two(dir) => dir,
        }
    }

    fn set(&self, frozen: bool) -> io::Result<()> {
        match self {
            Self::One(dir) => fs::write(dir.join("freezer.state"), if frozen { "FROZEN" } else { "THAWED" }),
            Self::Two(dir) => fs::write(dir.join("cgroup.freeze"), if frozen { "1" } else { "0" }),
        }
    }

    fn is_frozen(&self) -> io::Result<bool> {
        match self {
            Self::One(dir) => Ok(fs::read_to_string(dir.join("freezer.state"))?.trim_end() != "THAWED"),
            // The root group has no such file, and cannot be frozen.
            Self::Two(dir) => Ok(fs::read_to_string(dir.join("cgroup.events"))?.lines().any(|line| line == "frozen 1")),
        }
    }

    fn wait_until_frozen(&self) -> io::Result<()> {
        let start = Instant::now();
        while !self.stands_still()? {
            if start.elapsed() > PATIENCE {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "a process does not stop"));
            }
            self.wait()?;
        }
        Ok(())
    }

    fn stands_still(&self) -> io::Result<bool> {
        match self {
            Self::One(dir) => Ok(fs::read_to_string(dir.join("freezer.state"))?.trim_end() == "FROZEN"),
            Self::Two(_) => self.is_frozen(),
        }
    }

    /// Until something may have changed: version 2 tells, version 1 has to be asked, and asked to try again.
    fn wait(&self) -> io::Result<()> {
        match self {
            Self::One(_) => {
                std::thread::sleep(Duration::from_millis(1));
                self.set(true)
            }
            Self::Two(dir) => {
                let events = fs::File::open(dir.join("cgroup.events"))?;
                let brief = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
                poll(&mut [PollFd::from_borrowed_fd(events.as_fd(), PollFlags::PRI)], Some(&brief))?;
                Ok(())
            }
        }
    }
}
