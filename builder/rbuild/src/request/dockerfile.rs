//! Which Dockerfile and which context the arguments mean. Reads the Dockerfile and the ignore file, not the context.

use crate::cli::build::BuildArgs;
use crate::error::{Error, Result};
use dockerfile_parser::ignore::{Matcher, Patterns};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A Dockerfile's bytes and where its files come from.
#[derive(Debug)]
pub struct DockerfileSource {
    /// How it is called in messages.
    pub name: String,
    /// What it says.
    pub bytes: Vec<u8>,
    /// The context.
    pub context: ContextPlace,
    /// What `.dockerignore` says and how that file is called, where there is one.
    pub ignore: Option<(String, Vec<u8>)>,
}

/// Where a context lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextPlace {
    /// A directory of this machine.
    Directory(PathBuf),
    /// There is none.
    Empty,
}

impl DockerfileSource {
    /// Finds what the arguments mean; what is unusual about it is noted.
    pub(super) fn find(args: &BuildArgs, notes: &mut Vec<String>) -> Result<Self> {
        if args.context == "-" {
            if args.file.is_some() {
                return Err(Error::Usage(
                    "the context `-` reads the Dockerfile from standard input, so -f cannot name one".into(),
                ));
            }
            return Ok(Self { name: "-".into(), bytes: standard_input()?, context: ContextPlace::Empty, ignore: None });
        }
        let context = PathBuf::from(&args.context);
        let metadata = fs::metadata(&context).map_err(|source| missing_context(&context, source))?;
        if metadata.is_file() {
            return Self::of_file(args, &context, notes);
        }
        let file = args.file.clone().unwrap_or_else(|| context.join("Dockerfile"));
        Self::read(&file, context)
    }

    /// What `.dockerignore` leaves out.
    pub(super) fn ignored(&self) -> Result<Matcher> {
        let Some((name, bytes)) = &self.ignore else { return Ok(Matcher::default()) };
        Patterns::read(bytes).map(Matcher::new).map_err(|error| Error::Usage(format!("{name}: {error}")))
    }

    fn of_file(args: &BuildArgs, file: &Path, notes: &mut Vec<String>) -> Result<Self> {
        if args.file.is_some() {
            return Err(Error::Usage(format!(
                "the context {} is a file; with -f it must be a directory",
                file.display()
            )));
        }
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let (name, directory) = (file.display(), parent.display());
        notes.push(format!("{name} is a file: taken as -f {name} with the context {directory}"));
        Self::read(file, parent.to_owned())
    }

    fn read(file: &Path, context: PathBuf) -> Result<Self> {
        let bytes = if file == Path::new("-") {
            standard_input()?
        } else {
            let opened = fs::File::open(file).map_err(|source| missing_file(file, source))?;
            limited(opened).map_err(|source| missing_file(file, source))?
        };
        let ignore = read_ignore(file, &context)?;
        let name = file.strip_prefix(".").unwrap_or(file).display().to_string();
        Ok(Self { name, bytes, context: ContextPlace::Directory(context), ignore })
    }
}

/// `<Dockerfile>.dockerignore` beside the Dockerfile wins over `.dockerignore` in the context.
fn read_ignore(file: &Path, context: &Path) -> Result<Option<(String, Vec<u8>)>> {
    let mut own = file.as_os_str().to_owned();
    own.push(".dockerignore");
    for path in [PathBuf::from(own), context.join(".dockerignore")] {
        match fs::File::open(&path).and_then(limited) {
            Ok(bytes) => return Ok(Some((path.display().to_string(), bytes))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(Error::io("read", path.display())(error)),
        }
    }
    Ok(None)
}

fn standard_input() -> Result<Vec<u8>> {
    limited(io::stdin().lock()).map_err(Error::io("read", "the Dockerfile from standard input"))
}

/// The most that a Dockerfile or an ignore file may have, in bytes: the largest known have a few hundred thousand.
const LIMIT: u64 = 16 << 20;

/// All there is to read, but never without end.
fn limited(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {} MiB", LIMIT >> 20)));
    }
    Ok(bytes)
}

fn missing_context(path: &Path, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::NotFound => Error::Usage(format!("the context {} does not exist", path.display())),
        _ => Error::io("open", format!("the context {}", path.display()))(source),
    }
}

fn missing_file(path: &Path, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::NotFound => {
            Error::Usage(format!("the Dockerfile {} does not exist; name another with -f", path.display()))
        }
        io::ErrorKind::IsADirectory => {
            let path = path.display();
            Error::Usage(format!("the Dockerfile {path} is a directory; name a file in it with -f"))
        }
        _ => Error::io("read", format!("the Dockerfile {}", path.display()))(source),
    }
}
