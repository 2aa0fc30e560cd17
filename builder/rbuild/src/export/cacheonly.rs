//! `type=cacheonly`: nothing is written; the steps have filled the cache.

use super::{Exporter, Product};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::stack::Shelf;
use rbuild_oci::Descriptor;

/// Writes nothing.
#[derive(Debug)]
pub(super) struct CacheOnly;

impl Exporter for CacheOnly {
    fn export(&self, _: &Ctx<'_>, _: &Shelf<'_>, _: &Product<'_>) -> Result<Option<Descriptor>> {
        Ok(None)
    }
}
