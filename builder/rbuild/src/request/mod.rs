//! What is to be built, resolved: every file named on the command line read, every variable taken, every name parsed.
//! What the build takes from the environment, the working directory and standard input is taken here and nowhere else.

mod cache;
mod dockerfile;
mod elsewhere;
pub mod entitlement;
mod ignore;
mod limits;
mod lock;
mod named;
mod near;
mod output;
mod platform;
mod secret;
mod stdin;
mod text;

pub use cache::{CacheFrom, CachePlace, CacheTo, Mode, MountsWanted};
pub use dockerfile::{ContextPlace, DockerfileSource};
pub use elsewhere::{Elsewhere, FileAt, Source};
pub use entitlement::Entitlement;
pub use ignore::ignored_in;
pub use limits::RunLimits;
pub use lock::path as lock_path;
pub use named::Named;
pub use output::{Annotated, Compression, Notes, Others, Output, OutputKind, Times};
pub use secret::{SecretSource, agents, secrets};
pub use stdin::{Input, Stdin};
pub use text::{LIMIT, limited};

use crate::args::{BuildArgs, Env, Limit, OnError, fields, host, raw_fields, size, ulimit};
use crate::error::{Error, Result};
use crate::image::new_name;
use crate::lock::Lock;
use rbuild_graph::{NamedContext, Network, Request};
use rbuild_oci::{Platform, Reference};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A build, resolved.
#[derive(Debug)]
pub struct BuildRequest {
    /// The Dockerfile and the context it is for.
    pub dockerfile: DockerfileSource,
    /// What of the two has to be brought first.
    pub elsewhere: Elsewhere,
    /// The tarball that came on standard input, once it was read.
    pub input: Option<File>,
    /// What the graph needs to know.
    pub graph: Request,
    /// Where named contexts lie.
    pub named: BTreeMap<String, Named>,
    /// Under which names the image is kept.
    pub tags: Vec<Reference>,
    /// Whether the image is an index of platforms; always, where there are several.
    pub is_index: bool,
    /// Annotations of the image's documents.
    pub annotations: Notes,
    /// What else is written.
    pub outputs: Vec<Output>,
    /// The caches that are asked, in this order.
    pub cache_from: Vec<CacheFrom>,
    /// The caches that are told.
    pub cache_to: Vec<CacheTo>,
    /// Where secrets come from, by id.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Sockets of ssh agents, by id.
    pub ssh: BTreeMap<String, PathBuf>,
    /// What the Dockerfile may have beyond the ordinary.
    pub allowed: BTreeSet<Entitlement>,
    /// What processes of steps may use.
    pub limits: RunLimits,
    /// What names and addresses mean, where only that may be taken.
    pub lock: Option<Lock>,
    /// Whether registries are asked also for images that the store has.
    pub pull: bool,
    /// Whether every step runs again.
    pub no_cache: bool,
    /// What is done where a RUN fails.
    pub on_error: OnError,
    /// Steps that may run at once.
    pub jobs: usize,
    /// How large the build cache may be afterwards, if that was said.
    pub keep_storage: Option<Limit>,
    /// Where the image id is written.
    pub iidfile: Option<PathBuf>,
    /// Where it is told what came out.
    pub metadata_file: Option<PathBuf>,
    /// What the user should know about the request itself.
    pub notes: Vec<String>,
}

