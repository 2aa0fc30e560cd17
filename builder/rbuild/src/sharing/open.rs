//! The caches that a request names, each opened and wrapped in what keeps a build safe from it. Knows no step.

use super::mounts::{self, Mounts};
use super::{Destination, Documents, Manner, Outbox, Said, Scene, Sharing, Tray};
use crate::error::Result;
use crate::events::Events;
use crate::far::Depots;
use crate::request::{self, BuildRequest, CacheFrom, CachePlace, CacheTo};
use crate::send::Packing;
use rbuild_oci::{Cancel, Descriptor, MediaType, Platform};
use rbuild_records::depot::{
    Depot, DirDepot, GhaDepot, GhaSettings, Guarded, InlineDepot, Joined, Patience, RegistryDepot, S3Depot, S3Settings,
    Sealed, SigningKey, TrustedKey, hurried_writing,
};
use rbuild_records::{Distant, LocalBackend, Output, Parcel};
use rbuild_registry::{Client, Config};
use rbuild_store::{FarBlob, Store};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// The caches of other machines that a build asks and tells.
pub struct Caches {
    asked: Vec<Arc<dyn Depot>>,
    far: Vec<Distant>,
    outbox: Outbox,
    said: Said,
    mounts: Mounts,
    tray: Option<Tray>,
}

impl Caches {
    /// Those that a request names. Nobody is asked yet.
    pub fn open(request: &BuildRequest, store: &Store, network: &Config, cancel: &Cancel) -> Result<Self> {
        let mut way = Way { request, network, cancel, said: Said::default(), open: Vec::new(), tray: None };
        let (mut asked, mut far, mut sources) = (Vec::new(), Vec::new(), Vec::new());
        for from in &request.cache_from {
            let (depot, warn) = (way.ask(from)?, way.said.clone());
            let found = Box::new(noting(store, &depot));
            sources.push(mounts::Source::new(depot.clone(), from.mounts_most));
            asked.push(depot.clone());
            far.push(Distant::new(depot, found, Box::new(move |text| warn.say(text))));
        }
        let scene = Scene { store: store.clone(), cancel: cancel.clone(), said: way.said.clone() };
        let (mut told, mut targets) = (Vec::new(), Vec::new());
        for to in &request.cache_to {
            let (depot, guard) = way.tell(to)?;
            targets.push(mounts::Target::new(depot.clone(), guard.clone(), to));
            told.push(Destination::new(depot, guard, manner(to, &request.outputs)?, scene.clone()));
        }
        let mounts = Mounts::new(sources, targets, way.said.clone());
        Ok(Self { asked, far, outbox: Outbox::new(told), said: way.said, mounts, tray: way.tray })
    }

    /// Those that are asked, as places that layers come from.
    pub fn depots(&self) -> Depots {
        Depots::new(self.asked.clone())
    }

    /// What the images of the build are to carry of what it has told caches by now.
    pub fn inline(&self) -> Documents {
        let Some(tray) = &self.tray else { return Documents::default() };
        self.outbox.empty();
        tray.documents()
    }

    /// What becomes of cache mounts.
    pub const fn mounts(&self) -> &Mounts {
        &self.mounts
    }

    /// All caches of a build, those of the store in front.
    pub fn around<'a>(&'a self, store: &'a Store, near: &'a LocalBackend, events: &'a Events) -> Sharing<'a> {
        Sharing { store, near, far: &self.far, outbox: &self.outbox, said: &self.said, events }
    }
}

fn manner(to: &CacheTo, outputs: &[request::Output]) -> Result<Manner> {
    Ok(Manner { mode: to.mode, packing: Packing::by(to.codec(outputs)?, to.force), strict: to.strict })
}

