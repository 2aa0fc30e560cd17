//! `type=local`.

use super::{Exporter, Product};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::solve::Shelf;
use std::path::PathBuf;

/// The files of an image.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) dest: PathBuf,
}

impl Exporter for Local {
    fn export(&self, _: &Ctx<'_>, _: &Shelf<'_>, _: &Product<'_>) -> Result<()> {
        Err(Error::Step(format!("in progress on another branch: {}", self.dest.display())))
    }
}
