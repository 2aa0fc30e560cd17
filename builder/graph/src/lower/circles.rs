//! Stages that need themselves, directly or through others. Knows no file.

use super::Work;
use super::command::Command;
use super::heads::{Head, Located};
use super::pass::Job;
use super::plan::{locate, shown};
use crate::error::{Error, ErrorKind, Result};
use dockerfile_parser::Span;
use std::collections::{BTreeMap, BTreeSet};

/// Refuses stages that need themselves, used or not, and names that cannot be anything.
pub(super) fn refuse(job: &Job<'_>, work: &mut Work<'_>, heads: &[Head<'_>]) -> Result<()> {
    let mut needs: Vec<BTreeMap<usize, Span>> = Vec::new();
    for (index, head) in heads.iter().enumerate() {
        let mut stages = BTreeMap::new();
        if let Located::Stage(base) = head.base {
            stages.insert(base, head.span());
        }
        for command in head.section.body.iter().map(Command::written) {
            for name in command.taken() {
                if let Located::Stage(stage) = locate(job, work, heads, index, &command, &name)? {
                    stages.entry(stage).or_insert(command.site.of(name.name));
                }
            }
        }
        needs.push(if head.replaced { BTreeMap::new() } else { stages });
    }
    // The first stage of any circle needs a later one, or itself.
    let leads_on = |start: &usize| needs.get(*start).is_some_and(|stages| stages.keys().any(|stage| stage >= start));
    (0..needs.len()).filter(leads_on).try_for_each(|start| match circle(&needs, start) {
        Some((path, span)) => {
            let names: Vec<String> = path.iter().map(|index| shown(heads, *index)).collect();
            Err(Error::at(span, ErrorKind::Circular(shown(heads, start), names.join(" takes files of "))))
        }
        None => Ok(()),
    })
}

/// The shortest way from a stage back to itself, and the instruction that takes the first step.
fn circle(needs: &[BTreeMap<usize, Span>], start: usize) -> Option<(Vec<usize>, Span)> {
    let mut seen = BTreeSet::new();
    let mut paths: Vec<Vec<usize>> = vec![vec![start]];
    while !paths.is_empty() {
        let mut longer = Vec::new();
        for path in &paths {
            for next in path.last().and_then(|last| needs.get(*last)).into_iter().flat_map(BTreeMap::keys) {
                let extended: Vec<usize> = path.iter().copied().chain([*next]).collect();
                if *next == start {
                    let span = extended.get(1).and_then(|first| needs.get(start)?.get(first)).copied();
                    return Some((extended, span.unwrap_or_default()));
                }
                if seen.insert(*next) {
                    longer.push(extended);
                }
            }
        }
        paths = longer;
    }
    None
}
