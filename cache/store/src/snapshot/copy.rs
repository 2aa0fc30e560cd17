//! The driver that works everywhere: a draft is a copy of its snapshot, file by file, whose data is shared where the
//! file system can and copied where it cannot.

use super::choose::{Driver, Opened, Wish};
use super::clone::{Data, clone_tree_as};
use super::home::Home;
use super::whole::{Trees, Whole};
use super::workspace::make_root;
use crate::error::Result;
use crate::root_dir::RootDir;
use rbuild_oci::Cancel;
use std::path::Path;

/// The copy driver.
pub(super) const DRIVER: Driver =
    Driver { name: NAME, aliases: &["vfs", "native"], works: "copying works everywhere", open, traits: |_| Vec::new() };

const NAME: &str = "copy";

fn open(wish: &Wish<'_>) -> Result<Opened> {
    let home = Home::open(wish.bucket, NAME, wish.id_map)?;
    Ok(Ok(Box::new(Whole::new(NAME, home, wish.ownership, Copies(Data::Any)))))
}

/// Trees as plain directories.
#[derive(Debug)]
pub(super) struct Copies(pub(super) Data);

impl Trees for Copies {
    fn make(&self, path: &Path) -> Result<()> {
        make_root(path)
    }

    fn copy(&self, from: &Path, path: &Path, cancel: &Cancel) -> Result<()> {
        make_root(path)?;
        clone_tree_as(self.0, &RootDir::open(from)?, &RootDir::open(path)?, cancel)
    }
}
