//! The typed layer: each keyword's own rules, one file per keyword.
//! Values stay as written (unexpanded, quoted): `words` expands them. Knows nothing of stages or builds.
mod add;
mod arg;
mod command;
mod copy;
mod env;
mod expose;
mod from;
mod healthcheck;
mod label;
mod maintainer;
mod onbuild;
mod paths;
mod run;
mod shell;
mod stopsignal;
mod user;
mod volume;
mod workdir;

pub use add::Add;
pub use arg::ArgItem;
pub use command::Command;
pub use copy::Copy;
pub use from::From;
pub use healthcheck::{Healthcheck, Timing};
pub use onbuild::Onbuild;
pub use paths::{InlineFile, Paths};
pub use run::{Device, Network, Run, Script, Security};

use crate::span::{Span, Text};
use crate::tree::KeyValue;

/// One instruction with its own rules applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// From the keyword to the end of the last line, heredocs included.
    pub span: Span,
    /// First line, from 1.
    pub first_line: u32,
    /// Last line, from 1.
    pub last_line: u32,
    /// The keyword as written.
    pub keyword: Text,
    /// Leading `--…` words, quotes and escapes resolved.
    pub flags: Vec<Text>,
    /// The whole instruction with its continuation lines joined; without heredocs' bodies.
    pub original: Text,
    /// The comments directly above, without `#`.
    pub comments: Vec<Text>,
    /// What it says.
    pub kind: Kind,
}

/// What an instruction says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `ADD`.
    Add(Box<Add>),
    /// `ARG name[=default] …`.
    Arg(Vec<ArgItem>),
    /// `CMD`.
    Cmd(Command),
    /// `COPY`.
    Copy(Box<Copy>),
    /// `ENTRYPOINT`.
    Entrypoint(Command),
    /// `ENV`.
    Env(Vec<KeyValue>),
    /// `EXPOSE`, sorted as BuildKit does; each may split into several when expanded.
    Expose(Vec<Text>),
    /// `FROM`.
    From(From),
    /// `HEALTHCHECK`.
    Healthcheck(Healthcheck),
    /// `LABEL`.
    Label(Vec<KeyValue>),
    /// `MAINTAINER`.
    Maintainer(Text),
    /// `ONBUILD`.
    Onbuild(Onbuild),
    /// `RUN`.
    Run(Box<Run>),
    /// `SHELL`.
    Shell(Vec<Text>),
    /// `STOPSIGNAL`.
    StopSignal(Text),
    /// `USER`.
    User(Text),
    /// `VOLUME`.
    Volume(Vec<Text>),
    /// `WORKDIR`.
    Workdir(Text),
}

/// The 18 keywords.
pub const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];
