//! What an image has where an empty volume is mounted goes into the volume, once. Knows no driver and no container.

use crate::error::{Error, Result};
use rbuild_oci::Cancel;
use rbuild_store::snapshot::clone_tree;
use rbuild_store::{FileKind, RootDir};
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::os::fd::OwnedFd;
use std::path::Path;

/// The copy is made here, inside the volume, and moved up when it is whole: a volume is never found half filled.
const STAGE: &[u8] = b".rbuild-copy-up";

/// Fills an empty volume with the directory `target` of a rootfs, owners, modes, times and attributes kept; the volume's
/// top becomes like the directory itself. Nothing happens to a volume with files in it, or where the rootfs has no such
/// directory. One process at a time.
pub(crate) fn copy_up(rootfs: &RootDir, target: &str, volume: &Path, cancel: &Cancel) -> Result<()> {
    let source = match rootfs.subroot(target.as_bytes()) {
        Err(error) if error.is_not_found() => return Ok(()),
        other => other?,
    };
    let _lock = lock(volume)?;
    let volume = RootDir::open(volume)?;
    if volume.list(b"")?.iter().any(|entry| entry.name != STAGE) {
        return Ok(());
    }
    volume.remove_tree(STAGE)?;
    volume.mkdir(STAGE, 0o700)?;
    let stage = volume.subroot(STAGE)?;
    clone_tree(&source, &stage, cancel)?;
    for entry in stage.list(b"")? {
        volume.rename(&[STAGE, b"/", &entry.name].concat(), &entry.name)?;
    }
    volume.remove_dir(STAGE)?;
    top_like(&source, &volume)
}

fn top_like(source: &RootDir, volume: &RootDir) -> Result<()> {
    let (from, to) = (source.top(), volume.top());
    let meta = from.stat(b".")?;
    debug_assert_eq!(meta.kind, FileKind::Directory);
    to.chown(b".", meta.uid, meta.gid)?;
    to.chmod(b".", meta.mode)?;
    to.set_times(b".", meta.mtime)?;
    Ok(())
}

fn lock(volume: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(volume, flags, Mode::empty()).map_err(Error::io("open", volume.display()))?;
    rustix::io::retry_on_intr(|| rustix::fs::flock(&dir, FlockOperation::LockExclusive))
        .map_err(Error::io("lock", volume.display()))?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    struct Case {
        dir: tempfile::TempDir,
    }

    impl Case {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let data = dir.path().join("root/srv/data");
            fs::create_dir_all(data.join("sub")).unwrap();
            fs::write(data.join("file"), "from the image").unwrap();
            fs::hard_link(data.join("file"), data.join("sub/link")).unwrap();
            symlink("file", data.join("symlink")).unwrap();
            symlink("/srv/data", dir.path().join("root/alias")).unwrap();
            fs::set_permissions(data.join("file"), fs::Permissions::from_mode(0o640)).unwrap();
            fs::set_permissions(&data, fs::Permissions::from_mode(0o1777)).unwrap();
            fs::create_dir(dir.path().join("volume")).unwrap();
            Self { dir }
        }

        fn run(&self, target: &str) -> Result<Vec<String>> {
            let rootfs = RootDir::open(&self.dir.path().join("root")).unwrap();
            copy_up(&rootfs, target, &self.volume(), &Cancel::new())?;
            let entries = RootDir::open(&self.volume()).unwrap().list(b"").unwrap();
            Ok(entries.into_iter().map(|entry| String::from_utf8(entry.name).unwrap()).collect())
        }

        fn volume(&self) -> std::path::PathBuf {
            self.dir.path().join("volume")
        }
    }

    #[test]
    fn an_empty_volume_becomes_like_the_directory() {
        for target in ["/srv/data", "/alias"] {
            let case = Case::new();
            assert_eq!(case.run(target).unwrap(), ["file", "sub", "symlink"], "{target}");
            let stat = |path: &str| fs::symlink_metadata(case.volume().join(path)).unwrap();
            assert_eq!(stat("").mode() & 0o7777, 0o1777);
            assert_eq!(stat("file").mode() & 0o7777, 0o640);
            assert_eq!(stat("file").ino(), stat("sub/link").ino());
            assert!(stat("symlink").is_symlink());
            let original = fs::symlink_metadata(case.dir.path().join("root/srv/data/file")).unwrap();
            assert_eq!(stat("file").mtime(), original.mtime());
            if rustix::process::geteuid().is_root() {
                let case = Case::new();
                std::os::unix::fs::lchown(case.dir.path().join("root/srv/data"), Some(7), Some(8)).unwrap();
                case.run(target).unwrap();
                let top = fs::metadata(case.volume()).unwrap();
                assert_eq!((top.uid(), top.gid()), (7, 8));
            }
        }
    }

    #[test]
    fn a_volume_with_files_stays_as_it_is() {
        let case = Case::new();
        fs::write(case.volume().join("mine"), "").unwrap();
        assert_eq!(case.run("/srv/data").unwrap(), ["mine"]);
    }

    #[test]
    fn a_copy_that_was_cut_short_is_made_anew() {
        let case = Case::new();
        fs::create_dir(case.volume().join(".rbuild-copy-up")).unwrap();
        fs::write(case.volume().join(".rbuild-copy-up/half"), "").unwrap();
        assert_eq!(case.run("/srv/data").unwrap(), ["file", "sub", "symlink"]);
    }

    #[test]
    fn without_a_directory_in_the_image_nothing_happens() {
        let case = Case::new();
        assert_eq!(case.run("/none/such").unwrap(), [""; 0]);
        assert_eq!(case.run("/srv/data/file").unwrap(), [""; 0]);
    }
}
