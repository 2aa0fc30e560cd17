//! `rbuild push`: images of the store to a registry, under their own names.

use super::globals::Globals;
use super::out::print;
use super::signals::cancel_on_signal;
use crate::error::{Error, Result};
use crate::image;
use crate::import::Local;
use crate::request::{Compression, Output, OutputKind};
use crate::send::{Freight, Origins, Packing, Placed, Press, Repository, Sink, Walk};
use clap::Args;
use rbuild_oci::{Cancel, Descriptor, Platform, Reference};
use rbuild_registry::Client;
use rbuild_store::Store;
use std::process::ExitCode;

/// Send an image to a registry
#[derive(Args, Clone, Debug)]
pub struct PushArgs {
    /// Image, by a name that begins with its registry unless that is docker.io
    #[arg(value_name = "NAME[:TAG]")]
    pub name: String,
    /// Send all images of that name, whatever their tag
    #[arg(short, long)]
    pub all_tags: bool,
    /// Send only the image for this platform, `os/arch[/variant]` [default: all that there are]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// How layers that were built here are compressed: gzip, zstd or uncompressed
    #[arg(long, value_name = "FORMAT", default_value = "gzip")]
    pub compression: Compression,
    /// Level of compression: 1 to 12 for gzip, 1 to 22 for zstd
    #[arg(long, value_name = "LEVEL", allow_negative_numbers = true)]
    pub compression_level: Option<i32>,
    /// Compress layers anew that came compressed from elsewhere; the image gets another digest by that
    #[arg(long)]
    pub force_compression: bool,
    /// Layers that are sent at once [default: 5]
    #[arg(short, long, value_name = "N", value_parser = crate::args::jobs)]
    pub jobs: Option<usize>,
    /// Print the name only
    #[arg(short, long)]
    pub quiet: bool,
    /// What docker is told so that it does not sign; here nothing is signed
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub disable_content_trust: Option<bool>,
}

/// Sends the images.
pub fn run(args: &PushArgs, globals: &Globals) -> Result<ExitCode> {
    let cancel = Cancel::new();
    let store = globals.store_until(&cancel)?;
    let _watch = cancel_on_signal(&cancel)?;
    store.lease()?;
    let client = globals.registries(&cancel);
    let say = |line: &str| if args.quiet { Ok(()) } else { print(line) };
    for name in push(args, &store, (&client, &cancel), &say)? {
        if args.quiet {
            print(&format!("{name}\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Sends the images, says what happens line by line, and gives the names that stand for them in the registry now.
pub fn push(
    args: &PushArgs,
    store: &Store,
    (client, cancel): (&Client, &Cancel),
    say: &(dyn Fn(&str) -> Result<()> + Sync),
) -> Result<Vec<Reference>> {
    let images = images(args, store, say)?;
    let Some((first, _)) = images.first() else { return Ok(Vec::new()) };
    let output = Output {
        compression: args.compression,
        level: args.compression_level,
        force: args.force_compression,
        ..Output::new(OutputKind::Image, "")
    };
    let packing = Packing::of(&output)?;
    say(&format!("The push refers to repository [{}]\n", first.full_name()))?;
    let to = Repository::new(client, first, Origins::of(store, first, packing.codec())?);
    let told = |piece: &Freight, _: &Descriptor, placed: &Placed| {
        if let Some(layer) = piece.layer {
            // A listener that went away does not stop the transfer.
            drop(say(&format!("{}: {}\n", layer.0.short(), placed_as(placed))));
        }
    };
    let walk = Walk {
        from: &Local::new(store),
        to: &to,
        repack: &Press::new(store, cancel, packing, args.force_compression),
        at_once: args.jobs.map_or_else(|| Ok(client.uploads()?.at_once), Ok::<_, Error>)?,
        cancel,
        told: &told,
    };
    for (name, target) in &images {
        let sent = walk.send(target, std::slice::from_ref(name)).map_err(|error| of_index(target, error))?;
        say(&format!("{}: digest: {} size: {}\n", name.tag().unwrap_or_default(), sent.digest, sent.size))?;
    }
    Box::new(to).finish()?;
    Ok(images.into_iter().map(|(name, _)| name).collect())
}

fn placed_as(placed: &Placed) -> String {
    match placed {
        Placed::Existed => "Layer already exists".to_owned(),
        Placed::Mounted(from) => format!("Mounted from {from}"),
        Placed::Sent => "Pushed".to_owned(),
    }
}

/// What is to be sent, and under which names.
fn images(
    args: &PushArgs,
    store: &Store,
    say: &(dyn Fn(&str) -> Result<()> + Sync),
) -> Result<Vec<(Reference, Descriptor)>> {
    let wanted: Reference = args.name.parse()?;
    if wanted.digest().is_some() {
        return Err(Error::Usage(format!("{}: images are sent by a tag, not by a digest", args.name)));
    }
    let tagged = args.name.rsplit('/').next().is_some_and(|last| last.contains(':'));
    if args.all_tags && tagged {
        return Err(Error::Usage(format!("{}: --all-tags sends all tags: give the name without one", args.name)));
    }
    if !args.all_tags && !tagged {
        say("Using default tag: latest\n")?;
    }
    let named = |tag: rbuild_store::Tag| Some((tag.reference.parse::<Reference>().ok()?, tag.descriptor));
    let all = store.refs().list()?.into_iter().filter_map(named);
    let found: Vec<_> = all
        .filter(|(name, _)| name == &wanted || args.all_tags && name.full_name() == wanted.full_name())
        .map(|(name, target)| Ok((name, of_platform(store, target, args.platform.as_deref())?)))
        .collect::<Result<_>>()?;
    if found.is_empty() { Err(no_image(args, store, &wanted)) } else { Ok(found) }
}

/// The image for one platform where one is wanted, else all.
fn of_platform(store: &Store, target: Descriptor, platform: Option<&str>) -> Result<Descriptor> {
    let Some(platform) = platform.map(str::parse::<Platform>).transpose()? else { return Ok(target) };
    let image = image::of_target_for(store, &target, &platform)?;
    Ok(Descriptor { platform: None, ..image.descriptor })
}

fn no_image(args: &PushArgs, store: &Store, wanted: &Reference) -> Error {
    let by_id = !args.all_tags && image::find(store, &args.name, None).is_ok();
    let names = store.refs().list().unwrap_or_default();
    let names: Vec<String> =
        names.iter().filter_map(|tag| Some(tag.reference.parse::<Reference>().ok()?.familiar())).collect();
    let near = dockerfile_parser::did_you_mean(&wanted.familiar(), names.iter().map(String::as_str));
    let hint = match near {
        _ if by_id => Some(format!("`rbuild tag {} REGISTRY/NAME` gives the image a name to be sent by", args.name)),
        Some(near) => Some(format!("did you mean {near}?")),
        None => Some("`rbuild images` lists what there is".to_owned()),
    };
    let path = format!("an image with the tag {}", wanted.familiar());
    Error::NotFound { path, place: format!("the store {}", store.root().display()), hint }
}

/// What may help where an index is not here as a whole.
fn of_index(target: &Descriptor, error: Error) -> Error {
    match error {
        Error::NotFound { path, place, hint: None } if target.media_type.is_index() => {
            let hint = Some("--platform sends the image for one platform only".to_owned());
            Error::NotFound { path, place, hint }
        }
        other => other,
    }
}
