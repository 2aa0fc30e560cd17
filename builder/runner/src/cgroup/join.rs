//! How a further process comes into the groups of a container that runs. Moves none itself.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::group::{hierarchies_of, read_hierarchies};
use super::place::{Hierarchy, Version};
use crate::error::{Error, Result};

/// The `cgroup.procs` files that a process has to be written into to be limited and frozen with the container `name`
/// whose first process is `pid`. Those that an ordinary user may not move a process into are left out: it is then counted
/// where it comes from.
pub fn procs(pid: u32, name: &str) -> Result<Vec<PathBuf>> {
    let failed = |error: io::Error| Error::io("look at the control groups of", format!("process {pid}"), error);
    let own = read_hierarchies("self").map_err(failed)?;
    let theirs = hierarchies_of(pid, name).map_err(failed)?;
    Ok(theirs.into_iter().filter(|one| may_enter(one, &own)).map(|one| one.own_dir().join(PROCS)).collect())
}

const PROCS: &str = "cgroup.procs";

/// Version 2 asks for the right to write where both ways part, too.
fn may_enter(there: &Hierarchy, own: &[Hierarchy]) -> bool {
    let writable = |dir: &Path| access(dir.join(PROCS), Access::WRITE_OK).is_ok();
    let here = own.iter().find(|one| one.version == there.version && one.mount == there.mount);
    let parting =
        here.filter(|_| there.version == Version::Two).map(|here| there.mount.join(common(&here.own, &there.own)));
    writable(&there.own_dir()) && parting.is_none_or(|dir| writable(&dir))
}

/// The deepest directory that is above both.
fn common(one: &Path, other: &Path) -> PathBuf {
    one.components().zip(other.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_part_somewhere() {
        for (one, other, above) in [("a/b/c", "a/b/d", "a/b"), ("a", "b", ""), ("", "x", ""), ("a", "a/b", "a")] {
            assert_eq!(common(Path::new(one), Path::new(other)), Path::new(above), "{one} {other}");
        }
    }

    #[test]
    fn a_process_of_no_container_is_in_no_group_of_one() {
        assert_eq!(procs(std::process::id(), "none-of-that-name").unwrap(), Vec::<PathBuf>::new());
    }
}
