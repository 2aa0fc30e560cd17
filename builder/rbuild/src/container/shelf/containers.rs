//! All containers of a store: made, named, found, removed. A container appears and disappears by one rename, so there
//! is never half of one. Knows nothing of what is in them.

use super::held::{self, Held};
use super::state::{State, Status};
use super::volumes::is_untold;
use crate::container::create::Identity;
use crate::container::model::{Binding, Config, ContainerId, Port, name, ports_text, random};
use crate::error::{Error, Result};
use rbuild_oci::Timestamp;
use rbuild_store::{Bucket, DirEntry, RootDir, Store, VolumeDriver, if_there};
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The containers of a store.
#[derive(Clone, Debug)]
pub struct Containers {
    store: Store,
}

/// A container as anybody may look at it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is.
    pub config: Config,
    /// What was last written down of its life.
    pub state: State,
}

impl Entry {
    /// What `ps` shows as its PORTS: `0.0.0.0:8080->80/tcp, 443/tcp`; nothing while it does not run.
    pub fn ports_text(&self, now: &Status) -> String {
        ports_text::text(self.bindings(now), self.exposed(now))
    }

    /// What `inspect` shows as its `NetworkSettings.Ports`.
    pub fn ports_json(&self, now: &Status) -> serde_json::Value {
        ports_text::json(self.bindings(now), self.exposed(now))
    }

    /// The ports that are published, as its state now is.
    pub fn bindings(&self, now: &Status) -> &[Binding] {
        match &self.state {
            State::Running { ports, .. } if now.pid().is_some() => ports,
            _ => &[],
        }
    }

    /// On the machine's own network a port needs no showing.
    fn exposed(&self, now: &Status) -> &[Port] {
        let shown = self.config.network.is_private() && now.pid().is_some();
        if shown { &self.config.ports.expose } else { &[] }
    }
}

/// What is asked of a new container beside its configuration.
#[derive(Clone, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) auto_remove: bool,
    pub(crate) created: Timestamp,
}

const NAMES: &str = "names";
const LOCK: &str = ".lock";

