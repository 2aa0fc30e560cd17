//! How tarballs spell deletion (OCI image specification, "Whiteouts"): a file `.wh.NAME` deletes NAME of the layers
//! below, a file `.wh..wh..opq` everything they have in its directory.

use super::entry::{join_path, split_path};

const PREFIX: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What the name of a tar entry says beside naming a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// This path is deleted.
    Deleted(Vec<u8>),
    /// This directory is opaque.
    Opaque(Vec<u8>),
    /// Some other name of the reserved kind, as aufs left in old layers (`.wh..wh.plnk`): it says nothing.
    Reserved,
}

/// The marker that the tar path is, if it is one.
pub(super) fn marker(path: &[u8]) -> Option<Marker> {
    let (parent, name) = split_path(path);
    if name == OPAQUE {
        return Some(Marker::Opaque(parent.to_vec()));
    }
    let deleted = name.strip_prefix(PREFIX)?;
    if deleted.is_empty() || deleted.starts_with(PREFIX) || deleted == b"." || deleted == b".." {
        return Some(Marker::Reserved);
    }
    Some(Marker::Deleted(join_path(parent, deleted)))
}

/// The tar path that deletes `path`.
pub(super) fn deletion_of(path: &[u8]) -> Vec<u8> {
    let (parent, name) = split_path(path);
    join_path(parent, &[PREFIX, name].concat())
}

/// The tar path that makes `directory` opaque.
pub(super) fn opaque_of(directory: &[u8]) -> Vec<u8> {
    join_path(directory, OPAQUE)
}

/// Whether a component of the path begins with `.wh.`, so that no layer can hold a file of that name.
pub fn is_reserved(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|name| name.starts_with(PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_the_specification_says() {
        for (path, meaning) in [
            ("a/.wh.b", Some(Marker::Deleted(b"a/b".to_vec()))),
            (".wh.b", Some(Marker::Deleted(b"b".to_vec()))),
            ("a/.wh..wh..opq", Some(Marker::Opaque(b"a".to_vec()))),
            (".wh..wh..opq", Some(Marker::Opaque(Vec::new()))),
            (".wh..wh.plnk", Some(Marker::Reserved)),
            (".wh.", Some(Marker::Reserved)),
            ("a/.wh...", Some(Marker::Reserved)),
            (".wh-not", None),
            (".whx", None),
            ("a/b", None),
        ] {
            assert_eq!(marker(path.as_bytes()), meaning, "{path}");
        }
        assert_eq!(marker(&deletion_of(b"a/b")), Some(Marker::Deleted(b"a/b".to_vec())));
        assert_eq!(marker(&opaque_of(b"")), Some(Marker::Opaque(Vec::new())));
        assert!(is_reserved(b"a/.wh.d/x") && !is_reserved(b".wh-not/.whx"));
    }
}
