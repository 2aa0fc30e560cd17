//! The files of a container as a tree to copy from and to: through its process while it runs, so with all its mounts;
//! else its layer, mounted where nobody sees it, with its volumes and binds put where they will be.

use super::tree::Tree;
use crate::container::life::not_running;
use crate::container::model::{Config, MountKind, stack};
use crate::container::mounts::view;
use crate::container::shelf::{Containers, Entry, Held};
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
        if let Some(pid) = entry.state.status().pid() {
            const KERNEL: &[&[u8]] = &[b"proc", b"sys", b"dev"];
            let root = RootDir::open(Path::new(&format!("/proc/{pid}/root")))?;
            if entry.state.status().pid() != Some(pid) {
                return Err(not_running(entry));
            }
            let mut tree = Tree::of(root).closed(KERNEL);
            guard(&mut tree, config);
            return Ok(Self { tree, _held: None });
        }
        let containers = Containers::new(ctx.store);
        containers.refuse_torn(entry)?;
        let busy = || Error::Unfit {
            name: config.name.clone(),
            reason: "is being worked on by another rbuild: try again when that is done".to_owned(),
            hint: None,
        };
        let held = containers.hold(&config.id)?.ok_or_else(busy)?;
        let snapshots = ctx.snapshots.get()?;
        let stack = stack(ctx.store, &config.image.layers)?;
        snapshots.ensure(&stack, &ctx.store.layers(), ctx.cancel)?;
        let draft = snapshots.prepare(&stack, Place::Kept(&held.upper()), ctx.cancel)?;
        let mut tree = Tree::of(view::writable(&draft)?);
        mount(&mut tree, &held, volumes)?;
        guard(&mut tree, config);
        Ok(Self { tree, _held: Some(held) })
    }
}

/// Puts in what will be mounted over the container's files and is kept somewhere.
fn mount(tree: &mut Tree, held: &Held, volumes: &dyn VolumeDriver) -> Result<()> {
    for name in ["resolv.conf", "hosts", "hostname"] {
        tree.mount(format!("etc/{name}").as_bytes(), RootDir::open(&held.etc())?, name.as_bytes().to_vec())?;
    }
    for mount in &held.config().mounts {
        if let Some((root, name)) = source(&mount.kind, volumes)? {
            tree.mount(mount.target.as_bytes(), root, name)?;
        }
    }
    Ok(())
}

/// The files of a mount: a directory, or one name in it. None of what is memory, or not there yet.
fn source(kind: &MountKind, volumes: &dyn VolumeDriver) -> Result<Option<(RootDir, Vec<u8>)>> {
    match kind {
        MountKind::Volume(volume) => {
            let Some(there) = volumes.get(volume.name.as_deref().unwrap_or_default())? else { return Ok(None) };
            let Some(root) = top(&there, volumes)? else { return Ok(None) };
            let root = match &volume.subpath {
                Some(path) => root.subroot(path.as_bytes())?,
                None => root,
            };
            Ok(Some((root, Vec::new())))
        }
        MountKind::Bind(bind) if bind.source.is_dir() => Ok(Some((RootDir::open(&bind.source)?, Vec::new()))),
        MountKind::Bind(bind) => {
            let (parent, name) = (bind.source.parent().filter(|parent| parent.is_dir()), bind.source.file_name());
            let (Some(parent), Some(name)) = (parent, name) else { return Ok(None) };
            Ok(Some((RootDir::open(parent)?, name.as_encoded_bytes().to_vec())))
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

/// Says in docker's words what cannot be written.
fn guard(tree: &mut Tree, config: &Config) {
    tree.guard(b"", config.read_only.then_some("container rootfs"));
    for mount in &config.mounts {
        tree.guard(mount.target.as_bytes(), mount.read_only.then_some("mounted volume"));
    }
}
