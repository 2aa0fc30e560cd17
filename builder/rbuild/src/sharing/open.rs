//! The caches that a request names, each opened and wrapped in what keeps a build safe from it. Knows no step.

use super::mounts::{self, Mounts};
use super::{Destination, Manner, Outbox, Said, Scene, Sharing};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::request::{self, BuildRequest, CachePlace, CacheTo};
use crate::send::Packing;
use rbuild_oci::{Cancel, Descriptor, MediaType};
use rbuild_records::depot::{Depot, DirDepot, RegistryDepot, hurried};
use rbuild_records::{Distant, LocalBackend, Output, Parcel};
use rbuild_registry::{Client, Config};
use rbuild_store::{FarBlob, Store};
use std::sync::Arc;

/// The caches of other machines that a build asks and tells.
#[derive(Debug)]
pub struct Caches {
    far: Vec<Distant>,
    outbox: Outbox,
    said: Said,
    mounts: Mounts,
}

impl Caches {
    /// Those that a request names. Nobody is asked yet.
    pub fn open(request: &BuildRequest, store: &Store, network: &Config, cancel: &Cancel) -> Result<Self> {
        let said = Said::default();
        let scene = Scene { store: store.clone(), cancel: cancel.clone(), said: said.clone() };
        let far = request.cache_from.iter().map(|from| {
            let depot = open(&from.place, network, cancel)?;
            let warn = said.clone();
            let source = mounts::Source::new(depot.clone(), from.mounts_most);
            let distant =
                Distant::new(depot.clone(), Box::new(noting(store, &depot)), Box::new(move |text| warn.say(text)));
            Ok((distant, source))
        });
        let to = request.cache_to.iter().map(|to| {
            let depot = open(&to.place, network, cancel)?;
            let target = mounts::Target::new(depot.clone(), to.mounts.clone(), to.mounts_most, to.strict);
            Ok((Destination::new(depot, manner(to, &request.outputs)?, scene.clone()), target))
        });
        let (far, sources): (Vec<_>, Vec<_>) = far.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        let (to, targets): (Vec<_>, Vec<_>) = to.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        Ok(Self { far, outbox: Outbox::new(to), said, mounts: Mounts::new(sources, targets) })
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

fn open(place: &CachePlace, network: &Config, cancel: &Cancel) -> Result<Arc<dyn Depot>> {
    Ok(match place {
        CachePlace::Local(path) => Arc::new(DirDepot::new(path)),
        CachePlace::Registry { reference, insecure } => {
            let mut config = hurried(network.clone());
            config.insecure.extend(insecure.then(|| reference.registry().to_owned()));
            Arc::new(RegistryDepot::new(Client::new(config, cancel), reference)?)
        }
        other => return Err(Error::Usage(format!("{other:?} is not there yet"))),
    })
}
