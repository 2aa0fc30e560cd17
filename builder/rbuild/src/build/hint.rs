//! What helps with an error that only the whole request can tell. Knows nothing of how it is shown.

use crate::error::Error;
use crate::import::Images;
use crate::request::BuildRequest;
use rbuild_graph::Question;

/// An error about an image, at the place that asks for it.
pub(super) fn of_image(question: &Question, images: &Images<'_>, source: Error) -> Error {
    if source.is_canceled() {
        return source;
    }
    if let Error::NotLocked { .. } = source {
        return Error::At { step: question.ask.to_string(), span: question.span, hint: None, source: Box::new(source) };
    }
    let near = || images.near(&question.ask).map(|near| format!("did you mean {near}? It is in the store"));
    let hint = question.hint.clone().or_else(near);
    Error::At { step: question.ask.to_string(), span: question.span, hint, source: Box::new(source) }
}

/// A secret that a step misses may have been given under another id.
pub(super) fn of_step(request: &BuildRequest, error: Error) -> Error {
    let Error::At { step, span, hint, source } = error else { return error };
    let near = match &*source {
        Error::NotGiven { what: "secret", id } => {
            dockerfile_parser::nearest(id, request.secrets.keys().map(String::as_str))
        }
        _ => None,
    };
    let hint = near.map(|near| format!("did you mean {near}? A secret of that id is given")).or(hint);
    let hint = match (&*source, &request.lock) {
        (Error::OtherContent { .. }, Some(lock)) => {
            Some(format!("{} says so; `rbuild lock` takes over what is there now", lock.name()))
        }
        _ => hint,
    };
    Error::At { step, span, hint, source }
}
