//! The image that a new container is of, pulled where it has to be. Knows no container.

use super::globals::registries;
use super::pull::{self, PullArgs};
use crate::args::{ContainerArgs, Pull};
use crate::container::Image;
use crate::ctx::{Clock, SystemClock};
use crate::error::{Error, Result};
use crate::image;
use rbuild_oci::{Cancel, Platform};
use rbuild_store::Store;

/// Finds the image that the arguments name, as `--pull` says.
pub(super) fn image(args: &ContainerArgs, store: &Store, cancel: &Cancel) -> Result<Image> {
    let platform = args.platform.as_deref().map(str::parse::<Platform>).transpose()?;
    let find = || image::find(store, args.image(), platform.as_ref());
    let found = match args.pull {
        Pull::Never => find()?,
        Pull::Always => fetch(args, store, cancel).and_then(|()| find())?,
        Pull::Missing => match find() {
            Err(Error::NotFound { .. }) => fetch(args, store, cancel).and_then(|()| find())?,
            found => found?,
        },
    };
    Ok(Image {
        reference: args.image().to_owned(),
        id: found.id,
        manifest: found.descriptor.digest,
        config: found.config,
    })
}

fn fetch(args: &ContainerArgs, store: &Store, cancel: &Cancel) -> Result<()> {
    let wanted = PullArgs { name: args.image().to_owned(), platform: args.platform.clone(), quiet: args.quiet };
    let client = registries(cancel);
    let say = |line: &str| {
        if !args.quiet {
            eprint!("{line}");
        }
        Ok(())
    };
    pull::fetch(&wanted, store, (&client, cancel), SystemClock.now(), &say)
}
