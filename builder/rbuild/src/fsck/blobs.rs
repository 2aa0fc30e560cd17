//! Blobs and compressed layers, read again on all processors. Knows not what is in them.

use super::{Finding, Looked, Progress, Remedy};
use crate::error::{Error, Result};
use rayon::prelude::*;
use rbuild_oci::{Cancel, Descriptor, Digest, Hasher};
use rbuild_store::content::ContentStore;
use rbuild_store::{Bucket, Far, Store, if_there};
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file and the digest that its bytes must have.
pub(super) struct Known {
    subject: String,
    path: PathBuf,
    digest: Digest,
    remedy: Remedy,
    meaning: &'static str,
    advice: &'static str,
}

/// Hashes all of them.
pub(super) fn check(
    store: &Store,
    (progress, cancel): (&Progress<'_>, &Cancel),
    looked: &mut Looked,
) -> Result<Vec<Finding>> {
    let mut all: Vec<Known> = store.content().list()?.into_iter().map(|digest| blob(store, digest)).collect();
    looked.blobs = all.len();
    let (encoded, mut findings) = encoded(store)?;
    looked.encoded = encoded.len();
    all.extend(encoded);
    let size = |known: &Known| known.path.symlink_metadata().map_or(0, |meta| meta.len());
    let (total, done) = (all.iter().map(size).sum(), AtomicU64::new(0));
    looked.bytes = total;
    let moved = |bytes: u64| progress(done.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
    let checked: Vec<Option<Finding>> =
        all.into_par_iter().map(|known| one(known, &moved, cancel)).collect::<Result<_>>()?;
    findings.extend(checked.into_iter().flatten());
    findings.extend(foreign(store)?);
    Ok(findings)
}

fn blob(store: &Store, digest: Digest) -> Known {
    Known {
        subject: format!("blob {digest}"),
        path: store.blob_path(&digest),
        digest,
        remedy: Remedy::Blob(digest),
        meaning: "what needs it fails, or is made again where it is build cache",
        advice: "--repair puts it away; pull, load or build again the image that needs it",
    }
}

/// The compressed layers with a descriptor, and the notes that are none.
pub(super) fn encoded(store: &Store) -> Result<(Vec<Known>, Vec<Finding>)> {
    let (mut all, mut wrong) = (Vec::new(), Vec::new());
    for path in files(&store.dir(Bucket::Encoded))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(noted) = name.strip_suffix(".json") else { continue };
        if name.ends_with(".far.json") {
            let (of, meaning) = ("where a layer can be had from", FOUND_AGAIN);
            wrong.extend(note::<Far>(&path, (&name, of), meaning).err().map(|finding| *finding));
            continue;
        }
        match note::<Descriptor>(&path, (&name, "a compressed layer"), MADE_AGAIN) {
            Err(finding) => wrong.push(*finding),
            Ok(Some(descriptor)) if !noted.ends_with(".origin") => {
                let (path, digest) = (path.with_file_name(noted), descriptor.digest);
                let (subject, remedy) = (format!("compressed layer {noted}"), Remedy::Content(path.clone(), digest));
                let (meaning, advice) = (MADE_AGAIN, PUTS_AWAY);
                all.push(Known { subject, path, digest, remedy, meaning, advice });
            }
            Ok(_) => {}
        }
    }
    Ok((all, wrong))
}

/// What a note says; none if it is gone, or what is wrong with it. One that the disk does not give stays.
fn note<T: DeserializeOwned>(
    path: &Path,
    (name, of): (&str, &str),
    meaning: &'static str,
) -> std::result::Result<Option<T>, Box<Finding>> {
    let finding = |error: &dyn std::fmt::Display, advice, remedy| {
        let (subject, wrong) = (format!("the note {name} of {of}"), format!("it cannot be read: {error}"));
        Box::new(Finding { subject, wrong, meaning, advice, remedy })
    };
    let read = if_there(fs::read(path)).map_err(|error| finding(&error, LOOK_AT_DISK, Remedy::None))?;
    let parsed = read.map(|bytes| serde_json::from_slice(&bytes)).transpose();
    parsed.map_err(|error| finding(&error, PUTS_AWAY, Remedy::File(path.to_owned())))
}

const MADE_AGAIN: &str = "the layer is compressed again when it is sent or written the next time";

const FOUND_AGAIN: &str = "a layer that never came counts as not there, until a cache or a registry names it again";

const PUTS_AWAY: &str = "--repair puts it away";

const LOOK_AT_DISK: &str = "look at the disk and at the permissions; --repair leaves what it cannot read where it is";

/// Names among the blobs that no blob has.
fn foreign(store: &Store) -> Result<Vec<Finding>> {
    let is_blob = |path: &Path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| Digest::from_hex(name).is_ok())
    };
    let strange = files(&store.blobs())?.into_iter().filter(|path| !is_blob(path));
    Ok(strange
        .map(|path| Finding {
            subject: format!("the file {}", path.display()),
            wrong: "it lies among the blobs and is none".to_owned(),
            meaning: "rbuild did not put it there and never looks at it",
            advice: "remove it, if nobody needs it",
            remedy: Remedy::None,
        })
        .collect())
}

/// A file that is gone by now is no finding.
fn one(known: Known, moved: &dyn Fn(u64), cancel: &Cancel) -> Result<Option<Finding>> {
    let Known { subject, path, digest, remedy, meaning, advice } = known;
    let wrong = match hash(&path, moved, cancel) {
        Ok(found) if found.is_none_or(|found| found == digest) => return Ok(None),
        Ok(found) => format!("its content has the digest {}", found.unwrap_or(digest)),
        Err(error) if error.is_canceled() => return Err(error),
        Err(error) => {
            let wrong = error.to_string();
            return Ok(Some(Finding { subject, wrong, meaning, advice: LOOK_AT_DISK, remedy: Remedy::None }));
        }
    };
    Ok(Some(Finding { subject, wrong, meaning, advice, remedy }))
}

/// The digest of a file; none if there is none.
pub(super) fn hash(path: &Path, moved: &dyn Fn(u64), cancel: &Cancel) -> Result<Option<Digest>> {
    let Some(mut file) = if_there(File::open(path)).map_err(Error::io("open", path.display()))? else {
        return Ok(None);
    };
    let (mut hasher, mut buffer) = (Hasher::new(), vec![0; 1 << 20]);
    loop {
        cancel.check()?;
        match file.read(&mut buffer).map_err(Error::io("read", path.display()))? {
            0 => return Ok(Some(hasher.finish())),
            read => {
                hasher.update(&buffer[..read]);
                moved(read as u64);
            }
        }
    }
}

/// What is in a directory; nothing if there is none.
pub(super) fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let list = || -> io::Result<Vec<PathBuf>> { fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect() };
    let mut found = if_there(list()).map_err(Error::io("list", directory.display()))?.unwrap_or_default();
    found.sort();
    Ok(found)
}
