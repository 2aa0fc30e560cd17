//! The caches that a request names, each opened and wrapped in what keeps a build safe from it. Knows no step.

use super::mounts::{self, Mounts};
use super::{Bound, Carries, Manner, Said, Told, Traffic, Tray};
use crate::error::Result;
use crate::far::Depots;
use crate::request::{BuildRequest, CacheFrom, CachePlace, CacheTo};
use crate::send::Packing;
use rbuild_oci::{Cancel, Platform};
use rbuild_records::Distant;
use rbuild_records::depot::{
    Depot, DirDepot, GhaDepot, GhaSettings, Guarded, InlineDepot, Joined, Patience, RegistryDepot, S3Depot, S3Settings,
    Sealed, SigningKey, TrustedKey, hurried, hurried_writing,
};
use rbuild_registry::{Client, Config};
use rbuild_store::Store;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// The caches of other machines that a build asks and tells.
pub struct Caches {
    pub(super) asked: Vec<Arc<dyn Depot>>,
    pub(super) told: Vec<Told>,
    pub(super) said: Said,
    pub(super) tray: Option<Tray>,
    mounts: Mounts,
}

impl Caches {
    /// Those that a request names. Nobody is asked yet.
    pub fn open(request: &BuildRequest, network: &Config, cancel: &Cancel) -> Result<Self> {
        let told = request.cache_to.iter().map(|to| to.place.clone()).collect();
        let mut way = Way::new(&request.graph.platforms, told, network, cancel);
        let (mut asked, mut sources) = (Vec::new(), Vec::new());
        for from in &request.cache_from {
            let depot = way.ask(from)?;
            sources.push(mounts::Source::new(depot.clone(), from.mounts_most));
            asked.push(depot);
        }
        let (mut told, mut targets) = (Vec::new(), Vec::new());
        for to in &request.cache_to {
            let to_tell = way.tell(to, request)?;
            targets.push(mounts::Target::new(to_tell.depot.clone(), to_tell.guard.clone(), to));
            told.push(to_tell);
        }
        let mounts = Mounts::new(sources, targets, way.said.clone());
        Ok(Self { asked, told, said: way.said, tray: way.tray, mounts })
    }

    /// Those that are asked, as places that layers come from.
    pub fn depots(&self) -> Depots {
        Depots::new(self.asked.clone())
    }

    /// What becomes of cache mounts.
    pub const fn mounts(&self) -> &Mounts {
        &self.mounts
    }

    /// What goes to and fro between these caches and a store.
    pub fn traffic(&self, store: &Store, cancel: &Cancel) -> Traffic {
        Traffic::new(self, store, cancel)
    }
}

/// The records of caches that are only looked at, and what those have to say.
pub fn looked_at(from: &[CacheFrom], network: &Config, cancel: &Cancel) -> Result<(Vec<Distant>, Said)> {
    let mut way = Way::new(&[], Vec::new(), network, cancel);
    let mut look = |from: &CacheFrom| {
        let (depot, warn) = (way.ask(from)?, way.said.clone());
        Ok(Distant::new(depot, Box::new(|_| Ok(true)), Box::new(move |text| warn.say(text))))
    };
    let far = from.iter().map(&mut look).collect::<Result<_>>()?;
    Ok((far, way.said))
}

/// The way to caches; what is both asked and told is opened once, so that one that is dead is waited for once.
struct Way<'a> {
    platforms: Vec<Platform>,
    /// What is told, or will be.
    told: Vec<CachePlace>,
    network: &'a Config,
    cancel: &'a Cancel,
    said: Said,
    open: Vec<(CachePlace, Arc<Guarded>)>,
    tray: Option<Tray>,
}

impl<'a> Way<'a> {
    fn new(platforms: &[Platform], told: Vec<CachePlace>, network: &'a Config, cancel: &'a Cancel) -> Self {
        let platforms = if platforms.is_empty() { vec![Platform::native()] } else { platforms.to_vec() };
        Self { platforms, told, network, cancel, said: Said::default(), open: Vec::new(), tray: None }
    }

    /// The depot behind a cache that is asked.
    fn ask(&mut self, from: &CacheFrom) -> Result<Arc<dyn Depot>> {
        let trusted =
            from.verify.iter().map(|path| TrustedKey::read(path)).collect::<rbuild_records::Result<Vec<_>>>()?;
        let guard = self.place(&from.place)?;
        Ok(self.sealed(guard, None, trusted.concat()))
    }

    /// A cache that is told.
    fn tell(&mut self, to: &CacheTo, request: &BuildRequest) -> Result<Told> {
        let key = to.sign.as_ref().map(|path: &PathBuf| SigningKey::read(path)).transpose()?;
        for caution in key.iter().filter_map(SigningKey::caution) {
            self.said.say(caution);
        }
        let guard = self.place(&to.place)?;
        let carries = if to.place == CachePlace::Inline { Carries::Names } else { Carries::Layers };
        let renews = request.no_cache;
        let packing = Packing::by(to.codec(&request.outputs)?, to.force);
        let manner = Manner { mode: to.mode, packing, carries, renews, strict: to.strict };
        // What it did not sign is written anew, and nothing is added to it.
        let trusted = key.iter().map(|key| key.trusted().clone()).collect();
        let bound = match &to.place {
            CachePlace::Local(path) => to.most.map(|most| Bound { place: Arc::new(DirDepot::new(path)), most }),
            _ => None,
        };
        Ok(Told { depot: self.sealed(guard.clone(), key, trusted), guard, manner, bound })
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
                let hasty = if self.told.contains(place) { hurried_writing } else { hurried };
                let client = self.client(hasty(self.network.clone()), reference, *insecure);
                let inline = InlineDepot::new(client.clone(), reference.clone(), self.platforms.clone());
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

    fn client(&self, mut config: Config, reference: &rbuild_oci::Reference, insecure: bool) -> Client {
        config.insecure.extend(insecure.then(|| reference.registry().to_owned()));
        Client::new(config, self.cancel)
    }
}
