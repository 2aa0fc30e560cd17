//! Which namespaces a process is in, compared with this program's own. Enters none.

use std::os::linux::fs::MetadataExt;

use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::executor::Process;

impl Process {
    /// Whether it is in this program's own user namespace. Where its namespaces may not be looked at, the machine's
    /// answer is the error.
    pub fn shares_users(&self) -> Result<bool> {
        self.shares("user")
    }

    /// Whether its namespace of that name, as `/proc/PID/ns` has it, is this program's own.
    fn shares(&self, name: &str) -> Result<bool> {
        let look = |path: String| match std::fs::metadata(&path) {
            Ok(found) => Ok((found.st_dev(), found.st_ino())),
            Err(error) => Err(Error::io("look at", path, error)),
        };
        let same = look(format!("/proc/{}/ns/{name}", self.pid()))? == look(format!("/proc/self/ns/{name}"))?;
        // Only while it lives does its number lead to it.
        match self.has_ended() {
            Ok(false) => Ok(same),
            ended => {
                Err(Error::io("look at", format!("process {}", self.pid()), ended.err().unwrap_or(Errno::SRCH.into())))
            }
        }
    }
}
