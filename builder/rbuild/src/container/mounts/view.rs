//! The rootfs of a container as this process sees it while the container does not run.

use crate::error::{Error, Result};
use rbuild_store::RootDir;
use rbuild_store::snapshot::{Draft, Rootfs};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen,
};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The rootfs as it is now, for reading. An overlay is mounted where nobody sees it, and goes with what is returned.
pub(crate) fn view(draft: &Draft) -> Result<RootDir> {
    match overlay(draft)? {
        Some(mounted) => Ok(RootDir::open(&by_descriptor(&mounted))?),
        None => Ok(RootDir::open(draft.written())?),
    }
}

/// The rootfs as a read-only mount that is attached nowhere; none where it is a plain directory.
pub(super) fn overlay(draft: &Draft) -> Result<Option<OwnedFd>> {
    match draft.rootfs() {
        Rootfs::Directory(_) => Ok(None),
        Rootfs::Fuse(overlay) => Ok(Some(overlay.mount_for_reading()?)),
        Rootfs::Overlay { lowers, upper, userxattr, .. } => {
            let layers: Vec<&Path> = [upper].into_iter().chain(lowers).map(PathBuf::as_path).collect();
            mount(&layers, None, *userxattr).map(Some).map_err(Error::io("look into", upper.display()))
        }
    }
}

/// The rootfs as it is now, for reading and writing. Nobody else may have the draft; an overlay goes as above.
pub(crate) fn writable(draft: &Draft) -> Result<RootDir> {
    match draft.rootfs() {
        Rootfs::Directory(path) => Ok(RootDir::open(path)?),
        Rootfs::Fuse(overlay) => Ok(RootDir::open(&by_descriptor(&overlay.mount()?))?),
        Rootfs::Overlay { lowers, upper, work, userxattr } => {
            let layers: Vec<&Path> = lowers.iter().map(PathBuf::as_path).collect();
            let top = Some((upper.as_path(), work.as_path()));
            let mounted = mount(&layers, top, *userxattr).map_err(Error::io("mount", upper.display()))?;
            Ok(RootDir::open(&by_descriptor(&mounted))?)
        }
    }
}

/// An overlay of directories, topmost first, attached nowhere: of two or more of them for reading only, or with an
/// upper and a work directory on top.
fn mount(layers: &[&Path], top: Option<(&Path, &Path)>, userxattr: bool) -> rustix::io::Result<OwnedFd> {
    let open = |path: &Path| openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let lowers = layers.iter().map(|layer| open(layer)).collect::<rustix::io::Result<Vec<_>>>()?;
    let overlay = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    match lowers.iter().try_for_each(|layer| fsconfig_set_string(&overlay, "lowerdir+", by_descriptor(layer))) {
        // Kernels before 6.5 take all layers at once, in at most 255 bytes.
        Err(Errno::INVAL) => {
            let all: Vec<String> = lowers.iter().map(|layer| by_descriptor(layer).display().to_string()).collect();
            fsconfig_set_string(&overlay, "lowerdir", all.join(":"))?;
        }
        other => other?,
    }
    if userxattr {
        fsconfig_set_flag(&overlay, "userxattr")?;
    }
    let Some((upper, work)) = top else {
        fsconfig_create(&overlay)?;
        return fsmount(&overlay, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_RDONLY);
    };
    let (upper, work) = (open(upper)?, open(work)?);
    fsconfig_set_string(&overlay, "upperdir", by_descriptor(&upper))?;
    fsconfig_set_string(&overlay, "workdir", by_descriptor(&work))?;
    // What a layer cannot hold must not be in it; with userxattr, to follow is forbidden anyway.
    let redirect = if userxattr { "nofollow" } else { "off" };
    for (option, value) in [("redirect_dir", redirect), ("metacopy", "off"), ("index", "off"), ("xino", "off")] {
        match fsconfig_set_string(&overlay, option, value) {
            // A kernel without the option does not do what it would turn off.
            Err(Errno::INVAL) => {}
            other => other?,
        }
    }
    fsconfig_create(&overlay)?;
    fsmount(&overlay, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}

/// A path that leads to what is open.
pub(crate) fn by_descriptor(fd: &impl AsRawFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}
