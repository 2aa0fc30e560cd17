//! The program `zfs`, called. Knows no dataset.

use crate::error::{Error, Result};
use std::process::{Command, Stdio};

/// The property that says of a dataset for which place it was made.
pub(super) const PLACE: &str = "rbuild:place";

/// Runs `zfs` and gives what it prints; what it complains of is the error.
pub(super) fn zfs(words: &[&str]) -> Result<String> {
    let output = Command::new("zfs").args(words).stdin(Stdio::null()).output();
    let refused =
        |reason: String| Error::Refused { what: "command", subject: format!("zfs {}", words.join(" ")), reason };
    let output = match output {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(refused("zfs is not installed: apt-get install zfsutils-linux".to_owned()));
        }
        output => output.map_err(Error::io("start", "zfs"))?,
    };
    if !output.status.success() {
        return Err(refused(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
