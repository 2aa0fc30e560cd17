//! Named volumes: directories that outlive containers. Each is `volumes.v1/<name>/` with its description and, in
//! `_data`, its files. Knows no container; who still uses a volume is the caller's to say.

use crate::error::{Error, Result};
use crate::layout::{Bucket, Store};
use crate::root_dir::RootDir;
use rbuild_oci::{Timestamp, to_canonical_json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
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
    /// The directory with its files.
    pub mountpoint: PathBuf,
    /// Its name.
    pub name: String,
    /// What the driver was told.
    pub options: BTreeMap<String, String>,
    /// Always `local`: no volume is on many machines.
    pub scope: String,
}

/// What a new volume is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewVolume {
    /// Its name; without one it gets 64 random hexadecimal characters.
    pub name: Option<String>,
    /// Free notes.
    pub labels: BTreeMap<String, String>,
    /// What the driver is told.
    pub options: BTreeMap<String, String>,
}

/// Keeps volumes of one kind.
pub trait VolumeDriver: Send + Sync {
    /// Its name: "local".
    fn name(&self) -> &str;

    /// Makes a volume; one that exists under the name is what comes back.
    fn create(&self, new: &NewVolume, now: Timestamp) -> Result<Volume>;

    /// All volumes, sorted by name.
    fn list(&self) -> Result<Vec<Volume>>;

    /// The volume of that name.
    fn get(&self, name: &str) -> Result<Option<Volume>>;

    /// Removes a volume and its files; says whether there was one. Nobody may be using it.
    fn remove(&self, name: &str) -> Result<bool>;
}

/// Volumes as directories of the store.
#[derive(Clone, Debug)]
pub struct LocalVolumes {
    store: Store,
}

impl Store {
    /// The volumes of this store.
    pub fn volumes(&self) -> LocalVolumes {
        LocalVolumes { store: self.clone() }
    }
}

const DATA: &str = "_data";
const DESCRIPTION: &str = "volume.json";

impl VolumeDriver for LocalVolumes {
    fn name(&self) -> &'static str {
        "local"
    }

    fn create(&self, new: &NewVolume, now: Timestamp) -> Result<Volume> {
        let name = match &new.name {
            Some(name) => checked(name)?.to_owned(),
            None => random_name()?,
        };
        if let Some(there) = self.get(&name)? {
            return Ok(there);
        }
        if let Some(option) = new.options.keys().next() {
            let reason = format!("the local driver knows no option {option:?}");
            return Err(Error::Refused { what: "volume", subject: name, reason });
        }
        let place = self.place(&name);
        let volume = Volume {
            created_at: Timestamp::from_seconds(now.seconds),
            driver: self.name().to_owned(),
            labels: new.labels.clone(),
            mountpoint: place.join(DATA),
            name: name.clone(),
            options: BTreeMap::new(),
            scope: "local".to_owned(),
        };
        let fresh = self.store.tmp_dir()?;
        let data = fresh.path().join(DATA);
        fs::create_dir(&data).map_err(Error::io("create", data.display()))?;
        let description = fresh.path().join(DESCRIPTION);
        fs::write(&description, to_canonical_json(&volume)?).map_err(Error::io("write", description.display()))?;
        if fresh.persist_new(&place)? {
            return Ok(volume);
        }
        let missing = || Error::Missing { what: "volume", subject: name.clone() };
        self.get(&name)?.ok_or_else(missing)
    }

    fn list(&self) -> Result<Vec<Volume>> {
        let bucket = self.store.dir(Bucket::Volumes);
        let mut volumes = Vec::new();
        for entry in RootDir::open(&bucket)?.list(b"")? {
            if let Ok(name) = String::from_utf8(entry.name) {
                volumes.extend(self.get(&name)?);
            }
        }
        Ok(volumes)
    }

    fn get(&self, name: &str) -> Result<Option<Volume>> {
        let place = self.place(checked(name)?);
        let path = place.join(DESCRIPTION);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", path.display())(error)),
        };
        let damaged = |source: serde_json::Error| Error::Corrupt {
            what: "volume",
            subject: name.to_owned(),
            reason: source.to_string(),
        };
        // The store may have moved since.
        let volume: Volume = serde_json::from_slice(&bytes).map_err(damaged)?;
        Ok(Some(Volume { mountpoint: place.join(DATA), ..volume }))
    }

    fn remove(&self, name: &str) -> Result<bool> {
        if self.get(name)?.is_none() {
            return Ok(false);
        }
        let (place, trash) = (self.place(name), self.store.tmp_dir()?);
        fs::rename(&place, trash.path().join("volume")).map_err(Error::io("remove", place.display()))?;
        RootDir::open(trash.path())?.remove_tree(b"volume")?;
        Ok(true)
    }
}

impl LocalVolumes {
    fn place(&self, name: &str) -> PathBuf {
        self.store.dir(Bucket::Volumes).join(name)
    }
}

/// Docker's rule for names.
fn checked(name: &str) -> Result<&str> {
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

fn random_name() -> Result<String> {
    let mut bytes = [0; 32];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(Error::io("draw", "a random name"))?;
    Ok(rbuild_oci::Digest::from_bytes(bytes).hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> NewVolume {
        NewVolume { name: Some(name.to_owned()), ..NewVolume::default() }
    }

    #[test]
    fn volumes_are_made_once_listed_and_removed() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        let (volumes, now) = (store.volumes(), Timestamp::from_seconds(7));
        let made = volumes.create(&named("data_volume"), now).unwrap();
        fs::write(made.mountpoint.join("f"), "kept").unwrap();
        assert_eq!(volumes.create(&named("data_volume"), Timestamp::from_seconds(9)).unwrap(), made);
        let anonymous = volumes.create(&NewVolume::default(), now).unwrap();
        assert_eq!((anonymous.name.len(), volumes.list().unwrap().len()), (64, 2));
        assert!(volumes.remove("data_volume").unwrap());
        assert!(!volumes.remove("data_volume").unwrap());
        assert!(!made.mountpoint.exists());
    }

    #[test]
    fn bad_names_and_options_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        for name in ["", "a", "../x", "-a", "a/b", "a b"] {
            assert!(store.volumes().create(&named(name), Timestamp::default()).is_err(), "{name}");
        }
        let options = BTreeMap::from([("type".to_owned(), "nfs".to_owned())]);
        let new = NewVolume { options, ..named("data") };
        assert!(store.volumes().create(&new, Timestamp::default()).unwrap_err().to_string().contains("type"));
    }
}
