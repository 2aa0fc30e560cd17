//! `USER user[:group]`: the rest of the line. Knows nothing of accounts.
use super::{Kind, no_flags, one_argument};
use crate::error::Error;
use crate::tree::Node;

pub(super) fn parse(node: &Node) -> Result<Kind, Error> {
    no_flags(node)?;
    one_argument(node).map(Kind::User)
}
