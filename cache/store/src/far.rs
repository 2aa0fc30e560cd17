//! Layers that are known and not here: what is noted of them, and how they come once somebody reads them. Knows no place:
//! what the text of one means is known by whoever brings.
//!
//! A note is an entry of the bucket of compressed layers, `<diff id>.far.json`. It stays when the layer has come, so that
//! a layer that goes again can come again.

use crate::error::{Error, Result, if_there};
use crate::layer::{LayerIndex, LayerRef};
use crate::layers::Layers;
use crate::layout::{Bucket, Store};
use rbuild_oci::{Descriptor, DiffId, Digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What is noted of a layer that may be elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Far {
    /// The size of its uncompressed tarball in bytes; none where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Where it is; what was noted last comes first.
    pub blobs: Vec<FarBlob>,
}

/// A blob that holds a layer, and a place that has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FarBlob {
    /// The place, as who brings understands it: `docker://docker.io/library/alpine`, or what a cache is called.
    pub place: String,
    /// The layer's tarball, compressed or not.
    pub blob: Descriptor,
    /// The layer's index in the store's own encoding, where the place has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Descriptor>,
}

impl Far {
    /// Whether the layer's index may come alone: not where one of the places has the layer only, which is then read
    /// itself, so that nobody's word about it has to be taken.
    fn lends_index(&self) -> bool {
        !self.blobs.is_empty() && self.blobs.iter().all(|blob| blob.index.is_some())
    }
}

/// Brings layers from where they are noted to be. Called by several threads at once.
pub trait Bring: fmt::Debug + Send + Sync {
    /// Brings these layers, each different, into `store`, several at once. An error names the layer and the place.
    fn layers(&self, store: &Store, wanted: &[(DiffId, Far)]) -> Result<()>;

    /// Gets the index of a layer alone; none where no place has it by itself, or it could not be had.
    fn index(&self, store: &Store, layer: &DiffId, far: &Far) -> Result<Option<LayerIndex>>;

    /// Opens a blob of a layer as it is, keeping nothing of it; what is read is right once it has ended.
    fn open(&self, store: &Store, layer: &DiffId, blob: &FarBlob) -> Result<Box<dyn Read + Send>>;
}

/// What all clones of a store know of layers that are far away.
#[derive(Debug, Default)]
pub(crate) struct Distance {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Layers on their way, brought by some thread.
    coming: BTreeSet<DiffId>,
    /// Where layers turned out not to be.
    lost: BTreeSet<(DiffId, String)>,
}

impl Store {
    /// This store as one whose missing layers come when they are read, as far as `bring` can have them. Who only asks
    /// whether a layer is here brings nothing.
    #[must_use]
    pub fn bringing(mut self, bring: Arc<dyn Bring>) -> Self {
        self.bring = Some(bring);
        self
    }

    /// This store as one whose missing layers stay missing.
    #[must_use]
    pub fn bringing_nothing(mut self) -> Self {
        self.bring = None;
        self
    }

    /// Whether missing layers come when they are read.
    pub const fn brings(&self) -> bool {
        self.bring.is_some()
    }

    fn far_path(&self, layer: &DiffId) -> PathBuf {
        self.encoded_path(layer, &NOTE[1..])
    }
}

/// How the names of notes end.
const NOTE: &str = ".far.json";

impl Layers {
    /// Notes a blob that holds a layer, and its uncompressed size where that is known; false where the layer turned out
    /// not to be in that place. What is noted already is not written again.
    pub fn note_far(&self, layer: &DiffId, size: Option<u64>, blob: &FarBlob) -> Result<bool> {
        let state = self.store.distance.lock();
        if state.lost.contains(&(*layer, blob.place.clone())) {
            return Ok(false);
        }
        let before = self.far(layer)?.unwrap_or_default();
        let others = before.blobs.iter().filter(|other| other.place != blob.place);
        let known = before.blobs.contains(blob) && (size.is_none() || before.size == size);
        if !known {
            let blobs = std::iter::once(blob).chain(others).cloned().collect();
            self.write_far(layer, &Far { size: size.or(before.size), blobs })?;
        }
        drop(state);
        Ok(true)
    }

