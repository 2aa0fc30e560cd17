//! A tarball as a context, in a file or on standard input. It is copied first: nobody can change it while it is read.
//! Knows no network.

use super::Brought;
use crate::error::{Error, Result};
use crate::reach::Reach;
use crate::request::{ContextPlace, Stdin};
use crate::solve::Shown;
use crate::tree::ArchiveTree;
use rbuild_oci::Cancel;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// The files of a tarball of this machine.
pub(super) fn of_file(reach: &Reach<'_>, path: &Path) -> Result<(Brought, Shown)> {
    let name = path.display().to_string();
    reach.begin();
    let copy = copied(reach, &name, File::open(path).map_err(Error::io("open", &name))?)?;
    opened(reach, &name, copy).map(|brought| (brought, Shown::Done))
}

/// The files of the tarball on standard input, which begins with these bytes.
pub(super) fn of_input(reach: &Reach<'_>, first: &[u8]) -> Result<(Brought, Shown)> {
    let name = "the tarball on standard input";
    reach.begin();
    let copy = copied(reach, name, first.chain(Stdin { cancel: Some(reach.cancel) }))?;
    let input = copy.try_clone().map_err(Error::io("open again", name))?;
    let brought = Brought { input: Some(input), ..opened(reach, name, copy)? };
    Ok((brought, Shown::Done))
}

fn opened(reach: &Reach<'_>, name: &str, copy: File) -> Result<Brought> {
    let tree = ArchiveTree::open(name, copy, reach.store, reach.cancel)?;
    let time = tree.time();
    Ok(Brought::new(ContextPlace::Tree(Arc::new(tree)), time))
}

/// The same bytes in a file without a name.
fn copied(reach: &Reach<'_>, name: &str, source: impl Read) -> Result<File> {
    let spool = reach.store.tmp_file()?;
    let mut file = spool.file().try_clone().map_err(Error::io("open", spool.path().display()))?;
    copy(source, &mut file, name, reach.cancel)?;
    file.seek(SeekFrom::Start(0)).map_err(Error::io("read", name))?;
    Ok(file)
}

fn copy(mut source: impl Read, file: &mut File, name: &str, cancel: &Cancel) -> Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        cancel.check()?;
        let read = source.read(&mut buffer);
        cancel.check()?;
        match read.map_err(Error::io("read", name))? {
            0 => return Ok(()),
            count => file.write_all(&buffer[..count]).map_err(Error::io("keep", name))?,
        }
    }
}
