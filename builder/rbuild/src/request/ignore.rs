//! Ignore files: where they lie, and what they leave out. Knows no file of a context.

use super::text::{is_stdin, limited, url};
use crate::error::{Error, Result};
use dockerfile_parser::ignore::{Matcher, Patterns};
use std::fs;
use std::io;
use std::path::Path;

/// What is left out of a directory; by default nothing, by no file.
#[derive(Clone, Debug, Default)]
pub struct Ignored {
    /// How the file that says so is called in messages.
    pub file: String,
    /// What it says.
    pub matcher: Matcher,
}

impl Ignored {
    /// By the `.dockerignore` of a directory, if it has one.
    pub fn in_directory(directory: &Path) -> Result<Self> {
        Ok(Self::of(&directory.join(".dockerignore"))?.unwrap_or_default())
    }

    /// By `<Dockerfile>.dockerignore` beside the Dockerfile, which wins over `.dockerignore` in the context.
    pub(super) fn beside(dockerfile: &Path, context: &Path) -> Result<Self> {
        let is_here = !is_stdin(dockerfile) && url(dockerfile).is_none();
        let mut own = dockerfile.as_os_str().to_owned();
        own.push(".dockerignore");
        match is_here.then(|| Self::of(Path::new(&own))).transpose()?.flatten() {
            Some(ignored) => Ok(ignored),
            None => Self::in_directory(context),
        }
    }

    /// By the file that the command line names.
    pub(super) fn named(path: &Path) -> Result<Self> {
        Self::saying(path, read(path).map_err(Error::io("read", path.display()))?)
    }

    /// By a file that need not be there.
    fn of(path: &Path) -> Result<Option<Self>> {
        match read(path) {
            Ok(bytes) => Self::saying(path, bytes).map(Some),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(Error::io("read", path.display())(error)),
        }
    }

    fn saying(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let file = path.strip_prefix(".").unwrap_or(path).display().to_string();
        match Patterns::read(&bytes) {
            Ok(patterns) => Ok(Self { file, matcher: Matcher::new(patterns) }),
            Err(error) => Err(Error::Ignore { name: file, bytes, source: Box::new(error) }),
        }
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
        assert!(Ignored::in_directory(directory.path()).unwrap().file.is_empty());
        let path = directory.path().join(".dockerignore");
        fs::File::create(&path).unwrap().set_len(LIMIT + 1).unwrap();
        let error = Ignored::in_directory(directory.path()).unwrap_err();
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}
