//! Reads the texts that a request names: Dockerfiles and ignore files, never without end. Knows no context.

use super::near;
use super::stdin::Stdin;
use crate::error::{Error, Result};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Whether a path stands for standard input.
pub(super) fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// The text of a path that is a URL.
pub(super) fn url(file: &Path) -> Option<String> {
    let text = file.to_str()?;
    ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme)).then(|| text.to_owned())
}

/// The Dockerfile at a path.
pub(super) fn read(file: &Path) -> Result<Vec<u8>> {
    if is_stdin(file) {
        return limited(Stdin::default()).map_err(Error::io("read", "the Dockerfile from standard input"));
    }
    let opened = fs::File::open(file).map_err(|source| missing_file(file, source))?;
    limited(opened).map_err(|source| missing_file(file, source))
}

/// The ignore file that the command line names.
pub(super) fn named_ignore(path: &Path) -> Result<(String, Vec<u8>)> {
    let bytes = fs::File::open(path).and_then(limited).map_err(Error::io("read", path.display()))?;
    Ok((path.display().to_string(), bytes))
}

/// `<Dockerfile>.dockerignore` beside the Dockerfile wins over `.dockerignore` in the context.
pub(super) fn read_ignore(file: &Path, context: &Path) -> Result<Option<(String, Vec<u8>)>> {
    let is_here = !is_stdin(file) && url(file).is_none();
    let own = is_here.then(|| {
        let mut own = file.as_os_str().to_owned();
        own.push(".dockerignore");
        PathBuf::from(own)
    });
    for path in own.into_iter().chain([context.join(".dockerignore")]) {
        match fs::File::open(&path).and_then(limited) {
            Ok(bytes) => return Ok(Some((path.strip_prefix(".").unwrap_or(&path).display().to_string(), bytes))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(Error::io("read", path.display())(error)),
        }
    }
    Ok(None)
}

/// The most that a Dockerfile or an ignore file may have, in bytes: the largest known have a few hundred thousand.
pub const LIMIT: u64 = 16 << 20;

/// All there is to read, but never without end.
pub fn limited(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {} MiB", LIMIT >> 20)));
    }
    Ok(bytes)
}

fn missing_file(path: &Path, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::NotFound => {
            let (name, near) = (path.display(), near::dockerfile(path));
            let way_out = if near.is_empty() { "; name another with -f" } else { &near };
            Error::Usage(format!("the Dockerfile {name} does not exist{way_out}"))
        }
        io::ErrorKind::IsADirectory => {
            let path = path.display();
            Error::Usage(format!("the Dockerfile {path} is a directory; name a file in it with -f"))
        }
        _ => Error::io("read", format!("the Dockerfile {}", path.display()))(source),
    }
}
