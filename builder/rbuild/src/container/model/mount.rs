//! A mount as it was asked for. Knows no path of a volume and mounts nothing.

use super::config::ImageSource;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Something mounted over the rootfs of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Where, absolute in the container, without `.`, `..` or a slash at its end.
    pub target: String,
    /// Whether nothing can be written through it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// What.
    #[serde(flatten)]
    pub kind: MountKind,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum MountKind {
    /// A file or directory of the host.
    Bind(Bind),
    /// A volume.
    Volume(Volume),
    /// Memory.
    Tmpfs(Tmpfs),
    /// The files of an image.
    Image(ImageMount),
}

/// A file or directory of the host in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// Which, absolute.
    pub source: PathBuf,
    /// Whether a directory is made where there is nothing.
    #[serde(default)]
    pub create: bool,
    /// How later mounts travel.
    #[serde(default)]
    pub propagation: Propagation,
    /// What becomes of mounts below it.
    #[serde(default, skip_serializing_if = "Recursive::is_enabled")]
    pub recursive: Recursive,
}

/// What becomes of the mounts below the source of a bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recursive {
    /// They come along, read-only where the bind is.
    #[default]
    Enabled,
    /// They stay behind.
    Disabled,
    /// They come along and keep their access, whatever the bind's.
    Writable,
    /// They come along, read-only; where that cannot be, the container does not run.
    ReadOnly,
}

/// The files of an image in a container; they cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageMount {
    /// What the user called the image.
    pub reference: String,
    /// The image, once it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageSource>,
    /// A directory or file in it to show instead of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subpath: Option<String>,
}

/// A volume in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name; none until a container gives an anonymous one its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it belongs to this container and goes with it under `--rm`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anonymous: bool,
    /// Whether an empty volume stays empty, whatever the image has at the target.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_copy: bool,
    /// A directory in it to show instead of its top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subpath: Option<String>,
    /// The driver to make it with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Options for the driver.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Labels of a volume that is made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Memory in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tmpfs {
    /// Most bytes it may hold; half of the machine's memory where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Permission bits of its top.
    pub mode: u32,
    /// Owner of its top.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uid: u32,
    /// Group of its top.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gid: u32,
    /// Whether programs in it can be started.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exec: bool,
    /// Whether set-user-id bits in it count.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suid: bool,
    /// Whether device nodes in it can be opened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dev: bool,
}

/// How mounts made later travel between a bind and its source (mount_namespaces(7)), always with what is below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Propagation {
    /// They do not.
    #[default]
    Private,
    /// From the host to the container.
    Slave,
    /// Both ways.
    Shared,
}

impl Recursive {
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde hands references
    fn is_enabled(&self) -> bool {
        *self == Self::Enabled
    }
}

impl Default for Tmpfs {
    fn default() -> Self {
        Self { size: None, mode: 0o1777, uid: 0, gid: 0, exec: false, suid: false, dev: false }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands references
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Propagation {
    /// By its name in mount options, with or without the `r` of recursive.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            "private" | "rprivate" => Some(Self::Private),
            "slave" | "rslave" => Some(Self::Slave),
            "shared" | "rshared" => Some(Self::Shared),
            _ => None,
        }
    }
}
