//! A directory as a depot: what any CI can save and bring back. Knows no network and no lock.
//!
//! `record/<2 characters>/<hex>`, `step/…` and `mount/…` are documents, `blobs/sha256/<hex>` blobs, `tmp/` what is not
//! finished. Everything lands by rename, and nothing in a file names a place of this machine. Whoever planted a link or a
//! device in it gains nothing: no name leads out of the directory, and only regular files are opened.

mod sheet;
mod trim;

pub use trim::Trimmed;

use super::{Depot, Kind, Name, Open};
use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, Digest, Timestamp};
use rbuild_store::content::Verified;
use rbuild_store::{Meta, RootDir};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Keeps documents and blobs below a directory, which need not exist before the first write. A document that is damaged
/// is an error that names it, and the next one of its name takes its place; so does a blob, which is removed as soon as
/// that is known. [`DirDepot::trim`] bounds the size.
#[derive(Debug)]
pub struct DirDepot {
    path: PathBuf,
    /// Whether what others left behind was looked for.
    swept: Once,
}

/// Below this age nothing is removed, as somebody may be at work with it, and no time of use is noted anew.
const YOUNG: Duration = Duration::from_hours(1);

/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

const TMP: &str = "tmp";

const BLOBS: &str = "blobs/sha256";

/// What an operation on files gives.
type Local<T> = rbuild_store::Result<T>;

impl DirDepot {
    /// The depot in that directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), swept: Once::new() }
    }

    /// The way into the directory; none where there is none.
    fn root(&self) -> Local<Option<RootDir>> {
        if_there(RootDir::open(&self.path))
    }

    fn open(&self, place: &str) -> Local<Option<(RootDir, File)>> {
        let Some(root) = self.root()? else { return Ok(None) };
        let file = if_there(root.open_file(place.as_bytes()))?;
        Ok(file.map(|file| (root, file)))
    }

    /// Whether a blob is there, as far as its size says; it counts as written now, then.
    fn renew(&self, blob: &Descriptor) -> Local<bool> {
        let Some(root) = self.root()? else { return Ok(false) };
        let place = blob_place(&blob.digest);
        let fits = |meta: Meta| meta.is_file() && meta.size == blob.size;
        if !if_there(root.stat(place.as_bytes()))?.is_some_and(fits) {
            return Ok(false);
        }
        match root.set_times(place.as_bytes(), now()) {
            Err(error) if error.is_not_found() => Ok(false),
            // Another user's file cannot be renewed, and is there all the same.
            _ => Ok(true),
        }
    }

    /// A file at `place`, in place of any other, with what `fill` writes.
    fn write(&self, place: &str, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Local<()> {
        let parent = place.rsplit_once('/').map_or(place, |(parent, _)| parent);
        fs::create_dir_all(&self.path).map_err(rbuild_store::Error::io("create", self.path.display()))?;
        let root = RootDir::open(&self.path)?;
        for directory in [TMP, parent] {
            make_dir(&root, directory)?;
        }
        self.swept.call_once(|| drop(trim::sweep(&root)));
        let (temporary, mut file) = new_file(&root)?;
        let filled = fill(&mut file).map_err(rbuild_store::Error::io("write", place));
        let landed = filled.and_then(|()| root.rename(temporary.as_bytes(), place.as_bytes()));
        if landed.is_err() {
            drop(root.remove(temporary.as_bytes()));
        }
        landed
    }

    fn unreadable(&self, subject: impl fmt::Display, error: impl fmt::Display) -> Error {
        Error::depot(self, "read", subject, error)
    }

    /// The error of a write. What stands in the way of one stands in the way of all.
    fn unwritable(&self, subject: impl fmt::Display, error: &rbuild_store::Error) -> Error {
        use io::ErrorKind as Why;
        let for_all = [
            Why::PermissionDenied,
            Why::QuotaExceeded,
            Why::ReadOnlyFilesystem,
            Why::StorageFull,
            Why::AlreadyExists,
            Why::NotADirectory,
        ];
        match error {
            rbuild_store::Error::Io { source, .. } if for_all.contains(&source.kind()) => {
                Error::away(self, "keep", subject, error)
            }
            _ => Error::depot(self, "keep", subject, error),
        }
    }
}

