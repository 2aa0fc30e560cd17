//! Tar headers as we write them: POSIX ustar, and a PAX extended header before it for what ustar cannot say. Knows
//! entries, and of the stream only that it takes bytes.
//!
//! * A path of at most 100 bytes stands in `name`, a longer one that splits at a slash in `prefix` and `name`, any other
//!   in the record `path`; a link's target over 100 bytes in `linkpath`. Bytes are written as they are, UTF-8 or not.
//! * Owner, size and time stand in octal where they fit and are not negative, else in `uid`, `gid`, `size`, `mtime`.
//! * Extended attributes stand in `SCHILY.xattr.NAME`. Records are sorted by key.
//! * Names of users and groups are empty, directories end in a slash, the root is `./`.

use super::refused;
use super::stream::Stream;
use crate::error::Result;
use crate::layer::entry::{Entry, Node, show_path};
use crate::layer::whiteout;
use crate::root_dir::Device;
use std::collections::BTreeMap;
use std::io::Write;
use tar::{EntryType, Header};

/// What everything in a tarball is a multiple of, in bytes.
pub(super) const BLOCK: usize = 512;

const NAME: usize = 100;
const PREFIX: usize = 155;

/// The name of every extended header; nobody extracts it.
const EXTENDED: &[u8] = b"././@PaxHeader";

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// Appends the header of an entry, with its extended header if it needs one.
pub(super) fn put<W: Write + Send + 'static>(stream: &mut Stream<W>, entry: &Entry) -> Result<()> {
    let mut records = Records::new();
    let header = encode(entry, &mut records)?;
    if !records.is_empty() {
        let mut body = Vec::new();
        for (key, value) in &records {
            put_record(&mut body, key, value);
        }
        let mut extended = blank(EntryType::XHeader, 0o644);
        set_name(&mut extended, EXTENDED);
        extended.set_size(body.len() as u64);
        extended.set_cksum();
        stream.put(extended.as_bytes())?;
        stream.put(&body)?;
        stream.pad(BLOCK)?;
    }
    stream.put(header.as_bytes())
}

fn encode(entry: &Entry, records: &mut Records) -> Result<Header> {
    let mut header = blank(kind(&entry.node), entry.mode & 0o7777);
    put_path(&mut header, &tar_path(entry), records);
    match &entry.node {
        Node::HardLink { target } | Node::Symlink { target } => put_target(&mut header, target, records),
        Node::CharDevice(device) | Node::BlockDevice(device) => put_device(&mut header, *device, &entry.path)?,
        Node::File(data) => put_number("size", data.size.into(), 8 << 30, records, |size| header.set_size(size)),
        Node::Directory { .. } | Node::Fifo | Node::Whiteout => {}
    }
    let owner = 1 << 21;
    put_number("uid", entry.uid.into(), owner, records, |uid| header.set_uid(uid));
    put_number("gid", entry.gid.into(), owner, records, |gid| header.set_gid(gid));
    put_number("mtime", entry.mtime.into(), 8 << 30, records, |mtime| header.set_mtime(mtime));
    if !matches!(entry.node, Node::HardLink { .. }) {
        put_xattrs(entry, records)?;
    }
    header.set_cksum();
    Ok(header)
}

fn blank(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header.set_mtime(0);
    header
}

const fn kind(node: &Node) -> EntryType {
    match node {
        Node::Directory { .. } => EntryType::Directory,
        Node::File(_) | Node::Whiteout => EntryType::Regular,
        Node::HardLink { .. } => EntryType::Link,
        Node::Symlink { .. } => EntryType::Symlink,
        Node::CharDevice(_) => EntryType::Char,
        Node::BlockDevice(_) => EntryType::Block,
        Node::Fifo => EntryType::Fifo,
    }
}

fn tar_path(entry: &Entry) -> Vec<u8> {
    match entry.node {
        Node::Whiteout => whiteout::deletion_of(&entry.path),
        Node::Directory { .. } if entry.path.is_empty() => b"./".to_vec(),
        Node::Directory { .. } => [&entry.path, &b"/"[..]].concat(),
        _ => entry.path.clone(),
    }
}

fn put_path(header: &mut Header, path: &[u8], records: &mut Records) {
    if path.len() <= NAME {
        return set_name(header, path);
    }
    let latest = path.len().min(PREFIX + 1);
    let slash = path[..latest].iter().rposition(|byte| *byte == b'/');
    match slash.map(|at| (&path[..at], &path[at + 1..])) {
        Some((prefix, name)) if !prefix.is_empty() && !name.is_empty() && name.len() <= NAME => {
            set_name(header, name);
            if let Some(ustar) = header.as_ustar_mut() {
                ustar.prefix[..prefix.len()].copy_from_slice(prefix);
            }
        }
        _ => {
            set_name(header, &path[..NAME]);
            records.insert(b"path".to_vec(), path.to_vec());
        }
    }
}

fn set_name(header: &mut Header, name: &[u8]) {
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
}

fn put_target(header: &mut Header, target: &[u8], records: &mut Records) {
    let fits = target.len().min(NAME);
    header.as_old_mut().linkname[..fits].copy_from_slice(&target[..fits]);
    if fits < target.len() {
        records.insert(b"linkpath".to_vec(), target.to_vec());
    }
}

fn put_device(header: &mut Header, device: Device, path: &[u8]) -> Result<()> {
    let set = header.set_device_major(device.major).and_then(|()| header.set_device_minor(device.minor));
    set.map_err(|error| refused(path, &error.to_string()))
}

/// In the header if it is below `limit`, else in a record.
fn put_number(key: &str, value: i128, limit: u64, records: &mut Records, set: impl FnOnce(u64)) {
    match u64::try_from(value) {
        Ok(value) if value < limit => set(value),
        _ => {
            records.insert(key.as_bytes().to_vec(), value.to_string().into_bytes());
        }
    }
}

fn put_xattrs(entry: &Entry, records: &mut Records) -> Result<()> {
    for (name, value) in &entry.xattrs {
        if name.contains(&b'=') {
            let reason =
                format!("a tarball cannot hold the name of its attribute {}", show_path(name).trim_start_matches('/'));
            return Err(refused(&entry.path, &reason));
        }
        records.insert([b"SCHILY.xattr.", name.as_slice()].concat(), value.clone());
    }
    Ok(())
}

/// `LENGTH KEY=VALUE\n`, the length counting itself.
fn put_record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(length.to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        for size in 0..1200 {
            let mut record = Vec::new();
            put_record(&mut record, b"k", &vec![b'v'; size]);
            let digits = record.iter().position(|byte| *byte == b' ').unwrap();
            let length: usize = std::str::from_utf8(&record[..digits]).unwrap().parse().unwrap();
            assert_eq!(length, record.len(), "value of {size} bytes");
        }
    }
}
