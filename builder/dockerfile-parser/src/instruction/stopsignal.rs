//! `STOPSIGNAL signal`: the rest of the line. Knows nothing of signals.
use super::{Kind, one_argument};
use crate::error::Error;
use crate::tree::Node;

/// Flags are not looked at, as in BuildKit.
pub(super) fn parse(node: &Node) -> Result<Kind, Error> {
    one_argument(node).map(Kind::StopSignal)
}
