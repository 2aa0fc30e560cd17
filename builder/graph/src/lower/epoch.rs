//! What a build takes its time from where SOURCE_DATE_EPOCH is a name: the main context, a named one, or a stage that only
//! adds one thing from elsewhere. Knows no clock: the caller finds out the time.

use super::contexts::Contexts;
use super::globals::{self, EPOCH};
use super::outline::{Outline, Section};
use super::remote::{Remote, remote};
use super::variables::Variables;
use crate::address::context_op;
use crate::error::{Error, ErrorKind, Result};
use crate::op::{FetchOp, Op};
use crate::request::{NamedContext, Request};
use dockerfile_parser::instruction::Add;
use dockerfile_parser::{Dockerfile, Kind, Text};
use std::collections::BTreeMap;

/// Something that may have a time of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeSource {
    /// The main context.
    Context,
    /// A checkout or a download.
    Leaf(Box<Op>),
    /// Something that has none, such as a directory.
    Timeless,
}

/// The name for the main context.
const CONTEXT: &str = "context";

/// What SOURCE_DATE_EPOCH names; none where it is a number or not set. The caller puts the seconds it finds, or nothing,
/// in the place of the name among the build arguments before it calls [`crate::lower`].
///
/// # Errors
/// A name of nothing, and a stage that is more than `FROM scratch` with ARGs and one ADD of a URL or repository.
pub fn time_source(file: &Dockerfile, request: &Request) -> Result<Option<TimeSource>> {
    let outline = Outline::of(file)?;
    let platform = request.platforms.first().unwrap_or(&request.build_platform);
    let (build_args, mut variables, _) = globals::scope(&outline, request, platform)?;
    let Some(name) = globals::epoch_text(&build_args, &variables) else { return Ok(None) };
    if name.is_empty() || name.parse::<i64>().is_ok() {
        return Ok(None);
    }
    if name == CONTEXT {
        return Ok(Some(TimeSource::Context));
    }
    match Contexts::of(request).find(&name, platform) {
        Some((_, NamedContext::Remote(address))) => {
            return Ok(Some(context_op(address)?.map_or(TimeSource::Timeless, |op| TimeSource::Leaf(Box::new(op)))));
        }
        Some(_) => return Ok(Some(TimeSource::Timeless)),
        None => {}
    }
    variables.remove(EPOCH);
    let section = stage(&outline, &name).ok_or_else(|| unknown(&name))?;
    added(&outline, section, &build_args, variables, &name).map(|op| Some(TimeSource::Leaf(Box::new(op))))
}

/// Refuses a name of nothing.
pub(super) fn check(outline: &Outline<'_>, request: &Request, name: &str) -> Result<()> {
    let platform = request.platforms.first().unwrap_or(&request.build_platform);
    let known = name == CONTEXT || Contexts::of(request).find(name, platform).is_some();
    if known || stage(outline, name).is_some() { Ok(()) } else { Err(unknown(name)) }
}

fn unknown(name: &str) -> Error {
    Error::nowhere(ErrorKind::SourceDateEpoch(name.to_owned()))
}

fn stage<'o, 'a>(outline: &'o Outline<'a>, name: &str) -> Option<&'o Section<'a>> {
    let is_called = |section: &&Section<'_>| {
        section.from.name.as_ref().is_some_and(|own| own.to_str_lossy().eq_ignore_ascii_case(name))
    };
    outline.sections.iter().find(is_called)
}

/// What a stage adds, if it does nothing else.
fn added(
    outline: &Outline<'_>,
    section: &Section<'_>,
    build_args: &BTreeMap<String, String>,
    mut variables: Variables,
    name: &str,
) -> Result<Op> {
    let refuse = |reason: &str| {
        let kind = ErrorKind::StageWithoutTime { stage: name.to_owned(), reason: reason.to_owned() };
        Error::at(section.head.span, kind)
    };
    let base = &section.from.image;
    if variables.expand(base, outline.escape, base.span)?.value != "scratch" {
        return Err(refuse("it must be FROM scratch"));
    }
    let mut found = None;
    for instruction in section.body {
        match &instruction.kind {
            Kind::Arg(items) => {
                for item in items {
                    let name = item.name.to_str_lossy().into_owned();
                    let value = match (build_args.get(&name), &item.default) {
                        (Some(given), _) => given.clone(),
                        (None, Some(default)) => variables.expand(default, outline.escape, instruction.span)?.value,
                        (None, None) => continue,
                    };
                    variables.set(&name, &value);
                }
            }
            Kind::Add(add) if found.is_none() => {
                let expand = |text: &Text| Ok(variables.expand(text, outline.escape, instruction.span)?.value);
                found = Some(leaf(add, &expand)?.map_err(|reason| refuse(&reason))?);
            }
            _ => return Err(refuse("it may have nothing but ARGs and one ADD of a URL or git repository")),
        }
    }
    found.ok_or_else(|| refuse("it must have an ADD of a URL or git repository"))
}

/// The checkout or download of an ADD; an inner error is the reason why it is neither.
fn leaf(add: &Add, expand: &dyn Fn(&Text) -> Result<String>) -> Result<std::result::Result<Op, String>> {
    let ([source], []) = (&add.paths.sources[..], &add.paths.files[..]) else {
        return Ok(Err("its ADD must have exactly one source".to_owned()));
    };
    let source = expand(source)?;
    let checksum = add.checksum.as_ref().map(expand).transpose()?.filter(|text| !text.is_empty());
    Ok(match remote(&source) {
        Err(reason) => Err(reason),
        Ok(Remote::Git(git)) => {
            let keep = git.keep_git_dir.or(add.keep_git_dir).unwrap_or(false);
            let checksum = git.checksum.clone().or(checksum);
            Ok(Op::Git(git.checkout(keep, checksum)))
        }
        Ok(Remote::Url { name }) => {
            let checksum = checksum.map(|text| text.parse().map_err(|error: rbuild_oci::Error| error.to_string()));
            checksum.transpose().map(|checksum| Op::Fetch(FetchOp { url: source, name, checksum, modified: None }))
        }
        Ok(Remote::Local) => Err("its ADD must be of a URL or git repository".to_owned()),
    })
}
