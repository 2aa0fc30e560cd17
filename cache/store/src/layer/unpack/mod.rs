//! Unpacks a layer into a directory, from its index: directories first, then files on all processors, then links, while the
//! tarball is hashed. Knows the two layouts that storage drivers need and how to do without the right to change owners;
//! knows no driver.

mod data;
mod metadata;
mod place;
mod recorded;
mod runs;

pub use recorded::Recorded;

use super::entry::{Entry, FileData, Node};
use super::index::LayerIndex;
use super::read::{Limits, pump};
use super::scan::{Scanned, scan};
use super::view::View;
use crate::error::Result;
use crate::root_dir::RootDir;
use data::{Data, Source};
use place::Place;
use rbuild_oci::{Cancel, DiffId};
use runs::Run;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// How a layer is laid out in its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As the upper directory of an overlay, into an empty directory: whiteouts are character devices 0:0.
    Overlay(OpaqueXattr),
    /// Onto the unpacked layers below: whiteouts delete.
    Plain,
}

/// The attribute that makes a directory of an overlay opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpaqueXattr {
    /// `trusted.overlay.opaque`.
    Trusted,
    /// `user.overlay.opaque`, for mounts with `userxattr`.
    User,
}

/// What becomes of owners and devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// They are made so.
    Apply,
    /// They are written down in an attribute ([`Recorded`]), for processes that may not change owners.
    Recorded,
}

/// How to unpack.
#[derive(Clone, Copy, Debug)]
pub struct UnpackOptions<'a> {
    /// The layout.
    pub style: Style,
    /// Owners and devices.
    pub ownership: Ownership,
    /// The layers below, in both styles: directories that the tarball only implies, the root among them, take their
    /// mode, owner, time and attributes from there. Where it has none they are root's, 0755, of 1970.
    pub below: &'a View,
}

/// The bytes of an uncompressed tarball, in any order.
pub trait Tarball: Sync {
    /// Reads some bytes from that place on; none at the end.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;
}

/// What was unpacked.
#[derive(Debug)]
pub struct Unpacked {
    /// The digest of the tarball.
    pub diff_id: DiffId,
    /// Names of extended attributes that the target or the caller's rights could not hold.
    pub unsupported: BTreeSet<Vec<u8>>,
}

/// Unpacks a layer into `target`, as the index that was made of its tarball lists it; nothing outside the target is
/// touched. The tarball is hashed meanwhile: the caller compares `diff_id` with what it expects. Unless that is right the
/// target holds nobody knows what, and after an error a part of the layer: it is to be thrown away.
///
/// A layer stands for itself: where it has `a/b` and no `a`, the directory `a` is implied, even if the layers below
/// have a link there (as containers/storage and Docker's overlay2 do).
pub fn unpack(
    tarball: &dyn Tarball,
    index: &LayerIndex,
    target: &RootDir,
    options: &UnpackOptions<'_>,
    cancel: &Cancel,
) -> Result<Unpacked> {
    let (stop, _tie) = cancel.child();
    std::thread::scope(|scope| {
        let hashing = scope.spawn(|| data::digest(tarball, &stop));
        let laid = lay(tarball, index, &|| Place::new(target, *options), cancel);
        if laid.is_err() {
            stop.cancel();
        }
        let digest = hashing.join().unwrap_or_else(|_| Err(runs::gone()));
        Ok(Unpacked { unsupported: laid?, diff_id: DiffId(digest?) })
    })
}

/// Unpacks some entries of a layer into `target`; `part` has them with the directories that they are in. The tarball as a
/// whole is not looked at: data that is not what its entry says is [`crate::Error::Corrupt`].
pub fn unpack_part(
    tarball: &dyn Tarball,
    part: &LayerIndex,
    target: &RootDir,
    options: &UnpackOptions<'_>,
    cancel: &Cancel,
) -> Result<()> {
    each(part.entries(), cancel, |entry| data::check(tarball, entry, cancel))?;
    lay(tarball, part, &|| Place::new(target, *options), cancel).map(drop)
}

/// Puts everything in its place. Gives the names of attributes that could not be had there.
fn lay<'a>(
    tarball: &dyn Tarball,
    index: &LayerIndex,
    place: &(dyn Fn() -> Place<'a> + Sync),
    cancel: &Cancel,
) -> Result<BTreeSet<Vec<u8>>> {
    let in_pieces = find_pieces(tarball, index, cancel)?;
    let source = Source { tarball, in_pieces: &in_pieces, cancel };
    let leaves = |run: &Run<'_>, (place, data): &mut (Place<'a>, Data<'_>)| {
        each(run.iter().copied(), cancel, |entry| place.leaf(entry, data))
    };
    let mut first = place();
    each(index.entries(), cancel, |entry| match entry.node {
        Node::Directory { opaque, .. } => first.directory(&entry.path, opaque),
        _ => Ok(()),
    })?;
    let hands = runs::each(&runs::of(index), &|| (place(), Data::new(source)), &leaves)?;
    each(index.entries(), cancel, |entry| match &entry.node {
        Node::HardLink { target } => first.link(&entry.path, target),
        _ => Ok(()),
    })?;
    // Deepest first, so that a directory is still open to its owner while what is in it is finished.
    let directories = index.entries().iter().rev().filter(|entry| entry.node.is_directory());
    each(directories, cancel, |entry| first.finish_directory(entry))?;
    let places = hands.into_iter().map(|(place, _)| place).chain([first]);
    Ok(places.flat_map(Place::into_unsupported).collect())
}

fn each<'e>(
    entries: impl IntoIterator<Item = &'e Entry>,
    cancel: &Cancel,
    mut act: impl FnMut(&Entry) -> Result<()>,
) -> Result<()> {
    entries.into_iter().try_for_each(|entry| {
        cancel.check()?;
        act(entry)
    })
}

/// Indexes an uncompressed tarball from anybody: its digest, size and index. The caller compares the digest with what it
/// expects. Links that the layer itself has are followed, inside its root.
pub fn index_tar(
    tarball: &mut (dyn Read + Send),
    limits: Limits,
    cancel: &Cancel,
) -> Result<(LayerIndex, DiffId, u64)> {
    let consume = |tarball: &mut dyn Read| scan(tarball, limits, cancel);
    let (scanned, pumped) = pump(tarball, &mut |_| Ok(()), cancel, consume)?;
    Ok((scanned.index, DiffId(pumped.digest), pumped.size))
}

/// Where the files are that do not lie in one piece: the index of a layer that has any does not say.
fn find_pieces(tarball: &dyn Tarball, index: &LayerIndex, cancel: &Cancel) -> Result<data::InPieces> {
    let is_in_pieces = |node: &Node| matches!(node, Node::File(FileData { offset: None, .. }));
    if !index.entries().iter().any(|entry| is_in_pieces(&entry.node)) {
        return Ok(BTreeMap::new());
    }
    let Scanned { in_pieces, .. } = scan(data::from(tarball, 0), Limits::default(), cancel)?;
    Ok(in_pieces)
}

impl Tarball for std::fs::File {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(self, into, at)
    }
}

impl Tarball for Vec<u8> {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}
