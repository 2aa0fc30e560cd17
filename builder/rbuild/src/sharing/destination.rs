//! A cache that is told: for each record its layer, the layer's index, then the record itself, and nothing that is there
//! already. Knows no medium.

use super::{Bound, Carries, Origin, Scene, Scope, Tally, Telling, Told};
use crate::error::{Error, Result};
use crate::request::Mode;
use crate::send::{Blob, ready};
use rbuild_oci::{Descriptor, DiffId};
use rbuild_records::depot::{Kind, Name};
use rbuild_records::{CacheKey, Carried, Output, Parcel, Record, StepName, Trace, Trail};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The media type of a layer's index.
const INDEX: &str = "application/vnd.rbuild.layer-index.v1";

/// One cache that is told.
pub struct Destination {
    told: Told,
    name: String,
    scene: Scene,
    books: Mutex<Books>,
    layers: Mutex<BTreeMap<DiffId, Turn>>,
    tally: Mutex<(Tally, Option<Error>)>,
}

/// A layer that one thread carries, while others wait for where it is.
type Turn = Arc<Mutex<Option<Carried>>>;

/// Which records a cache was told of, and which were found there.
#[derive(Debug, Default)]
struct Books {
    told: BTreeSet<CacheKey>,
    found: BTreeSet<CacheKey>,
}

impl Destination {
    /// One that is told what `scene` has.
    pub fn new(told: Told, scene: Scene) -> Self {
        let (books, layers, tally) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { name: told.depot.to_string(), told, scene, books, layers, tally }
    }

    /// Where it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Notes that a record was found there.
    pub(super) fn has(&self, key: CacheKey) {
        lock(&self.books).found.insert(key);
    }

    /// Whether it is to be told of a record, and how: of one that was found once, of one that was made now each time; of
    /// none that was pinned.
    pub(super) fn wants(&self, record: &Record, scope: Scope, origin: Origin) -> Option<Telling> {
        let is_made = !matches!(record.output, Output::Pinned { .. });
        let is_step = record.recipe.parts().first().is_some_and(|part| part.name == "op");
        // That results are equal is of use to who can have them.
        let says_equal = self.told.manner.carries == Carries::Layers && self.carries(scope);
        let (key, mut books) = (record.key(), lock(&self.books));
        let (is_first, was_found) = (books.told.insert(key), books.found.contains(&key));
        let is_news = match origin {
            Origin::Found => is_first && !was_found,
            Origin::Made => true,
        };
        let telling = if was_found || self.told.manner.renews { Telling::Replace } else { Telling::Add };
        (is_made && (is_step || says_equal) && is_news).then_some(telling)
    }

    /// Whether layers of that scope go there.
    fn carries(&self, scope: Scope) -> bool {
        self.told.manner.mode == Mode::Max || scope == Scope::Image
    }

    /// Sends a record and what it speaks of. What goes wrong is told in the end.
    pub(super) fn send(&self, record: &Record, scope: Scope, telling: Telling) {
        let sent =
            self.scene.cancel.check().map_err(Error::from).and_then(|()| self.try_to_send(record, scope, telling));
        if !matches!(sent, Ok(true)) {
            lock(&self.books).told.remove(&record.key());
        }
        self.note(sent.map(drop));
    }

    /// Adds to the trail of a step. Where two do so at once, one may be lost: a trail is a hint.
    pub(super) fn send_trace(&self, step: &StepName, trace: &Trace) {
        if !self.scene.cancel.is_canceled() && self.told.manner.carries == Carries::Layers {
            self.note(self.try_to_send_trace(step, trace));
        }
    }

    fn note(&self, done: Result<()>) {
        if let Err(error) = done {
            lock(&self.tally).1.get_or_insert(error);
        }
    }

    /// What it was told; none, and a warning, where that is not everything; the first failure, if it is strict.
    pub(super) fn tally(&self) -> Result<Option<Tally>> {
        let mut tally = lock(&self.tally);
        match tally.1.take().or_else(|| self.told.guard.take_failure().map(Error::from)) {
            Some(error) if self.told.manner.strict => Err(error),
            Some(error) => {
                self.scene.said.say(&format!("the cache {} was not told everything: {error}", self.name));
                Ok(None)
            }
            None => Ok(Some(tally.0)),
        }
    }

