//! The driver `local`: volumes as directories of the store, or what a volume's options name, mounted when it is used.

use super::attach::attach;
use super::options::LocalMount;
use super::records::DATA;
use super::{LOCAL, Mounted, NewVolume, Removed, Volume, VolumeDriver, VolumeRecords};
use crate::error::{Error, Result};
use crate::layout::Store;
use rbuild_oci::Timestamp;

/// Volumes as directories of the store.
#[derive(Clone, Debug)]
pub struct LocalVolumes {
    records: VolumeRecords,
}

impl Store {
    /// The volumes that this store keeps itself.
    pub fn volumes(&self) -> LocalVolumes {
        LocalVolumes { records: self.volume_records() }
    }
}

impl VolumeDriver for LocalVolumes {
    fn name(&self) -> &'static str {
        LOCAL
    }

    fn create(&self, new: &NewVolume, now: Timestamp) -> Result<Volume> {
        let (name, new) = new.named()?;
        if let Some(there) = self.records.get_settled(&name)? {
            return there.check_same(&new, LOCAL).map(|()| there);
        }
        LocalMount::parse(&new.options)
            .and_then(|mount| mount.map_or(Ok(()), |mount| mount.check()))
            .map_err(|reason| Error::Refused { what: "volume", subject: name.clone(), reason })?;
        let there = self.records.add(Volume {
            created_at: Timestamp::from_seconds(now.seconds),
            driver: LOCAL.to_owned(),
            labels: new.labels.clone(),
            mountpoint: self.records.place(&name).join(DATA),
            name,
            options: new.options.clone(),
            scope: LOCAL.to_owned(),
            status: None,
        })?;
        there.check_same(&new, LOCAL).map(|()| there)
    }

    fn list(&self) -> Result<Vec<Volume>> {
        let mut volumes = self.records.list()?;
        volumes.retain(|volume| volume.driver == LOCAL);
        Ok(volumes)
    }

    fn get(&self, name: &str) -> Result<Option<Volume>> {
        Ok(self.records.get(name)?.filter(|volume| volume.driver == LOCAL))
    }

    fn remove(&self, name: &str) -> Result<Option<Removed>> {
        match self.get(name)? {
            Some(_) => self.records.remove(name),
            None => Ok(None),
        }
    }

    fn mount(&self, volume: &Volume, _user: &str) -> Result<Mounted> {
        let refused = |reason| Error::Refused { what: "volume", subject: volume.name.clone(), reason };
        match LocalMount::parse(&volume.options).map_err(refused)? {
            Some(mount) => attach(&mount).map_err(refused),
            None => Ok(Mounted::At(volume.mountpoint.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::volumes::conformance;
    use std::collections::BTreeMap;
    use std::fs;

    fn named(name: &str) -> NewVolume {
        NewVolume { name: Some(name.to_owned()), ..NewVolume::default() }
    }

    fn store() -> (tempfile::TempDir, Store) {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        (place, store)
    }

    fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_driver_conforms() {
        let (_place, store) = store();
        assert_eq!(conformance(&store.volumes()).unwrap(), Vec::<String>::new());
        assert_eq!(fs::read_dir(store.dir(crate::Bucket::Tmp)).unwrap().count(), 0, "nothing is left in tmp");
    }

    #[test]
    fn files_go_when_the_removal_is_finished() {
        let (_place, store) = store();
        let volumes = store.volumes();
        let made = volumes.create(&named("data_volume"), Timestamp::from_seconds(7)).unwrap();
        fs::write(made.mountpoint.join("f"), "kept").unwrap();
        let removed = volumes.remove("data_volume").unwrap().unwrap();
        assert!(!made.mountpoint.exists() && volumes.get("data_volume").unwrap().is_none());
        removed.finish().unwrap();
        assert!(volumes.remove("data_volume").unwrap().is_none());
    }

    #[test]
    fn a_name_stands_for_one_volume() {
        let (_place, store) = store();
        let volumes = store.volumes();
        let tmpfs = NewVolume { options: options(&[("type", "tmpfs"), ("device", "tmpfs")]), ..named("fast") };
        let made = volumes.create(&tmpfs, Timestamp::default()).unwrap();
        assert_eq!(volumes.create(&named("fast"), Timestamp::default()).unwrap(), made);
        let other =
            NewVolume { options: options(&[("type", "none"), ("device", "/"), ("o", "bind")]), ..named("fast") };
        assert_eq!(
            volumes.create(&other, Timestamp::default()).unwrap_err().to_string(),
            "volume fast is refused: it was made with device=tmpfs type=tmpfs, and device=/ o=bind type=none is asked for: \
             remove it first, or choose another name"
        );
        store.volume_records().add(Volume { driver: "convoy".to_owned(), name: "far".to_owned(), ..made }).unwrap();
        assert_eq!(
            volumes.create(&named("far"), Timestamp::default()).unwrap_err().to_string(),
            "volume far is refused: the name is in use by a volume of the driver convoy, and names are unique: choose \
             another name"
        );
        assert!(volumes.get("far").unwrap().is_none() && volumes.remove("far").unwrap().is_none());
        assert_eq!((volumes.list().unwrap().len(), store.volume_records().list().unwrap().len()), (1, 2));
    }

    #[test]
    fn who_asks_for_a_volume_that_goes_waits_and_gets_a_new_one() {
        let (_place, store) = store();
        let volumes = store.volumes();
        let old = volumes.create(&named("data"), Timestamp::from_seconds(1)).unwrap();
        let going = store.volume_records().going("data").unwrap().unwrap();
        std::thread::scope(|scope| {
            let asks = scope.spawn(|| volumes.create(&named("data"), Timestamp::from_seconds(2)).unwrap());
            std::thread::sleep(std::time::Duration::from_millis(50));
            assert!(!asks.is_finished());
            let removed = volumes.remove("data").unwrap().unwrap();
            drop(going);
            let new = asks.join().unwrap();
            assert!(new.created_at != old.created_at && new.mountpoint.is_dir());
            removed.finish().unwrap();
            assert!(new.mountpoint.is_dir());
        });
        let records = store.volume_records();
        let _going = records.going("data").unwrap().unwrap();
        assert!(records.going("data").unwrap().is_none() && records.going("none").unwrap().is_some());
    }

    #[test]
    fn bad_options_are_refused_before_anything_is_made() {
        let (_place, store) = store();
        let new = NewVolume { options: options(&[("type", "nfs")]), ..named("data") };
        let error = store.volumes().create(&new, Timestamp::default()).unwrap_err().to_string();
        assert_eq!(error, "volume data is refused: missing required option: \"device\"");
        assert!(store.volumes().list().unwrap().is_empty());
    }
}
