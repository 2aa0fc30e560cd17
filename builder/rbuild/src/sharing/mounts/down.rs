//! The way down: the youngest that any cache has of a mount, put in its place before a step sees it.

use super::ground;
use crate::ctx::{CacheId, Ctx};
use crate::error::Result;
use crate::render::human;
use rbuild_records::depot::Depot;
use rbuild_records::mounts::{Offer, Standing, bring as fetch};
use std::cmp::Reverse;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A cache that mounts are brought from.
pub struct Source {
    depot: Arc<dyn Depot>,
    most: u64,
    /// It failed, and is not asked again by this build.
    is_given_up: AtomicBool,
}

impl Source {
    /// The mounts of at most `most` bytes that a depot has.
    pub fn new(depot: Arc<dyn Depot>, most: u64) -> Self {
        Self { depot, most, is_given_up: AtomicBool::new(false) }
    }

    /// What it has of a mount. One that fails is told of once.
    fn offer(&self, ctx: &Ctx<'_>, mount: &CacheId<'_>) -> Option<Offer<'_>> {
        if self.is_given_up.load(Ordering::Relaxed) {
            return None;
        }
        Offer::of(&*self.depot, mount.identity, self.most).unwrap_or_else(|error| {
            let is_first = !self.is_given_up.swap(true, Ordering::Relaxed);
            if is_first && !ctx.cancel.is_canceled() {
                ctx.events.warning(&format!("no cache mounts come from {}: {error}", self.depot));
            }
            None
        })
    }
}

/// Brings a mount from whichever has the youngest; the next one is asked where that fails.
pub(super) fn bring(ctx: &Ctx<'_>, from: &[Source], mount: &CacheId<'_>, place: &Path) -> Result<()> {
    let ground = ground(ctx);
    let standing = Standing::of(&ground, place)?;
    if standing == Standing::Own {
        return Ok(());
    }
    let mut offers: Vec<_> = from.iter().filter_map(|source| source.offer(ctx, mount)).collect();
    ctx.cancel.check()?;
    offers.sort_by_key(|offer| Reverse(offer.manifest().when));
    for offer in offers {
        let brought = fetch(&ground, &offer, place, &standing).and_then(|arrived| {
            let Some(arrived) = arrived else { return Ok(None) };
            let (bytes, pieces, all) = (arrived.brought, arrived.pieces, arrived.manifest().pieces.len());
            let said = format!("{} brought from {} ({pieces} of {all} pieces)", human::size(bytes), arrived.depot());
            Ok(arrived.settle(&ground, place)?.then_some(said))
        });
        ctx.cancel.check()?;
        match brought {
            Ok(said) => {
                if let Some(said) = said {
                    ctx.events.note(&format!("cache mount {}: {said}", mount.id));
                }
                return Ok(());
            }
            Err(error) => ctx.events.warning(&format!("the cache mount {} cannot be brought: {error}", mount.id)),
        }
    }
    Ok(())
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({}, {})", self.depot, self.most)
    }
}
