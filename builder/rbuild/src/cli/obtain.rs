//! The image that a new container is of, pulled where it has to be. Knows no container.

use super::globals::registries;
use super::pull::{self, PullArgs};
use crate::args::{ContainerArgs, Pull};
use crate::container::{Image, Request};
use crate::ctx::{Clock, SystemClock};
use crate::error::{Error, Result};
use crate::image;
use rbuild_oci::{Cancel, Platform};
use rbuild_store::Store;

/// Finds the image that the arguments name, as `--pull` says.
pub(super) fn image(args: &ContainerArgs, store: &Store, cancel: &Cancel) -> Result<Image> {
    named(args.image(), args, store, cancel)
}

/// Finds the images that the request mounts, in the same way.
pub(super) fn mounted(request: Request, args: &ContainerArgs, store: &Store, cancel: &Cancel) -> Result<Request> {
    request.with_images(|reference| Ok(named(reference, args, store, cancel)?.source()))
}

fn named(name: &str, args: &ContainerArgs, store: &Store, cancel: &Cancel) -> Result<Image> {
    let platform = args.platform.as_deref().map(str::parse::<Platform>).transpose()?;
    let find = || image::find(store, name, platform.as_ref());
    let found = match args.pull {
        Pull::Never => find()?,
        Pull::Always => fetch(name, args, store, cancel).and_then(|()| find())?,
        Pull::Missing => match find() {
            Err(Error::NotFound { .. }) => fetch(name, args, store, cancel).and_then(|()| find())?,
            found => found?,
        },
    };
    Ok(Image { reference: name.to_owned(), id: found.id, manifest: found.descriptor.digest, config: found.config })
}

fn fetch(name: &str, args: &ContainerArgs, store: &Store, cancel: &Cancel) -> Result<()> {
    let (name, platform) = (name.to_owned(), args.platform.clone());
    let wanted = PullArgs { name, platform, quiet: args.quiet, ..PullArgs::default() };
    let client = registries(cancel);
    let say = |line: &str| {
        if !args.quiet {
            eprint!("{line}");
        }
        Ok(())
    };
    pull::fetch(&wanted, store, (&client, cancel), SystemClock.now(), &say)
}
