//! Unpacks a layer into a directory.

use super::index::LayerIndex;
use super::view::View;
use crate::error::Result;
use crate::root_dir::{Device, RootDir};
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
    /// They are written down in the attribute `user.rbuild.stat` ([`recorded_owner`]), for processes that may not
    /// change owners.
    Recorded,
}

/// Bounds on what a tarball may ask for; beyond them it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries.
    pub entries: u64,
    /// Bytes in all files together.
    pub bytes: u64,
    /// Bytes in the extended headers of one entry.
    pub header: u64,
    /// Bytes in a path.
    pub path: usize,
    /// How many times larger the content may be than the archive, once it is larger than [`Limits::slack`].
    pub ratio: u64,
    /// Content of at most that many bytes is never too large for its archive.
    pub slack: u64,
}

/// How to unpack.
#[derive(Clone, Copy, Debug)]
pub struct UnpackOptions<'a> {
    /// The layout.
    pub style: Style,
    /// Owners and devices.
    pub ownership: Ownership,
    /// The layers below: directories that the tarball only implies take their mode, owner and time from there.
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

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 10_000_000, bytes: 1 << 42, header: 1 << 20, path: 4096, ratio: 250, slack: 4 << 30 }
    }
}

/// Unpacks an uncompressed tarball from anybody into `target`; nothing outside it is touched. After an error the
/// target holds a part of the layer and is to be thrown away. The caller compares `diff_id` with what it expects.
pub fn unpack(
    tarball: &mut (dyn Read + Send),
    target: &RootDir,
    options: &UnpackOptions<'_>,
    cancel: &Cancel,
) -> Result<Unpacked> {
    let _ = (tarball, target, options, cancel);
    todo!()
}

/// Indexes an uncompressed tarball without unpacking it.
pub fn index_tar(tarball: &mut (dyn Read + Send), limits: &Limits, cancel: &Cancel) -> Result<Unpacked> {
    let _ = (tarball, limits, cancel);
    todo!()
}

/// Reads the value of `user.rbuild.stat`.
pub fn recorded_owner(value: &[u8]) -> Option<(u32, u32, Option<Device>)> {
    let _ = value;
    todo!()
}
