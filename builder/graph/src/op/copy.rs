//! COPY, ADD and WORKDIR: files placed onto a parent. Paths are of the image or of an input, never of the machine.

use super::Input;
use serde::{Deserialize, Serialize};

/// Files copied onto the parent in the order of `sources`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CopyOp {
    /// What is copied.
    pub sources: Vec<Source>,
    /// Where to: absolute and clean, but a final `/` or `/.` is kept: it says that the destination is a directory.
    pub dest: String,
    /// `user[:group]` by name or number as written; none is 0:0 for what comes from a context, else as it was.
    pub chown: Option<String>,
    /// The mode that everything copied gets.
    pub chmod: Option<Chmod>,
    /// Patterns of `.dockerignore`'s kind, relative to the source's directory; what matches stays out.
    pub excludes: Vec<String>,
}

/// One source of a copy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Files of an input by pattern. Symbolic links in the path are followed inside the input; of a directory the
    /// contents are copied; a pattern with wildcards may match nothing.
    Files {
        /// The tree; none is an empty one.
        input: Option<Input>,
        /// An absolute, clean path that may hold wildcards of Go's `filepath.Match`.
        path: String,
        /// `--parents`: what is matched below `path`, with `**` for any depth; its directories are kept.
        below: Option<String>,
        /// Whether an archive is replaced by its contents.
        unpack: Unpack,
    },
    /// One file of a download, by its exact name.
    Download {
        /// The tree of the download.
        input: Input,
        /// The file's name.
        name: String,
        /// Whether an archive is replaced by its contents.
        unpack: Unpack,
    },
    /// All of a git checkout.
    Checkout {
        /// The tree of the checkout.
        input: Input,
    },
    /// A heredoc.
    Inline(InlineFile),
}

/// A file whose contents stand in the Dockerfile; owned by root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InlineFile {
    /// Its name, which for a script is its place under /dev/pipes.
    pub name: String,
    /// Its bytes, after expansion where the heredoc asks for it.
    pub content: Vec<u8>,
}

/// Whether an archive is replaced by its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unpack {
    /// Copied as a file.
    Never,
    /// Unpacked where the bytes are an archive, else copied.
    IfArchive,
}

/// The mode of `--chmod`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chmod {
    /// The permission bits, at most 0o7777.
    Octal(u32),
    /// Clauses as chmod(1) takes them, such as `u=rwX,go-w`.
    Symbolic(String),
}

/// A directory made with all those above it that are missing; one that exists is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MkdirOp {
    /// Absolute and clean.
    pub path: String,
    /// The mode of what is made.
    pub mode: u32,
    /// `user[:group]` of what is made, by name or number; none is 0:0.
    pub owner: Option<String>,
}
