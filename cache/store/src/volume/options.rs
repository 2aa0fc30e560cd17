//! PURE. What the driver `local` is told (`-o type=… -o device=… -o o=…`), as Docker understands it: text in, a mount to be
//! made out. Mounts nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is to be mounted when a volume is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LocalMount {
    /// A directory of the machine.
    Bind {
        /// Which, absolute.
        device: PathBuf,
        /// Whether with what is mounted below it.
        recursive: bool,
        /// Whether nothing can be written through it.
        read_only: bool,
    },
    /// A file system.
    FileSystem(FileSystem),
}

/// A file system to mount (mount(8)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileSystem {
    /// Its type: "tmpfs", "nfs", "ext4".
    pub(super) kind: String,
    /// What it is of.
    pub(super) source: String,
    /// Options of the mount: "ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "strictatime".
    pub(super) attributes: Vec<&'static str>,
    /// Options of the file system, each with its value, if it has one.
    pub(super) options: Vec<(String, Option<String>)>,
}

const KNOWN: [&str; 4] = ["type", "o", "device", "size"];
/// Which options make no sense without which others.
const NEEDS: [(&str, &[&str]); 3] = [("device", &["type"]), ("type", &["device"]), ("o", &["device", "type"])];

impl LocalMount {
    /// What the options ask for; none where they ask for nothing. The error is what is wrong with them, in Docker's words
    /// where it has any.
    pub(super) fn parse(options: &BTreeMap<String, String>) -> Result<Option<Self>, String> {
        if let Some(key) = options.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(format!("invalid option: {key:?}; the driver local knows type, device, o and size"));
        }
        for (key, needed) in NEEDS {
            let given = |key: &str| options.get(key).is_some_and(|value| !value.is_empty());
            if let Some(missing) = needed.iter().find(|needed| given(key) && !given(needed)) {
                return Err(format!("missing required option: {missing:?}"));
            }
        }
        if options.contains_key("size") {
            return Err("quota size requested but no quota support: for a tmpfs write -o o=size=…".to_owned());
        }
        let get = |key: &str| options.get(key).map(String::as_str).unwrap_or_default();
        let (kind, device) = (get("type"), get("device"));
        if kind.is_empty() {
            return Ok(None);
        }
        let words: Vec<&str> = get("o").split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        let is_bind = kind == "bind" || words.iter().any(|word| matches!(*word, "bind" | "rbind"));
        if is_bind { bind(device, &words).map(Some) } else { file_system(kind, device, &words).map(Some) }
    }
}

fn bind(device: &str, words: &[&str]) -> Result<LocalMount, String> {
    if !Path::new(device).is_absolute() {
        return Err(format!("device={device} is no absolute path, and only a path can be bound"));
    }
    let (mut recursive, mut read_only) = (false, false);
    for word in words {
        match *word {
            "bind" | "defaults" | "private" | "rprivate" => {}
            "rbind" => recursive = true,
            "ro" | "rw" => read_only = *word == "ro",
            other => return Err(format!("o={other} has no meaning with bind: there are bind, rbind, ro and rw")),
        }
    }
    Ok(LocalMount::Bind { device: device.into(), recursive, read_only })
}

/// Options of every file system that are the mount's, with those that undo them.
const ATTRIBUTES: [(&str, &str); 7] = [
    ("ro", "rw"),
    ("nosuid", "suid"),
    ("nodev", "dev"),
    ("noexec", "exec"),
    ("noatime", "atime"),
    ("nodiratime", "diratime"),
    ("strictatime", "relatime"),
];

