//! Reads the texts that a request names, never without end. Knows no context.

use super::near;
use super::stdin::Stdin;
use crate::error::{Error, Result};
use std::fs;
use std::io::{self, Read};
use std::path::Path;

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
