//! What an answer with a status of failure says (distribution specification, "Error Codes"). Knows no request.

use crate::error::Error;
use crate::http::Response;
use crate::retry::retry_after;
use serde::Deserialize;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    errors: Vec<Item>,
    /// Token servers answer in this form.
    #[serde(default)]
    details: String,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

const ANSWER_LIMIT: u64 = 64 << 10;
const SHOWN: usize = 200;

/// The error that an answer stands for.
pub(crate) fn error(mut answer: Response, host: &str, subject: &str) -> Error {
    let retry_after = answer.header("retry-after").and_then(|value| retry_after(value, answer.header("date")));
    let reason = reason(&mut answer);
    let (host, subject) = (host.to_owned(), subject.to_owned());
    match answer.status {
        401 => Error::Unauthorized { host, subject, reason },
        403 => Error::Denied { host, subject, reason },
        404 => Error::NotFound { host, subject, similar: Vec::new() },
        429 => Error::TooManyRequests { host, subject, retry_after },
        status => Error::Status { host, subject, status, reason, retry_after },
    }
}

/// The messages of an answer on one line of printable text, shortened; empty if it has none.
pub(crate) fn reason(answer: &mut Response) -> String {
    let bytes = answer.read(ANSWER_LIMIT).ok().flatten().unwrap_or_default();
    let Ok(answer) = serde_json::from_slice::<Answer>(&bytes) else { return String::new() };
    let items = answer.errors.into_iter().map(|item| if item.message.is_empty() { item.code } else { item.message });
    let text = items.chain([answer.details]).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
    text.chars().filter(|char| !char.is_control()).take(SHOWN).collect()
}
