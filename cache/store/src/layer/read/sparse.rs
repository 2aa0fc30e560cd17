//! Where the data of a sparse file lies in it: the old GNU format, and GNU's PAX formats 0.0, 0.1 and 1.0 (GNU tar
//! manual, "Storing Sparse Files"). Knows maps, not data.

use super::header::{BLOCK, Header, number as header_number};
use super::pax::{Records, number};
use crate::error::{Error, Result};

/// A run of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Where it goes in the file.
    pub(super) offset: u64,
    /// Its bytes.
    pub(super) length: u64,
}

/// A sparse file.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) segments: Vec<Segment>,
    /// The size of the whole file.
    pub(super) size: u64,
}

/// The map of a member of type `S`. Its further blocks, which do not count as data, come from `next_block`.
pub(super) fn old_gnu(header: &Header, mut next_block: impl FnMut() -> Result<[u8; BLOCK]>) -> Result<Map> {
    const FIRST: usize = 386;
    const MORE_AT: usize = 482;
    let mut fields: Vec<u8> = (FIRST..MORE_AT).map(|at| header.byte(at)).collect();
    let mut more = header.byte(MORE_AT) != 0;
    while more {
        let block = next_block()?;
        fields.extend_from_slice(&block[..504]);
        more = block[504] != 0;
    }
    let mut segments = Vec::new();
    for pair in fields.chunks_exact(24).take_while(|pair| pair[0] != 0 || pair[12] != 0) {
        let half = |field| header_number(field).and_then(|number| u64::try_from(number).ok()).ok_or_else(damaged);
        segments.push(Segment { offset: half(&pair[..12])?, length: half(&pair[12..])? });
    }
    Ok(Map { segments, size: header.natural(483..495)? })
}

/// The map that the records speak of, if they do. Blocks at the start of the data come from `next_block`.
pub(super) fn from_records(records: &Records, next_block: impl FnMut() -> Result<[u8; BLOCK]>) -> Result<Option<Map>> {
    if records.number("GNU.sparse.major")? == Some(1) {
        let size = records.number("GNU.sparse.realsize")?.ok_or_else(damaged)?;
        return Ok(Some(Map { segments: pairs(&in_data(next_block)?)?, size }));
    }
    let Some(size) = records.number("GNU.sparse.size")? else { return Ok(None) };
    let Some(numbers) = records.sparse_pairs()? else { return Ok(None) };
    Ok(Some(Map { segments: pairs(&numbers)?, size }))
}

/// The segments, if they are in order, inside the file, and together just the data that is stored.
pub(super) fn checked(map: Map, stored: u64) -> std::result::Result<Vec<Segment>, &'static str> {
    let (mut end, mut sum) = (0, 0_u64);
    for segment in &map.segments {
        if segment.offset < end {
            return Err("its sparse map overlaps itself");
        }
        end = segment.offset.checked_add(segment.length).ok_or("its sparse map is out of range")?;
        sum += segment.length;
    }
    if end > map.size {
        return Err("its sparse map is larger than the file");
    }
    if sum != stored {
        return Err("its sparse map does not fit its data");
    }
    Ok(map.segments.into_iter().filter(|segment| segment.length > 0).collect())
}

/// The numbers of format 1.0: decimal lines before the data, the first their count.
fn in_data(mut next_block: impl FnMut() -> Result<[u8; BLOCK]>) -> Result<Vec<u64>> {
    let (mut numbers, mut line) = (Vec::new(), Vec::new());
    let mut wanted = None;
    while wanted.is_none_or(|wanted| numbers.len() < wanted) {
        for byte in next_block()? {
            if wanted.is_some_and(|wanted| numbers.len() == wanted) {
                break;
            }
            if byte != b'\n' {
                line.push(byte);
                continue;
            }
            let value = number(&line)?;
            line.clear();
            match wanted {
                None => wanted = Some(usize::try_from(value).ok().and_then(|n| n.checked_mul(2)).ok_or_else(damaged)?),
                Some(_) => numbers.push(value),
            }
        }
    }
    Ok(numbers)
}

fn pairs(numbers: &[u64]) -> Result<Vec<Segment>> {
    if !numbers.len().is_multiple_of(2) {
        return Err(damaged());
    }
    Ok(numbers.chunks_exact(2).map(|pair| Segment { offset: pair[0], length: pair[1] }).collect())
}

fn damaged() -> Error {
    let reason = "it is malformed".to_owned();
    Error::Corrupt { what: "archive", subject: "sparse map".to_owned(), reason }
}
