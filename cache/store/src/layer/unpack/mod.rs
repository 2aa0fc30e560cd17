//! Unpacks a layer into a directory, or only indexes it. Knows the two layouts that storage drivers need and how to do
//! without the right to change owners; knows no driver.

mod metadata;
mod place;
mod recorded;

pub use recorded::Recorded;

use super::index::LayerIndex;
use super::read::{Limits, pump};
use super::scan::{Nowhere, Sink, scan};
use super::view::View;
use crate::error::Result;
use crate::root_dir::RootDir;
use place::Place;
use rbuild_oci::{Cancel, DiffId};
use std::collections::BTreeSet;
use std::io::Read;

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
    /// Bounds.
    pub limits: Limits,
}

/// What was read and unpacked.
#[derive(Debug)]
pub struct Unpacked {
    /// The digest of the tarball.
    pub diff_id: DiffId,
    /// Its size in bytes.
    pub size: u64,
    /// What is in it.
    pub index: LayerIndex,
    /// Names of extended attributes that the target or the caller's rights could not hold.
    pub unsupported: BTreeSet<Vec<u8>>,
}

/// Unpacks an uncompressed tarball from anybody into `target`; nothing outside it is touched. After an error the
/// target holds a part of the layer and is to be thrown away. The caller compares `diff_id` with what it expects.
///
/// A layer stands for itself: where it has `a/b` and no `a`, the directory `a` is implied, even if the layers below
/// have a link there (as containers/storage and Docker's overlay2 do). Links that the layer itself has are followed,
/// inside the target.
pub fn unpack(
    tarball: &mut (dyn Read + Send),
    target: &RootDir,
    options: &UnpackOptions<'_>,
    cancel: &Cancel,
) -> Result<Unpacked> {
    let mut place = Place::new(target, *options);
    let (index, diff_id, size) = read(tarball, &mut place, options.limits, cancel)?;
    Ok(Unpacked { diff_id, size, index, unsupported: place.into_unsupported() })
}

/// Indexes an uncompressed tarball without unpacking it: its digest, size and index.
pub fn index_tar(
    tarball: &mut (dyn Read + Send),
    limits: Limits,
    cancel: &Cancel,
) -> Result<(LayerIndex, DiffId, u64)> {
    read(tarball, &mut Nowhere, limits, cancel)
}

fn read(
    tarball: &mut (dyn Read + Send),
    sink: &mut dyn Sink,
    limits: Limits,
    cancel: &Cancel,
) -> Result<(LayerIndex, DiffId, u64)> {
    let consume = |tarball: &mut dyn Read| scan(tarball, sink, limits, cancel);
    let (index, pumped) = pump(tarball, &mut |_| Ok(()), cancel, consume)?;
    Ok((index, DiffId(pumped.digest), pumped.size))
}
