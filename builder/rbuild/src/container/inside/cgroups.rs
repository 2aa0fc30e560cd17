//! The control groups of a container (cgroups(7)), so that a process which joins it counts towards its limits and is
//! frozen with it. Makes none.

use crate::error::{Error, Result};
use rbuild_runner::Process;
use rustix::fs::{Access, access};
use std::path::{Path, PathBuf};

/// The `cgroup.procs` files to write a process into: of those hierarchies in which the container has a group of its own,
/// that is, another than whoever started it. An ordinary user may be unable to move a process there; it is then counted
/// where it comes from.
pub(super) fn of(process: &Process) -> Result<Vec<PathBuf>> {
    let failed = |path: &str| Error::io("read", path.to_owned());
    let read = |path: String| std::fs::read_to_string(&path).map_err(failed(&path));
    let pid = process.pid();
    let Some(parent) = parent(&read(format!("/proc/{pid}/stat"))?) else { return Ok(Vec::new()) };
    let theirs = groups(&read(format!("/proc/{pid}/cgroup"))?);
    let outside = groups(&read(format!("/proc/{parent}/cgroup"))?);
    let own = groups(&read("/proc/self/cgroup".to_owned())?);
    let mounts = mounts(&read("/proc/self/mountinfo".to_owned())?);
    let its_own = theirs.into_iter().filter(|group| !outside.contains(group) && !own.contains(group));
    Ok(its_own
        .filter_map(|group| {
            let mount = mounts.iter().find(|mount| mount.kind == group.kind)?;
            let here = own.iter().find(|one| one.kind == group.kind)?;
            let above = common(&here.path, &group.path);
            let procs = |path: &str| mount.place(path).map(|place| place.join("cgroup.procs"));
            let writable = |path: &Path| access(path, Access::WRITE_OK).is_ok();
            // Version 2 asks for the right to write where both ways part, too.
            let may_leave = group.kind != Kind::Two || procs(&above).is_none_or(|path| writable(&path));
            procs(&group.path).filter(|path| may_leave && writable(path))
        })
        .collect())
}

/// A hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// Version 1, by its controllers or its name, as `/proc/PID/cgroup` lists them.
    One(String),
    /// Version 2.
    Two,
}

/// The group that a process is in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    kind: Kind,
    path: String,
}

/// Where a hierarchy is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    kind: Kind,
    root: String,
    target: PathBuf,
}

impl Mount {
    /// Where a group of the hierarchy is, if it can be seen.
    fn place(&self, path: &str) -> Option<PathBuf> {
        let below = path.strip_prefix(self.root.trim_end_matches('/'))?;
        (below.is_empty() || below.starts_with('/')).then(|| self.target.join(below.trim_start_matches('/')))
    }
}

/// `/proc/PID/cgroup`.
fn groups(text: &str) -> Vec<Group> {
    let group = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?.to_owned());
        Some(Group { kind: if controllers.is_empty() { Kind::Two } else { kind_of(controllers) }, path })
    };
    text.lines().filter_map(group).collect()
}

/// Controllers in an order of their own, as the two files need not agree on one.
fn kind_of(controllers: &str) -> Kind {
    let mut names: Vec<&str> = controllers.split(',').collect();
    names.sort_unstable();
    Kind::One(names.join(","))
}

/// The hierarchies of `/proc/PID/mountinfo`.
fn mounts(text: &str) -> Vec<Mount> {
    const NOT_CONTROLLERS: [&str; 6] = ["rw", "ro", "xattr", "clone_children", "noprefix", "favordynmods"];
    let mount = |line: &str| {
        let (place, filesystem) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, target) = (place.next()?.to_owned(), PathBuf::from(place.next()?));
        let mut fields = filesystem.split(' ');
        let kind = match fields.next()? {
            "cgroup2" => Kind::Two,
            "cgroup" => {
                let all = fields.nth(1)?.split(',');
                let known = |one: &&str| !NOT_CONTROLLERS.contains(one) && !one.starts_with("release_agent=");
                kind_of(&all.filter(known).collect::<Vec<_>>().join(","))
            }
            _ => return None,
        };
        Some(Mount { kind, root, target })
    };
    text.lines().filter_map(mount).collect()
}

/// The deepest group that is above both.
fn common(one: &str, other: &str) -> String {
    let parts = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let shared = parts(one).into_iter().zip(parts(other)).take_while(|(a, b)| a == b).map(|(a, _)| a);
    format!("/{}", shared.collect::<Vec<_>>().join("/"))
}

/// Field 4 of `/proc/PID/stat`; the name, field 2, may hold anything.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_found() {
        let found = groups("9:name=systemd:/a\n4:cpu,cpuacct:/b:c\n0::/d e\nodd\n");
        let mounts = mounts(
            "30 25 0:27 / /sys/fs/cgroup/cpu rw,nosuid shared:9 - cgroup cgroup rw,cpuacct,cpu\n\
             31 25 0:28 /top /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
             32 25 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n\
             33 25 0:30 / / rw - ext4 /dev/root rw\n",
        );
        let place = |index: usize| {
            let group: &Group = &found[index];
            mounts.iter().find(|mount| mount.kind == group.kind).and_then(|mount| mount.place(&group.path))
        };
        assert_eq!(place(0), None, "outside of what is mounted");
        assert_eq!(place(1), Some("/sys/fs/cgroup/cpu/b:c".into()));
        assert_eq!(place(2), Some("/sys/fs/cgroup/unified/d e".into()));
        assert_eq!((found.len(), mounts.len()), (3, 3));
        assert_eq!(mounts[1].place("/top/a"), Some("/sys/fs/cgroup/systemd/a".into()));
        assert_eq!(mounts[1].place("/topping"), None);
    }

    #[test]
    fn ways_part_somewhere() {
        for (one, other, above) in
            [("/a/b/c", "/a/b/d", "/a/b"), ("/a", "/b", "/"), ("/", "/x", "/"), ("/a", "/a/b", "/a")]
        {
            assert_eq!(common(one, other), above, "{one} {other}");
        }
        assert_eq!(parent("7 (a) b) S 42 1 1"), Some(42));
        assert_eq!(parent("nonsense"), None);
    }
}
