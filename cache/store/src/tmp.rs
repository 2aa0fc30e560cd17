//! Files and directories that are not finished: made under a name nobody looks at, moved to their place in one step,
//! removed when dropped before that. Knows no bucket.

use crate::durable::WriteOut;
use crate::error::{Error, Result};
use crate::lease;
use crate::root_dir::RootDir;
use rbuild_oci::Timestamp;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file on its way. Dropping it removes it. What is written through it begins to be brought to the disk meanwhile.
#[derive(Debug)]
pub struct TmpFile {
    file: File,
    write_out: WriteOut,
    name: Name,
}

impl TmpFile {
    /// The file, open for reading and writing. Its mode is 0644 less the umask.
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Where it is until it is moved.
    pub fn path(&self) -> &Path {
        &self.name.path
    }

    /// Moves it to `place` on the same file system, replacing what is there.
    pub fn persist(mut self, place: &Path) -> Result<()> {
        self.name.rename(place).map_err(Error::io("rename to", place.display()))
    }

    /// Moves it to `place` unless something is there already; says whether it did.
    pub fn persist_new(self, place: &Path) -> Result<bool> {
        match fs::hard_link(self.path(), place) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(Error::io("link to", place.display())(error)),
        }
    }

    pub(crate) fn new(dir: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o644);
        let (file, name) =
            unique(dir, |path| options.open(path)).map_err(Error::io("create a file in", dir.display()))?;
        Ok(Self { file, write_out: WriteOut::default(), name })
    }

    pub(crate) fn filled(self, bytes: &[u8]) -> Result<Self> {
        (&self.file).write_all(bytes).map_err(Error::io("write", self.path().display()))?;
        Ok(self)
    }
}

impl Write for TmpFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.write_out.advance(&self.file, count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A directory on its way. Dropping it removes it and all in it.
#[derive(Debug)]
pub struct TmpDir {
    name: Name,
}

impl TmpDir {
    /// Where it is until it is moved.
    pub fn path(&self) -> &Path {
        &self.name.path
    }

    /// Moves it to `place` unless something is there already, an empty directory aside; says whether it did.
    pub fn persist_new(mut self, place: &Path) -> Result<bool> {
        match self.name.rename(place) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty) => {
                Ok(false)
            }
            Err(error) => Err(Error::io("rename to", place.display())(error)),
        }
    }

    /// Removes it, and says what went wrong with that.
    pub fn remove(mut self) -> Result<()> {
        self.name.moved = true;
        remove_tree(&self.name.path)
    }

    /// What was at `path`, on its way out. A rename takes no room, so this works on a full disk too.
    pub(crate) fn of(dir: &Path, path: &Path) -> Result<Self> {
        let ((), name) = unique(dir, |place| fs::rename(path, place)).map_err(Error::io("remove", path.display()))?;
        Ok(Self { name })
    }

    pub(crate) fn new(dir: &Path) -> Result<Self> {
        let ((), name) = unique(dir, |path| DirBuilder::new().mode(0o700).create(path))
            .map_err(Error::io("create a directory in", dir.display()))?;
        Ok(Self { name })
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if !self.moved {
            drop(remove_tree(&self.path));
        }
    }
}

/// A name in tmp that goes with its owner.
#[derive(Debug)]
struct Name {
    path: PathBuf,
    moved: bool,
}

impl Name {
    fn rename(&mut self, place: &Path) -> io::Result<()> {
        fs::rename(&self.path, place)?;
        self.moved = true;
        Ok(())
    }
}

/// Removes a file or tree of the store, links not followed; fine if it is not there.
pub(crate) fn remove_tree(path: &Path) -> Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    RootDir::open(parent)?.remove_tree(name.as_bytes())
}

/// How old a thing in tmp is at least before it counts as left behind, in seconds: long past the moment in which a store
/// is made, which is when things are in tmp without a lease.
const LEFT_BEHIND: i64 = 60;

/// Removes what is older than the oldest live lease, so its maker is dead. What only another user may remove stays.
pub(crate) fn sweep(dir: &Path, oldest: impl FnOnce() -> Result<Timestamp>) -> Result<()> {
    let latest = lease::now();
    let left_behind = Timestamp { seconds: latest.seconds - LEFT_BEHIND, ..latest };
    let is_older = |path: &Path, than| Ok::<_, Error>(lease::modified(path)?.is_some_and(|modified| modified < than));
    let mut old = Vec::new();
    for entry in RootDir::list_at(dir)? {
        let path = dir.join(OsStr::from_bytes(&entry.name));
        if is_older(&path, left_behind)? {
            old.push(path);
        }
    }
    if old.is_empty() {
        return Ok(());
    }
    let horizon = oldest()?.min(left_behind);
    for path in old {
        // Somebody else may sweep, too, and a name be used again.
        if is_older(&path, horizon)? {
            match remove_tree(&path) {
                Err(error) if error.is_not_found() => {}
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {}
                other => other?,
            }
        }
    }
    Ok(())
}

/// Makes something under a name that no process uses.
fn unique<T>(dir: &Path, mut make: impl FnMut(&Path) -> io::Result<T>) -> io::Result<(T, Name)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = dir.join(format!("{}-{number}", std::process::id()));
        match make(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return Ok((other?, Name { path, moved: false })),
        }
    }
}
