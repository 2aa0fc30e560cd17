//! What a verb needs to work on containers: the store, the storage driver, what runs processes. Knows no verb.

use super::globals::{self, Globals, Standing};
use crate::container::VolumeDrivers;
use crate::ctx::{Ctx, SystemClock};
use crate::driver::Drivers;
use crate::error::Result;
use crate::events::Events;
use rbuild_oci::Cancel;
use rbuild_records::LocalBackend;
use rbuild_runner::Sandbox;
use rbuild_store::{Bucket, Store};
use std::sync::atomic::AtomicBool;

/// Everything behind a [`Ctx`] that tells nobody what is done.
pub(super) struct Workshop<'a> {
    store: &'a Store,
    standing: &'a Standing,
    cancel: &'a Cancel,
    drivers: Drivers,
    volumes: VolumeDrivers,
    cache: LocalBackend,
    sandbox: Sandbox,
    events: Events,
    wrote: AtomicBool,
}

impl<'a> Workshop<'a> {
    /// That of a process where it stands.
    pub(super) fn new(globals: &Globals, store: &'a Store, standing: &'a Standing, cancel: &'a Cancel) -> Result<Self> {
        Ok(Self {
            store,
            standing,
            cancel,
            drivers: globals.drivers(store, standing)?,
            volumes: globals::volumes(store, cancel)?,
            cache: LocalBackend::new(store.dir(Bucket::Records)),
            sandbox: Sandbox::new()?,
            events: Events::new(Vec::new()),
            wrote: AtomicBool::new(false),
        })
    }

    /// The volume drivers.
    pub(super) const fn volumes(&self) -> &VolumeDrivers {
        &self.volumes
    }

    /// The way to it.
    pub(super) fn ctx(&self) -> Ctx<'_> {
        Ctx {
            store: self.store,
            snapshots: &self.drivers,
            cache: &self.cache,
            executor: &self.sandbox,
            events: &self.events,
            cancel: self.cancel,
            clock: &SystemClock,
            written: &self.cache,
            wrote: &self.wrote,
            place: self.standing.place,
            ids: &self.standing.ids,
            fidelity: self.standing.fidelity,
        }
    }
}
