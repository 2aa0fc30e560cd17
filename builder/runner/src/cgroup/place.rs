//! PURE. Which hierarchies of control groups are mounted and where a process is in each (cgroups(7), proc_pid_cgroup(5),
//! proc_pid_mountinfo(5)). Opens nothing.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hierarchy {
    /// What it can do.
    pub(super) version: Version,
    /// Where it is mounted.
    pub(super) mount: PathBuf,
    /// Where the process is in it, from the mount.
    pub(super) own: PathBuf,
}

/// The two kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// These controllers.
    One(Vec<String>),
    /// The one hierarchy of version 2; which controllers it has is in its files.
    Two,
}

impl Hierarchy {
    /// The process's group and those it is in, from the mount down.
    pub(super) fn path(&self) -> Vec<PathBuf> {
        let mut path: Vec<PathBuf> = self.own_dir().ancestors().map(Path::to_owned).collect();
        path.truncate(self.own.components().count() + 1);
        path.reverse();
        path
    }

    /// The process's group.
    pub(super) fn own_dir(&self) -> PathBuf {
        if self.own.as_os_str().is_empty() { self.mount.clone() } else { self.mount.join(&self.own) }
    }

    /// Whether it is one of version 1 that has a controller.
    pub(super) fn controls(&self, controller: &str) -> bool {
        matches!(&self.version, Version::One(controllers) if controllers.iter().any(|one| one == controller))
    }
}

/// The hierarchies that both texts know: `/proc/PID/cgroup` and `/proc/self/mountinfo`. One whose mount does not show
/// the process's group is left out.
pub(super) fn hierarchies(cgroup: &[u8], mountinfo: &[u8]) -> Vec<Hierarchy> {
    let mounts: Vec<Mount> = lines(mountinfo).filter_map(mount).collect();
    lines(cgroup).filter_map(|line| hierarchy(line, &mounts)).collect()
}

struct Mount {
    root: PathBuf,
    point: PathBuf,
    version: Version,
}

fn hierarchy(line: &[u8], mounts: &[Mount]) -> Option<Hierarchy> {
    let mut fields = line.splitn(3, |&byte| byte == b':').skip(1);
    let (names, path) = (std::str::from_utf8(fields.next()?).ok()?, fields.next()?);
    let version = match names {
        "" => Version::Two,
        names => Version::One(names.split(',').map(str::to_owned).collect()),
    };
    let path = PathBuf::from(OsString::from_vec(path.to_vec()));
    mounts.iter().find_map(|mount| {
        let own = path.strip_prefix(&mount.root).ok()?;
        let shown = own.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        (shown && mount.is(&version)).then(|| Hierarchy {
            version: version.clone(),
            mount: mount.point.clone(),
            own: own.to_owned(),
        })
    })
}

impl Mount {
    /// A mount says more than its controllers (`rw`, `xattr`), and a hierarchy without any its name.
    fn is(&self, version: &Version) -> bool {
        match (&self.version, version) {
            (Version::Two, Version::Two) => true,
            (Version::One(options), Version::One(names)) => names.iter().all(|name| options.contains(name)),
            _ => false,
        }
    }
}

/// `id parent major:minor root point options [optional…] - type source superoptions`.
fn mount(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let dash = fields.iter().position(|field| *field == b"-")?;
    let version = match *fields.get(dash + 1)? {
        b"cgroup2" => Version::Two,
        b"cgroup" => {
            let options = std::str::from_utf8(fields.get(dash + 3)?).ok()?;
            Version::One(options.split(',').map(str::to_owned).collect())
        }
        _ => return None,
    };
    Some(Mount { root: unescape(fields.get(3)?), point: unescape(fields.get(4)?), version })
}

/// Blanks and backslashes are written in octal.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, tail)) = rest.split_first() {
        let octal = tail.get(..3).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match octal {
            Some(code) if byte == b'\\' => {
                bytes.push(code);
                rest = &tail[3..];
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(cgroup: &str, mountinfo: &str) -> String {
        let found = hierarchies(cgroup.as_bytes(), mountinfo.as_bytes());
        let line = |one: &Hierarchy| {
            let kind = match &one.version {
                Version::Two => "2".to_owned(),
                Version::One(names) => format!("1 {}", names.join(",")),
            };
            let path: Vec<String> = one.path().iter().map(|dir| dir.display().to_string()).collect();
            format!("{kind}: {}", path.join(" > "))
        };
        found.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn version_two_of_a_session_of_systemd() {
        let cgroup = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope\n";
        let mountinfo = "23 28 0:21 / /sys rw - sysfs sysfs rw\n\
            30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n";
        let user = "/sys/fs/cgroup/user.slice/user-1000.slice";
        let expected = format!(
            "2: /sys/fs/cgroup > /sys/fs/cgroup/user.slice > {user} > {user}/user@1000.service > \
             {user}/user@1000.service/app.slice > {user}/user@1000.service/app.slice/a.scope"
        );
        assert_eq!(show(cgroup, mountinfo), expected);
    }

    #[test]
    fn hybrid() {
        let cgroup = "12:cpu,cpuacct:/a\n4:memory:/m/x y\n9:name=systemd:/\n3:net_cls:/\n0::/\n";
        let mountinfo = "31 23 0:28 / /cg rw - tmpfs tmpfs rw\n\
            32 31 0:29 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
            35 31 0:32 / /cg/mem\\040ory rw shared:4 master:1 - cgroup cgroup rw,memory\n\
            40 31 0:37 / /cg/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
            41 31 0:38 / /cg/unified rw - cgroup2 cgroup2 rw\n";
        let expected = "1 cpu,cpuacct: /cg/cpu,cpuacct > /cg/cpu,cpuacct/a\n\
            1 memory: /cg/mem ory > /cg/mem ory/m > /cg/mem ory/m/x y\n\
            1 name=systemd: /cg/systemd\n2: /cg/unified";
        assert_eq!(show(cgroup, mountinfo), expected);
    }

    #[test]
    fn inside_of_a_container() {
        let bound = "60 50 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        assert_eq!(show("4:memory:/docker/abc\n", bound), "1 memory: /sys/fs/cgroup/memory");
        assert_eq!(
            show("4:memory:/docker/abc/d\n", bound),
            "1 memory: /sys/fs/cgroup/memory > /sys/fs/cgroup/memory/d"
        );
        assert_eq!(show("4:memory:/docker/other\n", bound), "", "a mount that does not show it");
        let outside = "60 50 0:32 / /sys/fs/cgroup rw - cgroup2 none rw\n";
        assert_eq!(show("0::/../other\n", outside), "", "outside of this namespace");
        assert_eq!(show("", outside), "");
        assert_eq!(show("0::/\n", "nonsense\n1 2 - cgroup2\n"), "");
    }
}
