//! Steps that mount something: the rootfs, fresh filesystems, binds, devices and files in memory. Knows no user and
//! no program.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, StatxFlags, Uid, fchmod, fchown, fstat, makedev, mknodat, openat, statx,
    symlinkat,
};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, MoveMountFlags, UnmountFlags, mount_change, move_mount, unmount};

use super::Files;
use super::filesystem::{Fresh, attr_flags, fresh, overlay};
use super::target::{Kind, find, find_or_make};
use crate::container::{Overlay, Propagation};
use crate::plan::{BindSource, MountFlags, Otherwise};
use crate::stub::Stub;
use crate::sys::{self, MountAttributes};
use crate::tree::clone_tree;

/// Mounts made so far.
#[derive(Debug)]
pub(super) struct Mounts {
    root: Option<OwnedFd>,
    store: Option<OwnedFd>,
    held: Files,
    passed: Files,
    files: u32,
    stubs: Vec<Stub>,
    /// The directory that something was last made in, while no mount came in between.
    near: Option<(Vec<u8>, OwnedFd)>,
    /// A directory without entries, mounted somewhere.
    blank: Option<OwnedFd>,
}

/// Who a file in memory belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// Cuts this mount namespace off from the host's.
pub(super) fn make_private() -> io::Result<()> {
    Ok(mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)?)
}

impl Mounts {
    pub(super) fn new(files: Vec<OwnedFd>) -> Self {
        let passed = files.into_iter().map(Some).collect();
        Self { root: None, store: None, held: Vec::new(), passed, files: 0, stubs: Vec::new(), near: None, blank: None }
    }

