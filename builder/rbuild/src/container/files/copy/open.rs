//! The files of a container as a tree to copy from and to: through its process while it runs, so with all its mounts; else
//! its layer, mounted where nobody sees it, with its volumes and binds put where they will be.

use super::tree::{Guard, Mounted, Tree};
use crate::container::model::{Config, Mount, MountKind, stack};
use crate::container::mounts::view;
use crate::container::shelf::{Containers, Entry, Held, Status};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use rbuild_store::snapshot::Place;
use rbuild_store::{LOCAL, Mounted as Mounting, RootDir, Volume, VolumeDriver};
use std::path::Path;

/// A container's files, for as long as this is kept.
pub(super) struct Files {
    pub(super) tree: Tree,
    /// Nobody starts a container that does not run meanwhile.
    _held: Option<Held>,
}

impl Files {
    /// Those of the container. This process has to be in the user namespace that it runs in, or would run in.
    pub(super) fn open(ctx: Ctx<'_>, entry: &Entry, volumes: &dyn VolumeDriver) -> Result<Self> {
        let config = &entry.config;
        if let Status::Running(pid) = entry.state.status() {
            const KERNEL: &[&[u8]] = &[b"proc", b"sys", b"dev"];
            let root = RootDir::open(Path::new(&format!("/proc/{pid}/root")))?;
            let tree = Tree::of(root).closed(KERNEL).with(Vec::new(), guards(config));
            return Ok(Self { tree, _held: None });
        }
        let busy = || Error::Unfit {
            name: config.name.clone(),
            reason: "is being worked on by another rbuild: try again when that is done".to_owned(),
            hint: None,
        };
        let held = Containers::new(ctx.store).hold(&config.id)?.ok_or_else(busy)?;
        let snapshots = ctx.snapshots.get()?;
        let stack = stack(ctx.store, &config.image.layers)?;
        snapshots.ensure(&stack, &ctx.store.layers(), ctx.cancel)?;
        let draft = snapshots.prepare(&stack, Place::Kept(&held.upper()), ctx.cancel)?;
        let tree = Tree::of(view::writable(&draft)?).with(mounts(&held, volumes)?, guards(config));
        Ok(Self { tree, _held: Some(held) })
    }
}

/// What will be mounted over the container's files and is kept somewhere.
fn mounts(held: &Held, volumes: &dyn VolumeDriver) -> Result<Vec<Mounted>> {
    let mut found = Vec::new();
    for (name, path) in [("resolv.conf", "etc/resolv.conf"), ("hosts", "etc/hosts"), ("hostname", "etc/hostname")] {
        let (target, name) = (path.as_bytes().to_vec(), name.as_bytes().to_vec());
        found.push(Mounted { target, root: RootDir::open(&held.etc())?, name });
    }
    for mount in &held.config().mounts {
        found.extend(mounted(mount, volumes)?);
    }
    Ok(found)
}

fn mounted(mount: &Mount, volumes: &dyn VolumeDriver) -> Result<Option<Mounted>> {
    let target = relative(&mount.target);
    match &mount.kind {
        MountKind::Volume(volume) => {
            let Some(there) = volumes.get(volume.name.as_deref().unwrap_or_default())? else { return Ok(None) };
            let Some(root) = top(&there, volumes)? else { return Ok(None) };
            let root = match &volume.subpath {
                Some(path) => root.subroot(path.as_bytes())?,
                None => root,
            };
            Ok(Some(Mounted { target, root, name: Vec::new() }))
        }
        MountKind::Bind(bind) if bind.source.is_dir() => {
            Ok(Some(Mounted { target, root: RootDir::open(&bind.source)?, name: Vec::new() }))
        }
        MountKind::Bind(bind) => {
            let (Some(parent), Some(name)) = (bind.source.parent(), bind.source.file_name()) else { return Ok(None) };
            Ok(match parent.is_dir() {
                true => Some(Mounted { target, root: RootDir::open(parent)?, name: name.as_encoded_bytes().to_vec() }),
                false => None,
            })
        }
        MountKind::Tmpfs(_) | MountKind::Image(_) => Ok(None),
    }
}

/// The files of a volume; none of one whose plugin has not got it mounted.
fn top(volume: &Volume, volumes: &dyn VolumeDriver) -> Result<Option<RootDir>> {
    if volume.driver != LOCAL {
        return Ok(volume.mountpoint.is_dir().then(|| RootDir::open(&volume.mountpoint)).transpose()?);
    }
    Ok(Some(match volumes.mount(volume, "cp")? {
        Mounting::At(path) => RootDir::open(&path)?,
        Mounting::Detached { mount, .. } => RootDir::open(&view::by_descriptor(&mount))?,
    }))
}

/// Docker's words for what cannot be written.
fn guards(config: &Config) -> Vec<Guard> {
    let root = Guard { target: Vec::new(), read_only: config.read_only.then_some("container rootfs") };
    let guard = |mount: &Mount| Guard {
        target: relative(&mount.target),
        read_only: mount.read_only.then_some("mounted volume"),
    };
    [root].into_iter().chain(config.mounts.iter().map(guard)).collect()
}

fn relative(target: &str) -> Vec<u8> {
    target.trim_start_matches('/').as_bytes().to_vec()
}
