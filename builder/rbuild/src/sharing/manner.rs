//! What there is to say of a cache that is told: where it is, how it is told, and what it was told. Knows no record's way.

use super::Said;
use crate::request::Mode;
use crate::send::Packing;
use rbuild_oci::Cancel;
use rbuild_records::depot::{Depot, DirDepot, Guarded};
use rbuild_store::Store;
use std::fmt;
use std::sync::Arc;

/// A cache that is to be told.
#[derive(Clone)]
pub struct Told {
    /// Where it is.
    pub depot: Arc<dyn Depot>,
    /// Who knows what it did not take.
    pub guard: Arc<Guarded>,
    /// How it is told.
    pub manner: Manner,
    /// What it may keep, where that is bounded.
    pub bound: Option<Bound>,
}

/// A directory that keeps so much.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The directory.
    pub place: Arc<DirDepot>,
    /// The most bytes.
    pub most: u64,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Told({}, {:?})", self.depot, self.manner)
    }
}

/// How a cache is told.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Of which steps.
    pub mode: Mode,
    /// What layers become.
    pub(crate) packing: Packing,
    /// What of layers goes there.
    pub carries: Carries,
    /// Whether what is made takes the place of what is there.
    pub renews: bool,
    /// Whether the build fails where it does not take what it is told.
    pub strict: bool,
}

/// How a record came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was in a cache.
    Found,
    /// Its step was executed.
    Made,
}

/// How a cache is told of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Where it has none of that key.
    Add,
    /// Whatever it has: that did not serve.
    Replace,
}

/// What of layers goes to a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// They and their indexes.
    Layers,
    /// Only what they are called: they go elsewhere in that form.
    Names,
}

/// What it takes to tell one.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The store that layers are of.
    pub store: Store,
    /// The request to stop.
    pub cancel: Cancel,
    /// Where warnings go.
    pub said: Said,
}

/// What a cache was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records that were sent.
    pub records: usize,
    /// Records that were there.
    pub there: usize,
    /// The bytes of layers, of their indexes and of records that were sent.
    pub bytes: u64,
}
