//! PAX extended header records (POSIX.1-2017, pax, "pax Extended Header"). Knows their form, and which of them count.

use crate::error::{Error, Result};
use std::collections::BTreeMap;

const XATTR: &[u8] = b"SCHILY.xattr.";

/// Records by key; later ones win, an empty value takes one back.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The offsets and lengths of sparse format 0.0, which repeats two keys.
    pairs: Vec<u64>,
}

impl Records {
    /// Takes in the body of an extended header.
    pub(super) fn parse(&mut self, mut body: &[u8]) -> Result<()> {
        while !body.is_empty() && body.iter().any(|byte| *byte != 0) {
            let (record, rest) = split_record(body).ok_or_else(|| damaged("a record of it is malformed"))?;
            let at = record.iter().position(|byte| *byte == b'=').ok_or_else(|| damaged("a record has no value"))?;
            self.insert(&record[..at], &record[at + 1..])?;
            body = rest;
        }
        Ok(())
    }

    pub(super) fn set_path(&mut self, path: Vec<u8>) {
        self.values.insert(b"path".to_vec(), path);
    }

    pub(super) fn set_target(&mut self, target: Vec<u8>) {
        self.values.insert(b"linkpath".to_vec(), target);
    }

    pub(super) fn path(&self) -> Option<&[u8]> {
        self.get("GNU.sparse.name").or_else(|| self.get("path"))
    }

    pub(super) fn target(&self) -> Option<&[u8]> {
        self.get("linkpath")
    }

    /// A number that is not negative.
    pub(super) fn number(&self, key: &str) -> Result<Option<u64>> {
        self.get(key).map(number).transpose()
    }

    /// The modification time, rounded down to whole seconds.
    pub(super) fn mtime(&self) -> Result<Option<i64>> {
        let Some(text) = self.get("mtime") else { return Ok(None) };
        let text = std::str::from_utf8(text).map_err(|_| damaged("its mtime is no number"))?;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let seconds: i64 = whole.parse().map_err(|_| damaged("its mtime is no number"))?;
        let down = text.starts_with('-') && fraction.bytes().any(|digit| digit != b'0');
        Ok(Some(if down { seconds.saturating_sub(1) } else { seconds }))
    }

    /// The extended attributes, by name.
    pub(super) fn xattrs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let named = self.values.iter().filter_map(|(key, value)| Some((key.strip_prefix(XATTR)?, value.as_slice())));
        named.filter(|(name, _)| !name.is_empty())
    }

    /// The pairs of a sparse map in records, formats 0.0 and 0.1.
    pub(super) fn sparse_pairs(&self) -> Result<Option<Vec<u64>>> {
        match self.get("GNU.sparse.map") {
            Some(map) => map.split(|byte| *byte == b',').map(number).collect::<Result<_>>().map(Some),
            None => Ok((!self.pairs.is_empty()).then(|| self.pairs.clone())),
        }
    }

    fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        if key == b"GNU.sparse.offset" || key == b"GNU.sparse.numbytes" {
            self.pairs.push(number(value)?);
        } else if value.is_empty() && !key.starts_with(XATTR) {
            self.values.remove(key);
        } else {
            self.values.insert(key.to_vec(), value.to_vec());
        }
        Ok(())
    }

    fn get(&self, key: &str) -> Option<&[u8]> {
        self.values.get(key.as_bytes()).map(Vec::as_slice)
    }
}

/// The first record of `LENGTH KEY=VALUE\n…` without its length and newline, and the rest.
fn split_record(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = body.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&body[..digits]).ok()?.parse().ok()?;
    let (record, rest) = body.split_at_checked(length)?;
    Some((record.get(digits + 1..)?.strip_suffix(b"\n")?, rest))
}

/// Decimal digits.
pub(super) fn number(text: &[u8]) -> Result<u64> {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse::<u64>().ok());
    parsed.filter(|number| *number < 1 << 62).ok_or_else(|| damaged("a number in it is not one or out of range"))
}

fn damaged(reason: &str) -> Error {
    Error::Corrupt { what: "archive", subject: "extended header".to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_by_their_length() {
        let mut records = Records::default();
        records.parse(b"12 path=a=b\n15 mtime=-1.50\n22 SCHILY.xattr.u=\0\n\xff\n\0\0").unwrap();
        assert_eq!(records.path(), Some(&b"a=b"[..]));
        assert_eq!(records.mtime().unwrap(), Some(-2));
        assert_eq!(records.xattrs().collect::<Vec<_>>(), [(&b"u"[..], &b"\0\n\xff"[..])]);
        records.parse(b"8 path=\n").unwrap();
        assert_eq!(records.path(), None);
    }

    #[test]
    fn malformed_records_are_refused() {
        for body in ["x", "5 a=b", "99 a=b\n", "4 ab\n", "0 a=b\n", "7 a=b\n", "18446744073709551616 a=b\n"] {
            assert!(Records::default().parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
