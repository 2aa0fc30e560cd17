//! The build cache of one build: the store's own records, behind them those of other machines, and the caches that are
//! told what was made while the build still runs. Knows no medium and no step.

mod destination;
mod manner;
pub mod mounts;
mod open;
mod outbox;
mod said;
mod shared;
mod traffic;
mod tray;

pub use destination::Destination;
pub use manner::{Bound, Carries, Manner, Origin, Scene, Tally, Telling, Told};
pub use open::{Caches, looked_at};
pub use outbox::Outbox;
pub use said::Said;
pub use shared::{Scope, Shared};
pub use traffic::Traffic;
pub use tray::Tray;

use crate::error::Result;
use crate::events::Events;
use crate::render::human;
use rbuild_records::{Distant, LocalBackend};
use rbuild_store::Store;

/// All caches of a build.
#[derive(Clone, Copy, Debug)]
pub struct Sharing<'a> {
    /// The store, which the near records are of.
    pub store: &'a Store,
    /// The near records.
    pub near: &'a LocalBackend,
    /// The far ones, in the order in which they are asked.
    pub far: &'a [Distant],
    /// Who is told.
    pub outbox: &'a Outbox,
    /// What far ones have to say.
    pub said: &'a Said,
    /// Who hears it.
    pub events: &'a Events,
}

impl<'a> Sharing<'a> {
    /// The cache that steps of that scope see.
    pub const fn of(self, scope: Scope) -> Shared<'a> {
        Shared::new(self, scope)
    }

    /// Keeps the caches that were told within their bounds.
    pub fn trim(self) {
        self.outbox.trim();
        self.said.tell(self.events);
    }

    /// Waits until every cache was told of everything, and tells how that went.
    pub fn finish(self) -> Result<()> {
        let told = self.outbox.finish();
        self.said.tell(self.events);
        for (name, tally) in told? {
            let Some(Tally { records, there, bytes }) = tally else { continue };
            let (plural, sent) = (if records == 1 { "" } else { "s" }, human::size(bytes));
            self.events.note(&format!("cache {name}: {records} record{plural} sent ({sent}), {there} there already"));
        }
        Ok(())
    }
}
