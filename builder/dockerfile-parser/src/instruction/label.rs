//! `LABEL name=value …`: names and values as written. Knows nothing of the image they end up on.
use super::{Kind, named_pairs};
use crate::error::Error;
use crate::tree::Node;

pub(super) fn parse(node: &Node) -> Result<Kind, Error> {
    named_pairs(node).map(Kind::Label)
}