/// What was read from standard input.
#[derive(Clone, Copy, Debug)]
pub enum StandardInput<'a> {
    /// A text.
    Text(&'a [u8]),
    /// More than memory should hold.
    File(&'a File),
}

impl BuildRequest {
    /// What was read from standard input, if it was read: the Dockerfile or the context.
    pub fn standard_input(&self) -> Option<StandardInput<'_>> {
        let text = (self.dockerfile.name == "-").then_some(StandardInput::Text(&self.dockerfile.bytes));
        self.input.as_ref().map(StandardInput::File).or(text)
    }

    /// What tells this project's steps from another's in a store of many: the names of the context's directory and of the
    /// Dockerfile.
    pub fn project(&self) -> String {
        let context = match &self.dockerfile.context {
            ContextPlace::Directory(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            ContextPlace::Tree(_) | ContextPlace::Empty => String::new(),
        };
        format!("{context}/{}", self.dockerfile.name)
    }

    /// Resolves arguments as typed.
    pub fn resolve(args: &BuildArgs, env: &Env<'_>) -> Result<Self> {
        let mut notes = Vec::new();
        let found = dockerfile::Found::find(args, &mut notes)?;
        let named = named::parse(&args.build_contexts)?;
        let graph = Request { ignore: found.source.ignored.matcher.clone(), ..graph_request(args, env, &named)? };
        let outputs = args.outputs.iter().map(|text| output::parse(text)).collect::<Result<Vec<_>>>()?;
        let outputs = if args.push { Output::pushed(outputs) } else { outputs };
        let request = Self {
            is_index: platform::is_index(&graph),
            annotations: annotations(&args.annotations)?,
            metadata_file: args.metadata_file.clone().map(|path| writable("--metadata-file", path)).transpose()?,
            graph,
            dockerfile: found.source,
            elsewhere: found.elsewhere,
            input: None,
            named,
            tags: tags(&args.tags, &outputs)?,
            outputs,
            cache_from: caches(&args.cache_from, CacheFrom::parse)?,
            cache_to: caches(&args.cache_to, CacheTo::parse)?,
            secrets: secret::secrets(&args.secrets, env)?,
            ssh: secret::agents(&args.ssh, env)?,
            allowed: entitlement::parse(&args.allow, network(args.network.as_deref())?)?,
            limits: limits(args)?,
            lock: lock::lock(args)?,
            pull: args.pull,
            no_cache: args.no_cache,
            on_error: args.on_error,
            jobs: args.jobs,
            keep_storage: args.keep_storage.as_deref().map(Limit::parse).transpose()?,
            iidfile: args.iidfile.clone().map(|path| writable("--iidfile", path)).transpose()?,
            notes,
        };
        output::check(&request, env)?;
        Ok(request)
    }
}

/// What an option says each time; empty ones say nothing.
fn caches<T>(texts: &[String], parse: fn(&str) -> Result<T>) -> Result<Vec<T>> {
    texts.iter().filter(|text| !text.is_empty()).map(|text| parse(text)).collect()
}

fn annotations(texts: &[String]) -> Result<Notes> {
    let mut notes = Notes::default();
    texts.iter().filter(|text| !text.is_empty()).try_for_each(|text| notes.add(text))?;
    Ok(notes)
}

/// The build argument and the variable that stand in for now.
pub const EPOCH: &str = "SOURCE_DATE_EPOCH";

fn graph_request(args: &BuildArgs, env: &Env<'_>, named: &BTreeMap<String, Named>) -> Result<Request> {
    let mut request = Request::new(Platform::native());
    request.target = args.target.clone().filter(|name| !name.is_empty());
    request.build_args = build_args(args, env)?;
    request.platforms = platform::parse(&args.platforms)?;
    request.labels = args.labels.iter().map(|text| pair(text)).collect::<Result<_>>()?;
    request.named_contexts = named.iter().map(|(name, named)| (name.clone(), named.for_graph())).collect();
    request.network = network(args.network.as_deref())?;
    request.add_hosts = args.add_hosts.iter().map(|text| host::add(text)).collect::<Result<_>>()?;
    let names = args.no_cache_filters.iter().flat_map(|names| names.split(','));
    request.renewed_stages = names.map(|name| name.trim().to_ascii_lowercase()).collect();
    // A number, or the name of what has a time, which only the Dockerfile can tell.
    if let Some(text) = epoch(args)?.or_else(|| env(EPOCH).filter(|text| !text.is_empty())) {
        request.build_args.entry(EPOCH.to_owned()).or_insert(text);
    }
    request.source_date_epoch = request.build_args.get(EPOCH).and_then(|text| text.parse().ok());
    Ok(request)
}

/// The time of `--source-date-epoch`; the build argument of that name may not say another.
fn epoch(args: &BuildArgs) -> Result<Option<String>> {
    let Some(text) = &args.source_date_epoch else { return Ok(None) };
    let wrong = |why: &str| Err(Error::Usage(format!("--source-date-epoch {text:?}: {why}")));
    if text.is_empty() {
        return wrong("it is empty: give seconds since 1970, context, or the name of a context or stage");
    }
    let argument = args.build_args.iter().rev().find_map(|other| other.strip_prefix(EPOCH)?.strip_prefix('='));
    match argument {
        Some(other) if other != text => wrong(&format!("--build-arg {EPOCH}={other} says another time: leave one out")),
        _ => Ok(Some(text.clone())),
    }
}

fn limits(args: &BuildArgs) -> Result<RunLimits> {
    let usual = RunLimits::default();
    Ok(RunLimits {
        shm_size: size::shm_or(usual.shm_size, args.shm_size.as_deref())?,
        ulimits: args.ulimits.iter().map(|text| ulimit::parse(text)).collect::<Result<_>>()?,
    })
}

impl Named {
    fn for_graph(&self) -> NamedContext {
        match self {
            Self::Directory(_) => NamedContext::Directory,
            Self::Remote(address) => NamedContext::Remote(address.clone()),
            Self::Scratch => NamedContext::Scratch,
            Self::Layout { .. } | Self::Registry(_) => NamedContext::Image(self.to_string()),
        }
    }
}

/// Values of ARGs: those given, and the proxy variables that Docker hands on without being asked.
fn build_args(args: &BuildArgs, env: &Env<'_>) -> Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for text in &args.build_args {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text.as_str(), env(text)),
        };
        if name.is_empty() {
            return Err(Error::Usage(format!("--build-arg {text:?} has no name: write NAME=VALUE")));
        }
        if let Some(value) = value {
            values.insert(name.to_owned(), value);
        }
    }
    Ok(values)
}

/// Each name once, in the order given; then those that only outputs give.
fn tags(texts: &[String], outputs: &[Output]) -> Result<Vec<Reference>> {
    let mut tags = Vec::new();
    for text in texts {
        let tag = new_name(text).map_err(|error| Error::Usage(format!("--tag: {error}")))?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    for tag in outputs.iter().flat_map(Output::tags) {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    Ok(tags)
}

/// A place that can be written to, so that a build does not fail at its end.
fn writable(option: &str, path: PathBuf) -> Result<PathBuf> {
    let wrong = |why: &str| Error::Usage(format!("{option} {}: {why}", path.display()));
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if path.is_dir() {
        return Err(wrong("it is a directory: give the name of a file"));
    }
    if !parent.is_dir() {
        return Err(wrong("there is no directory of that name to put it into"));
    }
    Ok(path)
}

fn network(text: Option<&str>) -> Result<Network> {
    match text {
        None | Some("default" | "bridge" | "") => Ok(Network::Default),
        Some("host") => Ok(Network::Host),
        Some("none") => Ok(Network::None),
        Some(other) => Err(Error::Usage(format!("--network {other:?} is not known: use default, host or none"))),
    }
}

fn pair(text: &str) -> Result<(String, String)> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.is_empty() {
        return Err(Error::Usage(format!("--label {text:?} has no key: write KEY=VALUE")));
    }
    Ok((key.to_owned(), value.to_owned()))
}
