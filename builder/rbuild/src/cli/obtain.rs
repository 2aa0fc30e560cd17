//! The image that a new container is of, pulled where it has to be. Knows no container.

use super::globals::Globals;
use super::pull::{self, PullArgs};
use super::signals::cancel_on_signal;
use crate::args::{ContainerArgs, Pull};
use crate::container::{Image, Request};
use crate::ctx::{Clock, SystemClock};
use crate::error::{Error, Result};
use crate::image;
use rbuild_oci::{Cancel, Platform};
use rbuild_store::Store;

/// Finds the image that the arguments name, as `--pull` says.
pub(super) fn image(args: &ContainerArgs, globals: &Globals, store: &Store, cancel: &Cancel) -> Result<Image> {
    named(args.image(), args, (globals, cancel), store)
}

/// Finds the images that the request mounts, in the same way.
pub(super) fn mounted(
    request: Request,
    args: &ContainerArgs,
    globals: &Globals,
    store: &Store,
    cancel: &Cancel,
) -> Result<Request> {
    request.with_images(|reference| Ok(named(reference, args, (globals, cancel), store)?.source()))
}

fn named(name: &str, args: &ContainerArgs, way: (&Globals, &Cancel), store: &Store) -> Result<Image> {
    let platform = args.platform.as_deref().map(str::parse::<Platform>).transpose()?;
    let find = || image::find_for(store, name, platform.as_ref());
    let found = match args.pull {
        Pull::Never => find()?,
        Pull::Always => fetch(name, args, way, store).and_then(|()| find())?,
        Pull::Missing => match find() {
            Err(Error::NotFound { .. }) => fetch(name, args, way, store).and_then(|()| find())?,
            found => found?,
        },
    };
    Ok(Image { reference: name.to_owned(), id: found.id, manifest: found.descriptor.digest, config: found.config })
}

fn fetch(name: &str, args: &ContainerArgs, (globals, cancel): (&Globals, &Cancel), store: &Store) -> Result<()> {
    let (name, platform) = (name.to_owned(), args.platform.clone());
    let wanted = PullArgs { name, platform, quiet: args.quiet, ..PullArgs::default() };
    let (client, _watch) = (globals.registries(cancel), cancel_on_signal(cancel)?);
    let say = |line: &str| {
        if !args.quiet {
            eprint!("{line}");
        }
        Ok(())
    };
    pull::fetch(&wanted, store, (&client, cancel), SystemClock.now(), &say)
}
