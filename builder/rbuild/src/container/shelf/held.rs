//! One container's directory, locked by this process: nobody else runs or removes it meanwhile. Knows no other
//! container.

use super::state::State;
use crate::container::model::{Config, ContainerId};
use crate::error::{Error, Result};
use rbuild_store::if_there;
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const CONFIG: &str = "config.json";
const STATE: &str = "state.json";
const LOCK: &str = "lock";
const AUTO_REMOVE: &str = "auto-remove";
const FOR_LATER: &str = "for-later";
const UPPER: &str = "upper";
const ETC: &str = "etc";

/// A locked container. The lock goes with this value, or with the process.
#[derive(Debug)]
pub struct Held {
    dir: PathBuf,
    config: Config,
    lock: OwnedFd,
}

impl Held {
    /// What it is.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its id.
    pub fn id(&self) -> &ContainerId {
        &self.config.id
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the storage driver keeps its writable layer.
    pub fn upper(&self) -> PathBuf {
        self.dir.join(UPPER)
    }

    /// Where its own files of /etc are.
    pub fn etc(&self) -> PathBuf {
        self.dir.join(ETC)
    }

    /// Whether it is to be removed when it ends.
    pub fn is_auto_removed(&self) -> bool {
        is_auto_removed(&self.dir)
    }

    /// Writes down that it was made to be started later: until then, `--rm` does not count.
    pub(crate) fn leave_for_later(&self) -> Result<()> {
        write(&self.dir, FOR_LATER, b"")
    }

    /// Writes down where it is in its life, all at once.
    pub fn set_state(&self, state: &State) -> Result<()> {
        write(&self.dir, STATE, &to_json(state)?)
    }

    /// The lock alone, to be handed to another process.
    pub(crate) fn into_lock(self) -> OwnedFd {
        self.lock
    }

    /// The container in `dir`, whose lock another process took and handed on; refused if that is another's.
    pub(crate) fn adopt(dir: PathBuf, id: &ContainerId, lock: OwnedFd) -> Result<Self> {
        let own = rustix::fs::stat(dir.join(LOCK)).map_err(Error::io("look at", dir.display()))?;
        let is_same =
            rustix::fs::fstat(&lock).is_ok_and(|given| (given.st_dev, given.st_ino) == (own.st_dev, own.st_ino));
        if !is_same || !lock_now(&lock).map_err(Error::io("lock", dir.display()))? {
            return Err(Error::Usage("supervise is what rbuild starts itself: use rbuild start".to_owned()));
        }
        let config = read_config(&dir, id)?;
        Ok(Self { dir, config, lock })
    }

    /// Fills a new directory, which becomes the container when it is moved to `place`.
    pub(crate) fn make(draft: &Path, place: PathBuf, config: Config, auto_remove: bool) -> Result<Self> {
        for name in [UPPER, ETC] {
            let path = draft.join(name);
            fs::create_dir(&path).map_err(Error::io("create directory", path.display()))?;
        }
        let fill = |name: &str, bytes: &[u8]| {
            let path = draft.join(name);
            fs::write(&path, bytes).map_err(Error::io("write", path.display()))
        };
        fill(CONFIG, &to_json(&config)?)?;
        if auto_remove {
            fill(AUTO_REMOVE, b"")?;
        } else {
            // With a file to take the place of, ext4 writes the next one before it does.
            fill(STATE, &to_json(&State::Created)?)?;
        }
        let lock = open_lock(draft, OFlags::CREATE)?;
        let locked = lock_now(&lock).map_err(Error::io("lock", draft.display()))?;
        debug_assert!(locked, "nobody knows the directory yet");
        Ok(Self { dir: place, config, lock })
    }

    /// Locks the container in `dir`; none while another process has it, or if it is gone. What a killed rbuild left
    /// running of it is ended first.
    pub(crate) fn take(dir: PathBuf, id: &ContainerId) -> Result<Option<Self>> {
        let Some(lock) = lock(&dir, OFlags::empty())? else { return Ok(None) };
        if let State::Running { process, .. } = read_state(&dir, id)? {
            process.end()?;
            rbuild_runner::cgroup::remove(id.hex())?;
        }
        let config = read_config(&dir, id)?;
        Ok(Some(Self { dir, config, lock }))
    }
}

/// The lock of what is in `dir`, even of a container that lost its own; none while another process has it, or if it is gone.
pub(super) fn lock_alone(dir: &Path) -> Result<Option<OwnedFd>> {
    lock(dir, OFlags::CREATE)
}

/// The lock in `dir`; none while another process has it, or if that directory went before it was locked.
fn lock(dir: &Path, flags: OFlags) -> Result<Option<OwnedFd>> {
    let lock = match open_lock(dir, flags) {
        Err(error) if error.is_not_found() => return Ok(None),
        lock => lock?,
    };
    let locked = lock_now(&lock).map_err(Error::io("lock", dir.display()))?;
    Ok((locked && dir.join(LOCK).exists()).then_some(lock))
}

/// Waits until nobody has the container in `dir` locked; at once if it is gone.
pub(crate) fn wait_until_free(dir: &Path) -> Result<()> {
    match open_lock(dir, OFlags::empty()) {
        Err(error) if error.is_not_found() => Ok(()),
        lock => {
            let lock = lock?;
            rustix::io::retry_on_intr(|| rustix::fs::flock(&lock, FlockOperation::LockShared))
                .map_err(Error::io("wait for", dir.display()))
        }
    }
}

/// The configuration of the container in `dir`; not found is that directory alone.
pub(crate) fn read_config(dir: &Path, id: &ContainerId) -> Result<Config> {
    let path = dir.join(CONFIG);
    match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound && dir.exists() => {
            Err(Error::damaged(id.short(), "its config.json is missing"))
        }
        bytes => Config::from_json(id.short(), &bytes.map_err(Error::io("read", path.display()))?),
    }
}

