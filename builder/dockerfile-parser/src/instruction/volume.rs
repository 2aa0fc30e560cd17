//! `VOLUME path …`. Knows nothing of what is mounted there.
use super::{Kind, no_flags, some_arguments};
use crate::error::{Error, ErrorKind};
use crate::span::Text;
use crate::tree::Node;
use crate::unicode;

/// Blanks around a path are dropped; nothing must not remain.
pub(super) fn parse(node: &Node) -> Result<Kind, Error> {
    let paths = some_arguments(node)?;
    no_flags(node)?;
    paths.iter().map(path).collect::<Result<_, _>>().map(Kind::Volume)
}

fn path(written: &Text) -> Result<Text, Error> {
    let inner = unicode::trimmed(&written.bytes);
    if inner.is_empty() {
        return Err(Error::new(ErrorKind::EmptyVolume, written.span));
    }
    Ok(written.slice(inner.start, inner.end))
}
