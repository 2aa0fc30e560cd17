//! Base images: finds what a question of the graph means (a layout, a tag of the store, a registry), and brings the
//! layers here when a step needs them. Knows no instruction.

use super::local::{Local, Nearest};
use super::memory::Memory;
use super::pull::descend;
use super::remote::Remote;
use super::{Blobs, Found, Later, fetch_layers, has_layers, layout};
use crate::ctx::Clock;
use crate::error::{Error, Result};
use crate::image;
use crate::lock::Lock;
use crate::request::Named;
use crate::solve::Arrival;
use crate::stack::Stack;
use rbuild_graph::{Answer, Ask, ImageOp, ImageSource, Question};
use rbuild_oci::{Cancel, Descriptor, Digest, Manifest, MediaType, Platform, Reference};
use rbuild_records::CacheBackend;
use rbuild_registry::Client;
use rbuild_store::content::ContentStore;
use rbuild_store::layer::LayerRef;
use rbuild_store::{FarBlob, Store};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The base images of one build.
pub struct Images<'a> {
    store: &'a Store,
    named: BTreeMap<String, &'a Named>,
    client: &'a Client,
    cancel: &'a Cancel,
    refresh: bool,
    lock: Option<&'a Lock>,
    memory: Option<Memory<'a>>,
    found: Mutex<BTreeMap<Digest, Found>>,
    pins: Mutex<BTreeMap<String, Digest>>,
}

impl Images<'_> {
    /// The image of the store whose name is nearest to one that cannot be had.
    pub fn near(&self, ask: &Ask) -> Option<String> {
        let ImageSource::Registry(reference) = &ask.image else { return None };
        let tags = self.store.refs().list().ok()?;
        let names: Vec<String> =
            tags.iter().filter_map(|tag| Some(tag.reference.parse::<Reference>().ok()?.familiar())).collect();
        dockerfile_parser::did_you_mean(&reference.familiar(), names.iter().map(String::as_str)).map(str::to_owned)
    }
}

impl<'a> Images<'a> {
    /// Images from the store, from these named contexts, and from registries.
    pub fn new(store: &'a Store, named: &'a BTreeMap<String, Named>, client: &'a Client, cancel: &'a Cancel) -> Self {
        let named = named.values().map(|named| (named.to_string(), named)).collect();
        let (found, pins) = (Mutex::default(), Mutex::default());
        Self { store, named, client, cancel, refresh: false, lock: None, memory: None, found, pins }
    }

    /// Asks registries also for images that the store has, where `refresh` is set.
    #[must_use]
    pub fn refreshing(self, refresh: bool) -> Self {
        Self { refresh, ..self }
    }

    /// Takes what names mean from a lock, where there is one, and asks nobody for that.
    #[must_use]
    pub fn locked(self, lock: Option<&'a Lock>) -> Self {
        Self { lock, ..self }
    }

    /// What the names that were asked for so far mean, as a lock has it.
    pub fn pins(&self) -> BTreeMap<String, Digest> {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what names of registries mean among the records, and takes it from there where nobody may be asked.
    #[must_use]
    pub fn remembering(self, cache: &'a dyn CacheBackend, clock: &'a dyn Clock) -> Self {
        Self { memory: Some(Memory { store: self.store, cache, clock }), ..self }
    }

    /// The answer to a question of the graph.
    pub fn answer(&self, question: &Question) -> Result<Answer> {
        let found = self.find(&question.ask)?;
        let answer = Answer { manifest: found.descriptor.digest, config: found.config.clone() };
        self.lock().insert(found.descriptor.digest, found);
        Ok(answer)
    }

    /// The layers of an image that was found before. Of those that are not in the store it is noted where they are, for
    /// whoever reads them; what cannot be had later is brought there now.
    pub fn stack(&self, image: &ImageOp, arrival: &Arrival<'_>) -> Result<Stack> {
        let found = self.lock().get(&image.digest).cloned();
        let found = found.ok_or_else(|| Error::Step(format!("the image {} was never asked for", image.reference)))?;
        if let Some(layers) = self.known(&found, arrival)? {
            return Ok(Stack::of(layers));
        }
        if !has_layers(&found, self.store)? {
            (arrival.begin)()?;
        }
        Ok(Stack::of(fetch_layers(&found, self.store, self.cancel, arrival.moved)?))
    }

    /// The layers of an image, if each is in the store or can be had later.
    fn known(&self, found: &Found, arrival: &Arrival<'_>) -> Result<Option<Vec<LayerRef>>> {
        let place = match found.blobs.later() {
            later if later == Later::Never || !self.store.brings() => return Ok(None),
            Later::From(place) => Some(place),
            _ => None,
        };
        let layers = self.store.layers();
        let mut known = Vec::new();
        for (blob, id) in found.manifest.layers.iter().zip(&found.config.rootfs.diff_ids) {
            if !layers.has(id)? {
                let before = layers.far(id)?;
                if let Some(place) = place.clone() {
                    let blob = Descriptor::new(blob.media_type.clone(), blob.digest, blob.size);
                    layers.note_far(id, None, &FarBlob { place, blob, index: None })?;
                }
                (arrival.later)(id, before.is_none());
            }
            known.push(layers.known(id)?);
        }
        Ok(known.into_iter().collect())
    }

    fn find(&self, ask: &Ask) -> Result<Found> {
        match &ask.image {
            ImageSource::Registry(reference) => self.by_reference(reference, ask),
            ImageSource::Context(text) => match self.named.get(text) {
                Some(Named::Layout { path, image }) => layout::resolve(path, image.as_deref(), &ask.platform),
                Some(Named::Registry(reference)) => self.by_reference(reference, ask),
                Some(Named::Directory(_) | Named::Remote(_) | Named::Scratch) | None => {
                    Err(Error::Usage(format!("the context {text} is no image: use a directory or an oci-layout://")))
                }
            },
        }
    }

    fn by_reference(&self, reference: &Reference, ask: &Ask) -> Result<Found> {
        let key = ask.to_string();
        let found = match self.lock {
            Some(lock) => self.by_digest(reference, lock.image(&key)?, &ask.platform)?,
            None => self.by_name_or_memory(reference, &ask.platform)?,
        };
        self.pins.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.descriptor.digest);
        Ok(found)
    }

