//! Files and directories of the host, for a container: found, or made where that was asked for.

use crate::container::model::{Bind, Recursive};
use crate::error::{Error, Result};
use rbuild_runner::{Mounted, Source};
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// What is bound.
pub(super) fn source(bind: &Bind) -> Result<Source> {
    make(bind)?;
    let path = if is_root(&bind.source) { Path::new("/") } else { &bind.source };
    if bind.recursive == Recursive::Disabled { alone(path) } else { Ok(Source::Path(path.to_owned())) }
}

/// Whether a path leads to the root of this machine, under whatever name.
fn is_root(path: &Path) -> bool {
    let place = |path: &Path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    place(path).is_some_and(|found| place(Path::new("/")) == Some(found))
}

/// Sees to it that what is bound is there.
pub(super) fn make(bind: &Bind) -> Result<()> {
    let path = &bind.source;
    match fs::metadata(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && bind.create => {
            fs::create_dir_all(path).map_err(Error::io("create directory", path.display()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::Usage(format!(
            "--mount: there is no {} to bind: make it, or add bind-create-src",
            path.display()
        ))),
        Err(error) => Err(Error::io("bind", path.display())(error)),
    }
}

/// Without what is mounted below it.
fn alone(path: &Path) -> Result<Source> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    match open_tree(CWD, path, flags) {
        Ok(mount) => Ok(Source::Mounted(Mounted(Arc::new(mount)))),
        Err(Errno::INVAL) => Err(Error::Usage(format!(
            "--mount: bind-recursive=disabled: the kernel shows {} to an ordinary user only together with what is mounted \
             below it",
            path.display()
        ))),
        Err(errno) => Err(Error::io("bind", path.display())(errno)),
    }
}
