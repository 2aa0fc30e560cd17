//! What is left out of a context, by which ignore file. Reads no other file of it.

use super::text::{is_stdin, limited, url};
use crate::error::{Error, Result};
use crate::tree::Ignored;
use dockerfile_parser::ignore::{Matcher, Patterns};
use rbuild_store::if_there;
use std::fs;
use std::io;
use std::path::Path;

/// By the `.dockerignore` of a directory, if it has one.
pub fn ignored_in(directory: &Path) -> Result<Ignored> {
    Ok(by(&directory.join(".dockerignore"))?.unwrap_or_default())
}

/// By `<Dockerfile>.dockerignore` beside the Dockerfile, which wins over `.dockerignore` in the context.
pub(super) fn ignored_beside(dockerfile: &Path, context: &Path) -> Result<Ignored> {
    let is_here = !is_stdin(dockerfile) && url(dockerfile).is_none();
    let mut own = dockerfile.as_os_str().to_owned();
    own.push(".dockerignore");
    match is_here.then(|| by(Path::new(&own))).transpose()?.flatten() {
        Some(ignored) => Ok(ignored),
        None => ignored_in(context),
    }
}

/// By the file that the command line names.
pub(super) fn ignored_by(path: &Path) -> Result<Ignored> {
    parse(path, read(path).map_err(Error::io("read", path.display()))?)
}

/// By a file that need not be there.
fn by(path: &Path) -> Result<Option<Ignored>> {
    let bytes = if_there(read(path)).map_err(Error::io("read", path.display()))?;
    bytes.map(|bytes| parse(path, bytes)).transpose()
}

fn parse(path: &Path, bytes: Vec<u8>) -> Result<Ignored> {
    let file = path.strip_prefix(".").unwrap_or(path).display().to_string();
    match Patterns::read(&bytes) {
        Ok(patterns) => Ok(Ignored { file, matcher: Matcher::new(patterns) }),
        Err(error) => Err(Error::Ignore { name: file, bytes, source: Box::new(error) }),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    limited(fs::File::open(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::LIMIT;

    #[test]
    fn no_ignore_file_is_read_without_end() {
        let directory = tempfile::tempdir().unwrap();
        assert!(ignored_in(directory.path()).unwrap().file.is_empty());
        let path = directory.path().join(".dockerignore");
        fs::File::create(&path).unwrap().set_len(LIMIT + 1).unwrap();
        let error = ignored_in(directory.path()).unwrap_err();
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}
