//! Cache mounts as a build sees them travel: brought before the first step that uses one, carried once the build is done.
//! Knows which caches there are and what to tell people; not how a mount is packed, nor what is in it.

mod down;
mod up;

pub use down::Source;
pub use up::Target;

use super::Said;
use crate::ctx::{CacheId, CarryMounts, Ctx};
use crate::error::Result;
use rbuild_graph::{BuildGraph, Mount, Op};
use rbuild_records::mounts::Ground;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Mounts that travel between the store and these caches.
#[derive(Debug, Default)]
pub struct Mounts {
    from: Vec<Source>,
    to: Vec<Target>,
    /// What the caches have to say.
    said: Said,
    /// By their identities, what the Dockerfile calls those that were used.
    used: Mutex<BTreeMap<String, String>>,
    /// The directories that were brought or need not be: each is looked at once.
    seen: Mutex<BTreeSet<PathBuf>>,
}

impl Mounts {
    /// Mounts that are brought from and carried to these, in the order in which they are asked.
    pub fn new(from: Vec<Source>, to: Vec<Target>, said: Said) -> Self {
        Self { from, to, said, used: Mutex::default(), seen: Mutex::default() }
    }

    /// Carries the mounts that steps of this build used to where they are wanted. Fails only for a cache that must not fail,
    /// and for a stop.
    pub fn carry(&self, ctx: &Ctx<'_>) -> Result<()> {
        let used = lock(&self.used).clone();
        for target in &self.to {
            for (identity, id) in used.iter().filter(|(_, id)| target.wanted().has(id)) {
                let carried = target.carry(ctx, &CacheId { id, identity });
                self.said.tell(ctx.events);
                carried?;
            }
        }
        Ok(())
    }
}

impl CarryMounts for Mounts {
    fn expect(&self, ctx: &Ctx<'_>, graph: &BuildGraph) {
        let there = ids(graph);
        for id in self.to.iter().flat_map(|target| target.wanted().unknown(&there)) {
            let near = dockerfile_parser::question(dockerfile_parser::did_you_mean(id, there.iter().copied()));
            ctx.events.warning(&format!("mounts={id}: no step has a cache mount of that id{near}"));
        }
    }

    fn bring(&self, ctx: &Ctx<'_>, mount: &CacheId<'_>, place: &Path) -> Result<()> {
        if self.from.is_empty() || !lock(&self.seen).insert(place.to_owned()) {
            return Ok(());
        }
        down::bring(ctx, &self.from, mount, place)
    }

    fn used(&self, mount: &CacheId<'_>) {
        lock(&self.used).insert(mount.identity.to_owned(), mount.id.to_owned());
    }
}

/// What the Dockerfile calls the cache mounts of all steps.
fn ids(graph: &BuildGraph) -> BTreeSet<&str> {
    let runs = graph.vertices.iter().filter_map(|vertex| match &vertex.op {
        Op::Run(run) => Some(&run.mounts),
        _ => None,
    });
    let ids = runs.flatten().filter_map(|mount| match mount {
        Mount::Cache(cache) => Some(&*cache.id),
        _ => None,
    });
    ids.collect()
}

/// What of the machine it takes to move a mount.
fn ground<'a>(ctx: &Ctx<'a>) -> Ground<'a> {
    Ground { store: ctx.store, ownership: ctx.snapshots.ownership(), cancel: ctx.cancel }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
