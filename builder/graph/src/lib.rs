//! PURE. Dockerfile instructions to a graph of the few operations that make files, with the finished image configuration
//! of every platform asked for.
//!
//! Knows no disk, network, clock or environment and no path of the machine: what it needs to know of the world it asks
//! for ([`Outcome::Need`]) and is told ([`Answers`]). ENV, CMD, LABEL and the like are folded here; a solver sees only
//! [`Op`]s.

mod address;
mod error;
mod graph;
mod lower;
mod op;
mod parameters;
mod redact;
mod request;
mod show;

pub use address::context_op;
pub use error::{Error, ErrorKind, Result};
pub use graph::{BuildGraph, Origin, Place, Row, Target, Vertex, VertexId};
pub use lower::{TimeSource, lower, time_source};
pub use op::{
    BindMount, CacheMount, Chmod, ContextOp, CopyOp, Device, FetchOp, GitOp, ImageOp, InlineFile, Input, MkdirOp,
    Mount, Op, RunOp, SecretMount, Security, Sharing, Source, SshMount, TmpfsMount, Unpack,
};
pub use parameters::{Argument, Credential, Parameters};
pub use redact::{is_secret, redact};
pub use request::{Answer, Answers, Ask, ImageSource, NamedContext, Network, Outcome, Question, Request};
pub use show::{to_dot, to_mermaid, to_text};
