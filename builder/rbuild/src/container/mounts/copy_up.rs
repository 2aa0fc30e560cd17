//! What an image has where an empty volume is mounted goes into the volume, once. Knows no driver and no container.

use crate::error::{Error, Result};
use rbuild_oci::Cancel;
use rbuild_store::snapshot::clone_tree;
use rbuild_store::{FileKind, RootDir};
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::Path;

/// The copy is made here, inside the volume.
const STAGE: &[u8] = b".rbuild-copy-up";

/// A copy that is whole is called so, until all of it has moved up: what was cut short before is made anew, what was
/// cut short after is carried on with.
const WHOLE: &[u8] = b".rbuild-copied-up";

/// Fills an empty volume with the directory `target` of a rootfs, owners, modes, times and attributes kept; the
/// volume's top becomes like the directory itself. Nothing happens to a volume with files in it or to one that cannot
/// be written, or where the rootfs has no such directory. One process at a time.
pub(crate) fn copy_up(rootfs: &RootDir, target: &str, volume: &Path, cancel: &Cancel) -> Result<()> {
    let source = match rootfs.subroot(target.as_bytes()) {
        Err(error) if error.is_not_found() => return Ok(()),
        other => other?,
    };
    if !std::fs::metadata(volume).is_ok_and(|meta| meta.is_dir()) {
        return Ok(());
    }
    let _lock = lock(volume)?;
    let volume = RootDir::open(volume)?;
    let there = volume.list(b"")?;
    if there.iter().any(|entry| entry.name == WHOLE) {
        return finish(&source, &volume);
    }
    if there.iter().any(|entry| entry.name != STAGE) {
        return Ok(());
    }
    match volume.remove_tree(STAGE).and_then(|()| volume.mkdir(STAGE, 0o700)) {
        Err(rbuild_store::Error::Io { source, .. }) if source.kind() == ErrorKind::ReadOnlyFilesystem => return Ok(()),
        other => other?,
    }
    clone_tree(&source, &volume.subroot(STAGE)?, cancel)?;
    volume.rename(STAGE, WHOLE)?;
    finish(&source, &volume)
}

/// Moves a whole copy up. A name that is taken meanwhile stays as it is.
fn finish(source: &RootDir, volume: &RootDir) -> Result<()> {
    for entry in volume.list(WHOLE)? {
        let from = [WHOLE, b"/", &entry.name].concat();
        match volume.stat(&entry.name) {
            Err(error) if error.is_not_found() => volume.rename(&from, &entry.name)?,
            other => other.and_then(|_| volume.remove_tree(&from))?,
        }
    }
    top_like(source, volume)?;
    volume.remove_dir(WHOLE)?;
    let mtime = source.top().stat(b".")?.mtime;
    Ok(volume.top().set_times(b".", mtime)?)
}

/// Owner, mode and attributes.
fn top_like(source: &RootDir, volume: &RootDir) -> Result<()> {
    let (from, to) = (source.top(), volume.top());
    let meta = from.stat(b".")?;
    debug_assert_eq!(meta.kind, FileKind::Directory);
    to.chown(b".", meta.uid, meta.gid)?;
    to.chmod(b".", meta.mode)?;
    for (name, value) in volume.xattrs(WHOLE)? {
        volume.set_xattr(b".", &name, &value)?;
    }
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
    fn a_whole_copy_that_did_not_all_move_up_does_so_later() {
        let case = Case::new();
        fs::create_dir(case.volume().join(".rbuild-copied-up")).unwrap();
        fs::write(case.volume().join("file"), "moved already").unwrap();
        fs::write(case.volume().join(".rbuild-copied-up/rest"), "not yet").unwrap();
        fs::write(case.volume().join(".rbuild-copied-up/file"), "taken meanwhile").unwrap();
        assert_eq!(case.run("/srv/data").unwrap(), ["file", "rest"]);
        assert_eq!(fs::read_to_string(case.volume().join("file")).unwrap(), "moved already");
        assert_eq!(fs::symlink_metadata(case.volume()).unwrap().mode() & 0o7777, 0o1777);
    }

    #[test]
    fn an_empty_directory_gives_its_owner_and_mode() {
        let case = Case::new();
        let empty = case.dir.path().join("root/empty");
        fs::create_dir(&empty).unwrap();
        fs::set_permissions(&empty, fs::Permissions::from_mode(0o2750)).unwrap();
        assert_eq!(case.run("/empty").unwrap(), [""; 0]);
        assert_eq!(fs::symlink_metadata(case.volume()).unwrap().mode() & 0o7777, 0o2750);
    }

    #[test]
    fn every_kind_of_file_is_copied() {
        let case = Case::new();
        let data = case.dir.path().join("root/srv/data");
        rustix::fs::mknodat(rustix::fs::CWD, data.join("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(data.join("socket")).unwrap();
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(data.join("file"), "user.note", b"kept", flags).unwrap();
        rustix::fs::setxattr(&data, "user.top", b"kept too", flags).unwrap();
        let sparse = fs::File::create(data.join("sparse")).unwrap();
        sparse.set_len(1 << 30).unwrap();
        case.run("/srv/data").unwrap();
        let stat = |name: &str| fs::symlink_metadata(case.volume().join(name)).unwrap();
        use std::os::unix::fs::FileTypeExt;
        assert!(stat("pipe").file_type().is_fifo() && stat("socket").file_type().is_socket());
        assert!(stat("sparse").len() == 1 << 30 && stat("sparse").blocks() == 0);
        for (path, name, value) in [("file", "user.note", "kept"), ("", "user.top", "kept too")] {
            let mut buffer = [0; 16];
            let length = rustix::fs::getxattr(case.volume().join(path), name, &mut buffer[..]).unwrap();
            assert_eq!(&buffer[..length], value.as_bytes());
        }
    }

    #[test]
    fn two_at_once_make_one_copy() {
        for _ in 0..20 {
            let case = Case::new();
            let run = || case.run("/srv/data").unwrap();
            std::thread::scope(|scope| {
                let other = scope.spawn(run);
                assert_eq!(run(), ["file", "sub", "symlink"]);
                assert_eq!(other.join().unwrap(), ["file", "sub", "symlink"]);
            });
        }
    }

    #[test]
    fn without_a_directory_in_the_image_nothing_happens() {
        let case = Case::new();
        assert_eq!(case.run("/none/such").unwrap(), [""; 0]);
        assert_eq!(case.run("/srv/data/file").unwrap(), [""; 0]);
    }
}
