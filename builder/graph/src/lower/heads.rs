//! What every stage starts from, and what a name in FROM, `--from` or `from=` stands for. Knows no other instruction.

use super::Work;
use super::outline::Section;
use super::pass::Job;
use super::variables::Variables;
use crate::error::{Error, ErrorKind, Result};
use crate::request::{ImageSource, NamedContext};
use dockerfile_parser::lint::{PlatformFlag, Seen, Site};
use dockerfile_parser::words::Expanded;
use dockerfile_parser::{Span, Text};
use rbuild_oci::{Platform, Reference};
use std::collections::BTreeSet;

/// Something with files.
#[derive(Clone, Debug)]
pub(super) enum Located<'a> {
    /// Nothing at all.
    Scratch,
    /// A stage, by number.
    Stage(usize),
    /// An image.
    Image {
        /// Where it is asked for.
        source: ImageSource,
        /// Its name for people.
        name: String,
        /// The platform wanted.
        platform: Platform,
    },
    /// A named context that is no image.
    Context {
        /// Its name in the request.
        name: &'a str,
        /// What it is.
        context: &'a NamedContext,
        /// The platform of an image made of it.
        platform: Platform,
    },
}

/// A stage's FROM, understood.
pub(super) struct Head<'a> {
    /// FROM and body.
    pub(super) section: &'a Section<'a>,
    /// Its name in lower case.
    pub(super) name: Option<String>,
    /// Its name for people; empty for the only stage.
    pub(super) label: String,
    /// The image as written, variables expanded.
    pub(super) image: String,
    /// What it starts from.
    pub(super) base: Located<'a>,
    /// The variables that its FROM uses.
    pub(super) used: BTreeSet<String>,
    /// Whether a named context stands in for it: then `base` is all there is.
    pub(super) replaced: bool,
}

impl Head<'_> {
    /// The bytes of the FROM.
    pub(super) fn span(&self) -> Span {
        self.section.head.span
    }
}

/// All stages of the file, used or not.
pub(super) fn heads<'a>(job: &Job<'a>, work: &mut Work<'_>) -> Result<Vec<Head<'a>>> {
    let mut heads: Vec<Head<'a>> = Vec::new();
    let sections = &job.outline.sections;
    for (index, section) in sections.iter().enumerate() {
        let name = section.from.name.as_ref().map(|name| name.to_str_lossy().to_ascii_lowercase());
        let label = match &name {
            _ if sections.len() == 1 => String::new(),
            Some(name) => name.clone(),
            None => format!("stage-{index}"),
        };
        let image = base_name(job, work, section)?;
        let suggest = |error: Error| suggesting(error, &image, job);
        let (platform, mut used) = platform(job, work, section)?;
        used.extend(image.used.iter().cloned());
        let stand_in = name.as_ref().and_then(|name| job.contexts.find(name, &platform));
        let base = match (stand_in, by_name(&heads, &image.value, heads.len())) {
            (Some((name, context)), _) => from_context(name, context, platform),
            (None, Some(stage)) => base_of_stage(&heads, stage),
            (None, None) => {
                let site = Site::of(section.head, &section.from.image);
                external(job, work, &image.value, platform, &site).map_err(suggest)?
            }
        };
        heads.push(Head { section, name, label, image: image.value, base, used, replaced: stand_in.is_some() });
    }
    Ok(heads)
}

/// The stage of that name: the latest before `limit`, else the first after it.
pub(super) fn by_name(heads: &[Head<'_>], name: &str, limit: usize) -> Option<usize> {
    let is = |head: &Head<'_>| head.name.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name));
    let before = heads.iter().take(limit).rposition(is);
    before.or_else(|| heads.iter().skip(limit).position(is).map(|at| at + limit))
}

/// What a name stands for that is no stage.
pub(super) fn external<'a>(
    job: &Job<'a>,
    work: &mut Work<'_>,
    name: &str,
    platform: Platform,
    site: &Site<'_>,
) -> Result<Located<'a>> {
    if name == "scratch" {
        return Ok(Located::Scratch);
    }
    if let Some((name, context)) = job.contexts.find(name, &platform) {
        return Ok(from_context(name, context, platform));
    }
    let reference = reference(name, site, work)?;
    Ok(Located::Image { name: reference.to_string(), source: ImageSource::Registry(reference), platform })
}

/// A stage that a context stands in for is that context.
fn base_of_stage<'a>(heads: &[Head<'a>], stage: usize) -> Located<'a> {
    match heads.get(stage) {
        Some(head) if head.replaced => head.base.clone(),
        _ => Located::Stage(stage),
    }
}

fn from_context<'a>(name: &'a str, context: &'a NamedContext, platform: Platform) -> Located<'a> {
    match context {
        NamedContext::Image(text) => {
            Located::Image { source: ImageSource::Context(text.clone()), name: name.to_owned(), platform }
        }
        NamedContext::Scratch => Located::Scratch,
        NamedContext::Directory | NamedContext::Remote(_) => Located::Context { name, context, platform },
    }
}

