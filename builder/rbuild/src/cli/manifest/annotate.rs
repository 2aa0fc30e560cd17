//! `rbuild manifest annotate`: which platform an image of a list is for.

use super::list::List;
use crate::error::{Error, Result};
use crate::image;
use clap::Args;
use rbuild_oci::{Descriptor, Digest, Platform, Reference, Timestamp};
use rbuild_store::Store;

/// Which image of which list, and what is to be said of it.
#[derive(Args, Clone, Debug)]
pub struct AnnotateArgs {
    /// Name of the list
    #[arg(value_name = "LIST")]
    pub list: Reference,
    /// Image of the list, by name, id, or the digest of its manifest
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Operating system
    #[arg(long, value_name = "NAME")]
    pub os: Option<String>,
    /// Architecture in Go's names, as amd64
    #[arg(long, value_name = "NAME")]
    pub arch: Option<String>,
    /// Variant of the architecture, as v7
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Version of the operating system
    #[arg(long, value_name = "VERSION")]
    pub os_version: Option<String>,
    /// Feature that the operating system has to have; may be given several times
    #[arg(long = "os-features", value_name = "NAME")]
    pub os_features: Vec<String>,
}

/// Says it of the image at that time; prints nothing.
pub fn annotate(args: &AnnotateArgs, store: &Store, now: Timestamp) -> Result<String> {
    store.lease()?;
    let wanted = digest(args, store)?;
    while !say(args, &wanted, store, now)? {}
    Ok(String::new())
}

/// Says it in the list as it is now; false where somebody else changed that meanwhile.
fn say(args: &AnnotateArgs, wanted: &Digest, store: &Store, now: Timestamp) -> Result<bool> {
    let mut list = List::open(store, &args.list)?;
    let known = list.index.manifests.iter().find(|entry| entry.digest == *wanted).ok_or_else(|| {
        let has: Vec<String> = list.index.manifests.iter().map(|entry| entry.digest.to_string()).collect();
        let place = format!("the list {}, which has {}", args.list.familiar(), has.join(", "));
        Error::NotFound { path: args.image.clone(), place, hint: None }
    })?;
    let platform = Some(platform(args, known));
    let entry = Descriptor { platform, ..known.clone() };
    list.put(entry);
    list.save(store, now)
}

fn digest(args: &AnnotateArgs, store: &Store) -> Result<Digest> {
    match args.image.parse::<Digest>() {
        Ok(digest) => Ok(digest),
        Err(_) => Ok(image::target(store, &args.image)?.0.digest),
    }
}

/// The platform as it was, with what the arguments say.
fn platform(args: &AnnotateArgs, known: &Descriptor) -> Platform {
    let mut platform = known.platform.clone().unwrap_or_else(|| Platform::new("linux", ""));
    for (field, said) in [(&mut platform.os, &args.os), (&mut platform.architecture, &args.arch)] {
        if let Some(said) = said {
            field.clone_from(said);
        }
    }
    Platform {
        variant: args.variant.clone().or(platform.variant),
        os_version: args.os_version.clone().or(platform.os_version),
        os_features: if args.os_features.is_empty() { platform.os_features } else { args.os_features.clone() },
        ..platform
    }
}
