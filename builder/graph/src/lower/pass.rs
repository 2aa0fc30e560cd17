//! One platform: from the stages of the file to a target. Knows no instruction.

use super::Work;
use super::contexts::Contexts;
use super::globals::Globals;
use super::heads::{self, Head};
use super::outline::Outline;
use super::plan::{self, Plan};
use super::stage::Stage;
use super::state::State;
use crate::error::Result;
use crate::graph::Target;
use crate::request::Request;
use rbuild_oci::Platform;
use std::collections::BTreeMap;

/// What a pass reads.
pub(super) struct Job<'a> {
    /// The file.
    pub(super) outline: &'a Outline<'a>,
    /// The request.
    pub(super) request: &'a Request,
    /// Its named contexts.
    pub(super) contexts: &'a Contexts<'a>,
    /// The outermost scope.
    pub(super) globals: &'a Globals,
    /// The platform to build for.
    pub(super) platform: &'a Platform,
}

impl Job<'_> {
    /// Whether the platform is worth showing at each step.
    pub(super) fn has_many_platforms(&self) -> bool {
        self.request.platforms.len() > 1
    }
}

/// Makes the target of one platform, and the stages that it needs; nothing while there are open questions.
pub(super) fn run(job: &Job<'_>, work: &mut Work<'_>) -> Result<Option<(Target, Vec<Target>)>> {
    let heads = heads::heads(job, work)?;
    let target = plan::target(job.request.target.as_deref(), &heads)?;
    let plan = plan::plan(job, work, &heads, target)?;
    plan.values().flatten().for_each(|command| work.declared.take(&command.instruction));
    if !work.questions.is_empty() {
        return Ok(None);
    }
    let mut states = stages(job, work, &heads, &plan)?;
    let finished = states.remove(&target).map(|state| {
        let stage = plan::shown(&heads, target);
        finish(job, stage, described(state, heads.get(target)))
    });
    let others = states.into_iter().map(|(index, state)| image(plan::shown(&heads, index), state));
    Ok(finished.map(|target| (target, others.collect())))
}

fn stages<'a>(
    job: &Job<'a>,
    work: &mut Work<'_>,
    heads: &[Head<'a>],
    plan: &Plan<'a>,
) -> Result<BTreeMap<usize, State>> {
    let mut done = BTreeMap::new();
    for (index, commands) in plan {
        let state = Stage::lower(job, work, heads, &done, *index, commands)?;
        done.insert(*index, state);
    }
    Ok(done)
}

/// A stage as an image of its own.
fn image(stage: String, state: State) -> Target {
    let State { platform, tree, config, rows, parameters, .. } = state;
    Target { platform, stage, result: tree, config, history: rows, parameters }
}

/// The state with the name and the description of its stage among its parameters.
fn described(mut state: State, head: Option<&Head<'_>>) -> State {
    state.parameters.target = head.and_then(|head| head.name.clone());
    let description = |head: &Head<'_>| head.section.head.description(head.name.as_ref()?.as_bytes());
    state.parameters.description = head.and_then(description).map(|text| text.to_str_lossy().into_owned());
    state
}

/// Adds what the request says of the finished image: labels, and the platform where it names one.
fn finish(job: &Job<'_>, stage: String, state: State) -> Target {
    let mut config = state.config;
    config.config.labels.extend(job.request.labels.clone());
    if !job.request.platforms.is_empty() {
        let wanted = job.platform;
        let same = wanted.os == config.os && wanted.architecture == config.architecture;
        config.os.clone_from(&wanted.os);
        config.architecture.clone_from(&wanted.architecture);
        if wanted.variant.is_some() || !same {
            config.variant.clone_from(&wanted.variant);
        }
        if wanted.os_version.is_some() || !same {
            config.os_version.clone_from(&wanted.os_version);
        }
        if !wanted.os_features.is_empty() {
            config.os_features.clone_from(&wanted.os_features);
        }
    }
    let unasked = job.request.platforms.is_empty() && !config.architecture.is_empty();
    let platform = if unasked { config.platform() } else { job.platform.clone() };
    let parameters = state.parameters;
    Target { platform, stage, result: state.tree, config, history: state.rows, parameters }
}
