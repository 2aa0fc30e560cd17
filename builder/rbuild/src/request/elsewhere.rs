//! What of a request lies elsewhere and has to be brought before anything can be built. Knows only where it is.

use rbuild_graph::{GitOp, Op};
use std::path::PathBuf;

/// What is still to be brought.
#[derive(Debug, Default)]
pub struct Elsewhere {
    /// The context; none where it is here, or there is none.
    pub context: Option<Source>,
    /// The Dockerfile; none where it was read.
    pub file: Option<FileAt>,
}

/// Where a context comes from.
#[derive(Debug)]
pub enum Source {
    /// A git repository.
    Git(GitOp),
    /// A URL: of a tarball, or of a Dockerfile without a context.
    Url(String),
    /// A tarball of this machine.
    Tarball(PathBuf),
    /// A tarball on standard input, of which these bytes were read.
    Input(Vec<u8>),
}

/// Where a Dockerfile is.
#[derive(Debug)]
pub enum FileAt {
    /// In the context, under this path; by default where it always is.
    Inside(Option<PathBuf>),
    /// At a URL.
    Url(String),
}

impl Source {
    /// The source behind the address of a context.
    pub(super) fn of(op: Op) -> Option<Self> {
        match op {
            Op::Git(git) => Some(Self::Git(git)),
            Op::Fetch(fetch) => Some(Self::Url(fetch.url)),
            _ => None,
        }
    }
}
