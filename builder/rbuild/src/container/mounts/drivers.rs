//! All volume drivers as one: `local`, and the plugins that are found when one is asked for. Knows no container.

use super::plugin::{Plugin, PluginSettings};
use rbuild_oci::Timestamp;
use rbuild_store::{
    Error, LOCAL, LocalVolumes, Mounted, NewVolume, Removed, Result, Store, Volume, VolumeDriver, VolumeRecords,
};
use std::collections::BTreeMap;

/// Every driver there is. A volume is its own driver's; a new one is `local` unless another driver is asked for.
#[derive(Clone, Debug)]
pub struct VolumeDrivers {
    records: VolumeRecords,
    local: LocalVolumes,
    plugins: PluginSettings,
}

/// All volumes, and what kept some from being seen.
#[derive(Debug, Default)]
pub struct Survey {
    /// The volumes, sorted by name.
    pub volumes: Vec<Volume>,
    /// Why a driver could not say which volumes it has, one a driver.
    pub failures: Vec<Error>,
}

impl VolumeDrivers {
    /// Those for the volumes of a store. Looks for no plugin yet.
    pub fn new(store: &Store, plugins: PluginSettings) -> Self {
        Self { records: store.volume_records(), local: store.volumes(), plugins }
    }

    /// The names of all drivers: `local`, then the plugins that are found, sorted.
    pub fn names(&self) -> Vec<String> {
        std::iter::once(LOCAL.to_owned()).chain(self.plugins.folders.names()).collect()
    }

    /// The volumes of this store, and those that plugins have beside these.
    pub fn survey(&self) -> Result<Survey> {
        let mut volumes: BTreeMap<String, Volume> =
            self.records.list()?.into_iter().map(|volume| (volume.name.clone(), volume)).collect();
        let mut failures = Vec::new();
        for plugin in self.found() {
            match plugin.and_then(|plugin| plugin.all()) {
                Ok(all) => {
                    for volume in all {
                        let others = volumes.get(&volume.name).is_some_and(|known| known.driver != volume.driver);
                        if !others {
                            volumes.insert(volume.name.clone(), volume);
                        }
                    }
                }
                Err(failure) => failures.push(failure),
            }
        }
        Ok(Survey { volumes: volumes.into_values().collect(), failures })
    }

    /// Forgets a volume whose plugin does not let go of it: `volume rm -f`. None where there is none of that name; one
    /// of `local` stays.
    pub fn forget(&self, name: &str) -> Result<Option<Removed>> {
        match self.records.get(name)? {
            Some(record) if record.driver != LOCAL => self.records.remove(name),
            _ => Ok(None),
        }
    }

    /// All plugins, to be asked in passing.
    fn found(&self) -> impl Iterator<Item = Result<Plugin>> {
        let plugins = self.plugins.impatient();
        let names = plugins.folders.names();
        names.into_iter().filter_map(move |name| Plugin::find(&name, &plugins, &self.records).transpose())
    }

    /// The volume of a plugin that this store does not know. A plugin that does not answer has none.
    fn unknown(&self, name: &str) -> Option<Volume> {
        self.found().flatten().find_map(|plugin| plugin.get(name).ok().flatten())
    }

    /// The driver that is asked for by its name.
    fn driver(&self, name: &str, plugins: &PluginSettings, volume: &str) -> Result<Box<dyn VolumeDriver>> {
        if name == LOCAL {
            return Ok(Box::new(self.local.clone()));
        }
        match Plugin::find(name, plugins, &self.records)? {
            Some(plugin) => Ok(Box::new(plugin)),
            None => Err(Error::Driver {
                driver: name.to_owned(),
                operation: "use it for",
                volume: volume.to_owned(),
                reason: format!(
                    "there is no volume driver {name:?}: there is {}; plugins are looked for in {}",
                    self.names().join(", "),
                    plugins.folders.show()
                ),
            }),
        }
    }

    fn driver_of(&self, record: &Volume) -> Result<Box<dyn VolumeDriver>> {
        self.driver(&record.driver, &self.plugins, &record.name)
    }
}

impl VolumeDriver for VolumeDrivers {
    fn name(&self) -> &'static str {
        "any"
    }

    fn create(&self, new: &NewVolume, now: Timestamp) -> Result<Volume> {
        let wanted = new.driver.as_deref().filter(|name| !name.is_empty());
        let Some(name) = &new.name else {
            return self.driver(wanted.unwrap_or(LOCAL), &self.plugins, "it")?.create(new, now);
        };
        if let Some(there) = self.records.get_settled(name)? {
            return there.check_same(new, wanted.unwrap_or(&there.driver)).map(|()| there);
        }
        let wanted = match wanted {
            Some(wanted) => wanted.to_owned(),
            None => self.unknown(name).map_or_else(|| LOCAL.to_owned(), |volume| volume.driver),
        };
        self.driver(&wanted, &self.plugins, name)?.create(new, now)
    }

    fn list(&self) -> Result<Vec<Volume>> {
        Ok(self.survey()?.volumes)
    }

    /// One whose plugin does not answer is as it was remembered.
    fn get(&self, name: &str) -> Result<Option<Volume>> {
        let Some(record) = self.records.get(name)? else { return Ok(self.unknown(name)) };
        if record.driver == LOCAL {
            return Ok(Some(record));
        }
        let asked = self.driver(&record.driver, &self.plugins.impatient(), name).and_then(|driver| driver.get(name));
        Ok(Some(asked.ok().flatten().unwrap_or(record)))
    }

    fn remove(&self, name: &str) -> Result<Option<Removed>> {
        match self.records.get(name)?.or_else(|| self.unknown(name)) {
            Some(volume) => self.driver_of(&volume)?.remove(name),
            None => Ok(None),
        }
    }

    fn mount(&self, volume: &Volume, user: &str) -> Result<Mounted> {
        self.driver_of(volume)?.mount(volume, user)
    }

    /// Also where everything else is to stop.
    fn unmount(&self, name: &str, user: &str) -> Result<()> {
        match self.records.get(name)? {
            Some(record) => self.driver(&record.driver, &self.plugins.at_the_end(), name)?.unmount(name, user),
            None => Ok(()),
        }
    }
}
