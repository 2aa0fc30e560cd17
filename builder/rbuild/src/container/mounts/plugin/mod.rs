//! Volume plugins: drivers that are programs of their own, reached by Docker's volume plugin protocol. The store
//! remembers which volumes are whose; the files are the plugin's. Knows no container.

mod client;
mod discover;
mod protocol;
mod unix;

pub use client::Patience;
pub use discover::PluginFolders;

use client::{Client, Failure};
use protocol::{Activated, Capabilities, Create, Described, Done, Found, Listed, Named, Nothing, Place, Used};
use rbuild_oci::{Cancel, Timestamp};
use rbuild_store::{Error, LOCAL, Mounted, NewVolume, Removed, Result, Volume, VolumeDriver, VolumeRecords};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// One plugin.
#[derive(Debug)]
pub struct Plugin {
    name: String,
    records: VolumeRecords,
    client: Client,
    activated: AtomicBool,
}

/// How plugins are found and waited for.
#[derive(Clone, Debug)]
pub struct PluginSettings {
    /// Where they are looked for.
    pub folders: PluginFolders,
    /// How long they are waited for.
    pub patience: Patience,
    /// The request to stop: nothing but [`VolumeDriver::unmount`] goes on after it.
    pub cancel: Cancel,
}

impl PluginSettings {
    /// The same for a plugin that nobody asked for: one that is not there is not waited for.
    pub(super) fn impatient(&self) -> Self {
        let patience = self.patience.at_most(Duration::ZERO, Duration::from_secs(5));
        Self { patience, ..self.clone() }
    }

    /// The same for the end of a container, which comes even where everything else is to stop. The plugin worked when
    /// the container began; where it is gone, it is told another time.
    pub(super) fn at_the_end(&self) -> Self {
        let patience = self.patience.at_most(Duration::from_secs(1), Duration::from_mins(1));
        Self { patience, cancel: Cancel::new(), ..self.clone() }
    }
}

/// What a plugin has to be.
const VOLUME_DRIVER: &str = "VolumeDriver";

impl Plugin {
    /// The plugin of that name for the volumes of a store; none if there is none. Asks it nothing yet.
    pub fn find(name: &str, settings: &PluginSettings, records: &VolumeRecords) -> Result<Option<Self>> {
        let broken =
            |reason| Error::Driver { driver: name.to_owned(), operation: "find", volume: "it".to_owned(), reason };
        let address = settings.folders.find(name).map_err(broken)?;
        Ok(address.map(|address| Self {
            name: name.to_owned(),
            records: records.clone(),
            client: Client::new(address, settings.patience, settings.cancel.clone()),
            activated: AtomicBool::new(false),
        }))
    }

    /// Calls `VolumeDriver.METHOD`, after asking a plugin that was asked nothing yet what it is.
    fn call<A: serde::de::DeserializeOwned>(
        &self,
        method: &str,
        question: &impl serde::Serialize,
    ) -> std::result::Result<A, Failure> {
        if !self.activated.load(Ordering::Relaxed) {
            let activated = self.client.call("Plugin.Activate", &Nothing {});
            let Activated { implements } = activated.map_err(|failure| match failure {
                Failure::Refused(reason) => Failure::Broken(reason),
                other => other,
            })?;
            let all = implements.unwrap_or_default();
            if !all.iter().any(|kind| kind == VOLUME_DRIVER) {
                let kinds = if all.is_empty() { "nothing".to_owned() } else { all.join(", ") };
                return Err(Failure::Broken(format!("it is no {VOLUME_DRIVER}: it implements {kinds}")));
            }
            self.activated.store(true, Ordering::Relaxed);
        }
        self.client.call(&format!("{VOLUME_DRIVER}.{method}"), question)
    }

    fn failed(&self, operation: &'static str, volume: &str) -> impl FnOnce(Failure) -> Error {
        let (driver, volume) = (self.name.clone(), volume.to_owned());
        move |failure| match failure {
            Failure::Refused(reason) | Failure::Broken(reason) => Error::Driver { driver, operation, volume, reason },
            Failure::Canceled(canceled) => Error::Canceled(canceled),
        }
    }

    /// What the plugin says of a volume; none if it says that it has none.
    fn described(&self, name: &str) -> Result<Option<Described>> {
        match self.call::<Found>("Get", &Named { name }) {
            Ok(found) => Ok(found.volume),
            Err(Failure::Refused(_)) => Ok(None),
            Err(broken) => Err(self.failed("find", name)(broken)),
        }
    }

    fn make(&self, name: &str, options: &BTreeMap<String, String>) -> Result<()> {
        match self.call::<Done>("Create", &Create { name, opts: options }) {
            Ok(Done {}) => Ok(()),
            // Another process may have been faster.
            Err(failure) => match self.described(name) {
                Ok(Some(_)) => Ok(()),
                _ => Err(self.failed("create", name)(failure)),
            },
        }
    }

