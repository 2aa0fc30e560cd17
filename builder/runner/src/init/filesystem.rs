//! Makes filesystems that are attached nowhere yet: fresh ones and overlays. Knows no target.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags as Flags, UnmountFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, mount, unmount,
};

use super::c_string;
use crate::container::Overlay;
use crate::plan::MountFlags;
use crate::tree::clone_tree;

/// A filesystem to make.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fresh<'a> {
    pub(super) fs: &'a [u8],
    pub(super) options: &'a [(Vec<u8>, Vec<u8>)],
    pub(super) flags: MountFlags,
}

/// A detached new filesystem.
pub(super) fn fresh(what: &Fresh<'_>) -> io::Result<OwnedFd> {
    let context = fsopen(what.fs, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", what.fs).or_else(|_| fsconfig_set_string(&context, "source", "none"))?;
    for (key, value) in what.options {
        set_option(&context, key, value)?;
    }
    fsconfig_create(&context)?;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attr_flags(what.flags))?)
}

/// A detached overlay. Where something could once not be written to the file system below and nobody asked about it, the
/// kernel refuses `volatile`, before it touches the work directory.
pub(super) fn overlay(recipe: &Overlay) -> io::Result<OwnedFd> {
    match try_overlay(recipe) {
        Err(error) if recipe.volatile && Errno::from_io_error(&error) == Some(Errno::IO) => {
            try_overlay(&Overlay { volatile: false, ..recipe.clone() })
        }
        made => made,
    }
}

/// Kernels before 6.5 take their layers through mount(2) only.
fn try_overlay(recipe: &Overlay) -> io::Result<OwnedFd> {
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", "overlay")?;
    let (mut keep, mut lowers) = (Vec::new(), recipe.lowers.iter());
    if let Some(first) = lowers.next() {
        match set_layer(&context, "lowerdir+", first, &mut keep) {
            Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
                return overlay_before_6_5(recipe);
            }
            other => other?,
        }
    }
    lowers.try_for_each(|lower| set_layer(&context, "lowerdir+", lower, &mut keep))?;
    set_layer(&context, "upperdir", &recipe.upper, &mut keep)?;
    set_layer(&context, "workdir", &recipe.work, &mut keep)?;
    for option in overlay_options(recipe) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        set_option(&context, key.as_bytes(), value.as_bytes())?;
    }
    fsconfig_create(&context)?;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?)
}

fn overlay_options(recipe: &Overlay) -> Vec<&'static str> {
    // With user.* marks the kernel refuses "off", which means the same to a writer.
    let redirect = if recipe.userxattr { "redirect_dir=nofollow" } else { "redirect_dir=off" };
    let mut options = vec![redirect, "metacopy=off", "index=off", "xino=off"];
    options.extend(recipe.volatile.then_some("volatile"));
    options.extend(recipe.userxattr.then_some("userxattr"));
    options
}

/// A string of fsconfig(2) has at most 255 bytes, and overlayfs takes a backslash for an escape: such a path goes by
/// descriptor, kept open until the mount is made.
fn set_layer(context: &OwnedFd, key: &str, path: &Path, keep: &mut Vec<OwnedFd>) -> io::Result<()> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.len() <= 255 && !bytes.contains(&b'\\') {
        return Ok(fsconfig_set_string(context, key, bytes)?);
    }
    let short = by_descriptor(path, keep)?;
    Ok(fsconfig_set_string(context, key, short.as_str())?)
}

fn by_descriptor(path: &Path, keep: &mut Vec<OwnedFd>) -> io::Result<String> {
    let fd = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let short = format!("/proc/self/fd/{}", fd.as_raw_fd());
    keep.push(fd);
    Ok(short)
}

/// By mount(2), whose options fit in one page: every directory goes by descriptor, which also spares the escaping.
fn overlay_before_6_5(recipe: &Overlay) -> io::Result<OwnedFd> {
    let mut keep = Vec::new();
    let mut lowers = Vec::new();
    for lower in &recipe.lowers {
        lowers.push(by_descriptor(lower, &mut keep)?);
    }
    let upper = by_descriptor(&recipe.upper, &mut keep)?;
    let work = by_descriptor(&recipe.work, &mut keep)?;
    let fixed = overlay_options(recipe).join(",");
    let options =
        c_string(format!("lowerdir={},upperdir={upper},workdir={work},{fixed}", lowers.join(":")).as_bytes())?;
    mount("overlay", "/", "overlay", Flags::empty(), Some(options.as_c_str()))?;
    // The new mount is the topmost on "/": found by stepping out of the root and back.
    let top = openat2(CWD, "/..", OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::empty())?;
    let detached = clone_tree(&top, b"")?;
    unmount(format!("/proc/self/fd/{}", top.as_raw_fd()).as_str(), UnmountFlags::DETACH)?;
    Ok(detached)
}

fn set_option(context: &OwnedFd, key: &[u8], value: &[u8]) -> io::Result<()> {
    if value.is_empty() { Ok(fsconfig_set_flag(context, key)?) } else { Ok(fsconfig_set_string(context, key, value)?) }
}

/// The kernel's form of our flags.
pub(super) fn attr_flags(flags: MountFlags) -> MountAttrFlags {
    let pairs = [
        (MountFlags::NOSUID, MountAttrFlags::MOUNT_ATTR_NOSUID),
        (MountFlags::NODEV, MountAttrFlags::MOUNT_ATTR_NODEV),
        (MountFlags::NOEXEC, MountAttrFlags::MOUNT_ATTR_NOEXEC),
        (MountFlags::READ_ONLY, MountAttrFlags::MOUNT_ATTR_RDONLY),
    ];
    pairs.into_iter().filter(|(flag, _)| flags.has(*flag)).map(|(_, attr)| attr).collect()
}
