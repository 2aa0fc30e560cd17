//! Which stages the target needs and what is done in each, ONBUILD triggers included. Asks for every image on the way.
//! Knows nothing of what an instruction does.

use super::Work;
use super::circles;
use super::command::{Command, Taken};
use super::heads::{self, Head, Located};
use super::pass::Job;
use super::variables::word_error;
use crate::error::{Error, ErrorKind, Result};
use crate::request::{Answer, Ask, ImageSource, Question};
use dockerfile_parser::words;
use dockerfile_parser::{Instruction, Kind, Span};
use std::collections::{BTreeMap, BTreeSet};

/// The stages that the target needs, by number, each with its instructions in order.
pub(super) type Plan<'a> = BTreeMap<usize, Vec<Command<'a>>>;

/// Plans the build of the stage `target`.
pub(super) fn plan<'a>(job: &Job<'a>, work: &mut Work<'_>, heads: &[Head<'a>], target: usize) -> Result<Plan<'a>> {
    circles::refuse(job, work, heads)?;
    let mut plan = Plan::new();
    let every = 0..if job.request.all_stages { heads.len() } else { 0 };
    let mut waiting: BTreeSet<usize> = every.chain([target]).collect();
    while let Some(index) = waiting.pop_last() {
        let Some(head) = heads.get(index) else { continue };
        let mut commands = triggers(work, heads, head)?;
        if !head.replaced {
            commands.extend(head.section.body.iter().map(Command::written));
        }
        if let Located::Stage(base) = head.base {
            waiting.insert(base);
        }
        for command in &commands {
            for name in command.taken() {
                match locate(job, work, heads, index, command, &name)? {
                    Located::Stage(stage) if stage < index => {
                        waiting.insert(stage);
                    }
                    Located::Stage(stage) => return Err(later(heads, index, stage, command.site.of(name.name))),
                    other => {
                        ask(work, heads, &other, command.site.of(name.name));
                    }
                }
            }
        }
        plan.insert(index, commands);
    }
    Ok(plan)
}

/// What a name in COPY `--from` or a mount's `from` stands for, in the stage `index`.
pub(super) fn locate<'a>(
    job: &Job<'a>,
    work: &mut Work<'_>,
    heads: &[Head<'a>],
    index: usize,
    command: &Command<'_>,
    taken: &Taken<'_>,
) -> Result<Located<'a>> {
    let span = command.site.of(taken.name);
    let name = taken.name.to_str_lossy();
    if taken.numbered {
        let expanded = words::expand(&taken.name.bytes, job.outline.escape, &|_| None)
            .map_err(|source| word_error(taken.name, source, span))?;
        if expanded.value != name {
            return Err(Error::at(span, ErrorKind::VariableInFrom(name.into_owned())));
        }
        if let Ok(number) = name.parse::<usize>() {
            return match heads.get(number) {
                Some(head) if head.replaced => Ok(head.base.clone()),
                Some(_) => Ok(Located::Stage(number)),
                None => Err(Error::at(span, ErrorKind::StageIndex { index: number, stages: heads.len() })),
            };
        }
    }
    match heads::by_name(heads, &name, index) {
        Some(stage) if heads.get(stage).is_some_and(|head| head.replaced) => {
            Ok(heads.get(stage).map_or(Located::Scratch, |head| head.base.clone()))
        }
        Some(stage) => Ok(Located::Stage(stage)),
        None => heads::external(job, work, &name, job.platform.clone(), &command.seen_at(taken.name)),
    }
}

/// The answer about an image; where there is none yet, the question is noted.
pub(super) fn ask<'w>(
    work: &'w mut Work<'_>,
    heads: &[Head<'_>],
    located: &Located<'_>,
    span: Span,
) -> Option<&'w Answer> {
    let Located::Image { source, platform, name } = located else { return None };
    let ask = Ask { image: source.clone(), platform: platform.clone() };
    if let Some(answer) = work.answers.get(&ask) {
        return Some(answer);
    }
    let question = Question { ask: ask.clone(), span, hint: hint(heads, source, name) };
    work.questions.entry(ask).or_insert(question);
    None
}

