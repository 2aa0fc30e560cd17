//! A container comes into being: its directory, its own files of /etc, its id told, its volumes filled. Starts nothing.

use crate::container::create::{self, Request};
use crate::container::model::{Config, ContainerId, Image, MountKind, stack};
use crate::container::mounts::{Seen, Site, etc, make_sources};
use crate::container::shelf::{Containers, Held, Wanted};
use crate::container::spec::volumes_from::VolumesFrom;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use rbuild_store::VolumeDriver;
use rbuild_store::snapshot::Place;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Makes a container of the image as the request asks for it, locked by this process, and its volumes. Needs to be
/// inside the namespace that work is done in. From its first moment the container itself keeps its layers and its
/// volumes from being removed; where one cannot be made, or there is nothing to bind, it is gone again.
pub fn create(ctx: Ctx<'_>, request: &Request, image: &Image, volumes: &dyn VolumeDriver) -> Result<Held> {
    let cidfile = request.cidfile.as_deref().map(Cidfile::make).transpose()?;
    let wanted = Wanted { name: request.name.as_deref(), auto_remove: request.auto_remove, created: ctx.clock.now() };
    let containers = Containers::new(ctx.store);
    let held = containers.create(&wanted, |identity| describe(&containers, request, image, identity))?;
    let made = make_sources(held.config(), volumes, ctx.clock.now())
        .and_then(|()| etc::write(&held))
        .and_then(|()| cidfile.map_or(Ok(()), |cidfile| cidfile.write(held.id())));
    if let Err(error) = made {
        containers.remove(held, volumes)?;
        return Err(error);
    }
    Ok(held)
}

/// Fills the volumes of a container that does not start yet, where they are empty.
pub fn furnish(ctx: Ctx<'_>, held: &Held, volumes: &dyn VolumeDriver) -> Result<()> {
    if held.config().mounts.iter().any(|mount| matches!(mount.kind, MountKind::Volume(_))) {
        fill(ctx, held, volumes)?;
    }
    held.leave_for_later()
}

fn fill(ctx: Ctx<'_>, held: &Held, volumes: &dyn VolumeDriver) -> Result<()> {
    let snapshots = ctx.snapshots.get()?;
    let stack = stack(ctx.store, &held.config().image.layers)?;
    snapshots.ensure(&stack, &ctx.store.layers(), ctx.cancel)?;
    let draft = snapshots.prepare(&stack, Place::Kept(&held.upper()), ctx.cancel)?;
    let furnished = Site { ctx, held, volumes, rootfs: &Seen::new(&draft) }.furnish();
    held.unmount(volumes).and(furnished)
}

fn describe(containers: &Containers, request: &Request, image: &Image, identity: create::Identity) -> Result<Config> {
    let find = |from: &VolumesFrom| Ok((containers.find(&from.container)?.config, from.read_only));
    let from = request.volumes_from.iter().map(find).collect::<Result<Vec<_>>>()?;
    let inherited = create::inherited(from.iter().map(|(config, read_only)| (config, *read_only)));
    let mut config = create::config(request, image, identity, inherited)?;
    create::name_volumes(&mut config, ContainerId::draw)?;
    Ok(config)
}

/// The file that the id goes to: there before the container is, and gone again where none comes to be.
struct Cidfile<'a> {
    path: &'a Path,
    file: File,
    is_written: bool,
}

impl<'a> Cidfile<'a> {
    fn make(path: &'a Path) -> Result<Self> {
        match File::create_new(path) {
            Ok(file) => Ok(Self { path, file, is_written: false }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let path = path.display();
                Err(Error::Usage(format!("--cidfile {path} exists already: remove it if no container needs it")))
            }
            Err(error) => Err(Error::io("write", path.display())(error)),
        }
    }

    fn write(mut self, id: &ContainerId) -> Result<()> {
        self.file.write_all(id.hex().as_bytes()).map_err(Error::io("write", self.path.display()))?;
        self.is_written = true;
        Ok(())
    }
}

impl Drop for Cidfile<'_> {
    fn drop(&mut self) {
        if !self.is_written {
            // Who could make it can remove it; if not, an empty file says that there is no container.
            let _ = std::fs::remove_file(self.path);
        }
    }
}
