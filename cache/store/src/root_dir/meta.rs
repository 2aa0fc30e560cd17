//! What the kernel says of one file, in the shapes that layers and keys need. Knows no paths.

use super::dir::stat_fd;
use rbuild_oci::Timestamp;
use rustix::fs::{FileType, Statx, StatxTimestamp};
use std::io;
use std::os::fd::AsFd;

/// The type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
}

/// The number of a device node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Device {
    /// The driver.
    pub major: u32,
    /// The unit of that driver.
    pub minor: u32,
}

/// The metadata of one file, as lstat(2) sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The type of the file.
    pub kind: FileKind,
    /// Permissions with setuid, setgid and sticky: the low 12 bits.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The size in bytes; for a symbolic link, of its target's name.
    pub size: u64,
    /// When the content last changed.
    pub mtime: Timestamp,
    /// When content or metadata last changed; nobody can set it.
    pub ctime: Timestamp,
    /// The file system that holds the file.
    pub dev: u64,
    /// The inode's number in that file system.
    pub ino: u64,
    /// How many names the inode has.
    pub nlink: u32,
    /// Which device a device node stands for.
    pub rdev: Device,
}

impl Meta {
    /// That of an open file.
    pub fn of(file: &impl AsFd) -> io::Result<Self> {
        Ok(stat_fd(file)?)
    }

    /// Whether a file that looked like this still did later: nothing was written to it, and no other took its place.
    pub fn is_same(&self, later: &Self) -> bool {
        let looks = |meta: &Self| (meta.id(), meta.size, meta.mtime, meta.ctime);
        looks(self) == looks(later)
    }

    /// Whether this is a directory.
    pub fn is_dir(&self) -> bool {
        self.kind == FileKind::Directory
    }

    /// Whether this is a regular file.
    pub fn is_file(&self) -> bool {
        self.kind == FileKind::File
    }

    /// File system and inode: equal for two names of one file.
    pub fn id(&self) -> (u64, u64) {
        (self.dev, self.ino)
    }
}

impl From<Statx> for Meta {
    fn from(stat: Statx) -> Self {
        Self {
            kind: FileKind::of(FileType::from_raw_mode(u32::from(stat.stx_mode))).unwrap_or(FileKind::File),
            mode: u32::from(stat.stx_mode) & 0o7777,
            uid: stat.stx_uid,
            gid: stat.stx_gid,
            size: stat.stx_size,
            mtime: time(stat.stx_mtime),
            ctime: time(stat.stx_ctime),
            dev: rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor),
            ino: stat.stx_ino,
            nlink: stat.stx_nlink,
            rdev: Device { major: stat.stx_rdev_major, minor: stat.stx_rdev_minor },
        }
    }
}

impl FileKind {
    /// The kind of a `d_type` or mode; none where the file system does not say.
    pub(super) fn of(kind: FileType) -> Option<Self> {
        Some(match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Symlink,
            FileType::CharacterDevice => Self::CharDevice,
            FileType::BlockDevice => Self::BlockDevice,
            FileType::Fifo => Self::Fifo,
            FileType::Socket => Self::Socket,
            FileType::Unknown => return None,
        })
    }

    pub(super) const fn file_type(self) -> FileType {
        match self {
            Self::File => FileType::RegularFile,
            Self::Directory => FileType::Directory,
            Self::Symlink => FileType::Symlink,
            Self::CharDevice => FileType::CharacterDevice,
            Self::BlockDevice => FileType::BlockDevice,
            Self::Fifo => FileType::Fifo,
            Self::Socket => FileType::Socket,
        }
    }
}

const fn time(time: StatxTimestamp) -> Timestamp {
    Timestamp { seconds: time.tv_sec, nanos: time.tv_nsec }
}
