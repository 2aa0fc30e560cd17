//! `EXPOSE port …`: words as written. Knows nothing of ports and protocols.
use super::{Kind, no_flags, some_arguments};
use crate::error::Error;
use crate::tree::Node;

/// Sorted by bytes, as BuildKit does.
pub(super) fn parse(node: &Node) -> Result<Kind, Error> {
    let mut ports = some_arguments(node)?;
    no_flags(node)?;
    ports.sort();
    Ok(Kind::Expose(ports))
}
