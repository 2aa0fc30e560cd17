//! PURE. The small languages of the command line, one file each: text in, values out, every refusal says what to write
//! instead. Opens no file.

pub(super) mod bind;
pub(super) mod caps;
pub(super) mod env;
pub(super) mod host;
pub(super) mod label;
pub(super) mod mount;
pub(super) mod network;
pub(super) mod path;
pub(super) mod security;
pub(super) mod size;
pub(super) mod tmpfs;
pub(super) mod ulimit;

pub(crate) use host::add as add_host;
pub(crate) use size::shm as shm_size;
pub(crate) use ulimit::parse as ulimit;

use crate::error::Error;

/// A refusal.
fn usage(text: impl Into<String>) -> Error {
    Error::Usage(text.into())
}

/// What each text of a table becomes, as one line.
#[cfg(test)]
fn check<T: std::fmt::Debug>(parse: impl Fn(&str) -> crate::error::Result<T>, table: &[(&str, &str)]) {
    for (text, expected) in table {
        let shown = match parse(text) {
            Ok(value) => format!("{value:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, *expected, "of {text:?}");
    }
}
