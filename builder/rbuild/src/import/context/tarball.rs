//! A tarball as a context, in a file or on standard input. It is copied first: nobody can change it while it is read.
//! Knows no network.

use super::Brought;
use crate::error::{Error, Result};
use crate::import::spool::spool;
use crate::reach::Reach;
use crate::request::{ContextPlace, Stdin};
use crate::solve::Shown;
use crate::tree::ArchiveTree;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// The files of a tarball of this machine.
pub(super) fn of_file(reach: &Reach<'_>, path: &Path) -> Result<(Brought, Shown)> {
    let name = path.display().to_string();
    reach.begin();
    let file = File::open(path).map_err(Error::io("open", &name))?;
    let copy = spool(file, &name, reach.store, reach.cancel)?;
    opened(reach, &name, copy).map(|brought| (brought, Shown::Done))
}

/// The files of the tarball on standard input, which begins with these bytes.
pub(super) fn of_input(reach: &Reach<'_>, first: &[u8]) -> Result<(Brought, Shown)> {
    let name = "the tarball on standard input";
    reach.begin();
    let stream = first.chain(Stdin { cancel: Some(reach.cancel) });
    let copy = spool(stream, name, reach.store, reach.cancel)?;
    let input = copy.try_clone().map_err(Error::io("open again", name))?;
    let brought = Brought { input: Some(input), ..opened(reach, name, copy)? };
    Ok((brought, Shown::Done))
}

fn opened(reach: &Reach<'_>, name: &str, copy: File) -> Result<Brought> {
    let tree = ArchiveTree::open(name, copy, reach.store, reach.cancel)?;
    let time = tree.time();
    Ok(Brought::new(ContextPlace::Tree(Arc::new(tree)), time))
}
