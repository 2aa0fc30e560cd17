//! The way up: what a mount is after the build, sent to a cache that wants it. The mount is locked while it is read, not
//! while it is sent.

use super::ground;
use crate::ctx::{CacheId, Ctx};
use crate::error::{Error, Result};
use crate::render::human;
use crate::request::{CacheTo, MountsWanted};
use crate::solve::op::run::cache_alone;
use rbuild_records::depot::{Depot, Guarded};
use rbuild_records::mounts::{Load, Sent, Stock, stock};
use std::fmt;
use std::sync::Arc;

/// A cache that mounts are carried to.
pub struct Target {
    depot: Arc<dyn Depot>,
    guard: Arc<Guarded>,
    wanted: MountsWanted,
    most: u64,
    strict: bool,
}

impl Target {
    /// Carries the mounts that `to` asks for to the depot behind it; `guard` knows what that did not take.
    pub fn new(depot: Arc<dyn Depot>, guard: Arc<Guarded>, to: &CacheTo) -> Self {
        Self { depot, guard, wanted: to.mounts.clone(), most: to.mounts_most, strict: to.strict }
    }

    pub(super) const fn wanted(&self) -> &MountsWanted {
        &self.wanted
    }

    /// Carries a mount, and tells of it.
    pub(super) fn carry(&self, ctx: &Ctx<'_>, mount: &CacheId<'_>) -> Result<()> {
        let carried = self.read(ctx, mount).and_then(|load| load.map(|load| self.send(ctx, mount, *load)).transpose());
        ctx.cancel.check()?;
        match carried {
            Ok(_) if self.strict => self.guard.take_failure().map_or(Ok(()), |error| Err(error.into())),
            Ok(_) => Ok(()),
            Err(error) if self.strict => Err(error),
            Err(error) => {
                let (id, depot) = (mount.id, &self.depot);
                ctx.events.warning(&format!("the cache mount {id} was not carried to {depot}: {error}"));
                Ok(())
            }
        }
    }

    /// What there is to send.
    fn read(&self, ctx: &Ctx<'_>, mount: &CacheId<'_>) -> Result<Option<Box<Load>>> {
        let id = mount.id;
        let Some(held) = cache_alone(ctx.store, mount.identity, ctx.cancel)? else {
            return Err(Error::Step("another build uses it".to_owned()));
        };
        let (here, now) = ((mount.identity, held.path()), ctx.clock.now());
        match stock(&ground(ctx), &*self.depot, here, self.most, now)? {
            Stock::Ready(load) => Ok(Some(load)),
            Stock::Empty => Ok(None),
            Stock::Unchanged => {
                ctx.events.note(&format!("cache mount {id}: unchanged since it travelled"));
                Ok(None)
            }
            Stock::TooLarge(size) => {
                let [size, most] = [size, self.most].map(human::size);
                ctx.events.warning(&format!(
                    "the cache mount {id} is not carried: it has {size}, more than the {most} of mounts-max-size"
                ));
                Ok(None)
            }
        }
    }

    fn send(&self, ctx: &Ctx<'_>, mount: &CacheId<'_>, load: Load) -> Result<()> {
        for note in &load.notes {
            ctx.events.warning(&format!("cache mount {}: {note}", mount.id));
        }
        let Sent { pieces, of, bytes, is_there } = load.send(&ground(ctx), &*self.depot)?;
        if !is_there {
            // It said why itself, or has what another machine carried at the same time.
            return Ok(());
        }
        let (id, bytes, depot) = (mount.id, human::size(bytes), &self.depot);
        ctx.events.note(&format!("cache mount {id}: {pieces} of {of} pieces sent to {depot} ({bytes})"));
        Ok(())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({}, {:?}, {})", self.depot, self.wanted, self.most)
    }
}
