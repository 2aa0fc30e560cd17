//! The caches that a request names, each opened and wrapped in what keeps a build safe from it. Knows no step.

use super::{Destination, Manner, Outbox, Said, Scene, Sharing};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::request::{BuildRequest, CachePlace, CacheTo, Output};
use crate::send::Packing;
use rbuild_oci::Cancel;
use rbuild_records::depot::{Depot, DirDepot};
use rbuild_records::{Distant, LocalBackend};
use rbuild_registry::Config;
use rbuild_store::Store;
use std::sync::Arc;

/// The caches of other machines that a build asks and tells.
#[derive(Debug)]
pub struct Caches {
    far: Vec<Distant>,
    outbox: Outbox,
    said: Said,
}

impl Caches {
    /// Those that a request names. Nobody is asked yet.
    pub fn open(request: &BuildRequest, store: &Store, network: &Config, cancel: &Cancel) -> Result<Self> {
        let said = Said::default();
        let scene = Scene { store: store.clone(), cancel: cancel.clone(), said: said.clone() };
        let far = request.cache_from.iter().map(|from| {
            let depot = open(&from.place, network, cancel)?;
            let warn = said.clone();
            Ok(Distant::new(depot, Box::new(|_| Ok(())), Box::new(move |text| warn.say(text))))
        });
        let to = request.cache_to.iter().map(|to| {
            let depot = open(&to.place, network, cancel)?;
            Ok(Destination::new(depot, manner(to, &request.outputs)?, scene.clone()))
        });
        let far = far.collect::<Result<_>>()?;
        Ok(Self { far, outbox: Outbox::new(to.collect::<Result<_>>()?), said })
    }

    /// All caches of a build, those of the store in front.
    pub fn around<'a>(&'a self, store: &'a Store, near: &'a LocalBackend, events: &'a Events) -> Sharing<'a> {
        Sharing { store, near, far: &self.far, outbox: &self.outbox, said: &self.said, events }
    }
}

fn manner(to: &CacheTo, outputs: &[Output]) -> Result<Manner> {
    Ok(Manner { mode: to.mode, packing: Packing::by(to.codec(outputs)?, to.force), strict: to.strict })
}

fn open(place: &CachePlace, _: &Config, _: &Cancel) -> Result<Arc<dyn Depot>> {
    Ok(match place {
        CachePlace::Local(path) => Arc::new(DirDepot::new(path)),
        other => return Err(Error::Usage(format!("{other:?} is not there yet"))),
    })
}