    /// Removes what was not used for longest where it keeps too much; a failure is a warning.
    pub(super) fn trim(&self) {
        if let Some(Bound { place, most }) = &self.told.bound
            && let Err(error) = place.trim(*most)
        {
            self.scene.said.say(&format!("{error}; it may keep more than its max-size"));
        }
    }

    fn try_to_send_trace(&self, step: &StepName, trace: &Trace) -> Result<()> {
        let name = Name::from(*step);
        if let Some(list) = &trace.files
            && let Some(bytes) = self.scene.store.document(&list.digest)?
        {
            self.put(list, &|| Ok(Box::new(Cursor::new(bytes.clone())) as Box<dyn Read + Send>))?;
        }
        let before = self.told.depot.document(&name)?.map(|bytes| Trail::read(&bytes)).unwrap_or_default();
        let trail = before.with(trace.clone());
        let lists: Vec<Descriptor> = trail.traces().iter().filter_map(|trace| trace.files.clone()).collect();
        let bytes = trail.to_bytes()?;
        self.told.depot.put_document(&name, &bytes, &lists)?;
        lock(&self.tally).0.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Sends a record, unless it is there; false where its layer is not to be had. Of steps that are in no image, a cache
    /// that is told of images only gets a trace: their layers stay here, and who finds all else there needs none of them.
    fn try_to_send(&self, record: &Record, scope: Scope, telling: Telling) -> Result<bool> {
        let is_whole = self.carries(scope);
        let kind = if is_whole { Kind::Record } else { Kind::Trace };
        let name = Name::new(kind, record.key().digest());
        if telling == Telling::Add && self.told.depot.has(&name)? {
            lock(&self.tally).0.there += 1;
            return Ok(true);
        }
        let layer = match &record.output {
            Output::Layer { layer, .. } if is_whole => match self.carry(&layer.diff_id)? {
                Some(carried) => Some(carried),
                // It is not here any more: the step will be made again, and told of then.
                None => return Ok(false),
            },
            _ => None,
        };
        let blobs: Vec<Descriptor> = layer.iter().flat_map(Carried::blobs).collect();
        let bytes = Parcel { version: Parcel::VERSION, record: record.clone(), layer }.to_bytes()?;
        self.told.depot.put_document(&name, &bytes, &blobs)?;
        let mut tally = lock(&self.tally);
        tally.0.records += 1;
        tally.0.bytes += bytes.len() as u64;
        Ok(true)
    }

    /// Sees to it that a layer and its index are there; nothing where the layer is not to be had.
    fn carry(&self, layer: &DiffId) -> Result<Option<Carried>> {
        let turn = lock(&self.layers).entry(*layer).or_default().clone();
        let mut turn = lock(&turn);
        if turn.is_none() && self.can_be_had(layer)? {
            let blob = ready(&self.scene.store, &self.scene.cancel, layer, self.told.manner.packing)?;
            let index = match self.told.manner.carries {
                Carries::Names => None,
                Carries::Layers => Some(self.send_layer(layer, &blob)?),
            };
            *turn = Some(Carried { blob: blob.descriptor, index });
        }
        Ok(turn.clone())
    }

    /// Whether a layer can be sent as it is to be: one that is elsewhere comes first, so that what goes wrong there is not
    /// taken for a fault of this cache.
    fn can_be_had(&self, layer: &DiffId) -> Result<bool> {
        let layers = self.scene.store.layers();
        if self.told.manner.carries == Carries::Names {
            return Ok(layers.known(layer)?.is_some());
        }
        match layers.bring(&[*layer]).map_err(Error::from) {
            Err(error) if !error.is_lost() => Err(error),
            _ => Ok(layers.has(layer)?),
        }
    }

    /// Sends a layer and its index; gives what the index is called.
    fn send_layer(&self, layer: &DiffId, blob: &Blob) -> Result<Descriptor> {
        self.put(&blob.descriptor, &|| blob.open().map_err(io::Error::other))?;
        let bytes = self.scene.store.layers().index(layer)?.encode();
        let index = Descriptor::of(INDEX, &bytes);
        self.put(&index, &|| Ok(Box::new(Cursor::new(bytes.clone())) as Box<dyn Read + Send>))?;
        Ok(index)
    }

    fn put(&self, blob: &Descriptor, open: &rbuild_records::depot::Open<'_>) -> Result<()> {
        if self.told.depot.put(blob, open)? {
            lock(&self.tally).0.bytes += blob.size;
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({:?})", self.told)
    }
}