/// Reads a reference. One that is wrong only for its upper-case letters is taken in lower case, with a warning.
fn reference(name: &str, site: &Site<'_>, work: &mut Work<'_>) -> Result<Reference> {
    name.parse().or_else(|source| {
        let lower = lower_case_name(name);
        let Ok(reference) = lower.parse() else {
            let span = site.place.map(|place| place.span).unwrap_or_default();
            return Err(Error::at(span, ErrorKind::Reference { name: name.to_owned(), source }));
        };
        work.linter.see(site, &Seen::UpperCaseImage { written: name, used: &lower });
        Ok(reference)
    })
}

/// The name in lower case, its tag and digest as they are.
pub(super) fn lower_case_name(name: &str) -> String {
    let (rest, digest) = name.find('@').map_or((name, ""), |at| name.split_at(at));
    let colon = rest.rfind(':').filter(|at| !rest[*at..].contains('/'));
    let (repository, tag) = colon.map_or((rest, ""), |at| rest.split_at(at));
    format!("{}{tag}{digest}", repository.to_ascii_lowercase())
}

fn base_name(job: &Job<'_>, work: &mut Work<'_>, section: &Section<'_>) -> Result<Expanded> {
    let word = &section.from.image;
    let name = expand(job, work, section, word)?;
    if name.value.is_empty() {
        let error = Error::at(word.span, ErrorKind::BlankBase(word.to_str_lossy().into_owned()));
        return Err(suggesting(error, &name, job));
    }
    Ok(name)
}

/// Names the variable that may have been meant where one is not set.
fn suggesting(error: Error, expanded: &Expanded, job: &Job<'_>) -> Error {
    match expanded.unmatched.first() {
        Some(name) => {
            let error = error.suggesting(name, job.globals.variables.names());
            let is_declared = declared(job).contains(name);
            match error.hint {
                Some(_) => error,
                None if is_declared => error.with_hint(format!("ARG {name} has no value: --build-arg {name}=…")),
                None => error.with_hint(format!("no ARG before the first FROM declares {name}")),
            }
        }
        None => error,
    }
}

/// The platform of a FROM, and the variables that give it.
fn platform(job: &Job<'_>, work: &mut Work<'_>, section: &Section<'_>) -> Result<(Platform, BTreeSet<String>)> {
    let Some(word) = &section.from.platform else { return Ok((job.platform.clone(), BTreeSet::new())) };
    let expanded = expand(job, work, section, word)?;
    see_platform(job, work, section, (word, &expanded));
    let written = word.to_str_lossy().into_owned();
    let suggest = |error: Error| suggesting(error, &expanded, job);
    if expanded.value.is_empty() {
        return Err(suggest(Error::at(word.span, ErrorKind::EmptyPlatform(written))));
    }
    match expanded.value.parse() {
        Ok(platform) => Ok((platform, expanded.used)),
        Err(source) => Err(suggest(Error::at(word.span, ErrorKind::Platform { written, source }))),
    }
}

fn see_platform(job: &Job<'_>, work: &mut Work<'_>, section: &Section<'_>, (word, expanded): (&Text, &Expanded)) {
    const TARGET: &str = "TARGETPLATFORM";
    let name = section.from.name.as_ref().map(|name| name.to_str_lossy()).unwrap_or_default();
    let platform: Option<Platform> = expanded.value.parse().ok();
    let flag = PlatformFlag {
        written: &word.to_str_lossy(),
        value: &expanded.value,
        is_target: expanded.unmatched.is_empty()
            && expanded.used.iter().eq([TARGET])
            && job.globals.variables.get(TARGET) == Some(&expanded.value),
        is_constant: expanded.unmatched.is_empty() && expanded.used.is_empty(),
        stage: &name,
        parts: platform.as_ref().map(|platform| (&platform.os[..], &platform.architecture[..])),
    };
    work.linter.see(&Site::of(section.head, word), &Seen::Platform(flag));
}

fn expand(job: &Job<'_>, work: &mut Work<'_>, section: &Section<'_>, word: &Text) -> Result<Expanded> {
    let variables: &Variables = &job.globals.variables;
    let expanded = variables.expand(word, job.outline.escape, word.span)?;
    let declared = declared(job);
    for name in expanded.unmatched.iter().filter(|name| !declared.contains(name.as_str())) {
        let near = dockerfile_parser::nearest(name, declared.iter().map(String::as_str).chain(variables.names()));
        work.linter.see(&Site::of(section.head, word), &Seen::Undeclared { name, near });
    }
    Ok(expanded)
}

/// Global ARGs by name, those without a value too.
fn declared(job: &Job<'_>) -> BTreeSet<String> {
    let items = job.outline.globals.iter().flat_map(|(_, items)| items.iter());
    items.map(|item| item.name.to_str_lossy().into_owned()).collect()
}