fn file_system(kind: &str, source: &str, words: &[&str]) -> Result<LocalMount, String> {
    if kind == "none" {
        return Err("type=none mounts nothing but with o=bind".to_owned());
    }
    let mut found = FileSystem { kind: kind.to_owned(), source: source.to_owned(), ..FileSystem::default() };
    for word in words {
        let pair = ATTRIBUTES.iter().find(|(set, unset)| word == set || word == unset);
        match (pair, word.split_once('=')) {
            (Some((set, _)), _) => {
                found.attributes.retain(|known| known != set);
                found.attributes.extend((word == set).then_some(set));
            }
            (None, _) if *word == "defaults" => {}
            (None, _) if matches!(*word, "remount" | "move") => {
                return Err(format!("o={word} has no meaning for a mount that is made"));
            }
            (None, Some(("", _))) => return Err(format!("o={word} has no name")),
            (None, Some((key, value))) => found.options.push((key.to_owned(), Some(value.to_owned()))),
            (None, None) => found.options.push(((*word).to_owned(), None)),
        }
    }
    Ok(LocalMount::FileSystem(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(pairs: &[(&str, &str)]) -> String {
        let options = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        match LocalMount::parse(&options) {
            Ok(None) => "a directory".to_owned(),
            Ok(Some(LocalMount::Bind { device, recursive, read_only })) => {
                format!(
                    "{} {} {}",
                    device.display(),
                    if recursive { "rbind" } else { "bind" },
                    if read_only { "ro" } else { "rw" }
                )
            }
            Ok(Some(LocalMount::FileSystem(fs))) => {
                let option = |(key, value): &(String, Option<String>)| match value {
                    Some(value) => format!(" {key}={value}"),
                    None => format!(" {key}"),
                };
                let options: String = fs.options.iter().map(option).collect();
                format!("{} of {} [{}]{options}", fs.kind, fs.source, fs.attributes.join(" "))
            }
            Err(reason) => reason,
        }
    }

    #[test]
    fn every_form() {
        for (pairs, expected) in [
            (&[][..], "a directory"),
            (&[("type", ""), ("o", "")], "a directory"),
            (&[("type", "tmpfs"), ("device", "tmpfs")], "tmpfs of tmpfs []"),
            (
                &[("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=100m,uid=1000, nosuid,ro,rw,noexec")],
                "tmpfs of tmpfs [nosuid noexec] size=100m uid=1000",
            ),
            (&[("type", "none"), ("device", "/data"), ("o", "bind")], "/data bind rw"),
            (&[("type", "bind"), ("device", "/data")], "/data bind rw"),
            (&[("type", "none"), ("device", "/data"), ("o", "rbind,ro")], "/data rbind ro"),
            (
                &[("type", "nfs"), ("device", ":/export"), ("o", "addr=10.0.0.1,rw,nfsvers=4,soft")],
                "nfs of :/export [] addr=10.0.0.1 nfsvers=4 soft",
            ),
            (&[("type", "btrfs"), ("device", "/dev/sda2")], "btrfs of /dev/sda2 []"),
        ] {
            assert_eq!(show(pairs), expected, "{pairs:?}");
        }
    }

    #[test]
    fn every_refusal() {
        for (pairs, expected) in [
            (&[("foo", "1")][..], "invalid option: \"foo\"; the driver local knows type, device, o and size"),
            (&[("type", "tmpfs")], "missing required option: \"device\""),
            (&[("device", "/x")], "missing required option: \"type\""),
            (&[("o", "bind")], "missing required option: \"device\""),
            (&[("size", "10m")], "quota size requested but no quota support: for a tmpfs write -o o=size=…"),
            (&[("type", "none"), ("device", "/x")], "type=none mounts nothing but with o=bind"),
            (
                &[("type", "none"), ("device", "x"), ("o", "bind")],
                "device=x is no absolute path, and only a path can be bound",
            ),
            (
                &[("type", "none"), ("device", "/x"), ("o", "bind,noexec")],
                "o=noexec has no meaning with bind: there are bind, rbind, ro and rw",
            ),
            (
                &[("type", "tmpfs"), ("device", "tmpfs"), ("o", "remount")],
                "o=remount has no meaning for a mount that is made",
            ),
            (&[("type", "tmpfs"), ("device", "tmpfs"), ("o", "=x")], "o==x has no name"),
        ] {
            assert_eq!(show(pairs), expected, "{pairs:?}");
        }
    }
}
