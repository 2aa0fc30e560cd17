//! The leaves: trees that come from outside. Knows what is wanted, not how it is got.

use rbuild_oci::{Digest, Platform};

/// The files of an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageOp {
    /// Its name for people: the full reference, or the name of a named context.
    pub reference: String,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The platform of that manifest.
    pub platform: Platform,
}

/// A directory of the caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContextOp {
    /// The name of a named context; none is the main one.
    pub name: Option<String>,
}

/// A download: a tree whose only entry is the file `name`, mode 0600, owned by root, dated as the server says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FetchOp {
    /// The URL, http or https.
    pub url: String,
    /// The name the file gets.
    pub name: String,
    /// The digest its body must have.
    pub checksum: Option<Digest>,
    /// The time of the file in seconds since 1970, 0 for none, whatever the server says.
    pub modified: Option<i64>,
}

/// A checkout of a git repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GitOp {
    /// The repository as git takes it, without fragment and query.
    pub remote: String,
    /// A branch, tag, full reference or commit; empty is the remote's HEAD.
    pub reference: String,
    /// The directory inside that becomes the root; empty is the whole.
    pub subdir: String,
    /// The commit (or a prefix of it) that `reference` must point at.
    pub checksum: Option<String>,
    /// Whether `.git` is part of the tree.
    pub keep_git_dir: bool,
    /// Whether submodules are checked out too.
    pub submodules: bool,
    /// Whether `checksum` is fetched as it is, whatever `reference` points at by now.
    pub fetch_by_commit: bool,
}
