//! What of a request lies elsewhere, brought before anything is built: the context, the Dockerfile in it, and the time that
//! SOURCE_DATE_EPOCH stands for. One file a kind of context. Knows no step.
//!
//! No ignore file applies to what is brought, as in BuildKit: who packs a tarball or fills a repository has chosen already.

mod epoch;
mod git;
mod inside;
mod tarball;
mod url;

use crate::error::{Error, Result};
use crate::events::Event;
use crate::reach::Reach;
use crate::request::{BuildRequest, ContextPlace, FileAt, Source};
use crate::solve::Shown;
use rbuild_graph::redact;
use std::fs::File;
use std::time::Instant;

/// A context that is here now.
struct Brought {
    place: ContextPlace,
    /// Its own time, in seconds since 1970, if it has one.
    time: Option<i64>,
    /// The name of the Dockerfile where there is nothing else in it.
    only: Option<&'static str>,
    /// What was read from standard input.
    input: Option<File>,
}

impl Brought {
    const fn new(place: ContextPlace, time: Option<i64>) -> Self {
        Self { place, time, only: None, input: None }
    }
}

/// Brings what the request lacks. Its secrets and agents are used for that; those of `reach` are not.
pub fn complete(reach: Reach<'_>, request: &mut BuildRequest) -> Result<()> {
    let mut time = None;
    if let Some(brought) = context(&reach, request)? {
        (request.dockerfile.context, request.input, time) = (brought.place, brought.input, brought.time);
        dockerfile(&reach, request, brought.only)?;
    } else {
        dockerfile(&reach, request, None)?;
    }
    epoch::settle(&reach, request, time)
}

fn context(reach: &Reach<'_>, request: &BuildRequest) -> Result<Option<Brought>> {
    let Some(source) = &request.elsewhere.context else { return Ok(None) };
    let from = match source {
        Source::Git(op) => op.remote.clone(),
        Source::Url(url) => url.clone(),
        Source::Tarball(path) => path.display().to_string(),
        Source::Input(_) => "standard input".to_owned(),
    };
    let name = format!("load build context from {from}");
    with(reach, request, &name, &|reach| match source {
        Source::Git(op) => git::bring(reach, op, &request.graph.build_args),
        Source::Url(url) => url::bring(reach, url),
        Source::Tarball(path) => tarball::of_file(reach, path),
        Source::Input(first) => tarball::of_input(reach, first),
    })
    .map(Some)
}

fn dockerfile(reach: &Reach<'_>, request: &mut BuildRequest, only: Option<&str>) -> Result<()> {
    let (name, bytes) = match &request.elsewhere.file {
        None => return Ok(()),
        Some(FileAt::Inside(path)) => {
            let path = path.as_deref().filter(|_| only.is_none());
            inside::read(reach, &request.dockerfile.context, path, only)?
        }
        Some(FileAt::Url(url)) => {
            let line = format!("load Dockerfile from {url}");
            with(reach, request, &line, &|reach| url::text(reach, url)).map(|bytes| (redact(url), bytes))?
        }
    };
    if let (Some(FileAt::Inside(Some(ignored))), Some(_)) = (&request.elsewhere.file, only) {
        request.notes.push(format!("the context is a Dockerfile: -f {} has no meaning", ignored.display()));
    }
    (request.dockerfile.name, request.dockerfile.bytes) = (name, bytes);
    Ok(())
}

/// Does something with the secrets of a request, and tells how it ended.
fn with<T>(
    reach: &Reach<'_>,
    request: &BuildRequest,
    name: &str,
    work: &dyn Fn(&Reach<'_>) -> Result<(T, Shown)>,
) -> Result<T> {
    let secret = |id: &str| request.secrets.get(id).map(|source| source.read(id)).transpose();
    let agent = |id: &str| request.ssh.get(id).cloned();
    let (name, began, step) = (redact(name), Instant::now(), reach.step);
    let reach = Reach { secret: &secret, agent: &agent, name: &name, ..*reach };
    let result = work(&reach);
    match &result {
        Ok((_, Shown::Cached)) => reach.events.send(&Event::Cached { step, name: &name, image: None }),
        Ok((_, Shown::Done)) => reach.events.send(&Event::Done { step, took: began.elapsed(), image: None }),
        Ok((_, Shown::Silent)) => {}
        Err(error) if error.is_canceled() => reach.events.send(&Event::Canceled { step }),
        Err(error) => {
            reach.events.send(&Event::Failed { step, name: &name, error: &redact(&error.to_string()) });
        }
    }
    result.map(|(value, _)| value)
}

/// A context that cannot be used.
fn unusable(what: &str, why: &str) -> Error {
    Error::Step(format!("cannot use {} as a context: {why}", redact(what)))
}