/// Notes where the layers of records can be had from. One that nobody carried may be there all the same.
fn noting(store: &Store, depot: &Arc<dyn Depot>) -> impl Fn(&Parcel) -> rbuild_records::Result<bool> + use<> {
    let (layers, place) = (store.layers(), depot.to_string());
    move |parcel| {
        let Output::Layer { layer, .. } = &parcel.record.output else { return Ok(true) };
        let bare = || Descriptor::new(MediaType::OCI_LAYER, layer.diff_id.0, layer.size.unwrap_or_default());
        let carried = parcel.layer.as_ref();
        let blob = carried.map_or_else(bare, |carried| carried.blob.clone());
        let index = carried.map(|carried| carried.index.clone());
        Ok(layers.note_far(&layer.diff_id, layer.size, &FarBlob { place: place.clone(), blob, index })?)
    }
}

/// The way to caches; what is both asked and told is opened once, so that one that is dead is waited for once.
struct Way<'a> {
    request: &'a BuildRequest,
    network: &'a Config,
    cancel: &'a Cancel,
    said: Said,
    open: Vec<(CachePlace, Arc<Guarded>)>,
    tray: Option<Tray>,
}

impl Way<'_> {
    /// The depot behind a cache that is asked.
    fn ask(&mut self, from: &CacheFrom) -> Result<Arc<dyn Depot>> {
        let trusted =
            from.verify.iter().map(|path| TrustedKey::read(path)).collect::<rbuild_records::Result<Vec<_>>>()?;
        let guard = self.place(&from.place)?;
        Ok(self.sealed(guard, None, trusted.concat()))
    }

    /// The depot behind a cache that is told, and who knows what it did not take.
    fn tell(&mut self, to: &CacheTo) -> Result<(Arc<dyn Depot>, Arc<Guarded>)> {
        let key = to.sign.as_ref().map(|path: &PathBuf| SigningKey::read(path)).transpose()?;
        for caution in key.iter().filter_map(SigningKey::caution) {
            self.said.say(caution);
        }
        let guard = self.place(&to.place)?;
        Ok((self.sealed(guard.clone(), key, Vec::new()), guard))
    }

    fn sealed(&self, inner: Arc<Guarded>, key: Option<SigningKey>, trusted: Vec<TrustedKey>) -> Arc<dyn Depot> {
        let said = self.said.clone();
        Arc::new(Sealed::new(inner, key, trusted, move |text| said.say(text)))
    }

    fn guarded(&self, depot: impl Depot + 'static) -> Guarded {
        let said = self.said.clone();
        Guarded::new(Arc::new(depot), Patience::default(), move |text| said.say(text))
    }

    fn place(&mut self, place: &CachePlace) -> Result<Arc<Guarded>> {
        if let Some((_, open)) = self.open.iter().find(|(known, _)| known == place) {
            return Ok(open.clone());
        }
        let depot = match place {
            CachePlace::Local(path) => self.guarded(DirDepot::new(path)),
            CachePlace::Registry { reference, insecure } => {
                let client = self.client(reference, *insecure);
                let inline = InlineDepot::new(client.clone(), reference.clone(), self.platforms());
                self.guarded(Joined(RegistryDepot::new(client, reference)?, inline))
            }
            CachePlace::S3(attributes) => {
                let settings = S3Settings::read(attributes, &|name| std::env::var_os(name))?;
                self.guarded(S3Depot::new(settings, self.network, self.cancel, SystemTime::now)?)
            }
            CachePlace::Gha(attributes) => {
                let settings = GhaSettings::read(attributes, &|name| std::env::var_os(name))?;
                self.guarded(GhaDepot::new(settings, self.network, self.cancel, SystemTime::now))
            }
            CachePlace::Inline => {
                let tray = self.tray.get_or_insert_default().clone();
                self.guarded(tray)
            }
        };
        let depot = Arc::new(depot);
        self.open.push((place.clone(), depot.clone()));
        Ok(depot)
    }

    fn platforms(&self) -> Vec<Platform> {
        let platforms = &self.request.graph.platforms;
        if platforms.is_empty() { vec![Platform::native()] } else { platforms.clone() }
    }

    fn client(&self, reference: &rbuild_oci::Reference, insecure: bool) -> Client {
        let mut config = hurried_writing(self.network.clone());
        config.insecure.extend(insecure.then(|| reference.registry().to_owned()));
        Client::new(config, self.cancel)
    }
}