impl fmt::Display for DirDepot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

impl Depot for DirDepot {
    fn has(&self, name: &Name) -> Result<bool> {
        let found = self.open(&place(name)).map_err(|error| self.unreadable(name, error))?;
        Ok(found.is_some_and(|(_, file)| sheet::document(file).is_ok()))
    }

    fn document(&self, name: &Name) -> Result<Option<Vec<u8>>> {
        let place = place(name);
        let found = self.open(&place).map_err(|error| self.unreadable(name, error))?;
        let Some((root, file)) = found else { return Ok(None) };
        let written = file.metadata().and_then(|meta| meta.modified());
        let bytes = sheet::document(file).map_err(|error| self.unreadable(name, error))?;
        if written.is_ok_and(|time| !is_young(time)) {
            // Where that may not be noted, it is only forgotten sooner.
            drop(root.set_times(place.as_bytes(), now()));
        }
        Ok(Some(bytes))
    }

    fn put_document(&self, name: &Name, bytes: &[u8], blobs: &[Descriptor]) -> Result<()> {
        let file = sheet::encode(bytes, blobs);
        self.write(&place(name), |sink| sink.write_all(&file)).map_err(|error| self.unwritable(name, &error))
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        let failed = |error: &dyn fmt::Display| self.unreadable(blob.digest, error);
        let place = blob_place(&blob.digest);
        let Some((root, file)) = self.open(&place).map_err(|error| failed(&error))? else { return Ok(false) };
        let mut content = Verified::of(file, blob);
        let mut chunk = vec![0; CHUNK];
        loop {
            match content.read(&mut chunk) {
                Ok(0) => return Ok(true),
                Ok(count) => sink.write_all(&chunk[..count]).map_err(|error| failed(&error))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if error.kind() == io::ErrorKind::InvalidData {
                        // Where it may not be removed, it is refused again the next time.
                        drop(root.remove(place.as_bytes()));
                    }
                    return Err(failed(&error));
                }
            }
        }
    }

    fn put(&self, blob: &Descriptor, open: &Open<'_>) -> Result<bool> {
        if self.renew(blob).map_err(|error| self.unwritable(blob.digest, &error))? {
            return Ok(false);
        }
        let fill = |file: &mut File| io::copy(&mut Verified::of(open()?, blob), file).map(drop);
        self.write(&blob_place(&blob.digest), fill).map_err(|error| self.unwritable(blob.digest, &error))?;
        Ok(true)
    }
}

/// Where the document of that name lies.
fn place(name: &Name) -> String {
    let hex = name.digest.hex();
    format!("{}/{}/{hex}", name.kind.word(), &hex[..2])
}

/// Where the blob of that digest lies.
fn blob_place(digest: &Digest) -> String {
    format!("{BLOBS}/{}", digest.hex())
}

/// A new file under a name that nobody else uses, on this machine or another.
fn new_file(root: &RootDir) -> Local<(String, File)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{TMP}/{}-{number}", std::process::id());
        match root.create_file(name.as_bytes(), 0o644) {
            Err(error) if error.is_taken() => {}
            made => return made.map(|file| (name, file)),
        }
    }
}

/// Makes a directory and those above it; fine if they are there.
fn make_dir(root: &RootDir, path: &str) -> Local<()> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    for end in ends {
        match root.mkdir(&path.as_bytes()[..end], 0o755) {
            Err(error) if !error.is_taken() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn if_there<T>(answer: Local<T>) -> Local<Option<T>> {
    match answer {
        Err(error) if error.is_not_found() => Ok(None),
        other => other.map(Some),
    }
}

/// Whether less than an hour lies between that time and now. What is of a time to come is no younger than what is old.
fn is_young(time: SystemTime) -> bool {
    time.elapsed().unwrap_or_else(|ahead| ahead.duration()) < YOUNG
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp { seconds: since.as_secs() as i64, nanos: since.subsec_nanos() }
}