    /// The rootfs; before it is mounted, the host's.
    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_ref().map_or(CWD, AsFd::as_fd)
    }

    /// Files passed with the plan.
    pub(super) fn passed(&mut self) -> &mut Files {
        &mut self.passed
    }

    /// Mount points made so far, given away.
    pub(super) fn take_stubs(&mut self) -> Vec<Stub> {
        std::mem::take(&mut self.stubs)
    }

    pub(super) fn hold(&mut self, path: &[u8]) -> io::Result<()> {
        self.held.push(Some(clone_tree(CWD, path)?));
        Ok(())
    }

    /// Lies under the rootfs on `/`, so that the container never sees it and it goes with the host's mounts.
    pub(super) fn file_store(&mut self) -> io::Result<()> {
        let options = [(b"mode".to_vec(), b"700".to_vec())];
        let flags = MountFlags::NOSUID.and(MountFlags::NODEV);
        self.store = Some(on_root(fresh(&Fresh { fs: b"tmpfs", options: &options, flags })?)?);
        Ok(())
    }

    pub(super) fn overlay_root(&mut self, recipe: &Overlay) -> io::Result<()> {
        self.root = Some(on_root(overlay(recipe)?)?);
        Ok(())
    }

    pub(super) fn bind_root(&mut self, path: &[u8]) -> io::Result<()> {
        self.root = Some(on_root(clone_tree(CWD, path)?)?);
        Ok(())
    }

    pub(super) fn passed_root(&mut self, index: u32) -> io::Result<()> {
        self.root = Some(on_root(take(&mut self.passed, index)?)?);
        Ok(())
    }

    /// A fresh filesystem at `target`, or what is to be done where the kernel refuses one.
    pub(super) fn mount(&mut self, what: &Fresh<'_>, target: &[u8], otherwise: &Otherwise) -> io::Result<()> {
        if *otherwise == Otherwise::Skip && target.starts_with(b"/sys/") && find(self.root(), target)?.is_none() {
            return Ok(());
        }
        match (fresh(what), otherwise) {
            (Ok(mounted), _) => self.attach(&mounted, target, Kind::Directory),
            (Err(_), Otherwise::Skip) => Ok(()),
            (Err(_), Otherwise::Bind { path }) => {
                let source = BindSource::Path { path: path.clone() };
                self.bind(&source, target, what.flags, Propagation::Private)
            }
            (Err(error), Otherwise::Fail) => Err(error),
        }
    }

    pub(super) fn overlay(&mut self, recipe: &Overlay, target: &[u8], flags: MountFlags) -> io::Result<()> {
        let mounted = if recipe.lowers.is_empty() {
            clone_tree(CWD, recipe.upper.as_os_str().as_bytes())?
        } else {
            overlay(recipe)?
        };
        set_flags(&mounted, flags)?;
        self.attach(&mounted, target, Kind::Directory)
    }

    pub(super) fn bind(
        &mut self,
        source: &BindSource,
        target: &[u8],
        flags: MountFlags,
        propagation: Propagation,
    ) -> io::Result<()> {
        let mounted = match source {
            BindSource::Path { path } => clone_tree(CWD, path)?,
            BindSource::Passed { index } => take(&mut self.passed, *index)?,
            BindSource::Held { index } => take(&mut self.held, *index)?,
        };
        let propagation = match propagation {
            Propagation::Private => MountPropagationFlags::PRIVATE,
            Propagation::Slave => MountPropagationFlags::DOWNSTREAM,
            Propagation::Shared => MountPropagationFlags::SHARED,
        };
        set_attributes(&mounted, flags, propagation)?;
        let kind = match FileType::from_raw_mode(fstat(&mounted)?.st_mode) {
            FileType::Directory => Kind::Directory,
            _ => Kind::File,
        };
        self.attach(&mounted, target, kind)
    }

    /// A node where the kernel lets us make one that works, else the host's.
    pub(super) fn device(&mut self, path: &[u8], major: u32, minor: u32) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        let mode = Mode::from_raw_mode(0o666);
        match mknodat(parent, name, FileType::CharacterDevice, mode, makedev(major, minor)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(_) => {
                let source = BindSource::Path { path: path.to_vec() };
                self.bind(&source, path, MountFlags::NOSUID.and(MountFlags::NOEXEC), Propagation::Private)
            }
        }
    }

    pub(super) fn link(&mut self, path: &[u8], to: &[u8]) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        match symlinkat(to, parent, name) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(super) fn file(&mut self, path: &[u8], content: &[u8], owner: &Owner, flags: MountFlags) -> io::Result<()> {
        let store = self.store.as_ref().ok_or(Errno::BADF)?;
        self.files += 1;
        let name = self.files.to_string();
        let create = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let mut file = std::fs::File::from(openat(store, name.as_str(), create, Mode::from_raw_mode(0o600))?);
        io::Write::write_all(&mut file, content)?;
        fchown(&file, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))?;
        fchmod(&file, Mode::from_raw_mode(owner.mode))?;
        let mounted = clone_tree(store, name.as_bytes())?;
        set_flags(&mounted, flags)?;
        self.attach(&mounted, path, Kind::File)
    }

    /// Makes a directory where there is none, in the rootfs or in what is mounted there; it is no stub.
    pub(super) fn directory(&mut self, path: &[u8]) -> io::Result<()> {
        find_or_make(self.root(), path, Kind::Directory).map(drop)
    }

    /// Hides what is at `path`: a file reads as empty, a directory has no entries. What does not exist needs no hiding.
    pub(super) fn mask(&mut self, path: &[u8]) -> io::Result<()> {
        let Some(place) = find(self.root(), path)? else { return Ok(()) };
        if FileType::from_raw_mode(fstat(&place)?.st_mode) != FileType::Directory {
            return move_to(&clone_tree(CWD, b"/dev/null")?, &place);
        }
        let mounted = match &self.blank {
            Some(blank) => clone_tree(blank, b"")?,
            None => blank()?,
        };
        move_to(&mounted, &place)?;
        self.blank = Some(mounted);
        Ok(())
    }

    /// Makes the rootfs `/` and lets go of everything else.
    pub(super) fn pivot(&mut self) -> io::Result<()> {
        let root = self.root.as_ref().ok_or(Errno::BADF)?;
        rustix::process::fchdir(root)?;
        rustix::process::pivot_root(".", ".")?;
        uncover_root()?;
        rustix::process::chdir("/")?;
        self.held.clear();
        (self.store, self.near, self.blank) = (None, None, None);
        Ok(())
    }

    /// The directory of a path in `/dev` and the name in it.
    fn parent<'p>(&mut self, path: &'p [u8]) -> io::Result<(BorrowedFd<'_>, &'p [u8])> {
        let cut = path.iter().rposition(|&b| b == b'/').ok_or(Errno::INVAL)?;
        let (directory, name) = (&path[..cut], &path[cut + 1..]);
        let near = self.near.take().filter(|(near, _)| near == directory);
        let near = if let Some(near) = near {
            near
        } else {
            let place = find_or_make(self.root(), directory, Kind::Directory)?;
            self.stubs.extend(place.stubs);
            (directory.to_vec(), place.fd)
        };
        Ok((self.near.insert(near).1.as_fd(), name))
    }

    fn attach(&mut self, mounted: &OwnedFd, target: &[u8], kind: Kind) -> io::Result<()> {
        self.near = None;
        let place = find_or_make(self.root(), target, kind)?;
        self.stubs.extend(place.stubs);
        move_to(mounted, &place.fd)
    }
}

