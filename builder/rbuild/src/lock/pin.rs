//! Puts what a lock says in the place of what a graph would ask for: the digest of a download, the commit of a checkout.
//! Images are answered when they are asked for. PURE.

use super::Lock;
use crate::error::{Error, Result};
use rbuild_graph::{BuildGraph, FetchOp, GitOp, Op, redact};
use rbuild_oci::Digest;

/// How many digits of a digest are told.
const SHORT: usize = 8;

/// Pins all downloads and checkouts of a graph; those that the lock does not have are refused at their place.
pub fn pin(lock: &Lock, graph: &mut BuildGraph) -> Result<()> {
    for vertex in &mut graph.vertices {
        let place = &vertex.place;
        pin_op(lock, &mut vertex.op).map_err(|source| {
            let (step, span) = (place.to_string(), place.span);
            Error::At { step, span, hint: None, source: Box::new(source) }
        })?;
    }
    Ok(())
}

/// Pins a download or a checkout; anything else is left as it is.
pub fn pin_op(lock: &Lock, op: &mut Op) -> Result<()> {
    match op {
        Op::Fetch(fetch) if fetch.checksum.is_none() => {
            let content = lock.file(&address(fetch))?;
            (fetch.checksum, fetch.modified) = (Some(content.digest), Some(content.modified));
        }
        Op::Git(git) if !is_pinned(git) => {
            git.checksum = Some(lock.commit(&repository(git))?.to_owned());
            git.fetch_by_commit = true;
        }
        _ => {}
    }
    Ok(())
}

/// What a download is called in a lock.
pub fn address(fetch: &FetchOp) -> String {
    shown(&fetch.url)
}

/// What a checkout is called in a lock: with its checksum, where it has one, so that no other commit is taken for it.
pub fn repository(git: &GitOp) -> String {
    let checksum = git.checksum.as_ref().map(|checksum| format!("?checksum={checksum}")).unwrap_or_default();
    let reference = if git.reference.is_empty() { "HEAD" } else { &git.reference };
    shown(&format!("{}{checksum}#{reference}", git.remote))
}

/// An address without what opens doors; then with the beginning of its digest, as others may differ in that alone.
fn shown(address: &str) -> String {
    let shown = redact(address);
    if shown == address { shown } else { format!("{shown} ({})", &Digest::of(address.as_bytes()).hex()[..SHORT]) }
}

/// Whether it names its commit itself. One that cannot be pinned is refused when it is brought.
fn is_pinned(git: &GitOp) -> bool {
    !matches!(crate::git::pinned(git), Ok(None))
}
