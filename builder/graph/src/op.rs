//! The operations a build is made of, as plain data with a canonical form. Knows no vertex: an operation names its
//! inputs by their place in its vertex's list, so that equal operations are equal wherever they stand.

mod copy;
mod parts;
mod run;
mod source;

use serde::{Deserialize, Serialize};

pub use copy::{Chmod, CopyOp, InlineFile, MkdirOp, Source, Unpack};
pub use run::{BindMount, CacheMount, Device, Mount, RunOp, SecretMount, Security, Sharing, SshMount, TmpfsMount};
pub use source::{ContextOp, FetchOp, GitOp, ImageOp};

/// One kind of effect on files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// The files of an image. A leaf.
    Image(ImageOp),
    /// A directory of the caller. A leaf, read only through the users that select from it.
    Context(ContextOp),
    /// A download: a tree with one file. A leaf.
    Fetch(FetchOp),
    /// A checkout of a git repository. A leaf.
    Git(GitOp),
    /// Files copied onto the parent: COPY and ADD.
    Copy(CopyOp),
    /// A process run in the parent.
    Run(RunOp),
    /// A directory made in the parent, with those above it: WORKDIR.
    Mkdir(MkdirOp),
    /// The layers of the only input stacked on the parent as they are: COPY --link.
    Merge,
}

/// The place of a tree in its vertex's list of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Input(pub u32);

impl Op {
    /// The operation's kind in one lower-case word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Image(_) => "image",
            Self::Context(_) => "context",
            Self::Fetch(_) => "fetch",
            Self::Git(_) => "git",
            Self::Copy(_) => "copy",
            Self::Run(_) => "run",
            Self::Mkdir(_) => "mkdir",
            Self::Merge => "merge",
        }
    }

    /// What of the operation can change its result, and nothing else, as named texts in a fixed order: the part of a cache
    /// key that is not content.
    ///
    /// No two operations have the same parts. A text that is no UTF-8, is very long or has the credentials of a URL in it is
    /// shown as far as that goes, behind `digest of NAME`; of a variable that is named like a secret there is the digest
    /// only. What the caller adds: the identity of the parent and of each input's selected content; for a fetch the digest
    /// of its body, for git the commit. Left out: an image's name (its digest is in), a context's name, a URL, a repository
    /// and its reference, checksums (they allow, they do not change), sharing modes of cache mounts, `env_unkeyed`.
    pub fn parts(&self) -> Vec<(String, String)> {
        parts::of(self)
    }
}