fn hint(heads: &[Head<'_>], source: &ImageSource, name: &str) -> Option<String> {
    const COMMON: [&str; 7] = ["alpine", "busybox", "centos", "debian", "fedora", "golang", "ubuntu"];
    let written = match source {
        ImageSource::Registry(reference) => reference.familiar_name(),
        ImageSource::Context(_) => name.to_owned(),
    };
    let stages = heads.iter().filter_map(|head| head.name.as_deref());
    let near = dockerfile_parser::did_you_mean(&written, stages.chain(COMMON))?;
    Some(format!("did you mean {near}?"))
}

/// The ONBUILD triggers of what a stage starts from, one that fired there among them if it is an ONBUILD itself.
fn triggers<'a>(work: &mut Work<'_>, heads: &[Head<'a>], head: &Head<'a>) -> Result<Vec<Command<'a>>> {
    if head.replaced {
        return Ok(Vec::new());
    }
    let texts = match &head.base {
        Located::Stage(base) => match heads.get(*base) {
            Some(base) => {
                // Only an image's triggers can be ONBUILDs.
                let of_image = matches!(base.base, Located::Image { .. });
                let fired = if of_image { triggers(work, heads, base)? } else { Vec::new() };
                let fired = fired.iter().map(|command| &*command.instruction);
                let written = if base.replaced { &[][..] } else { base.section.body };
                fired.chain(written).filter_map(stored).collect()
            }
            None => Vec::new(),
        },
        image @ Located::Image { .. } => ask(work, heads, image, head.section.from.image.span)
            .map(|answer| answer.config.config.on_build.clone())
            .unwrap_or_default(),
        Located::Scratch | Located::Context { .. } => Vec::new(),
    };
    texts.iter().map(|text| trigger(text, head).map(|inner| Command::triggered(inner, head.section.head))).collect()
}

fn stored(instruction: &Instruction) -> Option<String> {
    match &instruction.kind {
        Kind::Onbuild(onbuild) => Some(onbuild.trigger.to_str_lossy().into_owned()),
        _ => None,
    }
}

/// A stored trigger, which may be any instruction but FROM: what the parser refuses behind ONBUILD may still come with
/// an image, and BuildKit takes it from there.
fn trigger(text: &str, head: &Head<'_>) -> Result<Instruction> {
    let refuse = |source| {
        let base = head.section.from.image.to_str_lossy().into_owned();
        Error::at(head.span(), ErrorKind::Trigger { trigger: text.to_owned(), base, source })
    };
    let inner = dockerfile_parser::parse_instruction(text.as_bytes()).map_err(refuse)?;
    if matches!(inner.kind, Kind::From(_)) {
        let keyword = inner.keyword.to_str_lossy().to_ascii_uppercase();
        let kind = dockerfile_parser::ErrorKind::OnbuildTrigger(keyword);
        return Err(refuse(dockerfile_parser::Error::new(kind, inner.span)));
    }
    Ok(inner)
}

fn later(heads: &[Head<'_>], index: usize, from: usize, span: Span) -> Error {
    let kind = if from == index {
        ErrorKind::Circular(shown(heads, index), format!("{0} takes files of {0}", shown(heads, index)))
    } else {
        ErrorKind::LaterStage { stage: shown(heads, index), from: shown(heads, from) }
    };
    Error::at(span, kind)
}

/// A stage's name for an error, also where it has none.
pub(super) fn shown(heads: &[Head<'_>], index: usize) -> String {
    let name = heads.get(index).and_then(|head| head.name.clone());
    name.unwrap_or_else(|| format!("stage-{index}"))
}

/// The stage that the request names; the last one where it names none. A number names no target, as in BuildKit.
pub(super) fn target(target: Option<&str>, heads: &[Head<'_>]) -> Result<usize> {
    let Some(name) = target else { return Ok(heads.len().saturating_sub(1)) };
    heads::by_name(heads, name, heads.len()).ok_or_else(|| {
        let error = Error::nowhere(ErrorKind::UnknownTarget(name.to_owned()));
        let names: Vec<&str> = heads.iter().filter_map(|head| head.name.as_deref()).collect();
        let near = error.suggesting(name, names.iter().copied());
        match names[..] {
            _ if near.hint.is_some() => near,
            [] => near.with_hint("no stage has a name; FROM … AS NAME gives one"),
            _ => near.with_hint(format!("its stages are {}", names.join(", "))),
        }
    })
}