/// Replaces the configuration of the container in `dir`: another name is all that changes.
pub(crate) fn write_config(dir: &Path, config: &Config) -> Result<()> {
    write(dir, CONFIG, &to_json(config)?)
}

/// The state of the container in `dir`.
pub(crate) fn read_state(dir: &Path, id: &ContainerId) -> Result<State> {
    let path = dir.join(STATE);
    let bytes = if_there(fs::read(&path)).map_err(Error::io("read", path.display()))?;
    let Some(bytes) = bytes else { return Ok(State::Created) };
    serde_json::from_slice(&bytes).map_err(|error| Error::damaged(id.short(), format!("its state.json: {error}")))
}

/// Whether the container in `dir` is one that is removed when it ends.
pub(crate) fn is_auto_removed(dir: &Path) -> bool {
    dir.join(AUTO_REMOVE).exists()
}

/// Whether the container in `dir` was made to be started later.
pub(crate) fn is_for_later(dir: &Path) -> bool {
    dir.join(FOR_LATER).exists()
}

fn open_lock(dir: &Path, flags: OFlags) -> Result<OwnedFd> {
    let path = dir.join(LOCK);
    rustix::fs::open(&path, flags | OFlags::RDWR | OFlags::CLOEXEC, Mode::from_raw_mode(0o600))
        .map_err(Error::io("open", path.display()))
}

fn lock_now(lock: &OwnedFd) -> rustix::io::Result<bool> {
    match rustix::fs::flock(lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno),
    }
}

fn to_json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::io("write", "a container's JSON")(std::io::Error::other(error)))
}

/// Replaces a file; who reads it sees the old or the new one whole.
fn write(dir: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let (new, path) = (dir.join(format!("{name}.new")), dir.join(name));
    match fs::write(&new, bytes) {
        Ok(()) => fs::rename(&new, &path),
        Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            drop(fs::remove_file(&new));
            write_over(&path, bytes).map_err(|_| error)
        }
        Err(error) => Err(error),
    }
    .map_err(Error::io("write", path.display()))
}

/// Where no space is left, the space that the old content has is used again, with blanks behind the new.
fn write_over(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let file = fs::OpenOptions::new().write(true).open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or_default().max(bytes.len());
    let mut padded = bytes.to_vec();
    padded.resize(length, b' ');
    file.write_all_at(&padded, 0)
}