    /// What is noted of where a layer may be; none where nothing is. Whether it is here is another question.
    pub fn far(&self, layer: &DiffId) -> Result<Option<Far>> {
        match self.noted(layer)? {
            Some(far) if self.store.rely(&self.store.far_path(layer))? => Ok(Some(far)),
            _ => Ok(None),
        }
    }

    /// The same for who only looks: the note is as old afterwards as it was.
    fn noted(&self, layer: &DiffId) -> Result<Option<Far>> {
        let path = self.store.far_path(layer);
        let bytes = if_there(fs::read(&path)).map_err(Error::io("read", path.display()))?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).filter(|far: &Far| !far.blobs.is_empty()))
    }

    /// The layer, if it is here or is noted to be elsewhere.
    pub fn known(&self, layer: &DiffId) -> Result<Option<LayerRef>> {
        match self.get(layer)? {
            Some(layer) => Ok(Some(layer)),
            None => Ok(self.far(layer)?.map(|far| LayerRef {
                diff_id: *layer,
                size: far.size,
                blob: far.blobs.first().map(|far| Box::new(far.blob.clone())).filter(|_| far.size.is_none()),
            })),
        }
    }

    /// The file that says where a layer may be, if there is one.
    pub fn far_note(&self, layer: &DiffId) -> Option<PathBuf> {
        Some(self.store.far_path(layer)).filter(|path| path.exists())
    }

    /// The layer that a blob is noted to hold, and where that is; none where nothing says so.
    pub fn far_blob(&self, blob: &Digest) -> Result<Option<(DiffId, FarBlob)>> {
        let bucket = self.store.dir(Bucket::Encoded);
        let list = || fs::read_dir(&bucket)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>();
        for name in list().map_err(Error::io("list", bucket.display()))? {
            let hex = name.to_str().and_then(|name| name.strip_suffix(NOTE));
            let Some(layer) = hex.and_then(|hex| Digest::from_hex(hex).ok()).map(DiffId) else { continue };
            let noted = self.noted(&layer)?.unwrap_or_default();
            let found = noted.blobs.into_iter().find(|far| far.blob.digest == *blob);
            if let Some(found) = found.filter(|_| self.far(&layer).is_ok_and(|far| far.is_some())) {
                return Ok(Some((layer, found)));
            }
        }
        Ok(None)
    }

    /// Opens a blob that is noted to hold a layer, where it is noted to be; nothing of it is kept.
    pub fn open_far(&self, layer: &DiffId, blob: &FarBlob) -> Result<Box<dyn Read + Send>> {
        let missing = || Error::Missing { what: "layer", subject: layer.to_string() };
        self.store.bring.as_ref().ok_or_else(missing)?.open(&self.store, layer, blob)
    }

    /// Notes that a place does not have a layer after all: this process does not believe it again. What else is noted
    /// stays.
    pub fn forget_far(&self, layer: &DiffId, place: &str) -> Result<()> {
        let mut state = self.store.distance.lock();
        state.lost.insert((*layer, place.to_owned()));
        let Some(mut far) = self.far(layer)? else { return Ok(()) };
        far.blobs.retain(|blob| blob.place != place);
        if !far.blobs.is_empty() {
            return self.write_far(layer, &far);
        }
        let path = self.store.far_path(layer);
        if_there(fs::remove_file(&path)).map_err(Error::io("remove", path.display()))?;
        Ok(())
    }

    /// How many layers turned out not to be where they were noted, for this store and its clones.
    pub fn forgotten(&self) -> usize {
        self.store.distance.lock().lost.len()
    }

    /// Sees to it that these layers are here: those that are not, and are noted to be elsewhere, come now, several at
    /// once, and each once however many threads want it. What nothing is noted of stays missing; what turned out not to be
    /// where it was noted is [`Error::Lost`], whoever found that out.
    pub fn bring(&self, layers: &[DiffId]) -> Result<()> {
        let Some(bring) = &self.store.bring else { return Ok(()) };
        let mut tried = BTreeSet::new();
        loop {
            let wanted = self.missing(layers, &tried)?;
            if wanted.is_empty() {
                return layers
                    .iter()
                    .try_for_each(|layer| if self.has(layer)? { Ok(()) } else { self.not_lost(layer) });
            }
            let Some(claim) = self.store.distance.claim(wanted) else { continue };
            // Whoever had them before may have brought them by now.
            let ids: Vec<DiffId> = claim.wanted.iter().map(|(layer, _)| *layer).collect();
            let still = self.missing(&ids, &tried)?;
            if !still.is_empty() {
                bring.layers(&self.store, &still)?;
            }
            tried.extend(ids);
        }
    }

    /// Brings those of these layers whose index is neither here nor to be had by itself: before the indexes of a stack are
    /// read one by one, so that its layers come at once.
    pub fn bring_unlisted(&self, layers: &[DiffId]) -> Result<()> {
        let mut unlisted = Vec::new();
        for layer in layers.iter().filter(|layer| !self.store.layer_index_path(layer).exists()) {
            let far = self.far(layer)?.unwrap_or_default();
            unlisted.extend(Some(*layer).filter(|_| !far.lends_index()));
        }
        self.bring(&unlisted)
    }

    /// The index of a layer that is not here, where a place has it by itself; it is kept.
    pub(crate) fn bring_index(&self, layer: &DiffId) -> Result<Option<LayerIndex>> {
        let Some(bring) = &self.store.bring else { return Ok(None) };
        match self.far(layer)? {
            Some(far) if far.lends_index() && !self.has(layer)? => bring.index(&self.store, layer, &far),
            _ => Ok(None),
        }
    }

    /// Fails where a layer turned out not to be where it was noted.
    fn not_lost(&self, layer: &DiffId) -> Result<()> {
        let state = self.store.distance.lock();
        let places: Vec<&str> = state.lost.iter().filter(|lost| lost.0 == *layer).map(|lost| &*lost.1).collect();
        if places.is_empty() {
            return Ok(());
        }
        let reason = "it was looked for there already".to_owned();
        Err(Error::Lost { layer: layer.to_string(), place: places.join(", "), reason })
    }

    fn missing(&self, layers: &[DiffId], tried: &BTreeSet<DiffId>) -> Result<Vec<(DiffId, Far)>> {
        let (mut seen, mut missing) = (BTreeSet::new(), Vec::new());
        for layer in layers.iter().filter(|layer| !tried.contains(layer)) {
            if seen.insert(*layer)
                && !self.has(layer)?
                && let Some(far) = self.far(layer)?
            {
                missing.push((*layer, far));
            }
        }
        Ok(missing)
    }

    fn write_far(&self, layer: &DiffId, far: &Far) -> Result<()> {
        let path = self.store.far_path(layer);
        let file = self.store.tmp_file()?;
        let text = rbuild_oci::to_canonical_json(far)?;
        file.file().write_all(&text).map_err(Error::io("write", path.display()))?;
        self.store.land(file, &path)
    }
}

impl Distance {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of the layers that nobody is bringing; where somebody brings all of them, waits until one has come, or has
    /// not, and gives none.
    fn claim(&self, mut wanted: Vec<(DiffId, Far)>) -> Option<Claim<'_>> {
        let mut state = self.lock();
        wanted.retain(|(layer, _)| !state.coming.contains(layer));
        if wanted.is_empty() {
            drop(self.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
            return None;
        }
        state.coming.extend(wanted.iter().map(|(layer, _)| *layer));
        Some(Claim { distance: self, wanted })
    }
}

/// Layers that this thread brings.
struct Claim<'a> {
    distance: &'a Distance,
    wanted: Vec<(DiffId, Far)>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut state = self.distance.lock();
        for (layer, _) in &self.wanted {
            state.coming.remove(layer);
        }
        self.distance.changed.notify_all();
    }
}
