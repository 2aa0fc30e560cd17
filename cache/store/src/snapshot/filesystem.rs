//! What kind of file system a path is on. Knows no driver.

use crate::error::{Error, Result};
use std::path::Path;

/// Its magic number (statfs(2)).
pub(super) fn magic(path: &Path) -> Result<u64> {
    let found = rustix::fs::statfs(path).map_err(Error::io("look at the file system of", path.display()))?;
    Ok(found.f_type as u64)
}

/// Its name as docker has it.
pub(super) fn name_of(path: &Path) -> Result<String> {
    Ok(match magic(path)? {
        0xef53 => "extfs".to_owned(),
        0x5846_5342 => "xfs".to_owned(),
        crate::root_dir::BTRFS => "btrfs".to_owned(),
        0x2fc1_2fc1 => "zfs".to_owned(),
        0x0102_1994 => "tmpfs".to_owned(),
        0x794c_7630 => "overlayfs".to_owned(),
        0x6573_5546 => "fuse".to_owned(),
        0xf2f5_2010 => "f2fs".to_owned(),
        0x6969 => "nfs".to_owned(),
        0xca45_1a4e => "bcachefs".to_owned(),
        other => format!("a file system of type {other:#x}"),
    })
}

/// The ZFS dataset that a path is in, as the mount table has it.
pub(super) fn dataset_of(path: &Path) -> Result<Option<String>> {
    const TABLE: &str = "/proc/thread-self/mountinfo";
    let path = std::fs::canonicalize(path).map_err(Error::io("find", path.display()))?;
    let table = std::fs::read_to_string(TABLE).map_err(Error::io("read", TABLE))?;
    let mounts = table.lines().filter_map(|line| {
        let (place, source) = line.split_once(" - ")?;
        let (kind, source) = source.split_once(' ')?;
        let place = place.split(' ').nth(4)?.replace("\\040", " ");
        path.starts_with(&place).then(|| (place.len(), kind, source.split(' ').next().unwrap_or_default()))
    });
    // Of two mounts on one place the later one is seen.
    let found = mounts.max_by_key(|(length, ..)| *length);
    Ok(found.filter(|(_, kind, _)| matches!(*kind, "zfs" | "fuse.zfs")).map(|(.., source)| source.to_owned()))
}

/// Whether listing a directory tells the types of what is in it.
pub(super) fn tells_types(path: &Path) -> Result<bool> {
    let dir =
        rustix::fs::open(path, rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty());
    let list = dir.and_then(|dir| rustix::fs::Dir::read_from(&dir)).map_err(Error::io("list", path.display()))?;
    let known = |entry: rustix::io::Result<rustix::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_type() != rustix::fs::FileType::Unknown)
    };
    Ok(list.into_iter().all(known))
}
