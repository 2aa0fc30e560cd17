//! What is mounted over a container's rootfs: sources found or made, volumes filled. What it mounts itself is attached
//! nowhere.

mod bind;
mod copy_up;
mod drivers;
pub(crate) mod etc;
mod image;
mod plugin;
mod seen;
pub(crate) mod view;
mod volumes;

pub use drivers::{Survey, VolumeDrivers};
pub use plugin::{Patience, Plugin, PluginFolders, PluginSettings};
pub(crate) use seen::Seen;
pub(crate) use volumes::make as make_sources;

use self::volumes::Volumes;
use crate::container::model::{Bind, Mount, MountKind, Propagation, Recursive, Tmpfs};
use crate::container::shelf::Held;
use crate::ctx::Ctx;
use crate::error::Result;
use rbuild_runner::{Access, MountFlags, MountSpec, Source};
use rbuild_store::VolumeDriver;
use rbuild_store::snapshot::Draft;

/// What making mounts ready takes.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) ctx: Ctx<'a>,
    pub(crate) held: &'a Held,
    pub(crate) volumes: &'a dyn VolumeDriver,
    /// The rootfs, for reading.
    pub(crate) rootfs: &'a Seen<'a>,
}

/// Mounts that are ready to be made.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    pub(crate) specs: Vec<MountSpec>,
    /// What they stand on, to be kept until the container has ended.
    pub(crate) drafts: Vec<Draft>,
}

impl Site<'_> {
    /// All mounts; those asked for hide those that every container has. Whatever comes of it, the volumes are to be let
    /// go of with [`Held::unmount`].
    pub(crate) fn mounts(&self) -> Result<Ready> {
        let mut ready = Ready { specs: etc::mounts(self.held), drafts: Vec::new() };
        let mut volumes = Volumes::new(*self)?;
        for mount in &self.held.config().mounts {
            let (source, locked) = match &mount.kind {
                MountKind::Bind(bind) => (bind::source(bind)?, false),
                MountKind::Volume(volume) => volumes.source(volume, &mount.target)?,
                MountKind::Tmpfs(tmpfs) => (Source::Tmpfs(memory(tmpfs)), false),
                MountKind::Image(image) => {
                    let (source, draft) = image::source(self.ctx, image)?;
                    ready.drafts.push(draft);
                    (source, true)
                }
            };
            ready.specs.push(MountSpec {
                source,
                target: mount.target.as_bytes().to_vec(),
                access: access(mount, locked),
                propagation: propagation(&mount.kind),
            });
        }
        Ok(ready)
    }

    /// Sees to it that the volumes hold what the image has at their targets.
    pub(crate) fn furnish(&self) -> Result<()> {
        let mut volumes = Volumes::new(*self)?;
        for mount in &self.held.config().mounts {
            if let MountKind::Volume(volume) = &mount.kind {
                volumes.source(volume, &mount.target)?;
            }
        }
        Ok(())
    }
}

fn access(mount: &Mount, locked: bool) -> Access {
    match &mount.kind {
        _ if !mount.read_only && !locked => Access::ReadWrite,
        MountKind::Bind(Bind { recursive: Recursive::Writable, .. }) => Access::ReadOnlyTop,
        _ => Access::ReadOnly,
    }
}

fn memory(tmpfs: &Tmpfs) -> rbuild_runner::Tmpfs {
    let forbidden =
        [(tmpfs.exec, MountFlags::NOEXEC), (tmpfs.suid, MountFlags::NOSUID), (tmpfs.dev, MountFlags::NODEV)];
    let flags = forbidden.into_iter().filter(|(allowed, _)| !allowed);
    let flags = flags.fold(MountFlags::default(), |all, (_, flag)| all.and(flag));
    let Tmpfs { size, mode, uid, gid, .. } = *tmpfs;
    rbuild_runner::Tmpfs { size, mode, uid, gid, flags }
}

fn propagation(kind: &MountKind) -> rbuild_runner::Propagation {
    match kind {
        MountKind::Bind(Bind { propagation: Propagation::Slave, .. }) => rbuild_runner::Propagation::Slave,
        MountKind::Bind(Bind { propagation: Propagation::Shared, .. }) => rbuild_runner::Propagation::Shared,
        _ => rbuild_runner::Propagation::Private,
    }
}
