//! Cache mounts that one build has alone: they begin as they would on a machine that never used them, and it is noted
//! where they are, as they will go. Knows no step, and not what is in them.

use super::Trace;
use crate::ctx::{CacheId, CarryMounts, Ctx};
use crate::error::Result;
use rbuild_graph::BuildGraph;
use std::path::Path;

/// The cache mounts of one build.
#[derive(Debug)]
pub struct Apart<'a> {
    build: String,
    trace: &'a Trace,
}

impl<'a> Apart<'a> {
    /// Of the build of that name, which no other build of the store ever has; `trace` learns where they are.
    pub fn new(build: String, trace: &'a Trace) -> Self {
        Self { build, trace }
    }
}

impl CarryMounts for Apart<'_> {
    fn expect(&self, _: &Ctx<'_>, _: &BuildGraph) {}

    fn called(&self, identity: &str) -> String {
        format!("{}\n{identity}", self.build)
    }

    fn bring(&self, _: &Ctx<'_>, _: &CacheId<'_>, place: &Path) -> Result<()> {
        self.trace.mount(place);
        Ok(())
    }

    fn used(&self, _: &CacheId<'_>) {}
}
