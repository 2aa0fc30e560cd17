//! What goes to and fro between a store and the caches of other machines while a build runs. Knows no medium.

use super::{Caches, Destination, Outbox, Said, Scene, Sharing, Tray};
use crate::events::Events;
use rbuild_oci::{Cancel, Descriptor, MediaType};
use rbuild_records::depot::{Depot, Documents};
use rbuild_records::{Distant, LocalBackend, Output, Parcel};
use rbuild_store::{FarBlob, Store};
use std::sync::Arc;

/// The records that come from caches, and those that go there.
#[derive(Debug)]
pub struct Traffic {
    pub(super) far: Vec<Distant>,
    pub(super) outbox: Outbox,
    said: Said,
    tray: Option<Tray>,
}

impl Traffic {
    pub(super) fn new(caches: &Caches, store: &Store, cancel: &Cancel) -> Self {
        let said = &caches.said;
        let distant = |depot: &Arc<dyn Depot>| {
            let warn = said.clone();
            Distant::new(depot.clone(), Box::new(noting(store, depot)), Box::new(move |text| warn.say(text)))
        };
        let scene = Scene { store: store.clone(), cancel: cancel.clone(), said: said.clone() };
        let told = caches.told.iter().map(|told| Destination::new(told.clone(), scene.clone()));
        Self {
            far: caches.asked.iter().map(distant).collect(),
            outbox: Outbox::new(told.collect()),
            said: said.clone(),
            tray: caches.tray.clone(),
        }
    }

    /// What the images of the build are to carry of what caches were told by now.
    pub fn inline(&self) -> Documents {
        let Some(tray) = &self.tray else { return Documents::default() };
        self.outbox.empty();
        tray.documents()
    }

    /// All caches of a build, those of the store in front.
    pub fn behind<'a>(&'a self, store: &'a Store, near: &'a LocalBackend, events: &'a Events) -> Sharing<'a> {
        Sharing { store, near, far: &self.far, outbox: &self.outbox, said: &self.said, events }
    }
}

/// Notes where the layers of records can be had from. One that nobody carried may be there all the same.
fn noting(store: &Store, depot: &Arc<dyn Depot>) -> impl Fn(&Parcel) -> rbuild_records::Result<bool> + use<> {
    let (layers, place) = (store.layers(), depot.to_string());
    move |parcel| {
        let Output::Layer { layer, .. } = &parcel.record.output else { return Ok(true) };
        let bare = || Descriptor::new(MediaType::OCI_LAYER, layer.diff_id.0, layer.size.unwrap_or_default());
        let carried = parcel.layer.as_ref();
        let blob = carried.map_or_else(bare, |carried| carried.blob.clone());
        let index = carried.and_then(|carried| carried.index.clone());
        Ok(layers.note_far(&layer.diff_id, layer.size, &FarBlob { place: place.clone(), blob, index })?)
    }
}