    /// `local` where it does not say, as Docker has it.
    fn scope(&self) -> String {
        let said: Capabilities = self.call("Capabilities", &Nothing {}).unwrap_or_default();
        let scope = said.capabilities.unwrap_or_default().scope.to_lowercase();
        if scope == "global" { scope } else { LOCAL.to_owned() }
    }

    /// What the store remembers, with what the plugin says now.
    fn merged(&self, record: Option<Volume>, said: Described) -> Volume {
        let mountpoint = said.mountpoint.map(PathBuf::from);
        let made = said.created_at.and_then(|text| text.parse::<Timestamp>().ok());
        match record {
            Some(record) => Volume {
                mountpoint: mountpoint.unwrap_or_else(|| record.mountpoint.clone()),
                status: said.status,
                ..record
            },
            None => Volume {
                created_at: made.unwrap_or_default(),
                driver: self.name.clone(),
                labels: BTreeMap::new(),
                mountpoint: mountpoint.unwrap_or_default(),
                name: said.name,
                options: BTreeMap::new(),
                scope: LOCAL.to_owned(),
                status: said.status,
            },
        }
    }

    /// The volumes that the plugin has, remembered here or not.
    pub(super) fn all(&self) -> Result<Vec<Volume>> {
        let listed: Listed = self.call("List", &Nothing {}).map_err(self.failed("list", "volumes"))?;
        let mut volumes: BTreeMap<String, Volume> =
            self.records.list()?.into_iter().map(|it| (it.name.clone(), it)).collect();
        volumes.retain(|_, volume| volume.driver == self.name);
        for said in listed.volumes.unwrap_or_default() {
            let record = volumes.remove(&said.name);
            volumes.insert(said.name.clone(), self.merged(record, said));
        }
        Ok(volumes.into_values().collect())
    }
}

impl VolumeDriver for Plugin {
    fn name(&self) -> &str {
        &self.name
    }

    fn create(&self, new: &NewVolume, now: Timestamp) -> Result<Volume> {
        let (name, new) = new.named()?;
        if let Some(there) = self.records.get_settled(&name)? {
            return there.check_same(&new, &self.name).map(|()| there);
        }
        let said = self.described(&name)?;
        if said.is_none() {
            self.make(&name, &new.options)?;
        }
        let there = self.records.add(Volume {
            created_at: Timestamp::from_seconds(now.seconds),
            driver: self.name.clone(),
            labels: new.labels.clone(),
            mountpoint: said.and_then(|said| said.mountpoint).map(PathBuf::from).unwrap_or_default(),
            name,
            options: new.options.clone(),
            scope: self.scope(),
            status: None,
        })?;
        there.check_same(&new, &self.name).map(|()| there)
    }

    fn list(&self) -> Result<Vec<Volume>> {
        self.all()
    }

    fn get(&self, name: &str) -> Result<Option<Volume>> {
        let record = self.records.get(name)?.filter(|record| record.driver == self.name);
        match self.described(name)? {
            Some(said) => Ok(Some(self.merged(record, said))),
            None => Ok(record),
        }
    }

    fn remove(&self, name: &str) -> Result<Option<Removed>> {
        let record = self.records.get(name)?.filter(|record| record.driver == self.name);
        if record.is_none() && self.described(name)?.is_none() {
            return Ok(None);
        }
        let Done {} = self.call("Remove", &Named { name }).map_err(self.failed("remove", name))?;
        match record {
            Some(_) => Ok(Some(self.records.remove(name)?.unwrap_or_default())),
            None => Ok(Some(Removed::default())),
        }
    }

    fn mount(&self, volume: &Volume, user: &str) -> Result<Mounted> {
        let name = volume.name.as_str();
        let broken = |reason: String| self.failed("mount", name)(Failure::Broken(reason));
        let place: Place = self.call("Mount", &Used { name, id: user }).map_err(self.failed("mount", name))?;
        let path = if let Some(path) = place.mountpoint.filter(|path| !path.is_empty()) {
            path
        } else {
            let place: Place = self.call("Path", &Named { name }).map_err(self.failed("find", name))?;
            place.mountpoint.unwrap_or_default()
        };
        if !Path::new(&path).is_absolute() {
            return Err(broken(format!("it says that the volume is at {path:?}, which is no absolute path")));
        }
        match std::fs::metadata(&path) {
            Ok(_) => Ok(Mounted::At(path.into())),
            Err(error) => Err(broken(format!("it says that the volume is at {path}: {error}"))),
        }
    }

    fn unmount(&self, name: &str, user: &str) -> Result<()> {
        match self.call::<Done>("Unmount", &Used { name, id: user }) {
            Ok(Done {}) => Ok(()),
            Err(Failure::Refused(_)) if self.described(name)?.is_none() => Ok(()),
            Err(failure) => Err(self.failed("unmount", name)(failure)),
        }
    }
}
