//! PURE. Where a copy ends up: docker's table of sources and destinations (`docker cp`, "Extended description").

use crate::error::{Error, Result};
use rbuild_store::layer::{join_path, split_path};

/// A path as it was written and what it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// As people wrote it.
    pub(super) written: Vec<u8>,
    /// Where it leads, from the root, without links.
    pub(super) path: Vec<u8>,
    /// What is there.
    pub(super) kind: Kind,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Missing,
    File,
    Directory,
}

impl Found {
    /// Whether only what is in the directory is meant.
    pub(super) fn means_contents(&self) -> bool {
        self.path.is_empty() || matches!(&self.written[..], b".") || self.written.ends_with(b"/.")
    }

    /// What a copy of it is called in a directory.
    pub(super) fn name(&self) -> &[u8] {
        let end = self.written.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
        match split_path(&self.written[..end]).1 {
            b"" | b"." | b".." => split_path(&self.path).1,
            name => name,
        }
    }
}

/// Where a file or directory goes: the path that it then has.
pub(super) fn destination(source: &Found, to: &Found) -> Result<Vec<u8>> {
    let names_directory = to.written.ends_with(b"/") || to.written.ends_with(b"/.");
    match (source.kind, to.kind) {
        (Kind::Missing, _) => Err(missing(source)),
        (Kind::File, Kind::Missing) if names_directory => {
            Err(Error::Copy(format!("there is no directory {}: make it first, or leave the slash out", show(to))))
        }
        (Kind::File, Kind::File) if names_directory => Err(Error::NotADirectory { path: show(to) }),
        (_, Kind::Missing) | (Kind::File, Kind::File) => Ok(to.path.clone()),
        (Kind::Directory, Kind::File) => {
            Err(Error::Copy(format!("cannot copy the directory {} to {}, which is a file", show(source), show(to))))
        }
        (Kind::Directory, Kind::Directory) if source.means_contents() => Ok(to.path.clone()),
        (_, Kind::Directory) => Ok(join_path(&to.path, source.name())),
    }
}

/// The directory that a tarball is unpacked in.
pub(super) fn directory(to: &Found) -> Result<Vec<u8>> {
    match to.kind {
        Kind::Directory => Ok(to.path.clone()),
        Kind::Missing => Err(missing(to)),
        Kind::File => Err(Error::Copy(format!("destination {} must be a directory", show(to)))),
    }
}

/// The error for a path that leads nowhere.
pub(super) fn missing(found: &Found) -> Error {
    Error::Copy(format!("there is no {}", show(found)))
}

fn show(found: &Found) -> String {
    String::from_utf8_lossy(&found.written).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(written: &str, kind: Kind) -> Found {
        let path = written.trim_start_matches('/').trim_end_matches("/.").trim_end_matches('/');
        Found { written: written.into(), path: path.into(), kind }
    }

    /// The rows of docker's table, in its order.
    #[test]
    fn dockers_table() {
        use Kind::{Directory as D, File as F, Missing as M};
        for (source, from, to, at, expected) in [
            ("/src/f", F, "/new", M, "new"),
            ("/src/f", F, "/new/", M, "there is no directory /new/: make it first, or leave the slash out"),
            ("/src/f", F, "/old", F, "old"),
            ("/src/f", F, "/dir", D, "dir/f"),
            ("/src/f", F, "/dir/", D, "dir/f"),
            ("/src/d", D, "/new", M, "new"),
            ("/src/d", D, "/new/", M, "new"),
            ("/src/d/.", D, "/new", M, "new"),
            ("/src/d", D, "/old", F, "cannot copy the directory /src/d to /old, which is a file"),
            ("/src/d", D, "/dir", D, "dir/d"),
            ("/src/d/", D, "/dir", D, "dir/d"),
            ("/src/d/.", D, "/dir", D, "dir"),
            ("/src/d", D, "/", D, "d"),
            ("/", D, "/dir", D, "dir"),
            ("/nothing", M, "/dir", D, "there is no /nothing"),
        ] {
            let shown = match destination(&found(source, from), &found(to, at)) {
                Ok(path) => String::from_utf8(path).unwrap(),
                Err(error) => error.to_string(),
            };
            assert_eq!(shown, expected, "{source} to {to}");
        }
    }

    #[test]
    fn a_name_is_that_of_the_way_that_was_written() {
        for (written, path, name) in
            [("/a/link", "b/real", "link"), ("/a/link/", "b/real", "link"), ("..", "b", "b"), ("/a/..", "", "")]
        {
            let found = Found { written: written.into(), path: path.into(), kind: Kind::Directory };
            assert_eq!(String::from_utf8_lossy(found.name()), name, "{written}");
        }
    }
}
