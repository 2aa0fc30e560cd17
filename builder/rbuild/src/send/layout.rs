//! Images into a directory that is an OCI image layout. One that is there keeps its other images, and who reads it
//! meanwhile sees whole images only. Knows no store.

use super::contents::{Contents, LAYOUT};
use super::pour::pour;
use super::target::{Unfinished, is_stdout};
use super::{Open, Placed, Sink};
use crate::error::{Error, Result};
use crate::import::layout::{IMAGE_NAME, REF_NAME};
use rbuild_oci::{Cancel, Descriptor, Index, Reference, to_canonical_json};
use rustix::fs::{FlockOperation, flock};
use serde_json::Value;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const LAYOUT_FILE: &str = "oci-layout";
const INDEX_FILE: &str = "index.json";

/// A layout in a directory that images are sent to.
#[derive(Debug)]
pub struct LayoutDir {
    directory: Directory,
    cancel: Cancel,
    contents: Mutex<Contents>,
}

impl LayoutDir {
    /// The layout at `dest`, made if there is none; one that is new appears there once it is finished. `tag` is what an
    /// image without a name is called in it.
    pub fn open(dest: &Path, tag: Option<String>, cancel: &Cancel) -> Result<Self> {
        let (directory, contents) = (Directory::open(dest)?, Mutex::new(Contents::new(tag)));
        Ok(Self { directory, cancel: cancel.clone(), contents })
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for LayoutDir {
    fn place(&self) -> String {
        self.directory.dest.display().to_string()
    }

    fn blob(&self, blob: &Descriptor, open: &Open<'_>) -> Result<Placed> {
        self.directory.blob(blob, &self.cancel, &mut |out, to| pour(blob, open, out, to, &self.cancel))
    }

    fn document(&self, document: &Descriptor, bytes: &[u8]) -> Result<()> {
        let fill: &mut Fill<'_> = &mut |out, to| out.write_all(bytes).map_err(Error::io("write", to));
        self.directory.blob(document, &self.cancel, fill)?;
        self.contents().document(document, bytes)
    }

    fn name(&self, document: &Descriptor, _: &[u8], name: &Reference) -> Result<()> {
        self.contents().name(document, name);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let entries = self.contents().entries();
        self.directory.finish(&entries)
    }
}

/// Writes the data of a file to what errors call by that text.
type Fill<'a> = dyn FnMut(&mut dyn Write, &str) -> Result<()> + 'a;

/// The files of a layout in a directory.
#[derive(Debug)]
pub(crate) struct Directory {
    dest: PathBuf,
    /// Where it is while it is new.
    new: Option<Unfinished>,
}

impl Directory {
    /// The layout at `dest`, made if there is none. A directory with something else in it is refused.
    pub(crate) fn open(dest: &Path) -> Result<Self> {
        if is_stdout(dest) {
            return Err(Error::Usage("a directory cannot go to standard output: write an archive".to_owned()));
        }
        let new = if is_there(dest)? { None } else { Some(Unfinished::directory(dest.to_owned())?) };
        let directory = Self { dest: dest.to_owned(), new };
        let blobs = directory.path().join("blobs/sha256");
        std::fs::create_dir_all(&blobs).map_err(Error::io("create directory", blobs.display()))?;
        Ok(directory)
    }

    /// Puts a blob, which `fill` writes, unless it is there and whole.
    pub(crate) fn blob(&self, blob: &Descriptor, cancel: &Cancel, fill: &mut Fill<'_>) -> Result<Placed> {
        put_blob(&self.path().join("blobs/sha256").join(blob.digest.hex()), blob, cancel, fill)
    }

    /// Puts entries into its index, in place of those that they replace.
    pub(crate) fn finish(self, entries: &[Descriptor]) -> Result<()> {
        let directory = self.path();
        let lock = File::open(directory).map_err(Error::io("open", directory.display()))?;
        flock(&lock, FlockOperation::LockExclusive).map_err(Error::io("lock", directory.display()))?;
        let index = merge(&directory.join(INDEX_FILE), entries)?;
        for (name, bytes) in [(LAYOUT_FILE, LAYOUT), (INDEX_FILE, &index)] {
            put(&directory.join(name), &mut |out, to| out.write_all(bytes).map_err(Error::io("write", to)))?;
        }
        self.new.map_or(Ok(()), Unfinished::finish)
    }

    fn path(&self) -> &Path {
        self.new.as_ref().map_or(&self.dest, Unfinished::path)
    }
}

/// Whether the directory exists; one with something else in it than a layout is refused.
fn is_there(dest: &Path) -> Result<bool> {
    let refused = |what: &str| Err(Error::Usage(format!("{} {what}: give a new directory", dest.display())));
    match std::fs::read_dir(dest) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotADirectory => refused("is no directory"),
        Err(error) => Err(Error::io("list", dest.display())(error)),
        Ok(_) if dest.join(LAYOUT_FILE).exists() => Ok(true),
        Ok(mut names) => match names.next() {
            None => Ok(true),
            Some(_) => refused("holds something that is no image layout"),
        },
    }
}

/// Writes a file that appears under its name once it is whole.
pub(super) fn put(place: &Path, fill: &mut Fill<'_>) -> Result<()> {
    let (mut file, unfinished) = Unfinished::file(place.to_owned())?;
    fill(&mut file, &place.display().to_string())?;
    unfinished.finish()
}

/// Writes a blob to a file, unless the file is there and is that blob: one that is damaged is replaced.
pub(super) fn put_blob(place: &Path, blob: &Descriptor, cancel: &Cancel, fill: &mut Fill<'_>) -> Result<Placed> {
    if is_whole(place, blob, cancel)? {
        return Ok(Placed::Existed);
    }
    put(place, fill)?;
    Ok(Placed::Sent)
}

/// Whether a file has the bytes of a blob; one that cannot be read has not.
fn is_whole(place: &Path, blob: &Descriptor, cancel: &Cancel) -> Result<bool> {
    if !place.metadata().is_ok_and(|there| there.is_file() && there.len() == blob.size) {
        return Ok(false);
    }
    let open = || Ok(Box::new(File::open(place).map_err(Error::io("open", place.display()))?) as Box<dyn Read + Send>);
    let read = pour(blob, &open, &mut std::io::sink(), "nowhere", cancel);
    cancel.check()?;
    Ok(read.is_ok())
}

/// The index with these entries in it, in place of those that they replace.
fn merge(path: &Path, entries: &[Descriptor]) -> Result<Vec<u8>> {
    let mut index = match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice::<Value>(&bytes).map_err(|error| damaged(path, &error.to_string()))?,
        Err(error) if error.kind() == ErrorKind::NotFound => json(&Index::oci(Vec::new()))?,
        Err(error) => return Err(Error::io("read", path.display())(error)),
    };
    let entries = entries.iter().map(json).collect::<Result<Vec<_>>>()?;
    let there = index.get_mut("manifests").and_then(Value::as_array_mut);
    let there = there.ok_or_else(|| damaged(path, "it has no list of manifests"))?;
    there.retain(|old| !entries.iter().any(|new| replaces(new, old)));
    there.extend(entries);
    Ok(to_canonical_json(&index)?)
}

/// Whether an entry stands in place of another: of those without a name, one of the same digest does; a tag alone means
/// one image, whatever else that was called; else the names are the same.
fn replaces(new: &Value, old: &Value) -> bool {
    match (names(new), names(old)) {
        ([None, None], [None, None]) => new.get("digest") == old.get("digest"),
        ([None, Some(tag)], [_, Some(other)]) => tag == other,
        (new, old) => new == old,
    }
}

/// The whole name and the tag of an entry; an image without a name has neither.
fn names(entry: &Value) -> [Option<&Value>; 2] {
    [IMAGE_NAME, REF_NAME].map(|key| entry.get("annotations")?.get(key))
}

fn json<T: serde::Serialize>(value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|source| rbuild_oci::Error::Json { what: "index", source }.into())
}

fn damaged(path: &Path, reason: &str) -> Error {
    Error::Usage(format!("{} is no index of images: {reason}", path.display()))
}
