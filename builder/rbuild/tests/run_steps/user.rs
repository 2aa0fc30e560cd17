//! Who builds: root, an ordinary user with subordinate ids, one without. Root plays the other two in a mount namespace
//! with account files of its own, so that the machine stays as it is. Knows no Dockerfile.

use crate::world::skip;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The user that root plays: known to the private account files only.
const UID: u32 = 54_321;

/// The program under test.
const RBUILD: &str = env!("CARGO_BIN_EXE_rbuild");

/// Someone who builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// Root itself.
    Root,
    /// Root playing a user with 65,536 subordinate ids.
    Subids,
    /// Root playing a user with none.
    Single,
    /// Whoever runs the tests, not root.
    Caller,
}

/// Everyone that whoever runs the tests can be.
pub(crate) fn everyone() -> Vec<User> {
    if rustix::process::geteuid().is_root() {
        return vec![User::Root, User::Subids, User::Single];
    }
    skip("as root, as a user with subordinate ids, as one without: only root can play them");
    vec![User::Caller]
}

impl User {
    /// Whether a step has one id only.
    pub(crate) fn has_one_id(self) -> bool {
        match self {
            Self::Root | Self::Subids => false,
            Self::Single => true,
            Self::Caller => !has_subids(),
        }
    }

    /// The id that owns what this user makes.
    pub(crate) fn uid(self) -> u32 {
        match self {
            Self::Root => 0,
            Self::Subids | Self::Single => UID,
            Self::Caller => rustix::process::geteuid().as_raw(),
        }
    }

    /// rbuild as this user; `scratch` is a directory for the account files.
    pub(crate) fn rbuild(self, scratch: &Path) -> Command {
        match self {
            Self::Root | Self::Caller => Command::new(RBUILD),
            Self::Subids => play(scratch, &format!("{UID}:700000:65536\n")),
            Self::Single => play(scratch, ""),
        }
    }
}

fn has_subids() -> bool {
    let id = rustix::process::geteuid().as_raw().to_string();
    let name = Command::new("id").arg("-un").output().expect("id runs").stdout;
    let names = [id, String::from_utf8_lossy(&name).trim().to_owned()];
    let ranges = fs::read_to_string("/etc/subuid").unwrap_or_default();
    ranges.lines().any(|line| names.iter().any(|name| line.split(':').next() == Some(name)))
}

/// rbuild as [`UID`], with these ranges of subordinate ids in its sight.
fn play(scratch: &Path, ranges: &str) -> Command {
    let passwd = fs::read_to_string("/etc/passwd").expect("passwd");
    let files = [
        ("ranges", ranges.to_owned()),
        ("passwd", format!("{passwd}tester:x:{UID}:{UID}::/:/bin/sh\n")),
        ("rbuild", String::new()),
    ];
    for (name, content) in files {
        fs::write(scratch.join(name), content).expect("account files");
    }
    let script = "mount --bind ranges /etc/subuid && mount --bind ranges /etc/subgid && \
         mount --bind passwd /etc/passwd && mount --bind \"$0\" rbuild && \
         exec setpriv --reuid \"$1\" --regid \"$1\" --clear-groups -- \"$PWD/rbuild\" \"${@:2}\"";
    let words: [OsString; 8] =
        ["--mount", "--propagation", "private", "bash", "-c", script, RBUILD, &UID.to_string()].map(OsString::from);
    let mut command = Command::new("unshare");
    command.args(words).current_dir(scratch);
    command
}
