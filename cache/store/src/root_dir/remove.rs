//! Removal of whole trees: no link is followed, the stack does not grow with the depth, directories without permission
//! are given it first, subvolumes go as a whole where that is allowed. Knows nothing of why something goes.

use super::descent::Descent;
use super::dir::{Dir, checked, sys};
use super::meta::FileKind;
use super::subvolume::{BTRFS, may_be_subvolume};
use crate::error::Result;
use rustix::fs::AtFlags;
use rustix::io::Errno;

impl Dir {
    /// Removes `name` and, if it is a directory, all in it. Fine if it is not there or vanishes meanwhile; `.` is
    /// refused.
    pub fn remove_tree(&self, name: &[u8]) -> Result<()> {
        let own_name = |name| if name == b"." { Err(Errno::INVAL) } else { checked(name) };
        own_name(name).and_then(|()| self.raw_remove_tree(name)).map_err(sys("remove tree", name))
    }

    fn raw_remove_tree(&self, name: &[u8]) -> std::result::Result<(), Errno> {
        match self.raw_stat(name) {
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(errno),
            Ok(meta) if !meta.is_dir() => return unlink(self, name, AtFlags::empty()),
            Ok(_) if unlock(self, name)? => return Ok(()),
            Ok(_) => {}
        }
        empty(&self.raw_open_dir(name, rustix::fs::OFlags::PATH)?)?;
        unlink(self, name, AtFlags::REMOVEDIR)
    }
}

fn empty(top: &Dir) -> std::result::Result<(), Errno> {
    let mut descent = Descent::new(top)?;
    loop {
        while let Some((dir, name, kind)) = descent.next_name() {
            if kind != FileKind::Directory {
                unlink(dir, name, AtFlags::empty())?;
            } else if !unlock(dir, name)? {
                let name = name.to_vec();
                descent.enter(&name)?;
            }
        }
        let Some(name) = descent.leave()? else { return Ok(()) };
        unlink(descent.dir().ok_or(Errno::NOENT)?, &name, AtFlags::REMOVEDIR)?;
    }
}

/// Lets the caller list and change a directory of its own, or removes it at once if it is empty or a subvolume; whether it
/// is gone.
fn unlock(dir: &Dir, name: &[u8]) -> std::result::Result<bool, Errno> {
    const ALL: u32 = 0o700;
    // What is in the way of this, be it more than entries, is in the way of the last step, too.
    if unlink(dir, name, AtFlags::REMOVEDIR).is_ok() {
        return Ok(true);
    }
    let meta = dir.raw_stat(name)?;
    if may_be_subvolume(&meta) && destroyed(dir, name)? {
        return Ok(true);
    }
    if meta.mode & ALL == ALL {
        return Ok(false);
    }
    match dir.raw_chmod(name, ALL) {
        Err(Errno::PERM) => Ok(false),
        other => other.map(|()| false),
    }
}

/// Whether it was a subvolume that could be removed as a whole. Who may not do that, or finds others inside, empties it
/// first and removes it as a directory (Linux 4.18).
fn destroyed(dir: &Dir, name: &[u8]) -> std::result::Result<bool, Errno> {
    if rustix::fs::fstatfs(dir).map(|found| found.f_type as u64)? != BTRFS {
        return Ok(false);
    }
    match dir.raw_destroy_subvolume(name) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(_) => Ok(false),
    }
}

fn unlink(dir: &Dir, name: &[u8], flags: AtFlags) -> std::result::Result<(), Errno> {
    match rustix::fs::unlinkat(dir, name, flags) {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}
