//! From a parsed Dockerfile to a graph: one pass for each platform over the stages that its target needs, all of them into
//! one list of vertices. Knows no instruction (see `stage`).

mod circles;
mod command;
mod contexts;
mod defaults;
mod epoch;
mod globals;
mod heads;
mod history;
mod outline;
mod pass;
mod paths;
mod plan;
mod remote;
mod stage;
mod state;
mod unconsumed;
mod variables;
mod vertices;

pub use epoch::{TimeSource, time_source};
pub(crate) use remote::{Remote, remote, short};

use crate::error::Result;
use crate::graph::BuildGraph;
use crate::request::{Answers, Ask, Outcome, Question, Request};
use contexts::Contexts;
use dockerfile_parser::Dockerfile;
use dockerfile_parser::lint::Linter;
use outline::Outline;
use std::collections::BTreeMap;
use unconsumed::Declared;
use variables::Variables;
use vertices::Vertices;

/// Turns a Dockerfile into what has to be done for `request`, or into questions about the images it starts from.
///
/// Ask–answer–lower repeats, because an image's ONBUILD triggers may name further images; every round answers at least one
/// question that is new, so it ends. The same arguments always give the same outcome. `linter` sees what there is to see on
/// the way, also where it ends in an error.
///
/// # Errors
/// Everything that makes the Dockerfile unbuildable whatever the files are: see [`crate::ErrorKind`].
pub fn lower(file: &Dockerfile, request: &Request, answers: &Answers, linter: &mut Linter) -> Result<Outcome> {
    let outline = Outline::of(file)?;
    let contexts = Contexts::of(request);
    let mut work = Work::new(answers, linter);
    let platforms = match request.platforms.as_slice() {
        [] => std::slice::from_ref(&request.build_platform),
        some => some,
    };
    let (mut targets, mut stages) = (Vec::new(), Vec::new());
    let (mut source_date_epoch, mut automatic) = (None, Variables::default());
    for platform in platforms {
        defaults::see(&outline, request, platform, work.linter);
        let globals = globals::globals(&outline, request, platform)?;
        source_date_epoch = globals.epoch;
        let job = pass::Job { outline: &outline, request, contexts: &contexts, globals: &globals, platform };
        if let Some((target, others)) = pass::run(&job, &mut work)? {
            targets.push(target);
            stages.extend(others);
        }
        automatic = globals.variables;
    }
    if !work.questions.is_empty() {
        return Ok(Outcome::Need(work.questions.into_values().collect()));
    }
    work.declared.see_unconsumed(&outline, request, &automatic, work.linter);
    Ok(Outcome::Done(Box::new(BuildGraph { vertices: work.vertices.into_list(), targets, stages, source_date_epoch })))
}

/// What all passes write to.
struct Work<'a> {
    answers: &'a Answers,
    questions: BTreeMap<Ask, Question>,
    vertices: Vertices,
    linter: &'a mut Linter,
    declared: Declared,
}

impl<'a> Work<'a> {
    fn new(answers: &'a Answers, linter: &'a mut Linter) -> Self {
        Self {
            answers,
            questions: BTreeMap::new(),
            vertices: Vertices::default(),
            linter,
            declared: Declared::default(),
        }
    }
}