/// A memory filesystem with nothing in it, which nobody can write to.
fn blank() -> io::Result<OwnedFd> {
    let flags = MountFlags::READ_ONLY.and(MountFlags::NOSUID).and(MountFlags::NODEV).and(MountFlags::NOEXEC);
    fresh(&Fresh { fs: b"tmpfs", options: &[(b"size".to_vec(), b"4k".to_vec())], flags })
}

fn take(files: &mut Files, index: u32) -> io::Result<OwnedFd> {
    Ok(files.get_mut(index as usize).and_then(Option::take).ok_or(Errno::BADF)?)
}

/// Puts a detached mount on `/`. This process keeps seeing the old root, and the new one by what is returned.
fn on_root(mounted: OwnedFd) -> io::Result<OwnedFd> {
    let root = openat(CWD, "/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    move_to(&mounted, &root)?;
    Ok(mounted)
}

/// Takes away what lies on the root: the host's root, and on that the store. By way of `..` all of it would be in reach.
fn uncover_root() -> io::Result<()> {
    let mount_of = |path: &str| io::Result::Ok(statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID)?.stx_mnt_id);
    let root = mount_of("/")?;
    while mount_of("/..")? != root {
        unmount("/..", UnmountFlags::DETACH)?;
    }
    Ok(())
}

/// Attaches a detached mount. A directory goes on directories only, anything else on what is none: the kernel calls that
/// an invalid argument.
pub(super) fn move_to(mounted: &OwnedFd, place: &OwnedFd) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    match move_mount(mounted, c"", place, c"", flags) {
        Err(Errno::INVAL) => Err(match (is_directory(mounted)?, is_directory(place)?) {
            (true, false) => Errno::NOTDIR,
            (false, true) => Errno::ISDIR,
            _ => Errno::INVAL,
        }
        .into()),
        other => Ok(other?),
    }
}

fn is_directory(file: &OwnedFd) -> io::Result<bool> {
    Ok(FileType::from_raw_mode(fstat(file)?.st_mode) == FileType::Directory)
}

fn set_flags(mounted: &OwnedFd, flags: MountFlags) -> io::Result<()> {
    set_attributes(mounted, flags, MountPropagationFlags::empty())
}

fn set_attributes(mounted: &OwnedFd, flags: MountFlags, propagation: MountPropagationFlags) -> io::Result<()> {
    let set = u64::from(attr_flags(flags).bits());
    let propagation = u64::from(propagation.bits());
    if set == 0 && propagation == 0 {
        return Ok(());
    }
    if !flags.has(MountFlags::TOP_ONLY) {
        return sys::mount_setattr(mounted, MountAttributes { set, propagation, recursive: true });
    }
    if propagation != 0 {
        sys::mount_setattr(mounted, MountAttributes { propagation, recursive: true, ..MountAttributes::default() })?;
    }
    sys::mount_setattr(mounted, MountAttributes { set, ..MountAttributes::default() })
}
