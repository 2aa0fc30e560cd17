//! What a verb that runs containers stands on: the store, the storage driver, the sandbox, the user namespace. Knows no
//! container.

use super::globals::{Globals, Standing, volumes};
use super::signals::cancel_on_signal;
use crate::container::VolumeDrivers;
use crate::ctx::{Ctx, Place, StayMounts, SystemClock};
use crate::driver::Drivers;
use crate::error::Result;
use crate::events::Events;
use rbuild_oci::Cancel;
use rbuild_records::LocalBackend;
use rbuild_registry::Config;
use rbuild_runner::Sandbox;
use rbuild_store::Store;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

/// Does the work where everything may be done: here, or in this very command line started again inside a user
/// namespace, whose end it then takes over. A signal that asks for an end cancels it.
pub(super) fn stand(
    globals: &Globals,
    store: Store,
    work: impl FnOnce(&Ground) -> Result<ExitCode>,
) -> Result<ExitCode> {
    let standing = Standing::find()?;
    if standing.place == Place::Outside {
        return standing.start_again(store.root(), None);
    }
    let cancel = Cancel::new();
    let store = globals.reaching(store, &cancel);
    let ground = Ground::new(globals, store, standing, cancel)?;
    let _watch = cancel_on_signal(&ground.cancel)?;
    work(&ground)
}

/// All that a [`Ctx`] lends out.
pub(super) struct Ground {
    pub(super) store: Store,
    standing: Standing,
    drivers: Drivers,
    volumes: VolumeDrivers,
    cache: LocalBackend,
    network: Config,
    executor: Sandbox,
    events: Events,
    wrote: AtomicBool,
    pub(super) cancel: Cancel,
}

impl Ground {
    /// That of a process which may do the work itself.
    pub(super) fn new(globals: &Globals, store: Store, standing: Standing, cancel: Cancel) -> Result<Self> {
        Ok(Self {
            drivers: globals.drivers(&store, &standing)?,
            volumes: volumes(&store, &cancel)?,
            cache: LocalBackend::of(&store),
            network: globals.network(),
            executor: Sandbox::new()?,
            events: Events::new(Vec::new()),
            wrote: AtomicBool::new(false),
            store,
            standing,
            cancel,
        })
    }

    /// The volume drivers.
    pub(super) const fn volumes(&self) -> &VolumeDrivers {
        &self.volumes
    }

    pub(super) fn ctx(&self) -> Ctx<'_> {
        Ctx {
            store: &self.store,
            snapshots: &self.drivers,
            cache: &self.cache,
            aside: &self.cache,
            inline: &Default::default,
            mounts: &StayMounts,
            network: &self.network,
            executor: &self.executor,
            events: &self.events,
            cancel: &self.cancel,
            clock: &SystemClock,
            written: &self.cache,
            wrote: &self.wrote,
            place: self.standing.place,
            ids: &self.standing.ids,
            fidelity: self.standing.fidelity,
        }
    }
}
