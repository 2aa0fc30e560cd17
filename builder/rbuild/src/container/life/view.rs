//! The rootfs of a container as this process reads it before the container starts. Writes nothing.

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
    match draft.rootfs() {
        Rootfs::Directory(path) => Ok(RootDir::open(path)?),
        Rootfs::Fuse(overlay) => Ok(RootDir::open(&by_descriptor(&overlay.mount()?))?),
        Rootfs::Overlay { lowers, upper, userxattr, .. } => {
            let layers: Vec<&Path> = [upper].into_iter().chain(lowers).map(PathBuf::as_path).collect();
            let mounted = mount(&layers, *userxattr).map_err(Error::io("look into", upper.display()))?;
            Ok(RootDir::open(&by_descriptor(&mounted))?)
        }
    }
}

/// A read-only overlay of two or more directories, topmost first, attached nowhere.
fn mount(layers: &[&Path], userxattr: bool) -> rustix::io::Result<OwnedFd> {
    let mut open = Vec::new();
    for layer in layers {
        open.push(openat(CWD, *layer, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?);
    }
    let overlay = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    match open.iter().try_for_each(|layer| fsconfig_set_string(&overlay, "lowerdir+", by_descriptor(layer))) {
        // Kernels before 6.5 take all layers at once, in at most 255 bytes.
        Err(Errno::INVAL) => {
            let all: Vec<String> = open.iter().map(|layer| by_descriptor(layer).display().to_string()).collect();
            fsconfig_set_string(&overlay, "lowerdir", all.join(":"))?;
        }
        other => other?,
    }
    if userxattr {
        fsconfig_set_flag(&overlay, "userxattr")?;
    }
    fsconfig_create(&overlay)?;
    fsmount(&overlay, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_RDONLY)
}

fn by_descriptor(fd: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}
