//! `rbuild load`: images from OCI image layouts, docker archives and directories of `dir:`.

use super::globals::Globals;
use super::out::print;
use super::signals::cancel_on_signal;
use crate::error::{Error, Result};
use crate::import::{Files, Offered, keep, source};
use clap::Args;
use rbuild_oci::{Cancel, Descriptor, Platform, Reference, Timestamp};
use rbuild_store::Store;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Load images from an OCI image layout or a docker archive
#[derive(Args, Clone, Debug, Default)]
pub struct LoadArgs {
    /// Directory, or tarball of any compression [default: standard input]
    #[arg(short, long, value_name = "PATH")]
    pub input: Option<PathBuf>,
    /// Only the image for this platform, `os/arch[/variant]`
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// Accepted for docker's sake: nothing is printed but what was loaded
    #[arg(short, long)]
    pub quiet: bool,
}

/// Loads the images.
pub fn run(args: &LoadArgs, globals: &Globals) -> Result<ExitCode> {
    let cancel = Cancel::new();
    let store = globals.store_until(&cancel)?;
    let _watch = cancel_on_signal(&cancel)?;
    store.lease()?;
    print(&load(args, &store, &cancel, std::time::SystemTime::now().into())?)?;
    Ok(ExitCode::SUCCESS)
}

/// Loads the images, at that time, and says which they are.
pub fn load(args: &LoadArgs, store: &Store, cancel: &Cancel, now: Timestamp) -> Result<String> {
    let platform = args.platform.as_deref().map(str::parse::<Platform>).transpose()?;
    let images = source::offers(files(args, store, cancel)?, platform.as_ref(), cancel)?;
    if images.is_empty() {
        let path = platform.map_or_else(|| "an image".to_owned(), |platform| format!("an image for {platform}"));
        return Err(Error::NotFound { path, place: place(args), hint: None });
    }
    let tags = tags(&images, &place(args))?;
    for offered in &images {
        keep(&offered.kept, &[], store, now, (cancel, &|_, _| ()))?;
    }
    // All of them are here and verified.
    store.refs().set(&tags, now)?;
    Ok(text(&images))
}

/// The names of all images and what they will point at. A name of two images is an error.
fn tags(images: &[Offered], place: &str) -> Result<Vec<(Reference, Descriptor)>> {
    let mut tags: BTreeMap<&Reference, &Descriptor> = BTreeMap::new();
    for offered in images {
        for name in &offered.names {
            let target = &offered.kept.target;
            if tags.insert(name, target).is_some_and(|other| other.digest != target.digest) {
                let reason = format!("it has two images called {}; --platform may choose one", name.familiar());
                let subject = place.to_owned();
                return Err(Error::Store(rbuild_store::Error::Refused { what: "archive", subject, reason }));
            }
        }
    }
    Ok(tags.into_iter().map(|(name, target)| (name.clone(), target.clone())).collect())
}

/// What docker says of it.
fn text(images: &[Offered]) -> String {
    let mut text = String::new();
    for offered in images {
        for name in &offered.names {
            text.extend(["Loaded image: ", &name.familiar(), "\n"]);
        }
        if offered.names.is_empty() {
            for found in &offered.kept.images {
                text.extend(["Loaded image ID: ", &found.manifest.config.digest.to_string(), "\n"]);
            }
        }
    }
    text
}

fn files(args: &LoadArgs, store: &Store, cancel: &Cancel) -> Result<Files> {
    match &args.input {
        Some(path) if path.as_os_str() != "-" => source::open(path, store, cancel),
        _ if std::io::stdin().is_terminal() => {
            Err(Error::Usage("load reads a tarball from standard input, or --input PATH".to_owned()))
        }
        _ => source::open_stream(std::io::stdin(), place(args), store, cancel),
    }
}

fn place(args: &LoadArgs) -> String {
    args.input.as_ref().map_or_else(|| "standard input".to_owned(), |path| path.display().to_string())
}
