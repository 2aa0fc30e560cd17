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
use std::path::Path;

/// The link in a home that says where overlays worked.
const WORKED: &str = "worked";

/// The same as [`overlay`], found out once: a trial that went well is noted in the home, and counts for as long as the
/// machine is up and for processes that may do as much.
pub(super) fn overlay_once(home: &Home, marks: OpaqueXattr) -> Result<Option<String>> {
    let (note, here) = (home.path().join(WORKED), circumstances(home));
    if here.is_some() && std::fs::read_link(&note).ok().as_deref() == here.as_deref().map(Path::new) {
        return Ok(None);
    }
    let refusal = overlay(home, marks)?;
    if let (None, Some(here)) = (&refusal, here) {
        // Without the note it is tried again the next time.
        drop(write(&note, &here));
    }
    Ok(refusal)
}

/// The boot, and what this process may do in it; none where that cannot be told.
fn circumstances(home: &Home) -> Option<String> {
    let may = rustix::thread::capabilities(None).ok()?.effective;
    let filtered = rustix::thread::secure_computing_mode().ok()?;
    Some(format!("{} {:016x} {}", home.boot(), may.bits(), filtered as i32))
}

/// Makes a link that says so in the place of any other.
fn write(note: &Path, text: &str) -> std::io::Result<()> {
    let fresh = note.with_extension(std::process::id().to_string());
    std::os::unix::fs::symlink(text, &fresh)?;
    std::fs::rename(&fresh, note).inspect_err(|_| drop(std::fs::remove_file(&fresh)))
}

/// Tries all that drafts need of an overlay: a mount, a deletion and an opaque directory. The reason if it does not
/// work. Makes and removes a directory in the home.
fn overlay(home: &Home, marks: OpaqueXattr) -> Result<Option<String>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_worked_is_not_tried_again_in_the_same_boot() {
        let place = tempfile::tempdir().unwrap();
        let home = Home::open(place.path(), "overlay", "root").unwrap();
        let note = home.path().join(WORKED);
        if let Some(reason) = overlay_once(&home, OpaqueXattr::Trusted).unwrap() {
            assert!(!note.is_symlink(), "what did not work is tried again");
            return eprintln!("SKIP: overlays do not work here: {reason}");
        }
        let noted = std::fs::read_link(&note).unwrap();
        assert!(noted.to_str().unwrap().starts_with(home.boot()));
        // Nothing can be tried any more.
        std::fs::remove_dir_all(home.path().join("tmp")).unwrap();
        std::fs::write(home.path().join("tmp"), b"").unwrap();
        assert_eq!(overlay_once(&home, OpaqueXattr::Trusted).unwrap(), None);
        write(&note, "another boot").unwrap();
        assert!(overlay_once(&home, OpaqueXattr::Trusted).is_err());
    }
}
