//! `ENV name=value …`: names and values as written. Knows nothing of the environment they end up in.
use super::{Kind, named_pairs};
use crate::error::Error;
use crate::tree::Node;

pub(super) fn parse(node: &Node) -> Result<Kind, Error> {
    named_pairs(node).map(Kind::Env)
}
