//! The contents of cache mounts on their way between machines. Knows directories and depots; not what is in a mount, who
//! uses it, or how it is locked: whoever calls holds the mount's lock alone where a function says so.
//!
//! A mount is packed into a tarball (the store's own, so that nothing new has to be trusted when it is unpacked), the
//! tarball is cut where its content says so, and every piece is a blob, compressed. A [`Manifest`] lists the pieces: it is
//! the document of the mount's [`name`]. Pieces that a depot has are not sent again, and pieces that a directory still
//! gives are not brought. Of two writers the last one wins, as it is a cache; what they have in common is kept once.
//!
//! A [`Note`] beside a mount says what it was when it last travelled, so that one which nobody has touched since is
//! neither read nor sent, and may be replaced by a younger one, while one that was touched here stays.
//!
//! What steps wrote into a mount is what travels: who puts a secret there gives it to all who read the depot. Times
//! travel in whole seconds; sockets, names that mark deletions in layers, and paths longer than 4000 bytes stay behind.

mod arrived;
mod bring;
mod carry;
mod cutter;
mod manifest;
mod note;
mod parallel;
mod print;
mod read;
mod spool;
mod stream;

pub use arrived::Arrived;
pub use bring::{Offer, Standing, bring};
pub use carry::{Load, Sent, Stock, stock};
pub use manifest::{Manifest, Piece};
pub use note::Note;

use crate::depot::{Kind, Name};
use rbuild_oci::{Cancel, Digest};
use rbuild_store::Store;
use rbuild_store::layer::Ownership;

/// How many bytes a mount may have to be carried, where nothing else is asked for.
pub const MOST: u64 = 2 << 30;

/// How many it may have to be brought, where nothing else is asked for: enough for what somebody meant to carry, and not all
/// of a disk.
pub const MOST_BROUGHT: u64 = 16 << 30;

/// What of this machine it takes.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// Where mounts and what is unfinished are.
    pub store: &'a Store,
    /// Where owners are.
    pub ownership: Ownership,
    /// The request to stop.
    pub cancel: &'a Cancel,
}

/// The name of the document about the mount of that identity. Machines of several architectures that share a depot keep
/// mounts of their own, as what is compiled for one is of no use to the other.
pub fn name(identity: &str) -> Name {
    Name::new(Kind::Mount, Digest::of(format!("{}\n{identity}", std::env::consts::ARCH).as_bytes()))
}
