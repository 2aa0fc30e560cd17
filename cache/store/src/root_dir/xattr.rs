//! Extended attributes of one name, of symbolic links too where the kernel allows them there. Knows no attribute's
//! meaning. They are reached as /proc/self/fd/DIRECTORY/NAME, because a path to that descriptor cannot lead elsewhere
//! and the calls relative to a directory are too young (Linux 6.13).

use super::dir::{Dir, checked, proc_path, sys};
use super::xattrs::Xattrs;
use crate::error::Result;
use rustix::fs::XattrFlags;
use rustix::io::Errno;

impl Dir {
    /// All extended attributes that the caller may see; none on a file system without them.
    pub fn xattrs(&self, name: &[u8]) -> Result<Xattrs> {
        let mut found = Xattrs::new();
        for attribute in self.list_xattrs(name)? {
            if let Some(value) = self.get_xattr(name, &attribute)? {
                found.insert(attribute, value);
            }
        }
        Ok(found)
    }

    /// The names of the extended attributes, sorted; none on a file system without them.
    pub fn list_xattrs(&self, name: &[u8]) -> Result<Vec<Vec<u8>>> {
        let listed = self
            .xattr_path(name)
            .and_then(|path| growing(|room| rustix::fs::llistxattr(&path, rustix::buffer::spare_capacity(room))));
        let bytes = match listed {
            Err(Errno::NOTSUP) => return Ok(Vec::new()),
            other => other.map_err(sys("list attributes of", name))?,
        };
        let mut names: Vec<Vec<u8>> =
            bytes.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The value of one extended attribute; none if it is not set.
    pub fn get_xattr(&self, name: &[u8], attribute: &[u8]) -> Result<Option<Vec<u8>>> {
        let read = self.xattr_path(name).and_then(|path| {
            growing(|room| rustix::fs::lgetxattr(&path, attribute, rustix::buffer::spare_capacity(room)))
        });
        match read {
            Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
            other => other.map(Some).map_err(sys("read an attribute of", name)),
        }
    }

    /// Sets one extended attribute, replacing its value.
    pub fn set_xattr(&self, name: &[u8], attribute: &[u8], value: &[u8]) -> Result<()> {
        self.xattr_path(name)
            .and_then(|path| rustix::fs::lsetxattr(&path, attribute, value, XattrFlags::empty()))
            .map_err(sys("set an attribute of", name))
    }

    /// Removes one extended attribute; fine if it is not set.
    pub fn remove_xattr(&self, name: &[u8], attribute: &[u8]) -> Result<()> {
        match self.xattr_path(name).and_then(|path| rustix::fs::lremovexattr(&path, attribute)) {
            Err(Errno::NODATA) => Ok(()),
            other => other.map_err(sys("remove an attribute of", name)),
        }
    }

    fn xattr_path(&self, name: &[u8]) -> std::result::Result<Vec<u8>, Errno> {
        checked(name)?;
        Ok([proc_path(self).as_bytes(), b"/", name].concat())
    }
}

/// Calls with more and more room until the answer fits; the kernel's own limit is 64 KiB.
fn growing<T>(
    mut call: impl FnMut(&mut Vec<u8>) -> std::result::Result<T, Errno>,
) -> std::result::Result<Vec<u8>, Errno> {
    let mut room = Vec::with_capacity(512);
    loop {
        match call(&mut room) {
            Err(Errno::RANGE) if room.capacity() < 1 << 17 => room = Vec::with_capacity(room.capacity() * 8),
            Err(errno) => return Err(errno),
            Ok(_) => return Ok(room),
        }
    }
}
