//! Where the lock file of a command line lies. Reads it only where the build is to be locked.

use super::text::{is_stdin, url};
use crate::args::BuildArgs;
use crate::error::{Error, Result};
use crate::lock::{FILE, Lock};
use rbuild_graph::redact;
use std::path::{Path, PathBuf};

/// The lock of a build that is to be locked.
pub(super) fn lock(args: &BuildArgs) -> Result<Option<Lock>> {
    if args.locked { Lock::read(path(args)?).map(Some) } else { Ok(None) }
}

/// The file that is named, or the one beside the Dockerfile. A Dockerfile that may be another one tomorrow has none.
pub fn path(args: &BuildArgs) -> Result<PathBuf> {
    if let Some(url) = args.file.as_deref().and_then(url) {
        let url = redact(&url);
        return Err(Error::Usage(format!(
            "the Dockerfile at {url} cannot be locked: download it, and name the file with -f"
        )));
    }
    if let Some(path) = &args.lock_file {
        return Ok(path.clone());
    }
    let context = Path::new(&args.context);
    match &args.file {
        Some(file) if !is_stdin(file) => Ok(file.with_file_name(FILE)),
        None if context.is_dir() => Ok(context.join(FILE)),
        None if context.is_file() => Ok(context.with_file_name(FILE)),
        _ => Err(Error::Usage(format!(
            "the Dockerfile has no place here that {FILE} could lie in: name it with --lock-file"
        ))),
    }
}
