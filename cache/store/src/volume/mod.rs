//! Volumes: files that outlive containers, each kept by a driver. `records` remembers which volumes there are and whose
//! they are; `local` keeps them as directories of the store, or mounts what its `options` name. Knows no container; who
//! still uses a volume is the caller's to say.

mod attach;
mod local;
mod options;
mod records;

pub use local::LocalVolumes;
pub use records::{Going, Removed, VolumeRecords};

use crate::error::{Error, Result};
use rbuild_oci::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// A volume, described as `docker volume inspect` does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Volume {
    /// When it was made.
    pub created_at: Timestamp,
    /// The driver that keeps it.
    pub driver: String,
    /// Free notes.
    pub labels: BTreeMap<String, String>,
    /// The directory with its files; empty where the driver does not say before the volume is mounted.
    pub mountpoint: PathBuf,
    /// Its name.
    pub name: String,
    /// What the driver was told.
    pub options: BTreeMap<String, String>,
    /// `local`, or `global` where the driver shows it on many machines.
    pub scope: String,
    /// What else its driver says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<serde_json::Value>,
}

/// What a new volume is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewVolume {
    /// Its name; without one it gets 64 random hexadecimal characters, and the label [`ANONYMOUS`].
    pub name: Option<String>,
    /// The driver that is to keep it, where one is asked for.
    pub driver: Option<String>,
    /// Free notes.
    pub labels: BTreeMap<String, String>,
    /// What the driver is told.
    pub options: BTreeMap<String, String>,
}

/// The label of volumes that nobody gave a name, as Docker's.
pub const ANONYMOUS: &str = "com.docker.volume.anonymous";

/// The name of the driver that keeps volumes where no other is asked for.
pub const LOCAL: &str = "local";

/// Where the files of a volume are, for as long as one user has it mounted.
#[derive(Debug)]
pub enum Mounted {
    /// In a directory of the machine.
    At(PathBuf),
    /// In a mount that is attached nowhere, and goes with the last who holds or attaches it.
    Detached {
        /// The mount.
        mount: OwnedFd,
        /// Whether it may not be written, although the mount itself does not say so.
        read_only: bool,
    },
}

/// Keeps volumes of one kind. All methods may be called by many threads and processes at once; what becomes of a name is
/// as if one came after the other.
pub trait VolumeDriver: Send + Sync {
    /// Its name: "local".
    fn name(&self) -> &str;

    /// Makes a volume; one that exists under the name is what comes back, unless it is another driver's or was made with
    /// other options than `new` has.
    fn create(&self, new: &NewVolume, now: Timestamp) -> Result<Volume>;

    /// All volumes, sorted by name.
    fn list(&self) -> Result<Vec<Volume>>;

    /// The volume of that name.
    fn get(&self, name: &str) -> Result<Option<Volume>>;

    /// Removes a volume; none if there was none. Nobody may be using it. Its name is free at once; its files go when what
    /// comes back is finished or dropped.
    fn remove(&self, name: &str) -> Result<Option<Removed>>;

    /// Makes the files of a volume reachable for `user`, who says so again with [`VolumeDriver::unmount`].
    fn mount(&self, volume: &Volume, user: &str) -> Result<Mounted> {
        let _ = user;
        Ok(Mounted::At(volume.mountpoint.clone()))
    }

    /// `user` needs the volume of that name no more. Fine if it has not got it mounted.
    fn unmount(&self, name: &str, user: &str) -> Result<()> {
        let _ = (name, user);
        Ok(())
    }
}

impl Volume {
    /// Whether nobody gave it a name.
    pub fn is_anonymous(&self) -> bool {
        self.labels.contains_key(ANONYMOUS)
    }

    /// Refuses to take this volume for the one that is asked for.
    pub fn check_same(&self, new: &NewVolume, driver: &str) -> Result<()> {
        let refused = |reason: String| Err(Error::Refused { what: "volume", subject: self.name.clone(), reason });
        if self.driver != driver {
            return refused(format!(
                "the name is in use by a volume of the driver {}, and names are unique: choose another name",
                self.driver
            ));
        }
        if !new.options.is_empty() && new.options != self.options {
            let options = if self.options.is_empty() { "no options".to_owned() } else { show(&self.options) };
            return refused(format!(
                "it was made with {options}, and {} is asked for: remove it first, or choose another name",
                show(&new.options)
            ));
        }
        Ok(())
    }
}

fn show(options: &BTreeMap<String, String>) -> String {
    options.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

/// Docker's rule for names.
pub fn check_volume_name(name: &str) -> Result<&str> {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let good = name.len() > 1 && name.as_bytes()[0].is_ascii_alphanumeric() && name.bytes().all(inner);
    if good && name.len() <= 255 {
        return Ok(name);
    }
    Err(Error::Refused {
        what: "volume",
        subject: format!("{name:?}"),
        reason: "a name has two or more of the characters a-z A-Z 0-9 _ . - and begins with a letter or digit"
            .to_owned(),
    })
}

impl NewVolume {
    /// The same with a name, a random one where it has none.
    pub fn named(&self) -> Result<(String, Self)> {
        if let Some(name) = &self.name {
            return Ok((check_volume_name(name)?.to_owned(), self.clone()));
        }
        let name = random_name()?;
        let mut new = Self { name: Some(name.clone()), ..self.clone() };
        new.labels.insert(ANONYMOUS.to_owned(), String::new());
        Ok((name, new))
    }
}

fn random_name() -> Result<String> {
    let mut bytes = [0; 32];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(Error::io("draw", "a random name"))?;
    Ok(rbuild_oci::Digest::from_bytes(bytes).hex())
}
