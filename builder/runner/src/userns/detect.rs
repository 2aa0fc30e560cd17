//! What this process's user may map, from the files of the machine. Starts nothing.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::thread::{CapabilitySet, capabilities};

use super::map::{RawMap, parse_subids, table};
use crate::error::{Error, Result};
use crate::users::parse_passwd;

/// Which user namespace to enter, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdMapPlan {
    /// None: this process may mount and map already.
    Privileged,
    /// One with these tables, written by newuidmap(1) and newgidmap(1).
    Subids {
        /// The tables.
        map: RawMap,
        /// Where newuidmap is.
        newuidmap: PathBuf,
        /// Where newgidmap is.
        newgidmap: PathBuf,
    },
    /// One with a single id.
    Single {
        /// The caller's user id outside.
        uid: u32,
        /// The caller's group id outside.
        gid: u32,
        /// Why there are no more, and what to do about it.
        note: String,
    },
}

impl IdMapPlan {
    /// Looks at capabilities, `/etc/passwd`, `/etc/subuid`, `/etc/subgid` and the directories of `path` (as in `$PATH`).
    pub fn detect(path: &OsStr) -> Result<Self> {
        let held = capabilities(None).map_err(|errno| Error::io("read", "own capabilities", errno))?;
        if held.effective.contains(CapabilitySet::SYS_ADMIN | CapabilitySet::SETUID | CapabilitySet::SETGID) {
            return Ok(Self::Privileged);
        }
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
        let name = parse_passwd(&passwd).into_iter().find(|entry| entry.uid == uid).map(|entry| entry.name);
        let name = name.unwrap_or_default();
        let ranges = |file: &str| parse_subids(&std::fs::read(file).unwrap_or_default(), &name, uid);
        let (uids, gids) = (ranges("/etc/subuid"), ranges("/etc/subgid"));
        let shown = if name.is_empty() { uid.to_string() } else { String::from_utf8_lossy(&name).into_owned() };
        if uids.is_empty() || gids.is_empty() {
            let file = if uids.is_empty() { "/etc/subuid" } else { "/etc/subgid" };
            let note = format!(
                "user {shown} has no range in {file}, so every file belongs to one user; as root: \
                 usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {shown}"
            );
            return Ok(Self::Single { uid, gid, note });
        }
        let (Some(newuidmap), Some(newgidmap)) = (find("newuidmap", path), find("newgidmap", path)) else {
            let note = "newuidmap or newgidmap is not installed, so every file belongs to one user; install the \
                        package uidmap (Debian, Ubuntu) or shadow-utils (Fedora)";
            return Ok(Self::Single { uid, gid, note: note.to_owned() });
        };
        let map = RawMap { uids: table(uid, &uids), gids: table(gid, &gids) };
        Ok(Self::Subids { map, newuidmap, newgidmap })
    }
}

fn find(program: &str, path: &OsStr) -> Option<PathBuf> {
    let executable = |file: &Path| {
        std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(path).map(|dir| dir.join(program)).find(|file| executable(file))
}
