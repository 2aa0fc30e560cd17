//! What a build may use of the world, gathered in one place and passed first. Knows no step.

use crate::driver::Drivers;
use crate::error::Result;
use crate::events::Events;
use rbuild_graph::BuildGraph;
use rbuild_oci::{Cancel, Timestamp};
use rbuild_records::depot::Documents;
use rbuild_records::{CacheBackend, LocalBackend, MemoryBackend};
use rbuild_registry::Config;
use rbuild_runner::{Executor, IdMap};
use rbuild_store::Store;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// The only way to reach the world from within a build.
#[derive(Clone, Copy)]
pub struct Ctx<'a> {
    /// Where everything is kept.
    pub store: &'a Store,
    /// The storage driver.
    pub snapshots: &'a Drivers,
    /// The build cache.
    pub cache: &'a dyn CacheBackend,
    /// The build cache as steps see it that are in no image of the request.
    pub aside: &'a dyn CacheBackend,
    /// What images are to carry of the build cache, once their steps are done.
    pub inline: &'a (dyn Fn() -> Documents + Sync),
    /// What becomes of cache mounts besides lying in the store.
    pub mounts: &'a dyn CarryMounts,
    /// What runs processes.
    pub executor: &'a dyn Executor,
    /// How servers are reached, if they may be asked at all.
    pub network: &'a Config,
    /// Who is told.
    pub events: &'a Events,
    /// The request to stop.
    pub cancel: &'a Cancel,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// The records written so far, which have to be on the disk before a tag.
    pub written: &'a dyn Written,
    /// Whether any step was executed: a build that found all its results writes nothing.
    pub wrote: &'a AtomicBool,
    /// What this process may do.
    pub place: Place,
    /// The ids that files can belong to.
    pub ids: &'a IdMap,
    /// How faithfully steps can be done: part of the key of every RUN.
    pub fidelity: &'a str,
}

/// Where this process stands with respect to the user namespace that work is done in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It may do everything a build needs.
    Inside,
    /// It is an ordinary user's and may only look things up.
    Outside,
}

/// Knows which files a build has written that its tags will rest on.
pub trait Written: Send + Sync {
    /// The files written since the last call.
    fn take_written(&self) -> Vec<PathBuf>;
}

impl Written for LocalBackend {
    fn take_written(&self) -> Vec<PathBuf> {
        Self::take_written(self)
    }
}

/// Records that are in memory rest on no file.
impl Written for MemoryBackend {
    fn take_written(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        std::time::SystemTime::now().into()
    }
}

/// A clock that stands still.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// What becomes of cache mounts besides lying in the store.
pub trait CarryMounts: Sync {
    /// A graph is about to be solved: whoever wants mounts that none of its steps has is warned.
    fn expect(&self, ctx: &Ctx<'_>, graph: &BuildGraph);

    /// What the store calls the mount of that identity.
    fn called(&self, identity: &str) -> String {
        identity.to_owned()
    }

    /// A step is about to use the mount that has, or is to have, its directory at `place`; the caller holds its lock alone.
    /// What goes wrong is a warning, and the mount is as it was: only a stop is an error.
    fn bring(&self, ctx: &Ctx<'_>, mount: &CacheId<'_>, place: &Path) -> Result<()>;

    /// A step uses it now.
    fn used(&self, mount: &CacheId<'_>);
}

/// What tells one cache mount from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheId<'a> {
    /// What the Dockerfile calls it.
    pub id: &'a str,
    /// The same with all that it begins with.
    pub identity: &'a str,
}

/// Mounts that stay where they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct StayMounts;

impl CarryMounts for StayMounts {
    fn expect(&self, _: &Ctx<'_>, _: &BuildGraph) {}

    fn bring(&self, _: &Ctx<'_>, _: &CacheId<'_>, _: &Path) -> Result<()> {
        Ok(())
    }

    fn used(&self, _: &CacheId<'_>) {}
}
