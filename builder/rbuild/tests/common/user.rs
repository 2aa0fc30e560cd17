//! An ordinary user with a range of subordinate ids, played by root in a private view of the machine's accounts, so that
//! the machine stays as it is.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The user, known to the private view only.
pub(crate) const UID: u32 = 54_321;

const AS_USER: &str = "d=$1; shift; for f in passwd group subuid subgid; do mount --bind \"$d/$f\" /etc/$f || exit 99; done; \
                       exec setpriv --reuid \"$1\" --regid \"$1\" --clear-groups -- \"${@:2}\"";

/// Why this machine cannot play another user, if so.
pub(crate) fn reason_against() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("not root".to_owned());
    }
    let missing = ["newuidmap", "newgidmap", "setpriv", "unshare"].into_iter().find(|program| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        !std::env::split_paths(&path).any(|directory| directory.join(program).exists())
    });
    if let Some(missing) = missing {
        return Some(format!("{missing} is not installed (Debian, Ubuntu: apt-get install uidmap util-linux)"));
    }
    let tried = Command::new("unshare").args(["--mount", "--propagation", "private", "true"]).output().unwrap();
    (!tried.status.success()).then(|| String::from_utf8_lossy(&tried.stderr).into_owned())
}

/// Writes the account files of the view into a directory.
pub(crate) fn accounts(place: &Path) {
    let with = |file: &str, line: String| {
        let known = fs::read_to_string(Path::new("/etc").join(file)).unwrap_or_default();
        fs::write(place.join(file), known + &line).unwrap();
    };
    with("passwd", format!("tester:x:{UID}:{UID}::/:/bin/sh\n"));
    with("group", format!("tester:x:{UID}:\n"));
    for file in ["subuid", "subgid"] {
        // The mount needs a file to lie on.
        assert!(Path::new("/etc").join(file).exists(), "/etc/{file}");
        with(file, "tester:700000:65536\n".to_owned());
    }
}

/// A program as the user, with the account files of that directory.
pub(crate) fn command(place: &Path, program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "bash", "-c", AS_USER, "bash"]);
    command.arg(place).arg(UID.to_string()).arg(program);
    command
}
