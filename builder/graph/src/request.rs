//! What a caller asks for and how questions about the world travel: request in, asks out, answers in. Knows neither where
//! images come from nor what a named context is beyond its kind.

use crate::error::{Error, ErrorKind, Result};
use crate::graph::BuildGraph;
use dockerfile_parser::ignore::Matcher;
use dockerfile_parser::lint::Linter;
use dockerfile_parser::{Check, Span, Text};
use rbuild_oci::{Digest, ImageConfig, Platform, Reference};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Everything besides the Dockerfile that decides what is built.
#[derive(Clone, Debug)]
pub struct Request {
    /// The stage to build, by name; the last one where none is named.
    pub target: Option<String>,
    /// Values for ARG by name, already resolved (a bare `--build-arg NAME` has taken its value from the environment).
    pub build_args: BTreeMap<String, String>,
    /// The platforms to build for; none means the build platform.
    pub platforms: Vec<Platform>,
    /// The platform this build runs on.
    pub build_platform: Platform,
    /// Inputs by name, each of which overrides the stage or image of that name; `name::platform` does so for builds of
    /// that platform only, and goes first.
    pub named_contexts: BTreeMap<String, NamedContext>,
    /// Labels that every target gets, stronger than those of the Dockerfile.
    pub labels: BTreeMap<String, String>,
    /// Seconds since 1970 that stand in for now, as the build argument SOURCE_DATE_EPOCH does.
    pub source_date_epoch: Option<i64>,
    /// The network of a RUN that names none.
    pub network: Network,
    /// Additional lines of /etc/hosts in every RUN, as host name and address.
    pub add_hosts: Vec<(String, String)>,
    /// What `.dockerignore` leaves out of the main context.
    pub ignore: Matcher,
    /// Whether every stage is carried out, needed or not: to look at all of the file.
    pub all_stages: bool,
    /// Stages, by name in lower case, whose RUN, COPY and ADD are done again although their results may be known.
    pub renewed_stages: BTreeSet<String>,
}

impl Request {
    /// A request for the last stage on that platform with nothing else set.
    pub fn new(build_platform: Platform) -> Self {
        Self {
            target: None,
            build_args: BTreeMap::new(),
            platforms: Vec::new(),
            build_platform,
            named_contexts: BTreeMap::new(),
            labels: BTreeMap::new(),
            source_date_epoch: None,
            network: Network::Default,
            add_hosts: Vec::new(),
            ignore: Matcher::default(),
            all_stages: false,
            renewed_stages: BTreeSet::new(),
        }
    }
}

/// The build argument that replaces a file's `# check=`.
const CHECK: &str = "BUILDKIT_DOCKERFILE_CHECK";

impl Request {
    /// A linter that follows the file's `# check=`, or the build argument that stands in for it.
    pub fn linter(&self) -> Result<Linter> {
        let Some(value) = self.build_args.get(CHECK) else { return Ok(Linter::default()) };
        let check = Check::parse(&Text::new(value.as_bytes(), Span::default()));
        let refuse = |source| Error::nowhere(ErrorKind::Check { argument: CHECK, value: value.clone(), source });
        check.map(Linter::with).map_err(refuse)
    }
}

/// What stands behind the name of a named context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedContext {
    /// A directory; the caller finds it by the context's name.
    Directory,
    /// An image; the text is the caller's own and comes back in [`ImageSource::Context`].
    Image(String),
    /// Nothing at all, as in `docker-image://scratch`.
    Scratch,
    /// A git repository by its address, or the URL of a file, which is then called `context`.
    Remote(String),
}

/// The network of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Network {
    /// What the executor gives by default.
    #[default]
    Default,
    /// Loopback only.
    None,
    /// The network of the machine.
    Host,
}

/// What [`crate::lower`] comes to: a graph, or questions whose answers it needs first.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Answer these (all of them are new), then lower again with all answers so far.
    Need(Vec<Question>),
    /// The finished graph.
    Done(Box<BuildGraph>),
}

/// An [`Ask`] and where it comes from, for the error when nobody knows the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub ask: Ask,
    /// The first instruction that asks.
    pub span: Span,
    /// The stage that may have been meant, as in `did you mean build?`.
    pub hint: Option<String>,
}

/// A question: which image is this, and how is it configured?
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask {
    /// The image.
    pub image: ImageSource,
    /// The platform whose manifest is wanted.
    pub platform: Platform,
}

impl fmt::Display for Ask {
    /// `docker.io/library/busybox:latest for linux/amd64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.image {
            ImageSource::Registry(reference) => write!(f, "{reference} for {}", self.platform),
            ImageSource::Context(text) => write!(f, "{text} for {}", self.platform),
        }
    }
}

/// Where an image is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageSource {
    /// A registry (or the caller's store), by its full name.
    Registry(Reference),
    /// A named context, by the text of [`NamedContext::Image`].
    Context(String),
}

/// What the caller found for an [`Ask`].
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The digest of the platform's manifest: pins the image.
    pub manifest: Digest,
    /// Its configuration.
    pub config: ImageConfig,
}

/// All answers so far.
pub type Answers = BTreeMap<Ask, Answer>;
