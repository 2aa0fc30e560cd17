//! `rbuild pull`: an image from a registry, under its own name.

use super::globals::Globals;
use super::out::print;
use super::signals::cancel_on_signal;
use crate::error::{Error, Result};
use crate::import::{Choice, keep, pull};
use clap::Args;
use rbuild_oci::{Cancel, Descriptor, Reference, Timestamp};
use rbuild_registry::Client;
use rbuild_store::Store;
use std::process::ExitCode;

/// Get an image from a registry
#[derive(Args, Clone, Debug, Default)]
pub struct PullArgs {
    /// Image, `name[:tag][@digest]`
    #[arg(value_name = "NAME[:TAG|@DIGEST]")]
    pub name: String,
    /// Platform of the image, `os/arch[/variant]` [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// Images for all platforms: the whole index
    #[arg(long, conflicts_with = "platform")]
    pub all_platforms: bool,
    /// All tags of the repository
    #[arg(short, long)]
    pub all_tags: bool,
    /// Print the name only
    #[arg(short, long)]
    pub quiet: bool,
}

/// What a pull works with.
struct Scene<'a> {
    store: &'a Store,
    client: &'a Client,
    cancel: &'a Cancel,
    now: Timestamp,
    say: &'a (dyn Fn(&str) -> Result<()> + Sync),
}

/// Gets the image.
pub fn run(args: &PullArgs, globals: &Globals) -> Result<ExitCode> {
    let cancel = Cancel::new();
    let store = globals.store_until(&cancel)?;
    let _watch = cancel_on_signal(&cancel)?;
    store.lease()?;
    let client = globals.registries(&cancel);
    let say = |line: &str| if args.quiet { Ok(()) } else { print(line) };
    fetch(args, &store, (&client, &cancel), std::time::SystemTime::now().into(), &say)?;
    let reference: Reference = args.name.parse()?;
    print(&if args.all_tags { format!("{}\n", reference.full_name()) } else { format!("{reference}\n") })?;
    Ok(ExitCode::SUCCESS)
}

/// Gets the image, or those of all tags, at that time, and says what happens line by line.
pub fn fetch(
    args: &PullArgs,
    store: &Store,
    (client, cancel): (&Client, &Cancel),
    now: Timestamp,
    say: &(dyn Fn(&str) -> Result<()> + Sync),
) -> Result<()> {
    let choice = match args.platform.as_deref() {
        Some(platform) => Choice::Only(platform.parse()?),
        None if args.all_platforms => Choice::All,
        None => Choice::Native,
    };
    let scene = Scene { store, client, cancel, now, say };
    let reference: Reference = args.name.parse()?;
    if args.all_tags { scene.every_tag(&args.name, &reference, &choice) } else { scene.one(&reference, &choice) }
}

impl Scene<'_> {
    fn every_tag(&self, name: &str, repository: &Reference, choice: &Choice) -> Result<()> {
        if repository.familiar_name() != name && repository.full_name() != name {
            return Err(Error::Usage(format!("{name}: a tag or digest makes no sense with --all-tags")));
        }
        let mut images = 0;
        for tag in self.client.tags(repository)? {
            match self.one(&format!("{}:{tag}", repository.full_name()).parse()?, choice) {
                Ok(()) => images += 1,
                // Signatures and charts have tags, too, and not every image is for every platform.
                Err(error) if is_no_such_image(&error) => (self.say)(&format!("{tag}: Skipped: {error}\n"))?,
                Err(error) => return Err(error),
            }
        }
        let (path, place) = ("a tag of an image".to_owned(), repository.familiar_name());
        if images > 0 { Ok(()) } else { Err(Error::NotFound { path, place, hint: None }) }
    }

    fn one(&self, reference: &Reference, choice: &Choice) -> Result<()> {
        let (store, say) = (self.store, self.say);
        let wanted = reference.tag().map(str::to_owned).or(reference.digest().map(ToString::to_string));
        say(&format!("{}: Pulling from {}\n", wanted.unwrap_or_default(), reference.repository()))?;
        let pulled = pull(self.client, reference, choice, store)?;
        let known = store.refs().get(reference)?.is_some_and(|tag| tag.descriptor.digest == pulled.kept.target.digest);
        let progress = |blob: &Descriptor, done: u64| {
            if done == blob.size {
                // A listener that went away does not stop the transfer.
                drop(say(&format!("{}: Pull complete\n", blob.digest.short())));
            }
        };
        keep(&pulled.kept, std::slice::from_ref(reference), store, self.now, (self.cancel, &progress))?;
        let status = if known { "Image is up to date" } else { "Downloaded newer image" };
        say(&format!("Digest: {}\nStatus: {status} for {}\n", pulled.digest, reference.familiar()))
    }
}

/// Whether there is nothing wrong but that this is no image, or none for the platform.
fn is_no_such_image(error: &Error) -> bool {
    matches!(
        error,
        Error::Registry(rbuild_registry::Error::NoPlatform { .. })
            | Error::Store(rbuild_store::Error::Refused { what: "image", .. })
    )
}
