//! Gives what was unpacked its owner, attributes, mode and time, in that order: a change of owner clears set-id bits
//! and capabilities. Knows one name at a time.

use super::recorded::Recorded;
use super::{OpaqueXattr, Ownership, Style};
use crate::error::{Error, Result};
use crate::layer::entry::{Entry, Node};
use crate::root_dir::{Dir, FileKind, Xattrs};
use rbuild_oci::Timestamp;
use rustix::fs::{Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::fs::File;

/// How metadata is applied, and what could not be.
#[derive(Debug)]
pub(super) struct Metadata {
    style: Style,
    ownership: Ownership,
    /// User and group of this process.
    own: (u32, u32),
    /// Whether devices are empty files with a record: always where owners are recorded, else once making one was refused.
    pub(super) devices_stand_in: bool,
    pub(super) unsupported: BTreeSet<Vec<u8>>,
}

impl Metadata {
    pub(super) fn new(style: Style, ownership: Ownership) -> Self {
        let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let devices_stand_in = matches!(ownership, Ownership::Recorded);
        Self { style, ownership, own, devices_stand_in, unsupported: BTreeSet::new() }
    }

    /// The mode that a new file is to be made with: the right one, unless it is to be given attributes, which a mode may
    /// forbid, or to another owner.
    pub(super) fn mode_at_first(&self, entry: &Entry) -> u32 {
        let stays_ours = self.ownership == Ownership::Recorded || (entry.uid, entry.gid) == self.own;
        if stays_ours && self.wanted(entry).is_empty() { entry.mode & 0o777 } else { 0o600 }
    }

    /// Of a new regular file that is open. What is right already, as most often it is, stays as it is.
    pub(super) fn of_file(&mut self, entry: &Entry, file: &File) -> Result<()> {
        let failed = |operation| move |errno: Errno| Error::io(operation, crate::layer::show_path(&entry.path))(errno);
        let found = rustix::fs::fstat(file).map_err(failed("stat"))?;
        if self.ownership == Ownership::Apply && (found.st_uid, found.st_gid) != (entry.uid, entry.gid) {
            let owner = (Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)));
            rustix::fs::fchown(file, owner.0, owner.1).map_err(failed("change owner of"))?;
        }
        let wanted = self.wanted(entry);
        for (name, value) in &wanted {
            let set = rustix::fs::fsetxattr(file, name.as_slice(), value, XattrFlags::empty());
            self.tolerate(name, set.map_err(failed("set an attribute of")))?;
        }
        // An attribute may be a list of who may do what, which changes the mode.
        if found.st_mode & 0o7777 != entry.mode || !wanted.is_empty() {
            rustix::fs::fchmod(file, Mode::from_bits_truncate(entry.mode)).map_err(failed("change mode of"))?;
        }
        let time = Timespec { tv_sec: entry.mtime, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::futimens(file, &times).map_err(failed("set times of"))
    }

    /// Of anything else, by its name. Attributes that a directory had before are taken away.
    pub(super) fn of_name(&mut self, entry: &Entry, dir: &Dir, name: &[u8]) -> Result<()> {
        let apply = || -> Result<()> {
            if self.ownership == Ownership::Apply {
                dir.chown(name, entry.uid, entry.gid)?;
            }
            self.sync_xattrs(entry, dir, name)?;
            if !matches!(entry.node, Node::Symlink { .. }) {
                dir.chmod(name, entry.mode)?;
            }
            dir.set_times(name, Timestamp::from_seconds(entry.mtime))
        };
        let mut apply = apply;
        apply().map_err(|error| error.about(&entry.path))
    }

    fn sync_xattrs(&mut self, entry: &Entry, dir: &Dir, name: &[u8]) -> Result<()> {
        let wanted = self.wanted(entry);
        if entry.node.is_directory() && self.style == Style::Plain {
            for attribute in dir.list_xattrs(name)? {
                if !wanted.contains_key(&attribute) {
                    let removed = dir.remove_xattr(name, &attribute);
                    self.tolerate(&attribute, removed)?;
                }
            }
        }
        for (attribute, value) in &wanted {
            let set = dir.set_xattr(name, attribute, value);
            self.tolerate(attribute, set)?;
        }
        match (&entry.node, self.style) {
            (Node::Directory { opaque: true, .. }, Style::Overlay(namespace)) => {
                let attribute: &[u8] = match namespace {
                    OpaqueXattr::Trusted => b"trusted.overlay.opaque",
                    OpaqueXattr::User => b"user.overlay.opaque",
                };
                dir.set_xattr(name, attribute, b"y")
            }
            _ => Ok(()),
        }
    }

    /// The attributes of the entry, with the record of its owner or device where that is due.
    fn wanted(&self, entry: &Entry) -> Xattrs {
        let mut wanted = entry.xattrs.clone();
        let device = match entry.node {
            Node::CharDevice(device) => Some((FileKind::CharDevice, device)),
            Node::BlockDevice(device) => Some((FileKind::BlockDevice, device)),
            _ => None,
        };
        let holds = !matches!(entry.node, Node::Symlink { .. } | Node::Fifo);
        let stands_in = self.devices_stand_in && device.is_some();
        if stands_in || self.ownership == Ownership::Recorded && holds {
            let recorded = Recorded { uid: entry.uid, gid: entry.gid, device };
            wanted.extend(recorded.encode().map(|value| (Recorded::XATTR.to_vec(), value)));
        }
        wanted
    }

    /// Notes an attribute that the file system or the caller's rights do not allow. Capabilities must not get lost
    /// where owners are real, nor the record at all.
    fn tolerate(&mut self, attribute: &[u8], done: Result<()>) -> Result<()> {
        let Err(error) = done else { return Ok(()) };
        let Error::Io { source, .. } = &error else { return Err(error) };
        let is_capability = attribute == b"security.capability";
        let needed = attribute == Recorded::XATTR || is_capability && self.ownership == Ownership::Apply;
        let refused = [Errno::PERM, Errno::NOTSUP, Errno::ACCESS].map(Errno::raw_os_error);
        if needed || !source.raw_os_error().is_some_and(|errno| refused.contains(&errno)) {
            return Err(error);
        }
        self.unsupported.insert(attribute.to_vec());
        Ok(())
    }
}
