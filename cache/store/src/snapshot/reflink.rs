//! The driver for file systems that share the data of copies (FICLONE: XFS, btrfs and others): a draft is a copy of its
//! snapshot, file by file, that takes no room for data until it is written to. Never copies data.

use super::choose::{Driver, Opened, Wish};
use super::clone::Data;
use super::copy::Copies;
use super::filesystem;
use super::home::Home;
use super::whole::Whole;
use crate::error::{Error, Result};
use crate::root_dir::RootDir;
use std::io::Write;

/// The reflink driver.
pub(super) const DRIVER: Driver =
    Driver { name: NAME, aliases: &[], works: "copies share their data here", open, traits: |_| Vec::new() };

const NAME: &str = "reflink";

fn open(wish: &Wish<'_>) -> Result<Opened> {
    let home = Home::open(wish.bucket, NAME, wish.id_map)?;
    if let Some(reason) = probe(&home)? {
        return Ok(Err(reason));
    }
    Ok(Ok(Box::new(Whole::new(NAME, home, wish.ownership, Copies(Data::Shared)))))
}

/// Why data cannot be shared here. Makes and removes a directory in the home.
fn probe(home: &Home) -> Result<Option<String>> {
    let workspace = home.bare_workspace()?;
    let root = RootDir::open(workspace.path())?;
    let (mut source, target) = (root.create_file(b"source", 0o600)?, root.create_file(b"target", 0o600)?);
    source.write_all(&[1; 8192]).map_err(Error::io("write", workspace.path().display()))?;
    let shared = rustix::fs::ioctl_ficlone(&target, &source);
    let kind = filesystem::name_of(workspace.path())?;
    Ok(shared.err().map(|errno| format!("{kind} here cannot share the data of files: {}", std::io::Error::from(errno))))
}
