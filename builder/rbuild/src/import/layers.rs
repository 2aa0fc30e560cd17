//! Brings the layers of found images into the store: each fetched, verified, decompressed, indexed and landed in one
//! pass, several at once. Knows no image's name.

use super::blobs::{Blobs, damaged, missing};
use super::found::Found;
use super::pipe::{Inlet, pipe};
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Canceled, Descriptor, DiffId};
use rbuild_store::content::ContentStore;
use rbuild_store::layer::LayerRef;
use rbuild_store::{Store, TmpFile};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Told how many bytes of a layer were fetched so far, at each MiB, and at its end once it is verified and in the store;
/// from several threads.
pub type Progress<'a> = dyn Fn(&Descriptor, u64) + Sync + 'a;

/// Layers on their way at once: enough to hide the waits of a registry; each takes three threads and a few MiB.
const TRANSFERS: usize = 4;

/// The layers of an image, lowest first, all in the store with their indexes afterwards. Only those that are not there
/// yet are read, several at once; every byte is checked against the digests of the manifest and the configuration.
pub fn fetch_layers(found: &Found, store: &Store, cancel: &Cancel, progress: &Progress<'_>) -> Result<Vec<LayerRef>> {
    let ids = &found.config.rootfs.diff_ids;
    // Most often all are here: then no threads are started.
    if let Some(layers) = present(found, store)? {
        return Ok(layers);
    }
    bring(wanted(std::slice::from_ref(found), store, Form::Layer)?, &Scene { store, cancel, progress })?;
    let gone = || Error::Step(format!("layers of {} went away while they came", found.descriptor.digest));
    ids.iter().map(|id| store.layers().get(id)?.ok_or_else(gone)).collect()
}

/// Brings the layers of several images into the store as [`fetch_layers`] does, and keeps the blobs that the manifests
/// name beside them; what is built upon them is sent with those.
pub(super) fn keep_layers(images: &[Found], store: &Store, cancel: &Cancel, progress: &Progress<'_>) -> Result<()> {
    bring(wanted(images, store, Form::LayerAndBlob)?, &Scene { store, cancel, progress })?;
    let pairs = images.iter().flat_map(|found| found.manifest.layers.iter().zip(&found.config.rootfs.diff_ids));
    for (blob, layer) in pairs.filter(|(blob, layer)| blob.digest != layer.0) {
        store.encoded().note_origin(layer, blob)?;
    }
    Ok(())
}

/// Whether all layers of an image are in the store.
pub fn has_layers(found: &Found, store: &Store) -> Result<bool> {
    Ok(present(found, store)?.is_some())
}

fn present(found: &Found, store: &Store) -> Result<Option<Vec<LayerRef>>> {
    let ids = found.config.rootfs.diff_ids.iter();
    Ok(ids.map(|id| store.layers().get(id)).collect::<rbuild_store::Result<_>>()?)
}

/// A layer that is not in the store, and where it may be had: the first that has it is taken.
pub(crate) struct Wish {
    /// The layer.
    pub(crate) layer: DiffId,
    /// Places, and the blob that holds it there.
    pub(crate) ways: Vec<(Arc<dyn Blobs>, Descriptor)>,
}

/// Brings these layers into the store as [`fetch_layers`] does. The first that cannot be had ends it, and is told with
/// what went wrong in the last of its places.
pub(crate) fn fetch_each<'a>(
    wishes: &'a [Wish],
    store: &Store,
    cancel: &Cancel,
    progress: &Progress<'_>,
) -> std::result::Result<(), (&'a Wish, Error)> {
    let scene = Scene { store, cancel, progress };
    let one = |wish: &&'a Wish, stop: &AtomicBool| {
        let mut failed = None;
        for (blobs, blob) in &wish.ways {
            let wanted = Wanted { blobs: &**blobs, blob, layer: &wish.layer, form: Form::Layer, has_layer: false };
            match wanted.bring(&scene, stop) {
                Ok(()) => return Ok(()),
                Err(error) if error.is_canceled() || stop.load(Ordering::Relaxed) => return Err((*wish, error)),
                Err(error) => failed = Some(error),
            }
        }
        let nowhere = || Error::Step("nothing that is known here has it".to_owned());
        Err((*wish, failed.unwrap_or_else(nowhere)))
    };
    several(wishes.iter().collect(), &one)
}

/// In which form a layer is to be in the store.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As an uncompressed tarball with its index.
    Layer,
    /// And as the manifest names it.
    LayerAndBlob,
}

/// A layer of which something is not here.
struct Wanted<'a> {
    blobs: &'a dyn Blobs,
    blob: &'a Descriptor,
    layer: &'a DiffId,
    form: Form,
    has_layer: bool,
}

/// What all transfers share.
struct Scene<'a> {
    store: &'a Store,
    cancel: &'a Cancel,
    progress: &'a Progress<'a>,
}

/// What is missing of the images, each layer once; the largest come first, so that none is left over at the end.
fn wanted<'a>(images: &'a [Found], store: &Store, form: Form) -> Result<Vec<Wanted<'a>>> {
    let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
    for found in images {
        for (blob, layer) in found.manifest.layers.iter().zip(&found.config.rootfs.diff_ids) {
            if !seen.insert((blob.digest, *layer)) {
                continue;
            }
            let has_layer = store.layers().get(layer)?.is_some();
            let wanted = Wanted { blobs: &*found.blobs, blob, layer, form, has_layer };
            if !has_layer || wanted.lacks_blob(store)? {
                all.push(wanted);
            }
        }
    }
    all.sort_by_key(|wanted| std::cmp::Reverse(wanted.blob.size));
    Ok(all)
}

