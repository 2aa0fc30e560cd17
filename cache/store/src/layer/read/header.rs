//! One header block of a tarball, in any dialect. Knows the fields' places and how numbers are spelt.

use crate::error::{Error, Result};
use crate::root_dir::Device;
use std::ops::Range;

/// What everything in a tarball is a multiple of, in bytes.
pub(super) const BLOCK: usize = 512;

const NAME: Range<usize> = 0..100;
const MODE: Range<usize> = 100..108;
const UID: Range<usize> = 108..116;
const GID: Range<usize> = 116..124;
const SIZE: Range<usize> = 124..136;
const MTIME: Range<usize> = 136..148;
const CHECKSUM: Range<usize> = 148..156;
const KIND: usize = 156;
const TARGET: Range<usize> = 157..257;
const MAGIC: Range<usize> = 257..263;
const MAJOR: Range<usize> = 329..337;
const MINOR: Range<usize> = 337..345;
const PREFIX: Range<usize> = 345..500;
/// star keeps two times at the end of the prefix, and says so in the last four bytes.
const STAR_PREFIX: Range<usize> = 345..476;
const STAR_MAGIC: Range<usize> = 508..512;

#[derive(Debug)]
pub(super) struct Header {
    block: [u8; BLOCK],
    position: u64,
}

impl Header {
    /// A block that is not all zeros, found at that position; its checksum must be right.
    pub(super) fn new(block: &[u8; BLOCK], position: u64) -> Result<Self> {
        let header = Self { block: *block, position };
        let byte_at = |at: usize| if CHECKSUM.contains(&at) { b' ' } else { block[at] };
        let unsigned: i128 = (0..BLOCK).map(|at| i128::from(byte_at(at))).sum();
        let signed: i128 = (0..BLOCK).map(|at| i128::from(byte_at(at) as i8)).sum();
        let said = header.number(CHECKSUM)?;
        if said == unsigned || said == signed { Ok(header) } else { Err(damaged(position, "its checksum is wrong")) }
    }

    /// The type flag.
    pub(super) const fn kind(&self) -> u8 {
        self.block[KIND]
    }

    pub(super) fn path(&self) -> Vec<u8> {
        let name = self.text(NAME);
        if &self.block[MAGIC] != b"ustar\0" {
            return name.to_vec();
        }
        let star = &self.block[STAR_MAGIC] == b"tar\0";
        match self.text(if star { STAR_PREFIX } else { PREFIX }) {
            b"" => name.to_vec(),
            prefix => [prefix, b"/", name].concat(),
        }
    }

    pub(super) fn target(&self) -> Vec<u8> {
        self.text(TARGET).to_vec()
    }

    /// The bytes of data that follow. Links, directories and devices have none, whatever they say.
    pub(super) fn stored_size(&self) -> Result<u64> {
        match self.kind() {
            b'1'..=b'6' => Ok(0),
            _ => self.natural(SIZE),
        }
    }

    pub(super) fn mode(&self) -> Result<u32> {
        Ok((self.number(MODE)? & 0o7777) as u32)
    }

    pub(super) fn uid(&self) -> Result<u64> {
        self.natural(UID)
    }

    pub(super) fn gid(&self) -> Result<u64> {
        self.natural(GID)
    }

    pub(super) fn mtime(&self) -> Result<i64> {
        i64::try_from(self.number(MTIME)?).map_err(|_| self.out_of_range())
    }

    pub(super) fn device(&self) -> Result<Device> {
        let half = |field| u32::try_from(self.number(field)?).map_err(|_| self.out_of_range());
        Ok(Device { major: half(MAJOR)?, minor: half(MINOR)? })
    }

    /// A number that is not negative, of a field at that place.
    pub(super) fn natural(&self, field: Range<usize>) -> Result<u64> {
        match u64::try_from(self.number(field)?) {
            Ok(number) if number < 1 << 62 => Ok(number),
            _ => Err(self.out_of_range()),
        }
    }

    pub(super) const fn byte(&self, at: usize) -> u8 {
        self.block[at]
    }

    fn number(&self, field: Range<usize>) -> Result<i128> {
        number(&self.block[field]).ok_or_else(|| damaged(self.position, "a number in it is not one"))
    }

    fn text(&self, field: Range<usize>) -> &[u8] {
        let text = &self.block[field];
        &text[..text.iter().position(|byte| *byte == 0).unwrap_or(text.len())]
    }

    fn out_of_range(&self) -> Error {
        damaged(self.position, "a number in it is out of range")
    }
}

/// Octal digits between blanks and NULs, nothing at all, or, with the first bit set, two's complement.
pub(super) fn number(field: &[u8]) -> Option<i128> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        let start = if first & 0x40 == 0 { i128::from(first & 0x7f) } else { i128::from(first as i8) };
        return Some(field[1..].iter().fold(start, |sum, byte| sum << 8 | i128::from(*byte)));
    }
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let digits = field[..end].trim_ascii();
    digits.iter().try_fold(0, |sum, digit| match digit {
        b'0'..=b'7' => Some(sum << 3 | i128::from(digit - b'0')),
        _ => None,
    })
}

/// A header at that position that makes no sense.
pub(super) fn damaged(position: u64, reason: &str) -> Error {
    Error::Corrupt { what: "archive", subject: format!("header at byte {position}"), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_every_spelling() {
        for (field, value) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0\0\0", Some(0)),
            (b"        ", Some(0)),
            (b"77777777", Some(0o77_777_777)),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\x00", Some(256)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (b"12x4", None),
            (b"0009", None),
        ] {
            assert_eq!(number(field), value, "{field:?}");
        }
    }
}
