//! `rbuild pull`: an image from a registry, under its own name.

use super::globals::Globals;
use super::out::print;
use super::signals::cancel_on_signal;
use crate::error::Result;
use crate::import::{keep, pull};
use clap::Args;
use rbuild_oci::{Cancel, Descriptor, Platform, Reference, Timestamp};
use rbuild_registry::Client;
use rbuild_store::Store;
use std::process::ExitCode;

/// Get an image from a registry
#[derive(Args, Clone, Debug)]
pub struct PullArgs {
    /// Image, `name[:tag][@digest]`
    #[arg(value_name = "NAME[:TAG|@DIGEST]")]
    pub name: String,
    /// Platform of the image, `os/arch[/variant]` [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// Print the name only
    #[arg(short, long)]
    pub quiet: bool,
}

/// Gets the image.
pub fn run(args: &PullArgs, globals: &Globals) -> Result<ExitCode> {
    let (store, cancel) = (globals.store()?, Cancel::new());
    let _watch = cancel_on_signal(&cancel)?;
    store.lease()?;
    let client = globals.registries(&cancel);
    let say = |line: &str| if args.quiet { Ok(()) } else { print(line) };
    fetch(args, &store, (&client, &cancel), std::time::SystemTime::now().into(), &say)?;
    let reference: Reference = args.name.parse()?;
    print(&format!("{reference}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Gets the image at that time, and says what happens line by line.
pub fn fetch(
    args: &PullArgs,
    store: &Store,
    (client, cancel): (&Client, &Cancel),
    now: Timestamp,
    say: &(dyn Fn(&str) -> Result<()> + Sync),
) -> Result<()> {
    let reference: Reference = args.name.parse()?;
    let platform = args.platform.as_deref().map_or_else(|| Ok(Platform::native()), str::parse)?;
    let wanted = reference.tag().map(str::to_owned).or(reference.digest().map(ToString::to_string));
    say(&format!("{}: Pulling from {}\n", wanted.unwrap_or_default(), reference.repository()))?;
    let pulled = pull(client, &reference, &platform, store)?;
    let known = store.refs().get(&reference)?.is_some_and(|tag| tag.descriptor.digest == pulled.kept.target.digest);
    let progress = |blob: &Descriptor, done: u64| {
        if done == blob.size {
            // A listener that went away does not stop the transfer.
            drop(say(&format!("{}: Pull complete\n", blob.digest.short())));
        }
    };
    keep(&pulled.kept, std::slice::from_ref(&reference), store, now, (cancel, &progress))?;
    let status = if known { "Image is up to date" } else { "Downloaded newer image" };
    say(&format!("Digest: {}\nStatus: {status} for {}\n", pulled.digest, reference.familiar()))
}
