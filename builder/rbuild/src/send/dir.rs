//! One image into a directory as the transport `dir:` has it (containers-transports(5)): its manifest as `manifest.json`,
//! every other blob under the hexadecimal digits of its digest. Knows no store.

use super::contents::Contents;
use super::layout::{put, put_blob};
use super::pour::pour;
use super::target::{Unfinished, is_stdout};
use super::{Open, Placed, Sink};
use crate::error::{Error, Result};
use crate::import::dir::{MANIFEST, VERSION, VERSION_FILE, blob_name};
use rbuild_oci::{Cancel, Descriptor, Reference};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A directory of `dir:` that an image is sent to.
#[derive(Debug)]
pub struct TransportDir {
    dest: PathBuf,
    /// Where it is while it is new.
    new: Option<Unfinished>,
    cancel: Cancel,
    contents: Mutex<Contents>,
}

impl TransportDir {
    /// The directory at `dest`: a new one appears there once it is finished; of one that is there the image is replaced.
    pub fn open(dest: &Path, cancel: &Cancel) -> Result<Self> {
        if is_stdout(dest) {
            return Err(Error::Usage("a directory cannot go to standard output: write an archive".to_owned()));
        }
        let new = if is_there(dest)? { None } else { Some(Unfinished::directory(dest.to_owned())?) };
        Ok(Self { dest: dest.to_owned(), new, cancel: cancel.clone(), contents: Mutex::default() })
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.new.as_ref().map_or(&*self.dest, Unfinished::path).join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        put(&self.path(name), &mut |out, to| out.write_all(bytes).map_err(Error::io("write", to)))
    }
}

impl Sink for TransportDir {
    fn place(&self) -> String {
        self.dest.display().to_string()
    }

    fn blob(&self, blob: &Descriptor, open: &Open<'_>) -> Result<Placed> {
        let place = self.path(&blob_name(blob));
        put_blob(&place, blob, &self.cancel, &mut |out, to| pour(blob, open, out, to, &self.cancel))
    }

    fn document(&self, document: &Descriptor, bytes: &[u8]) -> Result<()> {
        self.contents().document(document, bytes)
    }

    /// There are no names in such a directory.
    fn name(&self, _: &Descriptor, _: &[u8], _: &Reference) -> Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let contents = std::mem::take(&mut *self.contents());
        let tops: Vec<_> = contents.tops().collect();
        let [(top, manifest)] = tops[..] else {
            let reason =
                format!("{} holds one image and gets {}: write an archive or a layout", self.place(), tops.len());
            return Err(Error::Usage(reason));
        };
        for (document, bytes) in contents.documents().filter(|(document, _)| document.digest != top.digest) {
            self.write(&blob_name(document), bytes)?;
        }
        self.write(VERSION_FILE, VERSION.as_bytes())?;
        self.write(MANIFEST, manifest)?;
        self.new.map_or(Ok(()), Unfinished::finish)
    }
}

/// Whether the directory exists; one with something else in it is refused.
fn is_there(dest: &Path) -> Result<bool> {
    let refused = |what: &str| Err(Error::Usage(format!("{} {what}: give a new directory", dest.display())));
    match std::fs::read_dir(dest) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotADirectory => refused("is no directory"),
        Err(error) => Err(Error::io("list", dest.display())(error)),
        Ok(_) if dest.join(VERSION_FILE).exists() && dest.join(MANIFEST).exists() => Ok(true),
        Ok(mut names) => match names.next() {
            None => Ok(true),
            Some(_) => refused("holds something that is no image"),
        },
    }
}
