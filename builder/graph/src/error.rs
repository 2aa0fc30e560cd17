//! Why a Dockerfile that parses cannot be built. Knows nothing of how an error is shown.

use dockerfile_parser::Span;
use dockerfile_parser::words::WordError;
use std::fmt;

/// What this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// A refusal, with the instruction it points at.
#[derive(Debug)]
pub struct Error {
    /// What is wrong.
    pub kind: Box<ErrorKind>,
    /// The instruction or word at fault; none where the request is.
    pub span: Option<Span>,
    /// What may have been meant, as in `did you mean build?`.
    pub hint: Option<String>,
}

impl Error {
    /// A refusal that points at `span`.
    pub(crate) fn at(span: Span, kind: ErrorKind) -> Self {
        Self { kind: Box::new(kind), span: Some(span), hint: None }
    }

    /// A refusal that no place in the Dockerfile is to blame for.
    pub(crate) fn nowhere(kind: ErrorKind) -> Self {
        Self { kind: Box::new(kind), span: None, hint: None }
    }

    /// The same refusal with advice.
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same refusal, asking `did you mean …?` when a candidate is near to `name`.
    pub(crate) fn suggesting<'a>(mut self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        self.hint = dockerfile_parser::did_you_mean(name, candidates).map(|near| format!("did you mean {near}?"));
        self
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
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A Dockerfile of ARGs alone.
    #[error("the Dockerfile has no FROM, so no stage to build")]
    NoStages,
    /// A word cannot be expanded.
    #[error("cannot expand {word:?}: {source}")]
    Word {
        /// The word as written.
        word: String,
        /// Why.
        source: WordError,
    },
    /// FROM with a name that expands to nothing.
    #[error("the image of FROM {0} is blank")]
    BlankBase(String),
    /// Not a reference to an image.
    #[error("cannot use {name:?} as an image: {source}")]
    Reference {
        /// The name after expansion.
        name: String,
        /// The rule it breaks.
        source: rbuild_oci::Error,
    },
    /// `FROM --platform` that expands to nothing.
    #[error("the platform {0} of FROM is empty")]
    EmptyPlatform(String),
    /// `FROM --platform` that is no platform.
    #[error("cannot use the platform {written:?} of FROM: {source}")]
    Platform {
        /// As written.
        written: String,
        /// The rule it breaks.
        source: rbuild_oci::Error,
    },
    /// `COPY <<a/b /`.
    #[error("the here-document {0:?} cannot be a file of that name: it is copied as one file, so give it a plain name")]
    HereDocumentName(String),
    /// `--target` names no stage.
    #[error("the target stage {0:?} is not in the Dockerfile")]
    UnknownTarget(String),
    /// `COPY --from=$x`.
    #[error("--from={0} takes no variables: give the image a stage of its own, whose FROM may use a global ARG")]
    VariableInFrom(String),
    /// `COPY --from=9`.
    #[error("--from={index}: there is no such stage, the Dockerfile has {stages} (counted from 0)")]
    StageIndex {
        /// The number.
        index: usize,
        /// How many stages there are.
        stages: usize,
    },
    /// A stage that needs itself, directly or through others.
    #[error("stage {0:?} needs itself: {1}")]
    Circular(String, String),
    /// A stage that is used before it is made.
    #[error("stage {stage:?} takes files of stage {from:?}, which must be defined before it")]
    LaterStage {
        /// The stage that takes.
        stage: String,
        /// The stage taken from.
        from: String,
    },
    /// A stored ONBUILD trigger that does not parse.
    #[error("the ONBUILD trigger {trigger:?} of {base} cannot be used: {source}")]
    Trigger {
        /// The trigger's text.
        trigger: String,
        /// The image or stage it comes from.
        base: String,
        /// Why.
        source: dockerfile_parser::Error,
    },
    /// A rule of the parser that applies only after expansion.
    #[error(transparent)]
    Parse(dockerfile_parser::ErrorKind),
    /// A mode that is neither octal nor symbolic.
    #[error("invalid --chmod={0}: it is an octal number from 0 to 07777, or clauses such as u=rwX,go-w")]
    Chmod(String),
    /// `--checksum` where it does not apply.
    #[error("--checksum needs exactly one source that is a URL or a git repository")]
    ChecksumScope,
    /// `--checksum` that is no digest.
    #[error("invalid --checksum={text}: {source}")]
    Checksum {
        /// As given.
        text: String,
        /// The rule it breaks.
        source: rbuild_oci::Error,
    },
    /// A URL or git repository as a source of COPY.
    #[error("COPY cannot take {0:?}: only ADD takes URLs and git repositories")]
    RemoteCopy(String),
    /// A git address that contradicts itself or the flags, or has an unknown part.
    #[error("cannot use the git address {address:?}: {reason}")]
    Git {
        /// The address.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// EXPOSE with something that is no port.
    #[error("cannot EXPOSE {port:?}: {reason}")]
    Port {
        /// The port after expansion.
        port: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// VOLUME that expands to nothing.
    #[error("the volume {0} is blank")]
    BlankVolume(String),
    /// STOPSIGNAL with something that is no signal.
    #[error("STOPSIGNAL {0:?} is not a signal")]
    Signal(String),
    /// `RUN []`.
    #[error("RUN has no command")]
    NoCommand,
    /// A mount that does not say where.
    #[error("a mount of type {0} needs a target")]
    NoMountTarget(&'static str),
    /// A mount at `/`.
    #[error("invalid mount target \"/\": a mount needs a target below it")]
    MountTarget,
    /// `type=ssh,source=…`.
    #[error("a mount of type ssh takes no source")]
    SshSource,
    /// SOURCE_DATE_EPOCH with something that is neither a number nor a name.
    #[error(
        "invalid SOURCE_DATE_EPOCH {0:?}: it is a number of seconds since 1970, the word context, or the name of a \
         context or stage"
    )]
    SourceDateEpoch(String),
    /// SOURCE_DATE_EPOCH with a time that RFC 3339, and so an image, cannot write.
    #[error("invalid SOURCE_DATE_EPOCH {0}: an image can be from the years 0000 to 9999, as seconds since 1970")]
    SourceDateEpochRange(i64),
    /// A build argument for the linter that it cannot read.
    #[error("cannot use the build argument {argument}={value:?}: {source}")]
    Check {
        /// The argument's name.
        argument: &'static str,
        /// Its value.
        value: String,
        /// Why.
        source: dockerfile_parser::Error,
    },
    /// SOURCE_DATE_EPOCH with the name of a stage that has no time of its own.
    #[error("SOURCE_DATE_EPOCH cannot be that of stage {stage:?}: {reason}")]
    StageWithoutTime {
        /// The stage.
        stage: String,
        /// What it would have to be.
        reason: String,
    },
    /// More than the graph can number.
    #[error("the build has more than 4,294,967,295 steps")]
    TooManyVertices,
}
