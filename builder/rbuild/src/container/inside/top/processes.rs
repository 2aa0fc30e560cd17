//! Which processes a container has: those in the process namespace of its first one, and their descendants, which may
//! be in namespaces below it. Shows nothing.

use super::seen::Seen;
use crate::error::{Error, Result};
use rbuild_runner::Process;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

/// Them, by number. One that ends meanwhile is left out.
pub(super) fn of(first: &Process) -> Result<Vec<Seen>> {
    let mut all: BTreeMap<u32, (Seen, bool)> = BTreeMap::new();
    let wanted = namespace(first.pid());
    for entry in std::fs::read_dir("/proc").map_err(Error::io("list", "/proc"))? {
        let name = entry.map_err(Error::io("list", "/proc"))?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}"));
        let (Ok(stat), Ok(status), Ok(cmdline)) = (read("stat"), read("status"), read("cmdline")) else { continue };
        if let Some(seen) = Seen::parse(&stat, &status, &cmdline) {
            let within = pid == first.pid() || (wanted.is_some() && namespace(pid) == wanted);
            all.insert(pid, (seen, within));
        }
    }
    let belongs = |pid: u32| {
        let (mut pid, mut steps) = (pid, all.len());
        while let Some((seen, within)) = all.get(&pid).filter(|_| steps > 0) {
            if *within {
                return true;
            }
            (pid, steps) = (seen.parent, steps - 1);
        }
        false
    };
    Ok(all.values().filter(|(seen, _)| belongs(seen.pid)).map(|(seen, _)| seen.clone()).collect())
}

/// The process namespace of a process; none if it is gone, or not to be looked at.
fn namespace(pid: u32) -> Option<(u64, u64)> {
    let found = std::fs::metadata(format!("/proc/{pid}/ns/pid")).ok()?;
    Some((found.dev(), found.ino()))
}
