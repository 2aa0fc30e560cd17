//! `type=oci`: an OCI image layout, as an archive or as a directory. A directory that is a layout already keeps its other
//! images.

use super::blob::Blob;
use super::layout::{IMAGE_NAME, LAYOUT, Layout, REF_NAME};
use super::target::{Unfinished, is_stdout};
use super::{Exporter, Product, archive};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::request::Output;
use crate::stack::Shelf;
use rbuild_oci::{Cancel, Descriptor, Index, to_canonical_json};
use rustix::fs::{FlockOperation, flock};
use serde_json::Value;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

const LAYOUT_FILE: &str = "oci-layout";
const INDEX_FILE: &str = "index.json";

/// An image layout.
#[derive(Debug)]
pub(super) struct Oci(pub(super) Output);

impl Exporter for Oci {
    fn export(&self, ctx: &Ctx<'_>, _: &Shelf<'_>, product: &Product<'_>) -> Result<Option<Descriptor>> {
        let dest = &self.0.dest;
        if self.0.tar {
            let layout = Layout::of(ctx, product, &self.0)?;
            archive::write(ctx, dest, &layout, &[])?;
            return Ok(Some(layout.target));
        }
        if is_stdout(dest) {
            return Err(Error::Usage("a directory cannot go to standard output: leave tar=false out".to_owned()));
        }
        let there = is_there(dest)?;
        let layout = Layout::of(ctx, product, &self.0)?;
        if there {
            fill(dest, &layout, ctx.cancel)?;
        } else {
            let new = Unfinished::directory(dest.clone())?;
            fill(new.path(), &layout, ctx.cancel)?;
            new.finish()?;
        }
        Ok(Some(layout.target))
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

/// Puts a layout into a directory, the index last: who reads it meanwhile sees whole images only.
fn fill(directory: &Path, layout: &Layout, cancel: &Cancel) -> Result<()> {
    let blobs = directory.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).map_err(Error::io("create directory", blobs.display()))?;
    for (digest, blob) in &layout.blobs {
        let place = blobs.join(digest.hex());
        if place.metadata().is_ok_and(|there| there.len() == blob.descriptor.size) {
            continue;
        }
        put(&place, blob, cancel)?;
    }
    let lock = File::open(directory).map_err(Error::io("open", directory.display()))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(Error::io("lock", directory.display()))?;
    let index = merge(&directory.join(INDEX_FILE), &layout.entries)?;
    put(&directory.join(LAYOUT_FILE), &Blob::document("", LAYOUT.to_vec()), cancel)?;
    put(&directory.join(INDEX_FILE), &Blob::document("", index), cancel)
}

fn put(place: &Path, blob: &Blob, cancel: &Cancel) -> Result<()> {
    let (mut file, unfinished) = Unfinished::file(place.to_owned())?;
    blob.copy(&mut file, &place.display().to_string(), cancel)?;
    unfinished.finish()
}

/// The index with these entries in it; of those that are there, the ones of the same names go.
fn merge(path: &Path, entries: &[Descriptor]) -> Result<Vec<u8>> {
    let mut index = match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice::<Value>(&bytes).map_err(|error| damaged(path, &error.to_string()))?,
        Err(error) if error.kind() == ErrorKind::NotFound => json(&Index::oci(Vec::new()))?,
        Err(error) => return Err(Error::io("read", path.display())(error)),
    };
    let entries = entries.iter().map(json).collect::<Result<Vec<_>>>()?;
    let there = index.get_mut("manifests").and_then(Value::as_array_mut);
    let there = there.ok_or_else(|| damaged(path, "it has no list of manifests"))?;
    there.retain(|old| entries.iter().all(|new| names(old) != names(new)));
    there.extend(entries);
    Ok(to_canonical_json(&index)?)
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
