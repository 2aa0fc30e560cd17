//! Owners and devices of files whose process may not make them: the attribute `user.rbuild.stat`. Knows its text only.
//!
//! `UID:GID`, or for a device, which is then an empty regular file, `UID:GID:TYPE:MAJOR:MINOR` with `c` or `b` for the
//! type; decimal numbers. Files without it are root's. Links, pipes and sockets cannot hold it (the kernel allows `user`
//! attributes on files and directories only) and count as root's. Modes need no record: they are set on disk.

use crate::layer::xattr::RECORDED;
use crate::root_dir::{Device, FileKind};
use std::str::FromStr;

/// What `user.rbuild.stat` says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// If the file stands for a device: [`FileKind::CharDevice`] or [`FileKind::BlockDevice`], and its number.
    pub device: Option<(FileKind, Device)>,
}

impl Recorded {
    /// The attribute's name.
    pub const XATTR: &[u8] = RECORDED;

    /// Reads the attribute's value; none if it is malformed.
    pub fn decode(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let fields: Vec<&str> = text.split(':').collect();
        let (owner, device) = match fields[..] {
            [uid, gid] => ((uid, gid), None),
            [uid, gid, kind, major, minor] => {
                let kind = match kind {
                    "c" => FileKind::CharDevice,
                    "b" => FileKind::BlockDevice,
                    _ => return None,
                };
                ((uid, gid), Some((kind, Device { major: number(major)?, minor: number(minor)? })))
            }
            _ => return None,
        };
        Some(Self { uid: number(owner.0)?, gid: number(owner.1)?, device })
    }

    /// The attribute's value; none for what needs no record.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let Self { uid, gid, device } = self;
        match device {
            None if (*uid, *gid) == (0, 0) => None,
            None => Some(format!("{uid}:{gid}").into_bytes()),
            Some((kind, Device { major, minor })) => {
                let kind = if *kind == FileKind::CharDevice { 'c' } else { 'b' };
                Some(format!("{uid}:{gid}:{kind}:{major}:{minor}").into_bytes())
            }
        }
    }
}

fn number(text: &str) -> Option<u32> {
    u32::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip_and_nonsense_is_none() {
        let device = Device { major: 8, minor: 1 };
        for device in [None, Some((FileKind::CharDevice, device)), Some((FileKind::BlockDevice, device))] {
            let recorded = Recorded { uid: 1000, gid: 0, device };
            assert_eq!(Recorded::decode(&recorded.encode().unwrap()), Some(recorded));
        }
        assert_eq!(Recorded { uid: 0, gid: 0, device: None }.encode(), None);
        for text in ["", "1", "1:2:3", "1:2:x:3:4", "-1:2", "1:2:c:3"] {
            assert_eq!(Recorded::decode(text.as_bytes()), None, "{text}");
        }
    }
}
