//! What is mounted over a container's rootfs: sources found or made, volumes filled. Mounts nothing itself.

mod copy_up;
pub(crate) mod etc;
pub(crate) mod view;
mod volumes;

use self::copy_up::copy_up;
use crate::container::model::{Bind, Mount, MountKind, Propagation, Tmpfs, Volume};
use crate::container::shelf::Held;
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Timestamp};
use rbuild_runner::{Access, MountFlags, MountSpec, Source};
use rbuild_store::RootDir;
use rbuild_store::VolumeDriver;
use std::fs;
use std::os::fd::AsFd;
use std::sync::Arc;

/// What making mounts ready takes.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) held: &'a Held,
    pub(crate) volumes: &'a dyn VolumeDriver,
    /// The rootfs, for reading.
    pub(crate) rootfs: &'a RootDir,
    pub(crate) cancel: &'a Cancel,
    pub(crate) now: Timestamp,
}

impl Site<'_> {
    /// All mounts; those asked for hide those that every container has.
    pub(crate) fn mounts(&self) -> Result<Vec<MountSpec>> {
        let mut specs = etc::mounts(self.held);
        for mount in &self.held.config().mounts {
            specs.push(MountSpec {
                source: self.source(mount)?,
                target: mount.target.as_bytes().to_vec(),
                access: if mount.read_only { Access::ReadOnly } else { Access::ReadWrite },
                propagation: propagation(&mount.kind),
            });
        }
        Ok(specs)
    }

    /// Sees to it that the volumes are there, with what the image has at their targets.
    pub(crate) fn furnish(&self) -> Result<()> {
        for mount in &self.held.config().mounts {
            if let MountKind::Volume(volume) = &mount.kind {
                self.volume(volume, &mount.target)?;
            }
        }
        Ok(())
    }

    fn source(&self, mount: &Mount) -> Result<Source> {
        match &mount.kind {
            MountKind::Bind(bind) => bind_source(bind),
            MountKind::Volume(volume) => self.volume(volume, &mount.target),
            MountKind::Tmpfs(tmpfs) => Ok(Source::Tmpfs(memory(tmpfs))),
        }
    }

    fn volume(&self, volume: &Volume, target: &str) -> Result<Source> {
        let files = volumes::take(self.volumes, volume, self.now)?;
        if let Some(path) = &volume.subpath {
            let name = volume.name.as_deref().unwrap_or_default();
            let shown = volumes::subpath(&RootDir::open(&files)?, name, path)?;
            let fd = shown.as_fd().try_clone_to_owned().map_err(Error::io("open", path))?;
            return Ok(Source::Fd(Arc::new(fd)));
        }
        if !volume.no_copy {
            copy_up(self.rootfs, target, &files, self.cancel)?;
        }
        Ok(Source::Path(files))
    }
}

fn bind_source(bind: &Bind) -> Result<Source> {
    let path = &bind.source;
    match fs::metadata(path) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && bind.create => {
            fs::create_dir_all(path).map_err(Error::io("create directory", path.display()))?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::Usage(format!(
                "--mount: there is no {} to bind: make it, or add bind-create-src",
                path.display()
            )));
        }
        Err(error) => return Err(Error::io("bind", path.display())(error)),
    }
    Ok(Source::Path(path.clone()))
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
