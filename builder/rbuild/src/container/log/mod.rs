//! What a container prints, as Docker's json-file driver keeps it: a line of JSON with `log`, `stream` and `time` for
//! each line of output. Written by whoever lives the container, read by anybody. Knows no container.

mod read;
mod write;

pub use read::{Line, Reader};
pub(crate) use write::Log;

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The name of a container's log in its directory.
pub(crate) fn name(id: &super::model::ContainerId) -> String {
    format!("{id}-json.log")
}

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Entry<'a> {
    /// What was printed; with the line's end, unless it was cut or the program ended before it.
    #[serde(borrow)]
    log: Cow<'a, str>,
    stream: Name,
    time: rbuild_oci::Timestamp,
}

/// A stream as the file calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Name {
    Stdout,
    Stderr,
}
