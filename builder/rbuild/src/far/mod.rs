//! Brings layers that are known and not here, from wherever they are noted to be. Knows no step and no key; which kinds of
//! places there are is said by its sources.

mod source;
mod telling;

pub use source::{Depots, Registries, Source};

use crate::error::Error;
use crate::events::Events;
use crate::import::{Blobs, Wish, fetch_each, spooled};
use crate::report;
use rbuild_oci::{Cancel, Canceled, Descriptor, DiffId};
use rbuild_store::content::Verified;
use rbuild_store::layer::LayerIndex;
use rbuild_store::{Bring, FarBlob, Result, Store};
use std::io::Read;
use std::sync::Arc;
use telling::Telling;

/// The largest index of a layer that is taken, in bytes.
const INDEX_LIMIT: u64 = 256 << 20;

/// The places that layers come from.
#[derive(Debug)]
pub struct Far {
    sources: Vec<Box<dyn Source>>,
    events: Arc<Events>,
    cancel: Cancel,
    doubt: Doubt,
}

/// What becomes of a note that turns out wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It stays: what is missing may be made again by whoever made it.
    Keep,
    /// It goes, so that what is missing is made again now.
    Forget,
}

impl Far {
    /// Layers from these places.
    pub fn new(sources: Vec<Box<dyn Source>>, cancel: &Cancel) -> Self {
        Self { sources, events: Arc::default(), cancel: cancel.clone(), doubt: Doubt::Keep }
    }

    /// The same for a build: its steps are told, and what caches do not have any more is not believed again.
    #[must_use]
    pub fn for_build(self, events: Arc<Events>) -> Self {
        Self { events, doubt: Doubt::Forget, ..self }
    }

    /// The content of a place; none where nobody here knows it.
    fn blobs(&self, place: &str, store: &Store) -> Option<Arc<dyn Blobs>> {
        self.sources.iter().find_map(|source| source.blobs(place, store))
    }

    /// Whether what a place had can be made again, as it is a cache or nobody here knows it.
    fn is_cache(&self, place: &str) -> bool {
        self.sources.iter().find(|source| source.knows(place)).is_none_or(|source| source.is_cache())
    }

    /// What a layer that could not be had comes to.
    fn fail(&self, store: &Store, layer: &DiffId, far: &rbuild_store::Far, error: Error) -> rbuild_store::Error {
        if error.is_canceled() || self.cancel.is_canceled() {
            return Canceled.into();
        }
        let error = match of_this_machine(error) {
            Ok(error) => return error,
            Err(error) => error,
        };
        let places: Vec<&str> = far.blobs.iter().map(|blob| &*blob.place).collect();
        let (named, reason) = (layer.to_string(), error.to_string());
        let place = places.join(", ");
        if self.doubt == Doubt::Forget && places.iter().any(|place| self.is_cache(place)) {
            let forget = places.iter().filter(|place| self.is_cache(place));
            let forgotten = forget.into_iter().try_for_each(|place| store.layers().forget_far(layer, place));
            return forgotten.err().unwrap_or(rbuild_store::Error::Lost { layer: named, place, reason });
        }
        let again = || "pull the image, or build it again where the cache can be reached".to_owned();
        let hint = report::hints(&error).into_iter().next().unwrap_or_else(again);
        rbuild_store::Error::Far { layer: named, place, reason, hint }
    }
}

/// What this machine refused, as it is: it says nothing of the place that was asked. Any other failure is handed back.
fn of_this_machine(error: Error) -> std::result::Result<rbuild_store::Error, Error> {
    use rbuild_store::Error::Io;
    match error {
        Error::Store(error @ Io { .. }) | Error::Records(rbuild_records::Error::Store(error @ Io { .. })) => Ok(error),
        Error::Io { operation: operation @ "keep", subject, source }
        | Error::Registry(rbuild_registry::Error::Local { operation: operation @ "keep", subject, source }) => {
            Ok(Io { operation, subject, source })
        }
        Error::Records(rbuild_records::Error::Depot { operation: operation @ "pass on", subject, reason, .. }) => {
            Ok(Io { operation, subject, source: std::io::Error::other(reason) })
        }
        other => Err(other),
    }
}

impl Far {
    /// Layers that a cache was told of and not given go together: where one is missed, so will be the others.
    fn doubt_traces(&self, store: &Store, wanted: &[(DiffId, rbuild_store::Far)]) -> Result<()> {
        let blobs = wanted.iter().flat_map(|(layer, far)| far.blobs.iter().map(move |blob| (layer, blob)));
        let traces = blobs.filter(|(layer, far)| far.blob.digest == layer.0 && self.is_cache(&far.place));
        let mut traces = traces.filter(|_| self.doubt == Doubt::Forget);
        traces.try_for_each(|(layer, far)| store.layers().forget_far(layer, &far.place))
    }
}

impl Bring for Far {
    fn layers(&self, store: &Store, wanted: &[(DiffId, rbuild_store::Far)]) -> Result<()> {
        let way = |far: &'_ FarBlob| self.blobs(&far.place, store).map(|blobs| (blobs, far.blob.clone()));
        let wish = |(layer, far): &(DiffId, rbuild_store::Far)| Wish {
            layer: *layer,
            ways: far.blobs.iter().filter_map(way).collect(),
        };
        let mut wishes: Vec<Wish> = wanted.iter().map(wish).collect();
        wishes.sort_by_key(|wish| std::cmp::Reverse(wish.ways.first().map(|(_, blob)| blob.size)));
        let telling = Telling::begin(&self.events, &wishes);
        let progress = |blob: &Descriptor, done: u64| telling.moved(blob, done);
        let fetched = fetch_each(&wishes, store, &self.cancel, &progress);
        telling.end(fetched.is_ok());
        fetched.map_err(|(wish, error)| {
            let far = wanted.iter().find(|(layer, _)| *layer == wish.layer).map(|(_, far)| far.clone());
            let failure = self.fail(store, &wish.layer, &far.unwrap_or_default(), error);
            let is_lost = matches!(failure, rbuild_store::Error::Lost { .. });
            let doubted = if is_lost { self.doubt_traces(store, wanted) } else { Ok(()) };
            doubted.err().unwrap_or(failure)
        })
    }

    fn index(&self, store: &Store, _: &DiffId, far: &rbuild_store::Far) -> Result<Option<LayerIndex>> {
        let known = far.blobs.iter().filter_map(|far| Some((self.blobs(&far.place, store)?, far.index.as_ref()?)));
        for (blobs, index) in known.filter(|(_, index)| index.size <= INDEX_LIMIT) {
            let mut bytes = Vec::new();
            // Where it cannot be had, the layer comes, which has one.
            if matches!(blobs.pour(index, &mut bytes), Ok(true))
                && let Some(index) = LayerIndex::decode(&bytes)
            {
                return Ok(Some(index));
            }
            self.cancel.check()?;
        }
        Ok(None)
    }

    fn open(&self, store: &Store, layer: &DiffId, blob: &FarBlob) -> Result<Box<dyn Read + Send>> {
        let far = || rbuild_store::Far { size: None, blobs: vec![blob.clone()] };
        let gone = || Error::Step("it is not there any more".to_owned());
        let opened = match self.blobs(&blob.place, store) {
            Some(blobs) => spooled(&*blobs, &blob.blob, store).and_then(|file| file.ok_or_else(gone)),
            None => Err(Error::Step("nothing that is known here has it".to_owned())),
        };
        let file = opened.map_err(|error| self.fail(store, layer, &far(), error))?;
        Ok(Box::new(Verified::of(file, &blob.blob)))
    }
}
