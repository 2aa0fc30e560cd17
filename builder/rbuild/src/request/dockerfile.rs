//! Which Dockerfile and which context the arguments mean. Reads what of it lies here: the Dockerfile and the ignore file,
//! not the context.

use super::elsewhere::{Elsewhere, FileAt, Source};
use super::ignore::{ignored_beside, ignored_by};
use super::near;
use super::stdin::Input;
use super::text::{is_stdin, limited, read, url};
use crate::args::BuildArgs;
use crate::error::{Error, Result};
use crate::tree::{Ignored, Tree};
use rbuild_graph::context_op;
use rbuild_store::layer::is_archive;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A Dockerfile's bytes and where its files come from.
#[derive(Debug)]
pub struct DockerfileSource {
    /// How it is called in messages.
    pub name: String,
    /// What it says.
    pub bytes: Vec<u8>,
    /// The context.
    pub context: ContextPlace,
    /// What of the context is left out.
    pub ignored: Ignored,
}

/// Where a context lies.
#[derive(Clone)]
pub enum ContextPlace {
    /// A directory of this machine.
    Directory(PathBuf),
    /// Something else that was opened.
    Tree(Arc<dyn Tree>),
    /// There is none.
    Empty,
}

impl DockerfileSource {
    /// A Dockerfile that was not read, of a context of which nothing is left out.
    fn unread(name: &str, context: ContextPlace) -> Self {
        Self { name: name.to_owned(), bytes: Vec::new(), context, ignored: Ignored::default() }
    }
}

impl std::fmt::Debug for ContextPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "Directory({})", path.display()),
            Self::Tree(tree) => write!(f, "Tree({})", tree.name()),
            Self::Empty => f.write_str("Empty"),
        }
    }
}

/// What the arguments name.
#[derive(Debug)]
pub(super) struct Found {
    /// The Dockerfile and the context, as far as they are here.
    pub(super) source: DockerfileSource,
    /// The rest.
    pub(super) elsewhere: Elsewhere,
}

impl Found {
    /// Finds what the arguments mean; what is unusual about it is noted.
    pub(super) fn find(args: &BuildArgs, notes: &mut Vec<String>) -> Result<Self> {
        let context = Path::new(&args.context);
        if args.context == "-" {
            return of_input(args);
        }
        if !context.is_dir()
            && let Some(source) = context_op(&args.context)?.and_then(Source::of)
        {
            return of_source(args, source);
        }
        let metadata = fs::metadata(context).map_err(|source| missing_context(context, source))?;
        if !metadata.is_file() {
            return of_directory(args, context);
        }
        let opened = fs::File::open(context).map_err(|source| missing_context(context, source))?;
        if is_archive(opened)? {
            of_source(args, Source::Tarball(context.into()))
        } else {
            of_file(args, context, notes)
        }
    }
}

impl From<DockerfileSource> for Found {
    fn from(source: DockerfileSource) -> Self {
        Self { source, elsewhere: Elsewhere::default() }
    }
}

/// The context `-`: a Dockerfile without a context, or a tarball.
fn of_input(args: &BuildArgs) -> Result<Found> {
    if args.file.as_deref().is_some_and(is_stdin) {
        return Err(Error::Usage("the context and -f cannot both be standard input".into()));
    }
    match Input::read(&|source| limited(source)).map_err(Error::io("read", "standard input"))? {
        Input::Tarball(first) => of_source(args, Source::Input(first)),
        Input::Text(_) if args.file.is_some() => Err(Error::Usage(
            "standard input is no tarball but a Dockerfile, so -f cannot name another: leave one of them out".into(),
        )),
        Input::Text(bytes) => {
            Ok(DockerfileSource { bytes, ..DockerfileSource::unread("-", ContextPlace::Empty) }.into())
        }
    }
}

/// A context that is brought first. A Dockerfile of this machine is one that is named from the root.
fn of_source(args: &BuildArgs, source: Source) -> Result<Found> {
    let is_remote = matches!(source, Source::Git(_) | Source::Url(_));
    let unread = |name: &str| DockerfileSource::unread(name, ContextPlace::Empty);
    let (found, file) = match &args.file {
        Some(file) if url(file).is_some() => (unread("Dockerfile"), url(file).map(FileAt::Url)),
        Some(file) if is_stdin(file) || (is_remote && file.is_absolute()) => {
            (DockerfileSource { bytes: read(file)?, ..unread(&shown(file)) }, None)
        }
        inside => (unread("Dockerfile"), Some(FileAt::Inside(inside.clone()))),
    };
    Ok(Found { source: found, elsewhere: Elsewhere { context: Some(source), file } })
}

fn of_directory(args: &BuildArgs, context: &Path) -> Result<Found> {
    let place = ContextPlace::Directory(context.to_owned());
    let file = args.file.clone().unwrap_or_else(|| default_file(context));
    let ignored = match &args.ignorefile {
        Some(path) => ignored_by(path)?,
        None => ignored_beside(&file, context)?,
    };
    if let Some(url) = url(&file) {
        let source = DockerfileSource { ignored, ..DockerfileSource::unread("Dockerfile", place) };
        let elsewhere = Elsewhere { context: None, file: Some(FileAt::Url(url)) };
        return Ok(Found { source, elsewhere });
    }
    Ok(DockerfileSource { name: shown(&file), bytes: read(&file)?, context: place, ignored }.into())
}

/// A Dockerfile where a context was expected.
fn of_file(args: &BuildArgs, file: &Path, notes: &mut Vec<String>) -> Result<Found> {
    if args.file.is_some() {
        return Err(Error::Usage(format!(
            "the context {} is a file and no tarball; with -f it must be a directory or a tarball",
            file.display()
        )));
    }
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let (name, directory) = (file.display(), parent.display());
    notes.push(format!("{name} is a file: taken as -f {name} with the context {directory}"));
    of_directory(&BuildArgs { file: Some(file.to_owned()), ..args.clone() }, parent)
}

/// `Dockerfile`, or `dockerfile` where there is only that.
fn default_file(context: &Path) -> PathBuf {
    let lower = context.join("dockerfile");
    let upper = context.join("Dockerfile");
    if !upper.exists() && lower.is_file() { lower } else { upper }
}

fn shown(file: &Path) -> String {
    file.strip_prefix(".").unwrap_or(file).display().to_string()
}

fn missing_context(path: &Path, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::NotFound => Error::Usage(match path.to_str().and_then(|text| text.split_once("://")) {
            Some((scheme, _)) => format!(
                "contexts of the kind {scheme:?} are not known: use a path, http://, https://, git:// or ssh://"
            ),
            None => format!("the context {} does not exist{}", path.display(), near::question(path)),
        }),
        _ => Error::io("open", format!("the context {}", path.display()))(source),
    }
}
