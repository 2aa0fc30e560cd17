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

use crate::error::{Error, ErrorKind};
use crate::flags::Flags;
use crate::span::{Span, Text};
use crate::tree::{Args, KeyValue, Node};
use crate::unicode;

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

/// How a keyword's own rules are applied to its node.
type Rules = fn(&Node) -> Result<Kind, Error>;

/// Each keyword with its rules.
const RULES: [(&str, Rules); 18] = [
    ("add", add::parse),
    ("arg", arg::parse),
    ("cmd", command::parse_cmd),
    ("copy", copy::parse),
    ("entrypoint", command::parse_entrypoint),
    ("env", env::parse),
    ("expose", expose::parse),
    ("from", from::parse),
    ("healthcheck", healthcheck::parse),
    ("label", label::parse),
    ("maintainer", maintainer::parse),
    ("onbuild", onbuild::parse),
    ("run", run::parse),
    ("shell", shell::parse),
    ("stopsignal", stopsignal::parse),
    ("user", user::parse),
    ("volume", volume::parse),
    ("workdir", workdir::parse),
];

impl Instruction {
    /// Applies the keyword's own rules to a node of the syntax layer.
    pub fn typed(node: &Node) -> Result<Instruction, Error> {
        let keyword = unicode::lower(&node.keyword.bytes);
        let Some((_, rules)) = RULES.iter().find(|(name, _)| *name == keyword) else {
            return Err(unknown(node, &keyword));
        };
        Ok(Instruction {
            span: node.span,
            first_line: node.first_line,
            last_line: node.last_line,
            keyword: node.keyword.clone(),
            flags: node.flags.clone(),
            original: node.original.clone(),
            comments: node.comments.clone(),
            kind: rules(node)?,
        })
    }

    /// The text of the comment above that describes `name`: `# NAME text`.
    pub fn description(&self, name: &[u8]) -> Option<Text> {
        self.comments.iter().find_map(|comment| {
            let rest = comment.bytes.strip_prefix(name)?.strip_prefix(b" ")?;
            Some(comment.slice(comment.bytes.len() - rest.len(), comment.bytes.len()))
        })
    }
}

/// No such keyword: a misspelt one, a line that belongs to the one above, or no Dockerfile at all.
fn unknown(node: &Node, keyword: &str) -> Error {
    let written = node.keyword.to_str_lossy().into_owned();
    let error = Error::new(ErrorKind::UnknownInstruction(written.clone()), node.keyword.span);
    if written.contains(|char: char| char.is_control()) {
        return error.with_hint("this is no text: is it a Dockerfile?");
    }
    match crate::did_you_mean(keyword, KEYWORDS) {
        Some(near) => error.with_hint(format!("did you mean {near}?")),
        None if !written.starts_with(|char: char| char.is_ascii_uppercase()) => {
            let way_out = format!("to run a program, write RUN {written}");
            error.with_hint(format!("a line that goes on in the next one ends in \\; {way_out}"))
        }
        None => error.with_hint(format!("expected one of {}", KEYWORDS.join(", "))),
    }
}

/// How an instruction is written that has nothing behind its keyword.
const EXAMPLES: [(&str, &str); 11] = [
    ("ARG", "VERSION=1.0"),
    ("ENV", "NAME=value"),
    ("EXPOSE", "8080"),
    ("HEALTHCHECK", "CMD curl -f http://localhost/"),
    ("LABEL", "name=value"),
    ("MAINTAINER", "name"),
    ("ONBUILD", "COPY . /src"),
    ("SHELL", r#"["/bin/bash", "-c"]"#),
    ("STOPSIGNAL", "SIGTERM"),
    ("USER", "name"),
    ("VOLUME", "/data"),
];

/// A refusal that shows how the instruction is written.
fn by_example(node: &Node, kind: ErrorKind) -> Error {
    let (error, keyword) = (Error::new(kind, missing(node)), shown(node));
    let example = EXAMPLES.iter().find(|(name, _)| *name == keyword).map_or("/app", |(_, example)| example);
    error.with_hint(format!("as in {keyword} {example}"))
}

/// The keyword in capitals, for messages.
fn shown(node: &Node) -> String {
    unicode::lower(&node.keyword.bytes).to_ascii_uppercase()
}

/// The place behind the instruction, where something is missing.
fn missing(node: &Node) -> Span {
    Span { start: node.original.span.end, end: node.original.span.end }
}

/// Refuses any flag.
fn no_flags(node: &Node) -> Result<(), Error> {
    Flags::check(node, &[]).map(|_| ())
}

/// The arguments, at least one.
fn some_arguments(node: &Node) -> Result<Vec<Text>, Error> {
    let args = node.flat_args();
    if args.is_empty() { Err(by_example(node, ErrorKind::AtLeastOneArgument(shown(node)))) } else { Ok(args) }
}

/// The only argument.
fn one_argument(node: &Node) -> Result<Text, Error> {
    let mut args = node.flat_args();
    match args.pop() {
        Some(only) if args.is_empty() => Ok(only),
        _ => Err(by_example(node, ErrorKind::ExactlyOneArgument(shown(node)))),
    }
}

/// The pairs of ENV and LABEL, at least one, none with a blank name.
fn named_pairs(node: &Node) -> Result<Vec<KeyValue>, Error> {
    no_flags(node)?;
    let Args::Pairs(pairs) = &node.args else {
        return Err(by_example(node, ErrorKind::AtLeastOneArgument(shown(node))));
    };
    match pairs.iter().find(|pair| pair.key.is_empty()) {
        Some(blank) => Err(Error::new(ErrorKind::BlankName(shown(node)), blank.key.span.to(blank.value.span))),
        None => Ok(pairs.clone()),
    }
}