impl Containers {
    /// Those of this store. Makes nothing yet.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone() }
    }

    /// The ids of all, sorted.
    pub fn ids(&self) -> Result<Vec<ContainerId>> {
        let entries = RootDir::list_at(&self.bucket())?;
        let id = |entry: &DirEntry| ContainerId::parse(str::from_utf8(&entry.name).ok()?);
        Ok(entries.iter().filter_map(id).collect())
    }

    /// One of them; none if it is gone. One that cannot be read is [`Error::Damaged`].
    pub fn read(&self, id: &ContainerId) -> Result<Option<Entry>> {
        let dir = self.dir(id);
        let read =
            || Ok::<_, Error>(Entry { config: held::read_config(&dir, id)?, state: held::read_state(&dir, id)? });
        match read() {
            Err(error) if error.is_not_found() => Ok(None),
            entry => entry.map(Some),
        }
    }

    /// All of them, by id, if all can be read.
    pub fn all(&self) -> Result<Vec<Entry>> {
        let (sound, wrong) = self.sound()?;
        wrong.into_iter().next().map_or(Ok(sound), Err)
    }

    /// The names that are given, sorted.
    pub fn names(&self) -> Result<Vec<String>> {
        let dir = self.bucket().join(NAMES);
        let failed = || Error::io("list", dir.display());
        let Some(entries) = if_there(fs::read_dir(&dir)).map_err(failed())? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed())?.file_name().into_string().unwrap_or_default();
            if self.owner(&name)?.is_some() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Locks a container; none while it runs, while another process works on it, or if it is gone. Whoever works on one
    /// that does not run may be done in a moment, and is given that moment.
    pub fn hold(&self, id: &ContainerId) -> Result<Option<Held>> {
        const MOMENT: Duration = Duration::from_millis(10);
        for _ in 0..50 {
            let held = Held::take(self.dir(id), id)?;
            let is_idle = || Ok::<_, Error>(self.read(id)?.is_some_and(|entry| !entry.state.is_running()));
            if held.is_some() || !is_idle()? {
                return Ok(held);
            }
            std::thread::sleep(MOMENT);
        }
        Ok(None)
    }

    /// Waits until nobody runs the container or works on it.
    pub fn wait_until_free(&self, id: &ContainerId) -> Result<()> {
        held::wait_until_free(&self.dir(id))
    }

    /// Whether a container is removed when it ends.
    pub fn is_auto_removed(&self, id: &ContainerId) -> bool {
        held::is_auto_removed(&self.dir(id))
    }

    /// Refuses a container with `--rm` that was running when the machine went down: nothing that it wrote was synced.
    pub(crate) fn refuse_torn(&self, entry: &Entry) -> Result<()> {
        if !self.is_auto_removed(&entry.config.id) || !entry.state.went_down()? {
            return Ok(());
        }
        Err(Error::Unfit {
            name: entry.config.name.clone(),
            reason: "was made with --rm and was running when the machine went down: its files may be torn".to_owned(),
            hint: Some("the next rbuild run removes it".to_owned()),
        })
    }

    /// The containers that mount a volume, or may, as they cannot be read: it cannot be removed.
    pub fn with_volume(&self, volume: &str) -> Result<Vec<ContainerId>> {
        let mut users = Vec::new();
        for id in self.ids()? {
            let uses = match self.read(&id) {
                Err(Error::Damaged { .. }) => true,
                entry => entry?.is_some_and(|entry| entry.config.uses_volume(volume)),
            };
            users.extend(uses.then_some(id));
        }
        Ok(users)
    }

    /// Makes a container of what `describe` says, locked by this process from its first moment.
    pub(crate) fn create(
        &self,
        wanted: &Wanted<'_>,
        describe: impl FnOnce(Identity) -> Result<Config>,
    ) -> Result<Held> {
        let _lock = self.lock()?;
        let name = match wanted.name {
            Some(name) => self.refuse_taken(name).map(|()| name.to_owned())?,
            None => self.invent_name()?,
        };
        let id = ContainerId::draw()?;
        let config = describe(Identity { id: id.clone(), name: name.clone(), created: wanted.created })?;
        let draft = self.store.tmp_dir()?;
        let held = Held::make(draft.path(), self.dir(&id), config, wanted.auto_remove)?;
        self.link_name(&name, &id)?;
        if !draft.persist_new(&self.dir(&id))? {
            return Err(in_use(id.hex(), &id));
        }
        Ok(held)
    }

    /// Removes a container and the volumes that are its alone; these first, so that a container whose removal was cut
    /// short is still there to be removed again. A volume whose driver does not let go of it stays, and so do all while
    /// there is a container that cannot be read: they may be its.
    pub(crate) fn remove(&self, held: Held, volumes: &dyn VolumeDriver) -> Result<()> {
        // Its driver may be gone for good, and the container must not stay for that.
        drop(held.unmount(volumes));
        let lock = self.lock()?;
        let mut removed = Vec::new();
        for volume in held.config().anonymous_volumes() {
            let others = self.with_volume(volume)?.into_iter().any(|id| id != *held.id());
            if !others {
                match volumes.remove(volume) {
                    Err(rbuild_store::Error::Driver { .. }) => {}
                    other => removed.extend(other?),
                }
            }
        }
        self.take_away(held, lock)?;
        Ok(removed.into_iter().try_for_each(rbuild_store::Removed::finish)?)
    }

    /// Removes a container and leaves its volumes, whose drivers are told that it needs them no more.
    pub(crate) fn remove_alone(&self, held: Held, volumes: &dyn VolumeDriver) -> Result<()> {
        drop(held.unmount(volumes));
        self.take_away(held, self.lock()?)
    }

    fn take_away(&self, held: Held, lock: OwnedFd) -> Result<()> {
        let trash = self.store.discard(held.dir())?;
        if !self.unlink_name(&held.config().name, held.id())?
            && let Ok(renamed) = held::read_config(trash.path(), held.id())
        {
            self.unlink_name(&renamed.name, held.id())?;
        }
        drop((held, lock));
        drop(trash);
        Ok(())
    }

    /// Gives a container another name, whether it runs or not.
    pub fn rename(&self, id: &ContainerId, name: &str) -> Result<()> {
        let name = name::parse(name)?;
        let _lock = self.lock()?;
        let mut config = held::read_config(&self.dir(id), id)?;
        if config.name == name {
            return Err(Error::Usage(format!("container {name} has that name already")));
        }
        self.refuse_taken(&name)?;
        self.link_name(&name, id)?;
        let old = std::mem::replace(&mut config.name, name);
        held::write_config(&self.dir(id), &config)?;
        self.unlink_name(&old, id).map(drop)
    }

    /// Removes what containers with `--rm` left that were killed together with their rbuild, and tells the drivers of
    /// volumes that killed containers need them no more.
    pub(crate) fn sweep(&self, volumes: &dyn VolumeDriver) -> Result<()> {
        for id in self.ids()? {
            let dir = self.dir(&id);
            if held::is_auto_removed(&dir) && !waits(&dir, &id) {
                match Held::take(dir, &id) {
                    Err(Error::Damaged { .. }) => self.remove_damaged(&id).map(drop)?,
                    held => held?.map_or(Ok(()), |held| self.remove(held, volumes))?,
                }
            } else if is_untold(&dir) {
                match Held::take(dir, &id) {
                    // Whoever lists containers is told.
                    Err(Error::Damaged { .. }) => {}
                    // A driver that does not answer is told again the next time.
                    held => held?.map_or((), |held| drop(held.unmount(volumes))),
                }
            }
        }
        Ok(())
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    fn bucket(&self) -> PathBuf {
        self.store.dir(Bucket::Containers)
    }

    /// The directory of a container.
    pub fn dir(&self, id: &ContainerId) -> PathBuf {
        self.bucket().join(id.hex())
    }

    fn name_path(&self, name: &str) -> PathBuf {
        self.bucket().join(NAMES).join(name)
    }

    /// Who has a name. A link to a container that is gone, or never came to be, counts for nothing.
    pub(super) fn owner(&self, name: &str) -> Result<Option<ContainerId>> {
        let path = self.name_path(name);
        let target = if_there(fs::read_link(&path)).map_err(Error::io("read link", path.display()))?;
        let id = target.and_then(|target| target.to_str().and_then(ContainerId::parse));
        Ok(id.filter(|id| self.dir(id).exists()))
    }

    fn refuse_taken(&self, name: &str) -> Result<()> {
        match self.owner(name)? {
            Some(id) => Err(in_use(name, &id)),
            None => Ok(()),
        }
    }

    fn invent_name(&self) -> Result<String> {
        let mut attempt = 0;
        loop {
            let name = name::random(random()?, attempt);
            if self.owner(&name)?.is_none() {
                return Ok(name);
            }
            attempt += 1;
        }
    }

    fn link_name(&self, name: &str, id: &ContainerId) -> Result<()> {
        let path = self.name_path(name);
        if_there(fs::remove_file(&path)).map_err(Error::io("remove", path.display()))?;
        std::os::unix::fs::symlink(id.hex(), &path).map_err(Error::io("create link", path.display()))
    }

    /// Whether it had that name: containers are renamed whether they are locked or not.
    fn unlink_name(&self, name: &str, id: &ContainerId) -> Result<bool> {
        let path = self.name_path(name);
        let is_its = fs::read_link(&path).is_ok_and(|target| target == Path::new(id.hex()));
        if is_its {
            fs::remove_file(&path).map_err(Error::io("remove", path.display()))?;
        }
        Ok(is_its)
    }

    /// Frees what names a container has.
    pub(super) fn unlink_names(&self, id: &ContainerId) -> Result<()> {
        let dir = self.bucket().join(NAMES);
        for entry in RootDir::list_at(&dir)? {
            self.unlink_name(&String::from_utf8_lossy(&entry.name), id)?;
        }
        Ok(())
    }

    /// The lock of the bucket, and the directory of names made.
    pub(super) fn lock(&self) -> Result<OwnedFd> {
        let (path, names) = (self.bucket().join(LOCK), self.bucket().join(NAMES));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        let lock =
            rustix::fs::open(&path, flags, Mode::from_raw_mode(0o600)).map_err(Error::io("open", path.display()))?;
        rustix::io::retry_on_intr(|| rustix::fs::flock(&lock, FlockOperation::LockExclusive))
            .map_err(Error::io("lock", path.display()))?;
        fs::create_dir_all(&names).map_err(Error::io("create directory", names.display()))?;
        Ok(lock)
    }
}

/// Whether a container was made to be started later, and was not yet.
fn waits(dir: &Path, id: &ContainerId) -> bool {
    held::is_for_later(dir) && held::read_state(dir, id).is_ok_and(|state| state == State::Created)
}

fn in_use(name: &str, id: &ContainerId) -> Error {
    Error::Store(rbuild_store::Error::Refused {
        what: "container name",
        subject: name.to_owned(),
        reason: format!("container {} has it: remove that one or choose another name", id.short()),
    })
}
