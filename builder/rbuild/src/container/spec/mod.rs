//! PURE. The small languages that only containers have on the command line, one file each: text in, values out, every
//! refusal says what to write instead. Opens no file.

pub(super) mod bind;
pub(super) mod caps;
pub(super) mod env;
pub(super) mod label;
pub(super) mod limits;
pub(super) mod mount;
pub(super) mod network;
pub(super) mod path;
pub(crate) mod port;
pub(super) mod security;
pub(super) mod tmpfs;
pub(super) mod volumes_from;

use crate::args::usage;

#[cfg(test)]
use crate::args::check;
