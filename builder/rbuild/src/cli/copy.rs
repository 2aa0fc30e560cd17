//! `rbuild copy`: an image from one place to another, without the store.

use super::globals::Globals;
use super::out::print;
use super::save::SaveFormat;
use super::signals::cancel_on_signal;
use crate::args::{Endpoint, TRANSPORTS};
use crate::error::{Error, Result};
use crate::import::{Outside, Part, Ways, keep, source};
use crate::send::{AsTheyAre, Freight, Origins, Placed, Repository, Sink, Walk};
use clap::Args;
use rbuild_oci::{Cancel, Descriptor, Digest, Reference, Timestamp};
use rbuild_registry::Client;
use rbuild_store::Store;
use std::process::ExitCode;

/// Copy an image between registries, layouts, archives and the store
#[derive(Args, Clone, Debug)]
#[command(after_help = format!(
    "Places: {TRANSPORTS}. A name alone is one in a registry.\n\
     Every digest stays what it is; what the destination has already is not read. Nothing is written but the destination."
))]
pub struct CopyArgs {
    /// Where the image is
    #[arg(value_name = "SOURCE")]
    pub source: Endpoint,
    /// Where it goes
    #[arg(value_name = "DESTINATION")]
    pub destination: Endpoint,
    /// Copy the image for every platform [default: for this machine's]
    #[arg(short, long, conflicts_with = "platform")]
    pub all: bool,
    /// Copy the image for this platform, `os/arch[/variant]`
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// Accepted for skopeo's sake: digests always stay
    #[arg(long)]
    pub preserve_digests: bool,
    /// Blobs that are copied at once; into an archive it is one
    #[arg(short, long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u8).range(1..))]
    pub jobs: u8,
    /// Print the digest only
    #[arg(short, long)]
    pub quiet: bool,
}

/// Copies the image.
pub fn run(args: &CopyArgs, globals: &Globals) -> Result<ExitCode> {
    let cancel = Cancel::new();
    let _watch = cancel_on_signal(&cancel)?;
    let client = globals.registries(&cancel);
    let store = || {
        let store = globals.store_until(&cancel)?;
        store.lease()?;
        Ok(store)
    };
    let ways = Ways { client: &client, store: &store, cancel: &cancel };
    let say = |line: &str| if args.quiet { Ok(()) } else { print(line) };
    let copied = copy(args, &ways, std::time::SystemTime::now().into(), &say)?;
    print(&if args.quiet { format!("{}\n", copied.digest) } else { format!("Digest: {}\n", copied.digest) })?;
    Ok(ExitCode::SUCCESS)
}

/// Copies the image at that time, says what happens line by line, and gives what is at the destination now.
pub fn copy(
    args: &CopyArgs,
    ways: &Ways<'_>,
    now: Timestamp,
    say: &(dyn Fn(&str) -> Result<()> + Sync),
) -> Result<Descriptor> {
    let platform = args.platform.as_deref().map(str::parse).transpose()?;
    let part = platform.map_or(if args.all { Part::All } else { Part::Here }, Part::Platform);
    let outside = ways.find(&args.source)?;
    let target = outside.part(&part)?;
    if let Endpoint::Store(name) = &args.destination {
        into_store(&outside, &target, &name.parse()?, &(ways.store)()?, (ways.cancel, now))?;
        return Ok(target);
    }
    let from = From { place: &args.source, outside: &outside, target: &target };
    let to = open(&args.destination, &from, ways.client, ways.cancel)?;
    let told = |_: &Freight, blob: &Descriptor, placed: &Placed| {
        let what = match placed {
            Placed::Existed => "Already there".to_owned(),
            Placed::Mounted(from) => format!("Mounted from {from}"),
            Placed::Sent => "Copied".to_owned(),
        };
        // A listener that went away does not stop the transfer.
        drop(say(&format!("{}: {what}\n", blob.digest.short())));
    };
    let (at_once, cancel) = (to.at_once.min(args.jobs.into()), ways.cancel);
    let walk = Walk { from: &*outside.blobs, to: &*to.sink, repack: &AsTheyAre, at_once, cancel, told: &told };
    walk.send(&target, &to.names).or_else(|error| cancel.check().map_err(Error::from).and(Err(error)))?;
    to.sink.finish()?;
    Ok(target)
}

/// A destination, and what the image will be called there.
struct Destination {
    sink: Box<dyn Sink>,
    names: Vec<Reference>,
    at_once: usize,
}

/// What is copied.
struct From<'a> {
    place: &'a Endpoint,
    outside: &'a Outside,
    target: &'a Descriptor,
}

fn open(place: &Endpoint, from: &From<'_>, client: &Client, cancel: &Cancel) -> Result<Destination> {
    let files = |form: SaveFormat, path, tag, name: Option<&Reference>| -> Result<Destination> {
        let at_once = if form.at_once() == 1 { 1 } else { usize::MAX };
        Ok(Destination { sink: form.open(path, tag, cancel)?, names: name.cloned().into_iter().collect(), at_once })
    };
    match place {
        Endpoint::Layout(path, tag) => files(SaveFormat::OciDir, path, tag.clone(), None),
        Endpoint::LayoutArchive(path, _) | Endpoint::DockerArchive(path, _) if path.is_file() => {
            let reason = "an archive takes no further image, and what is in the file would be lost: name another file";
            Err(Error::Usage(format!("{} is there already: {reason}", path.display())))
        }
        Endpoint::LayoutArchive(path, tag) => files(SaveFormat::OciArchive, path, tag.clone(), None),
        Endpoint::DockerArchive(path, name) => files(SaveFormat::DockerArchive, path, None, name.as_ref()),
        Endpoint::Directory(path) => files(SaveFormat::DockerDir, path, None, None),
        Endpoint::Registry(name) => registry(name, from, client),
        Endpoint::Store(_) => Err(Error::Usage("the store takes images another way".to_owned())),
    }
}

/// A repository of a registry. What comes from another one of the same registry need not be sent.
fn registry(name: &Reference, from: &From<'_>, client: &Client) -> Result<Destination> {
    let mut origins = Origins::default();
    if let Endpoint::Registry(source) = from.place
        && (source.registry(), source.repository() != name.repository()) == (name.registry(), true)
    {
        origins.add(&from.outside.layers(from.target)?, source.repository());
    }
    let names = name.tag().map(|_| name.clone()).into_iter().collect();
    let wrong = |digest: &&Digest| **digest != from.target.digest;
    if let Some(digest) = name.digest().filter(wrong) {
        return Err(Error::Usage(format!(
            "{} is {} and cannot become {digest}",
            from.outside.blobs.place(),
            from.target.digest
        )));
    }
    Ok(Destination { sink: Box::new(Repository::new(client, name, origins)), names, at_once: usize::MAX })
}

/// Keeps the image in the store under a name.
fn into_store(
    outside: &Outside,
    target: &Descriptor,
    name: &Reference,
    store: &Store,
    (cancel, now): (&Cancel, Timestamp),
) -> Result<()> {
    let kept = source::whole(&outside.blobs, target)?;
    keep(&kept, std::slice::from_ref(name), store, now, (cancel, &|_, _| ()))
}
