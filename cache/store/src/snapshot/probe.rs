//! Whether the kernel mounts overlays on this file system, found by mounting one that nobody sees: the mount is never
//! attached anywhere, so no namespace is needed. Knows no driver.

use super::home::Home;
use super::settle::{is_whiteout, opaque_name};
use crate::error::Result;
use crate::layer::OpaqueXattr;
use crate::root_dir::RootDir;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};

/// Tries all that drafts need of an overlay: a mount, a deletion and an opaque directory. The reason if it does not
/// work. Makes and removes a directory in the home.
pub(super) fn overlay(home: &Home, marks: OpaqueXattr) -> Result<Option<String>> {
    const FILE: &str = "file";
    let workspace = home.workspace()?;
    let [lower, upper, work] =
        ["lower", "upper", "work"].map(|name| workspace.make(name).and_then(|p| RootDir::open(&p)));
    let (lower, upper, work) = (lower?, upper?, work?);
    lower.create_file(FILE.as_bytes(), 0o600)?;
    let mount = match mount(&lower, &upper, &work, marks) {
        Ok(mount) => mount,
        Err(errno) => return Ok(Some(format!("the kernel mounts no overlay here: {}", reason(errno)))),
    };
    let write = || -> std::result::Result<(), Errno> {
        rustix::fs::unlinkat(&mount, FILE, AtFlags::empty())?;
        if !upper.stat(FILE.as_bytes()).is_ok_and(|meta| is_whiteout(&meta)) {
            return Err(Errno::NOTSUP);
        }
        rustix::fs::mkdirat(&mount, FILE, Mode::RWXU)
    };
    if let Err(errno) = write() {
        return Ok(Some(format!("an overlay here cannot delete: {}", reason(errno))));
    }
    let opaque = upper.get_xattr(FILE.as_bytes(), opaque_name(marks))?;
    Ok((opaque.as_deref() != Some(b"y")).then(|| "an overlay here cannot mark directories as opaque".to_owned()))
}

fn mount(lower: &RootDir, upper: &RootDir, work: &RootDir, marks: OpaqueXattr) -> std::result::Result<OwnedFd, Errno> {
    use rustix::mount as sys;
    let path = |dir: &RootDir| format!("/proc/self/fd/{}", rustix::fd::AsFd::as_fd(dir).as_raw_fd());
    let overlay = sys::fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, dir) in [("lowerdir", lower), ("upperdir", upper), ("workdir", work)] {
        sys::fsconfig_set_string(&overlay, key, path(dir))?;
    }
    if marks == OpaqueXattr::User {
        sys::fsconfig_set_flag(&overlay, "userxattr")?;
    }
    sys::fsconfig_create(&overlay)?;
    sys::fsmount(&overlay, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}

fn reason(errno: Errno) -> String {
    std::io::Error::from(errno).to_string()
}
