//! Which namespaces a process is in, compared with this program's own. Enters none.

use std::fmt;
use std::os::linux::fs::MetadataExt;

use rustix::io::Errno;
use rustix::thread::ThreadNameSpaceType as Kernel;

use crate::error::{Error, Result};
use crate::executor::Process;

/// A set of namespaces (namespaces(7)), the user namespace left out: that has to be entered before a process has
/// capabilities over the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spaces(pub(crate) u32);

/// As `/proc/PID/ns` calls them.
const NAMES: [(&str, Kernel); 6] = [
    ("mnt", Kernel::MOUNT),
    ("pid", Kernel::PROCESS_ID),
    ("ipc", Kernel::INTER_PROCESS_COMMUNICATION),
    ("uts", Kernel::HOST_NAME_AND_NIS_DOMAIN_NAME),
    ("cgroup", Kernel::CONTROL_GROUP),
    ("net", Kernel::NETWORK),
];

impl Spaces {
    /// Those of these names, as `/proc/PID/ns` has them; others are passed over.
    pub fn of(names: &[&str]) -> Self {
        Self(NAMES.iter().filter(|(name, _)| names.contains(name)).fold(0, |set, (_, one)| set | one.bits()))
    }

    /// Whether all of `other` is in this set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn kernel(self) -> Kernel {
        Kernel::from_bits_retain(self.0)
    }
}

impl fmt::Display for Spaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            NAMES.iter().filter(|(_, one)| self.0 & one.bits() != 0).map(|(name, _)| *name).collect();
        f.write_str(&names.join(" "))
    }
}

impl Process {
    /// Whether it is in this program's own user namespace. Where its namespaces may not be looked at, the machine's
    /// answer is the error.
    pub fn shares_users(&self) -> Result<bool> {
        self.shares("user")
    }

    /// The namespaces that it does not share with this program.
    pub(crate) fn spaces_of_its_own(&self) -> Result<Spaces> {
        let mut own = Spaces::default();
        for (name, one) in NAMES {
            if !self.shares(name)? {
                own.0 |= one.bits();
            }
        }
        Ok(own)
    }

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
                let error = ended.err().unwrap_or(Errno::SRCH.into());
                Err(Error::io("look at", format!("process {}", self.pid()), error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_nothing_of_its_own() {
        let own = Process::open(std::process::id()).unwrap().unwrap();
        assert!(own.shares_users().unwrap());
        assert_eq!(own.spaces_of_its_own().unwrap(), Spaces::default());
        assert_eq!(Spaces::of(&["net", "mnt", "user"]).to_string(), "mnt net");
    }

    #[test]
    fn of_a_process_that_is_gone_nothing_is_said() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::open(child.id()).unwrap().unwrap();
        assert!(!process.has_ended().unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(process.has_ended().unwrap());
        assert!(process.shares_users().is_err() && process.spaces_of_its_own().is_err());
        assert!(Process::open(child.id()).unwrap().is_none() && Process::open(0).unwrap().is_none());
    }
}
