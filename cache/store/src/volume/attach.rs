//! Makes the mount that a volume's options name, attached nowhere: nobody else sees it, and it goes with its last holder
//! however that ends. Knows no volume.

use super::Mounted;
use super::options::{FileSystem, LocalMount};
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen, open_tree,
};
use std::net::{IpAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::Path;

/// The mount; the error says why there is none.
pub(super) fn attach(mount: &LocalMount) -> Result<Mounted, String> {
    match mount {
        LocalMount::Bind { device, recursive, read_only } => {
            Ok(Mounted::Detached { mount: bind(device, *recursive)?, read_only: *read_only })
        }
        LocalMount::FileSystem(fs) => Ok(Mounted::Detached { mount: fresh(fs)?, read_only: false }),
    }
}

impl LocalMount {
    /// Refuses what this user can never mount.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::FileSystem(FileSystem { kind, .. }) if kind != "tmpfs" && !is_privileged() => Err(needs_root(kind)),
            _ => Ok(()),
        }
    }
}

fn needs_root(kind: &str) -> String {
    format!("the kernel lets only root mount {kind}: an ordinary user's volumes can be type=tmpfs or o=bind")
}

/// Whether this process is root, and of the machine itself.
fn is_privileged() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let everyone = map.split_ascii_whitespace().eq(["0", "0", "4294967295"]);
    rustix::process::geteuid().is_root() && everyone
}

fn bind(device: &Path, recursive: bool) -> Result<OwnedFd, String> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    match open_tree(CWD, device, flags) {
        Err(Errno::INVAL) if !recursive => Err(format!(
            "{} cannot be bound alone: the kernel shows an ordinary user a directory only together with what is mounted \
             below it; write o=rbind",
            device.display()
        )),
        other => other.map_err(|errno| format!("failed to mount {}: {errno}", device.display())),
    }
}

fn fresh(fs: &FileSystem) -> Result<OwnedFd, String> {
    let failed = |errno: Errno, what: &str| match errno {
        Errno::PERM => needs_root(&fs.kind),
        Errno::NODEV => format!("the kernel knows no file system {}", fs.kind),
        _ => format!("failed to mount {} of type {}: {what}: {errno}", fs.source, fs.kind),
    };
    let context = fsopen(fs.kind.as_str(), FsOpenFlags::FSOPEN_CLOEXEC).map_err(|errno| failed(errno, "open"))?;
    fsconfig_set_string(&context, "source", fs.source.as_str()).map_err(|errno| failed(errno, "device"))?;
    if fs.attributes.contains(&"ro") {
        fsconfig_set_flag(&context, "ro").map_err(|errno| failed(errno, "ro"))?;
    }
    for (key, value) in options(fs)? {
        let set = match &value {
            Some(value) => fsconfig_set_string(&context, key.as_str(), value.as_str()),
            None => fsconfig_set_flag(&context, key.as_str()),
        };
        set.map_err(|errno| failed(errno, &key))?;
    }
    fsconfig_create(&context).map_err(|errno| failed(errno, "create"))?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes(fs)).map_err(|errno| failed(errno, "mount"))
}

fn attributes(fs: &FileSystem) -> MountAttrFlags {
    let flag = |name: &&str| match *name {
        "ro" => MountAttrFlags::MOUNT_ATTR_RDONLY,
        "nosuid" => MountAttrFlags::MOUNT_ATTR_NOSUID,
        "nodev" => MountAttrFlags::MOUNT_ATTR_NODEV,
        "noexec" => MountAttrFlags::MOUNT_ATTR_NOEXEC,
        "noatime" => MountAttrFlags::MOUNT_ATTR_NOATIME,
        "nodiratime" => MountAttrFlags::MOUNT_ATTR_NODIRATIME,
        _ => MountAttrFlags::MOUNT_ATTR_STRICTATIME,
    };
    fs.attributes.iter().map(flag).collect()
}

/// The file system's options. What comes over the network is asked for by number: the kernel looks up no names.
fn options(fs: &FileSystem) -> Result<Vec<(String, Option<String>)>, String> {
    let mut options = fs.options.clone();
    if !matches!(fs.kind.as_str(), "nfs" | "nfs4" | "cifs") {
        return Ok(options);
    }
    let host = fs.source.split_once(":/").map(|(host, _)| host).filter(|host| !host.is_empty());
    match options.iter_mut().find(|(key, _)| key == "addr" || key == "ip") {
        Some((_, Some(name))) => *name = address(name)?,
        Some((_, None)) => return Err("o=addr has no value".to_owned()),
        None => {
            if let Some(host) = host {
                options.push(("addr".to_owned(), Some(address(host)?)));
            }
        }
    }
    Ok(options)
}

fn address(name: &str) -> Result<String, String> {
    if name.parse::<IpAddr>().is_ok() {
        return Ok(name.to_owned());
    }
    let unknown = |why: &dyn std::fmt::Display| format!("there is no address for {name}: {why}");
    let mut found = (name, 0).to_socket_addrs().map_err(|error| unknown(&error))?;
    Ok(found.next().ok_or_else(|| unknown(&"the name stands for none"))?.ip().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_numbers() {
        let nfs = |source: &str, options: &[(&str, &str)]| {
            let options = options.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect();
            let fs = FileSystem { kind: "nfs".into(), source: source.into(), options, ..FileSystem::default() };
            super::options(&fs).map(|options| {
                options
                    .into_iter()
                    .map(|(key, value)| format!("{key}={}", value.unwrap_or_default()))
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(nfs(":/x", &[("addr", "10.0.0.7"), ("vers", "4")]).unwrap(), ["addr=10.0.0.7", "vers=4"]);
        assert_eq!(nfs("127.0.0.1:/x", &[("soft", "1")]).unwrap(), ["soft=1", "addr=127.0.0.1"]);
        let local = nfs(":/x", &[("addr", "localhost")]).unwrap();
        assert!(local == ["addr=127.0.0.1"] || local == ["addr=::1"], "{local:?}");
        assert!(nfs(":/x", &[("addr", "no.such.host.invalid")]).unwrap_err().contains("no.such.host.invalid"));
    }
}
