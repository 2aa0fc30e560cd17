//! The operations a build is made of, as plain data with a canonical encoding. Knows no vertex: an operation names its
//! inputs by their place in its vertex's list, so that equal operations are equal wherever they stand.

mod copy;
mod encode;
mod run;
mod source;

use serde::{Deserialize, Serialize};

pub use copy::{Chmod, CopyOp, InlineFile, MkdirOp, Source, Unpack};
pub use encode::ENCODING_VERSION;
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

    /// Appends what of the operation can change its result, and nothing else: the part of a cache key that is not content.
    ///
    /// Every value is preceded by its length or is of fixed size, so no two operations share an encoding. The first byte
    /// is [`ENCODING_VERSION`]. What the caller adds: the identity of the parent and of each input's selected content; for
    /// a fetch the digest of its body, for git the commit. Left out: an image's name (its digest is in), a context's name,
    /// a URL, a repository and its reference, checksums (they allow, they do not change), sharing modes of cache mounts,
    /// `env_unkeyed`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        encode::op(self, out);
    }
}