    /// The image with that manifest, whose documents are asked for only where the store lacks them.
    fn by_digest(&self, reference: &Reference, digest: Digest, platform: &Platform) -> Result<Found> {
        let pinned: Reference = format!("{}@{digest}", reference.full_name()).parse()?;
        let remote: Arc<dyn Blobs> = Arc::new(Remote::new(self.client, &pinned, self.store));
        let nearest: Arc<dyn Blobs> = Arc::new(Nearest::new(self.store, &remote));
        let top = match self.store.document(&digest) {
            Ok(Some(bytes)) => {
                let kind = Manifest::from_json(&bytes)?.media_type;
                Descriptor::of(kind.unwrap_or_else(|| MediaType::OCI_MANIFEST.into()), &bytes)
            }
            _ => self.client.resolve(&pinned)?,
        };
        let found = Found::read(&nearest, &descend(&*nearest, &pinned, &top, platform)?)?;
        if let Some(memory) = self.memory {
            // What cannot be kept is asked for again.
            drop(memory.remember(&pinned, platform, &found));
        }
        Ok(found)
    }

    fn by_name_or_memory(&self, reference: &Reference, platform: &Platform) -> Result<Found> {
        let found = self.by_name(reference, platform);
        let Some(memory) = self.memory else { return found };
        match found {
            Ok(found) => {
                if self.store.refs().get(reference)?.is_none() {
                    // What cannot be kept is asked for again.
                    drop(memory.remember(reference, platform, &found));
                }
                Ok(found)
            }
            Err(error @ Error::Registry(rbuild_registry::Error::Offline { .. })) => {
                memory.recall(reference, platform)?.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// The store's own image of that name, unless all are asked for anew, else the registry's.
    fn by_name(&self, reference: &Reference, platform: &Platform) -> Result<Found> {
        let kept = if self.refresh { None } else { self.store.refs().get(reference)? };
        if kept.is_none()
            && let Some(found) = self.pinned(reference, platform)?
        {
            return Ok(found);
        }
        let (blobs, top): (Arc<dyn Blobs>, _) = if let Some(tag) = kept {
            (Arc::new(Local::new(self.store)), tag.descriptor)
        } else {
            let remote: Arc<dyn Blobs> = Arc::new(Remote::new(self.client, reference, self.store));
            (Arc::new(Nearest::new(self.store, &remote)), self.client.resolve(reference)?)
        };
        Found::read(&blobs, &descend(&*blobs, reference, &top, platform)?)
    }

    /// The image of the store that has the digest of a reference, whatever its name here: no registry has another.
    fn pinned(&self, reference: &Reference, platform: &Platform) -> Result<Option<Found>> {
        let Some(digest) = reference.digest() else { return Ok(None) };
        if !self.store.content().has(digest)? {
            return Ok(None);
        }
        match image::find(self.store, &reference.to_string(), Some(platform)) {
            Ok(image) => {
                Found::read(&(Arc::new(Local::new(self.store)) as Arc<dyn Blobs>), &image.descriptor).map(Some)
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Images<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Images({:?})", self.named.keys())
    }
}
