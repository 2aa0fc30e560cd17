//! Why an input is not a Dockerfile (or not a `.dockerignore`): what, where, and what may have been meant.
//! Knows nothing of how it is shown.
use crate::span::Span;
use crate::words::WordError;
use std::fmt;

/// A refusal that points at the very token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// The token at fault; an empty span is the place where something is missing.
    pub span: Span,
    /// What to do instead, as a phrase (`did you mean COPY?`).
    pub hint: Option<String>,
}

impl Error {
    /// A refusal without a hint.
    pub fn new(kind: ErrorKind, span: Span) -> Self {
        Error { kind, span, hint: None }
    }

    /// The same refusal with advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same refusal, asking `did you mean …?` when a candidate is near to `name`.
    #[must_use]
    pub fn suggesting<'a>(self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        match crate::did_you_mean(name, candidates) {
            Some(near) => self.with_hint(format!("did you mean {near}?")),
            None => self,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hint {
            Some(hint) => write!(f, "{} ({hint})", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.kind.source()
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input does not fit 32-bit offsets.
    #[error("input of {0} bytes is larger than 4 GiB")]
    TooLarge(usize),
    /// A physical line over 65,535 bytes.
    #[error("line is longer than 65535 bytes")]
    LineTooLong,
    /// Nothing but blanks and comments.
    #[error("file has no instructions")]
    NoInstructions,
    /// A trigger or other single instruction holds more or less than one.
    #[error("expected a single instruction, found {0}")]
    NotOneInstruction(usize),
    /// The same parser directive twice.
    #[error("parser directive {0:?} is given twice")]
    DirectiveRepeated(String),
    /// `# escape=` with anything but a backslash or a backtick.
    #[error("escape token {0:?} is neither a backslash nor a backtick")]
    EscapeToken(String),
    /// An option of `# check=` that does not exist or has a bad value.
    #[error("invalid check option {0:?}")]
    CheckOption(String),
    /// A valid JSON array with a member that is not a string.
    #[error("a JSON array must hold only strings")]
    NotStringArray,
    /// `ENV key` or `LABEL key` without a value.
    #[error("{0} needs a name and a value")]
    ValueMissing(String),
    /// A word of `ENV`, `LABEL` without `=`.
    #[error("no '=' in {0:?}: write name=value")]
    EqualsMissing(String),
    /// The terminator of a heredoc never comes.
    #[error("unterminated heredoc {0:?}")]
    UnterminatedHeredoc(String),
    /// A heredoc's own word cannot be read.
    #[error("heredoc word cannot be read")]
    HeredocWord(#[source] WordError),
    /// A heredoc in a flag: the command it belongs to is missing.
    #[error("heredoc without a command")]
    HeredocWithoutCommand,
    /// `COPY a <<EOF`.
    #[error("{0} cannot have a heredoc as its destination")]
    HeredocDestination(String),
    /// No such keyword.
    #[error("unknown instruction: {0}")]
    UnknownInstruction(String),
    /// Anything but `ARG` before the first `FROM`.
    #[error("{0} stands before the first FROM: only ARG may")]
    BeforeFrom(String),
    /// No such flag for this instruction.
    #[error("unknown flag: {0}")]
    UnknownFlag(String),
    /// A flag given twice that may be given once.
    #[error("flag {0} is given twice")]
    DuplicateFlag(String),
    /// `--flag` or `--flag=` where a value is needed.
    #[error("flag {0} needs a value")]
    FlagValueMissing(String),
    /// A flag's value is not of its type.
    #[error("invalid value {value:?} for {flag}: {expected}")]
    FlagValue {
        /// The flag or key with its dashes.
        flag: String,
        /// What was written.
        value: String,
        /// What would have been right.
        expected: &'static str,
    },
    /// Too few arguments.
    #[error("{0} needs at least one argument")]
    AtLeastOneArgument(String),
    /// None, or more than one.
    #[error("{0} takes exactly one argument")]
    ExactlyOneArgument(String),
    /// `COPY` or `ADD` with fewer than two arguments.
    #[error("{0} needs a source and a destination")]
    NoDestination(String),
    /// `FROM` with a wrong number of words.
    #[error("FROM takes an image, or: image AS name")]
    FromArguments,
    /// A stage name outside `[a-z][a-z0-9-_.]*`.
    #[error("invalid stage name {0:?}: it must start with a letter and hold only letters, digits, '-', '_' and '.'")]
    StageName(String),
    /// `ENV =x` and the like.
    #[error("{0} names cannot be blank")]
    BlankName(String),
    /// `VOLUME ["  "]`.
    #[error("a volume's path cannot be empty")]
    EmptyVolume,
    /// `SHELL` in any form but JSON.
    #[error("{0} takes a JSON array, as in {0} [\"/bin/sh\", \"-c\"]")]
    NotJson(String),
    /// `HEALTHCHECK NONE x`.
    #[error("HEALTHCHECK NONE takes no arguments")]
    HealthcheckNone,
    /// `HEALTHCHECK` with neither `CMD` nor `NONE`.
    #[error("unknown type {0:?} of HEALTHCHECK: CMD or NONE")]
    HealthcheckType(String),
    /// `HEALTHCHECK CMD` alone.
    #[error("HEALTHCHECK CMD needs a command")]
    HealthcheckCommand,
    /// `ONBUILD ONBUILD`, `ONBUILD FROM`, `ONBUILD MAINTAINER`.
    #[error("{0} cannot be an ONBUILD trigger")]
    OnbuildTrigger(String),
    /// A flag's comma-separated value has a stray or missing quote.
    #[error("stray or missing double quote in {0:?}")]
    Csv(String),
    /// A comma-separated value without any field.
    #[error("{0} has no fields")]
    NoFields(String),
    /// A field of `--mount` or `--device` without `=`.
    #[error("field {0:?} has no value: write key=value")]
    FieldValueMissing(String),
    /// A key that does not exist.
    #[error("unknown key {key:?} in {flag}")]
    UnknownKey {
        /// The key as written.
        key: String,
        /// The flag it was written in.
        flag: &'static str,
    },
    /// A key that this type of mount does not take.
    #[error("{key} cannot be set for a mount of type {mount}")]
    KeyForType {
        /// The key.
        key: String,
        /// The mount's type.
        mount: &'static str,
    },
    /// `from=$x`: stages are bound before variables are known.
    #[error("'from' takes no variables: give the image a stage name instead")]
    VariableInFrom,
    /// A secret mount that names nothing.
    #[error("a secret mount needs an id, a source or a target")]
    SecretUnnamed,
    /// A secret mount with two names.
    #[error("a secret mount cannot have both source and id")]
    SecretNamedTwice,
    /// A device with two names.
    #[error("the device is already named {0:?}")]
    DeviceNamedTwice(String),
    /// A word cannot be expanded.
    #[error(transparent)]
    Word(#[from] WordError),
    /// A pattern of `.dockerignore` or `--exclude` is malformed.
    #[error("malformed pattern {0:?}")]
    Pattern(String),
    /// A pattern that is only `!`.
    #[error("'!' alone is not a pattern")]
    LoneExclamation,
}