/// Brings all, several at once. The first failure stops the others and is the result.
fn bring(wanted: Vec<Wanted<'_>>, scene: &Scene<'_>) -> Result<()> {
    several(wanted, &|wanted: &Wanted<'_>, stop: &AtomicBool| wanted.bring(scene, stop))
}

/// Does all of some work, several pieces at once. The first failure stops the others and is the result.
fn several<J: Send, E: Send>(
    jobs: Vec<J>,
    each: &(dyn Fn(&J, &AtomicBool) -> std::result::Result<(), E> + Sync),
) -> std::result::Result<(), E> {
    let threads = jobs.len().min(TRANSFERS);
    let (queue, stop, failed) = (Mutex::new(jobs.into_iter()), AtomicBool::new(false), Mutex::new(None));
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(job) = next else { return };
            if let Err(error) = each(&job, &stop) {
                if !stop.swap(true, Ordering::Relaxed) {
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
                return;
            }
        }
    };
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

impl Wanted<'_> {
    /// Whether the blob is to be kept and is not here; it is not kept where it is the tarball itself.
    fn lacks_blob(&self, store: &Store) -> Result<bool> {
        let is_kept = self.form == Form::LayerAndBlob && self.blob.digest != self.layer.0;
        Ok(is_kept && !store.content().has(&self.blob.digest)?)
    }

    fn bring(&self, scene: &Scene<'_>, stop: &AtomicBool) -> Result<()> {
        if !self.read_store(scene)? {
            match self.read_outside(scene, stop) {
                // Once more from its beginning: a mirror that sent it is not asked again.
                Err(Error::Registry(rbuild_registry::Error::WrongDigest { .. })) => self.read_outside(scene, stop)?,
                result => result?,
            }
        }
        (scene.progress)(self.blob, self.blob.size);
        Ok(())
    }

    /// Makes the layer from its blob where the store has that. One that turns out damaged is put away.
    fn read_store(&self, scene: &Scene<'_>) -> Result<bool> {
        let content = scene.store.content();
        let Some(blob) = content.open(&self.blob.digest)? else { return Ok(false) };
        match scene.store.layers().ingest(blob, self.layer, scene.cancel) {
            Ok(_) => Ok(true),
            Err(rbuild_store::Error::Canceled(canceled)) => Err(canceled.into()),
            Err(_) if self.is_damaged(scene)? => {
                content.remove(&self.blob.digest)?;
                Ok(false)
            }
            Err(error) => Err(self.no_layer(error)),
        }
    }

    /// Whether the blob in the store is another than its name says.
    fn is_damaged(&self, scene: &Scene<'_>) -> Result<bool> {
        let Some(blob) = scene.store.content().open(&self.blob.digest)? else { return Ok(true) };
        let copied = io::copy(&mut rbuild_store::content::Verified::of(blob, self.blob), &mut io::sink());
        scene.cancel.check()?;
        Ok(copied.is_err())
    }

    /// One pass: one thread fetches and verifies the blob and keeps it, others decompress, hash and index what it brings.
    fn read_outside(&self, scene: &Scene<'_>, stop: &AtomicBool) -> Result<()> {
        let (store, cancel) = (scene.store, scene.cancel);
        let kept = self.lacks_blob(store)?.then(|| store.tmp_file()).transpose()?;
        let (inlet, outlet) = pipe();
        let (fetched, landed) = std::thread::scope(|scope| {
            let mut sink = Passing { wanted: self, scene, stop, kept: kept.as_ref(), inlet, done: 0 };
            let fetching = scope.spawn(move || {
                let fetched = self.blobs.pour(self.blob, &mut sink);
                if matches!(fetched, Ok(true)) {
                    sink.inlet.close();
                }
                fetched
            });
            let landed = if self.has_layer {
                store.layers().check(outlet, self.layer, cancel)
            } else {
                store.layers().ingest(outlet, self.layer, cancel).map(drop)
            };
            (fetching.join().unwrap_or(Err(Error::Canceled(Canceled))), landed)
        });
        cancel.check()?;
        // What was fetched comes first: whatever is made of wrong bytes is no news.
        if !fetched? {
            return Err(missing(self.blobs, self.blob));
        }
        landed.map_err(|error| self.no_layer(error))?;
        kept.map_or(Ok(()), |file| Ok(store.content().adopt(file, &self.blob.digest)?))
    }

    /// The error for a blob that is the right one and does not hold the layer. What the disk refused stays that.
    fn no_layer(&self, error: rbuild_store::Error) -> Error {
        match error {
            rbuild_store::Error::Io { operation: "read", source, .. } => {
                damaged(self.blobs, self.blob, source.to_string())
            }
            error @ (rbuild_store::Error::Corrupt { .. } | rbuild_store::Error::Refused { .. }) => {
                damaged(self.blobs, self.blob, error.to_string())
            }
            other => other.into(),
        }
    }
}

/// A blob on its way: to the file that keeps it, if one does, and to whoever decompresses it.
struct Passing<'a> {
    wanted: &'a Wanted<'a>,
    scene: &'a Scene<'a>,
    stop: &'a AtomicBool,
    kept: Option<&'a TmpFile>,
    inlet: Inlet,
    done: u64,
}

impl Write for Passing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) || self.scene.cancel.is_canceled() {
            return Err(io::Error::other(Canceled));
        }
        self.kept.map_or(Ok(()), |file| file.file().write_all(bytes))?;
        self.inlet.write_all(bytes)?;
        let before = self.done;
        self.done += bytes.len() as u64;
        if self.done >> 20 > before >> 20 && self.done < self.wanted.blob.size {
            (self.scene.progress)(self.wanted.blob, self.done);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
