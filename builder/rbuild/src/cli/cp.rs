//! `rbuild cp`: files in and out of a container, by docker's rules.

use super::globals::{Globals, Standing};
use super::ground::Ground;
use super::out::complain;
use super::signals::cancel_on_signal;
use crate::container::{Containers, Copying, Outside, State};
use crate::ctx::Place;
use crate::error::{Error, Result};
use crate::render::human;
use clap::Args;
use rbuild_oci::Cancel;
use std::path::PathBuf;
use std::process::ExitCode;

/// Copy files into or out of a container
#[derive(Args, Clone, Debug)]
pub struct CpArgs {
    /// `CONTAINER:PATH`, a path of this machine, or `-` for a tarball on standard input
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// `CONTAINER:PATH`, a path of this machine, or `-` for a tarball on standard output
    #[arg(value_name = "DESTINATION")]
    pub destination: String,
    /// Keep the owners of the files [default: root in the container, oneself outside]
    #[arg(short, long)]
    pub archive: bool,
    /// Copy what a source leads to that is a symbolic link
    #[arg(short = 'L', long)]
    pub follow_link: bool,
    /// Do not say what was copied
    #[arg(short, long)]
    pub quiet: bool,
}

/// One end of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End<'a> {
    Container(&'a str, &'a str),
    Path(&'a str),
    Stream,
}

/// Copies, from inside the user namespace that the container runs in.
pub fn run(args: &CpArgs, globals: &Globals) -> Result<ExitCode> {
    let (source, destination) = (end(&args.source)?, end(&args.destination)?);
    let (name, path, outside) = match (&source, &destination) {
        (End::Container(..), End::Container(..)) => {
            return Err(Error::Usage("copying between containers is not supported: copy out, then in".to_owned()));
        }
        (End::Container(name, path), outside) | (outside, End::Container(name, path)) => (*name, *path, outside),
        _ => return Err(Error::Usage("one of the two has to be CONTAINER:PATH".to_owned())),
    };
    let (store, standing) = (globals.store()?, Standing::find()?);
    let entry = Containers::new(&store).find(name)?;
    if let State::Running { process, .. } = &entry.state
        && let Some(process) = process.process()?
    {
        if let Some(code) = Standing::enter(store.root(), &process)? {
            return Ok(code);
        }
    } else if standing.place == Place::Outside {
        return standing.start_again(store.root(), None);
    }
    let ground = Ground::new(globals, store, standing, Cancel::new())?;
    let _watch = cancel_on_signal(&ground.cancel)?;
    let (archive, follow_link, volumes) = (args.archive, args.follow_link, ground.volumes());
    let copying = Copying { entry: &entry, path, volumes, archive, follow_link };
    let here = match outside {
        End::Path(path) => Some(absolute(path)?),
        _ => None,
    };
    let outside = here.as_deref().map_or(Outside::Stream, Outside::Path);
    let bytes = match source {
        End::Container(..) => copying.take_out(ground.ctx(), outside)?,
        _ => copying.put_in(ground.ctx(), outside)?,
    };
    if !args.quiet && args.destination != "-" {
        complain(&format!("Successfully copied {} to {}\n", human::precise_size(bytes), args.destination));
    }
    Ok(ExitCode::SUCCESS)
}

/// What a word on the command line means: a colon makes it a path in a container, unless the word is plainly a path.
fn end(word: &str) -> Result<End<'_>> {
    match word.split_once(':') {
        _ if word == "-" => Ok(End::Stream),
        _ if word.is_empty() => Err(Error::Usage("a path is empty: say what to copy and where to".to_owned())),
        Some((container, path)) if !container.is_empty() && !container.starts_with(['/', '.']) => {
            Ok(End::Container(container, if path.is_empty() { "/" } else { path }))
        }
        _ => Ok(End::Path(word)),
    }
}

/// The path from the root; what its end says is kept.
fn absolute(path: &str) -> Result<PathBuf> {
    Ok(std::env::current_dir().map_err(Error::io("find", "the working directory"))?.join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_makes_a_container() {
        for (word, expected) in [
            ("box:/etc/hosts", End::Container("box", "/etc/hosts")),
            ("box:rel", End::Container("box", "rel")),
            ("box:/a:b", End::Container("box", "/a:b")),
            ("box:", End::Container("box", "/")),
            ("./a:b", End::Path("./a:b")),
            ("/a:b", End::Path("/a:b")),
            ("plain", End::Path("plain")),
            ("-", End::Stream),
        ] {
            assert_eq!(end(word).unwrap(), expected, "{word}");
        }
        assert!(end("").is_err());
    }
}
