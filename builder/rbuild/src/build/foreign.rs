//! Steps for platforms that this machine does not run: refused before any work is done. What is in the cache needs none.
//! Knows no emulator.

use crate::error::{Error, Result};
use rbuild_graph::{BuildGraph, Op};
use rbuild_oci::Platform;
use rbuild_runner::Executor;
use std::collections::BTreeSet;

/// Refuses a graph with a step that starts a program which the executor cannot run. Files may be copied for any platform.
pub(super) fn check(graph: &BuildGraph, executor: &dyn Executor) -> Result<()> {
    let mut fine: BTreeSet<&Platform> = BTreeSet::new();
    for (_, vertex) in graph.iter() {
        let Op::Run(run) = &vertex.op else { continue };
        if fine.insert(&run.platform) {
            executor.runs(&run.platform).map_err(|error| {
                let (step, span) = (vertex.place.to_string(), vertex.place.span);
                Error::At { step, span, hint: None, source: Box::new(error.into()) }
            })?;
        }
    }
    Ok(())
}
