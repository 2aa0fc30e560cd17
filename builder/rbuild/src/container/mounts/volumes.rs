//! The volumes of a container: made, mounted once each, filled from the image. Knows no driver.

use super::Site;
use super::bind;
use super::copy_up::copy_up;
use super::image::part_of_detached;
use super::view::by_descriptor;
use crate::container::model::{Config, MountKind, Volume};
use crate::error::{Error, Result};
use rbuild_oci::Timestamp;
use rbuild_runner::{Mounted as Once, Source};
use rbuild_store::{ANONYMOUS, LOCAL, Mounted, NewVolume, RootDir, VolumeDriver};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

/// Makes what a configuration names and that is not there: volumes, and directories of the host where that was asked
/// for. What cannot be mounted is refused now.
pub(crate) fn make(config: &Config, driver: &dyn VolumeDriver, now: Timestamp) -> Result<()> {
    for mount in &config.mounts {
        match &mount.kind {
            MountKind::Volume(volume) => drop(driver.create(&wanted(volume), now)?),
            MountKind::Bind(bind) => bind::make(bind)?,
            MountKind::Tmpfs(_) | MountKind::Image(_) => {}
        }
    }
    Ok(())
}

fn wanted(volume: &Volume) -> NewVolume {
    let mut labels = volume.labels.clone();
    if volume.anonymous {
        labels.insert(ANONYMOUS.to_owned(), String::new());
    }
    NewVolume { name: volume.name.clone(), driver: volume.driver.clone(), labels, options: volume.options.clone() }
}

/// The volumes of one container as it starts.
pub(super) struct Volumes<'a> {
    site: Site<'a>,
    /// Whether empty ones are filled: as with Docker those of a container that never ran.
    fills: bool,
    mounted: BTreeMap<String, Files>,
}

/// Where the files of a volume are for this container.
enum Files {
    At(PathBuf),
    Detached { mount: Arc<OwnedFd>, read_only: bool },
}

impl<'a> Volumes<'a> {
    pub(super) fn new(site: Site<'a>) -> Result<Self> {
        let fills = site.held.is_new()?;
        Ok(Self { site, fills, mounted: BTreeMap::new() })
    }

    /// What to mount at `target`, and whether it can only be read.
    pub(super) fn source(&mut self, volume: &Volume, target: &str) -> Result<(Source, bool)> {
        let name = volume.name.as_deref().unwrap_or_default();
        let (files, again) = match self.mounted.entry(name.to_owned()) {
            Entry::Occupied(there) => (there.into_mut(), true),
            Entry::Vacant(place) => (place.insert(mount(self.site, volume)?), false),
        };
        let read_only = matches!(files, Files::Detached { read_only: true, .. });
        if let Some(path) = &volume.subpath {
            let part = subpath(&RootDir::open(&files.path())?, name, path)?;
            return Ok((files.part(part, path)?, read_only));
        }
        if self.fills && !volume.no_copy && !read_only {
            copy_up(self.site.rootfs.whole()?, target, &files.path(), self.site.ctx.cancel)?;
        }
        Ok((if again { files.again(name)? } else { files.first() }, read_only))
    }
}

/// Makes the volume if it is missing, and has its driver mount it for this container.
fn mount(Site { held, volumes, ctx, .. }: Site<'_>, volume: &Volume) -> Result<Files> {
    let there = volumes.create(&wanted(volume), ctx.clock.now())?;
    if there.driver != LOCAL {
        held.note_mounted()?;
    }
    Ok(match volumes.mount(&there, held.id().hex())? {
        Mounted::At(path) => Files::At(path),
        Mounted::Detached { mount, read_only } => Files::Detached { mount: Arc::new(mount), read_only },
    })
}

impl Files {
    fn path(&self) -> PathBuf {
        match self {
            Self::At(path) => path.clone(),
            Self::Detached { mount, .. } => by_descriptor(&**mount),
        }
    }

    fn first(&self) -> Source {
        match self {
            Self::At(path) => Source::Path(path.clone()),
            Self::Detached { mount, .. } => Source::Mounted(Once(mount.clone())),
        }
    }

    /// At a second place in the container.
    fn again(&self, name: &str) -> Result<Source> {
        match self {
            Self::At(path) => Ok(Source::Path(path.clone())),
            Self::Detached { mount, .. } => Ok(Source::Mounted(Once(Arc::new(part_of_detached(&**mount, name)?)))),
        }
    }

    fn part(&self, part: OwnedFd, path: &str) -> Result<Source> {
        match self {
            Self::At(_) => Ok(Source::Fd(Arc::new(part))),
            Self::Detached { .. } => Ok(Source::Mounted(Once(Arc::new(part_of_detached(&part, path)?)))),
        }
    }
}

/// The directory or file `path` in a volume, links followed inside it.
fn subpath(root: &RootDir, name: &str, path: &str) -> Result<OwnedFd> {
    match root.open_path(path.as_bytes()) {
        Err(error) if error.is_not_found() => {
            Err(Error::Usage(format!("volume {name} has no {path:?}: make it first, or leave volume-subpath out")))
        }
        other => Ok(other?),
    }
}
