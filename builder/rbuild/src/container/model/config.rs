//! What a container is, as `config.json` keeps it: written when the container is made, and again when it gets another
//! name. Knows nothing of its life.

use super::id::ContainerId;
use super::limits::Limits;
use super::mount::{Mount, MountKind};
use super::port::Ports;
use super::resolver::Resolver;
use crate::error::{Error, Result};
use rbuild_oci::{DiffId, Digest, ImageId, Platform, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All that was asked for, with the image's part in it. Format 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The format's number.
    pub version: u32,
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// What it is a container of.
    pub image: ImageSource,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// How many words of `argv` are the entrypoint; the others are the command.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub entrypoint: usize,
    /// `NAME=value` each; HOME is added when the user is known.
    pub env: Vec<String>,
    /// Where the program starts; made if it is missing.
    pub cwd: String,
    /// `user[:group]` by name or number; empty is root.
    pub user: String,
    /// The host name.
    pub hostname: String,
    /// Further lines of /etc/hosts: name and address.
    pub hosts: Vec<(String, String)>,
    /// The network it sees.
    pub network: Network,
    /// Its ports.
    #[serde(default, skip_serializing_if = "Ports::is_empty")]
    pub ports: Ports,
    /// Where names are looked up, if not where the network says.
    #[serde(default, skip_serializing_if = "Resolver::is_empty")]
    pub resolver: Resolver,
    /// What it may use at most.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// The NIS domain name; empty is the machine's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub domainname: String,
    /// Further groups of the user, by name or number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group_add: Vec<String>,
    /// Parameters of the kernel, of the container's own namespaces.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, String>,
    /// What is mounted over the rootfs, by target, targets unique.
    pub mounts: Vec<Mount>,
    /// Whether nothing but mounts can be written.
    pub read_only: bool,
    /// Whether input reaches it.
    pub interactive: bool,
    /// Whether it has a terminal.
    pub terminal: bool,
    /// Whether pid 1 is a reaper.
    pub init: bool,
    /// Capabilities added to Docker's, as given.
    pub cap_add: Vec<String>,
    /// Capabilities taken away, as given.
    pub cap_drop: Vec<String>,
    /// Which system calls run.
    pub seccomp: Seccomp,
    /// Whether set-user-id programs are without effect.
    pub no_new_privileges: bool,
    /// Whether nothing of /proc and /sys is hidden.
    pub open_paths: bool,
    /// Bytes of /dev/shm.
    pub shm_size: u64,
    /// Resource limits, as given.
    pub ulimits: Vec<String>,
    /// The image's labels and its own.
    pub labels: BTreeMap<String, String>,
    /// The signal that asks it to stop; empty is TERM.
    pub stop_signal: String,
    /// Seconds that it has to stop in; none is Docker's ten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<u32>,
    /// Whether its input stays open when whoever gave it has no more: it began in the background.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub input_stays: bool,
}

/// What a container is of. Its layers stay in the store as long as the container does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSource {
    /// What the user called it.
    pub reference: String,
    /// The digest of its configuration.
    pub id: ImageId,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// Its layers, lowest first.
    pub layers: Vec<DiffId>,
    /// What it is for; containers of the first days do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// A container's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// The machine's.
    Host,
    /// One of its own with loopback and nothing else.
    None,
    /// One of its own, joined to the machine's by pasta or, where that is missing, slirp4netns.
    Private,
    /// One of its own, joined by pasta.
    Pasta,
    /// One of its own, joined by slirp4netns.
    Slirp4netns,
}

impl Network {
    /// Whether it is one of its own that is joined to the machine's.
    pub fn is_private(self) -> bool {
        matches!(self, Self::Private | Self::Pasta | Self::Slirp4netns)
    }
}

/// A container's seccomp profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seccomp {
    /// Docker's default one.
    Docker,
    /// None.
    Unconfined,
    /// One in Docker's JSON format, as it was read from a file.
    Profile(serde_json::Value),
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands references
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The number of the format.
pub(crate) const VERSION: u32 = 1;

impl Config {
    /// The volumes that belong to this container alone.
    pub fn anonymous_volumes(&self) -> impl Iterator<Item = &str> {
        self.volumes().filter(|(_, anonymous)| *anonymous).map(|(name, _)| name)
    }

    /// Whether it mounts the volume.
    pub fn uses_volume(&self, volume: &str) -> bool {
        self.volumes().any(|(name, _)| name == volume)
    }

    /// The images whose files it needs: its own, then those that it mounts.
    pub fn images(&self) -> impl Iterator<Item = &ImageSource> {
        let mounted = self.mounts.iter().filter_map(|mount| match &mount.kind {
            MountKind::Image(image) => image.image.as_ref(),
            _ => None,
        });
        std::iter::once(&self.image).chain(mounted)
    }

    /// The names of the volumes that it mounts, each once.
    pub fn volume_names(&self) -> std::collections::BTreeSet<&str> {
        self.volumes().map(|(name, _)| name).collect()
    }

    fn volumes(&self) -> impl Iterator<Item = (&str, bool)> {
        self.mounts.iter().filter_map(|mount| match &mount.kind {
            MountKind::Volume(volume) => Some((volume.name.as_deref()?, volume.anonymous)),
            _ => None,
        })
    }

    /// Reads a configuration; `id` is for errors.
    pub(crate) fn from_json(id: &str, bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let damaged = |error: serde_json::Error| Error::damaged(id, format!("its config.json: {error}"));
        let Version { version } = serde_json::from_slice(bytes).map_err(damaged)?;
        if version > VERSION {
            let reason = format!("it was made by a newer rbuild (format {version}, this one knows {VERSION})");
            return Err(Error::Store(rbuild_store::Error::Refused {
                what: "container",
                subject: id.to_owned(),
                reason,
            }));
        }
        serde_json::from_slice(bytes).map_err(damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_understood_is_refused() {
        let show = |text: &str| Config::from_json("abc", text.as_bytes()).unwrap_err().to_string();
        let newer = "container abc is refused: it was made by a newer rbuild (format 2, this one knows 1)";
        assert_eq!(show(r#"{"version":2,"new":true}"#), newer);
        assert!(show("{").starts_with("container abc is damaged: its config.json: EOF"));
        assert!(show(r#"{"version":1}"#).starts_with("container abc is damaged: its config.json: missing field"));
    }
}
