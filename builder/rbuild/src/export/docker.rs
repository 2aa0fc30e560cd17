//! `type=docker`.

use super::{Exporter, Product};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::request::Output;
use crate::solve::Shelf;

/// An image archive.
#[derive(Debug)]
pub(super) struct Docker(pub(super) Output);

impl Exporter for Docker {
    fn export(&self, _: &Ctx<'_>, _: &Shelf<'_>, _: &Product<'_>) -> Result<()> {
        Err(Error::Step(format!("in progress on another branch: {}", self.0.dest.display())))
    }
}
