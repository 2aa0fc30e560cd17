//! Which ids a user namespace has (user_namespaces(7), subuid(5)). Starts nothing; [`IdMap::current`] reads this
//! process's own tables.

use std::fmt;

use crate::error::{Error, Result};

/// A run of consecutive ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First id as seen inside.
    pub inside: u32,
    /// First id as seen outside.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// The two tables of a user namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawMap {
    /// Users.
    pub uids: Vec<Range>,
    /// Groups.
    pub gids: Vec<Range>,
}

/// What the user namespace of this process can express. Prints as a word that is fit for a file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdMap {
    /// All ids, unmapped: outside of any user namespace.
    Root,
    /// Many ids: user 0 is the caller, the others come from subordinate ranges.
    Subids(RawMap),
    /// User 0 is the caller and there is no other id: no file can belong to anyone else.
    Single,
}

/// How faithfully ids can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fidelity {
    /// Every owner is what the image says.
    Full,
    /// Every owner is one id.
    SingleId,
}

/// The whole id space, as `/proc/self/uid_map` shows it outside of any user namespace.
const EVERYTHING: Range = Range { inside: 0, outside: 0, count: u32::MAX };

impl IdMap {
    /// That of this process, from `/proc/self/uid_map` and `gid_map`.
    pub fn current() -> Result<Self> {
        let read = |path: &str| {
            let text = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
            parse_table(&text).ok_or_else(|| Error::Invalid(format!("{path} cannot be understood")))
        };
        Ok(Self::of(RawMap { uids: read("/proc/self/uid_map")?, gids: read("/proc/self/gid_map")? }))
    }

    /// That of two tables.
    pub fn of(map: RawMap) -> Self {
        let size = |ranges: &[Range]| ranges.iter().map(|range| u64::from(range.count)).sum::<u64>();
        if map.uids == [EVERYTHING] && map.gids == [EVERYTHING] {
            Self::Root
        } else if size(&map.uids) <= 1 || size(&map.gids) <= 1 {
            Self::Single
        } else {
            Self::Subids(map)
        }
    }

    /// How faithfully ids can be kept with it.
    pub fn fidelity(&self) -> Fidelity {
        match self {
            Self::Root | Self::Subids(_) => Fidelity::Full,
            Self::Single => Fidelity::SingleId,
        }
    }
}

impl fmt::Display for IdMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("root"),
            Self::Single => f.write_str("single"),
            Self::Subids(map) => {
                let table = |ranges: &[Range]| {
                    let ranges = ranges.iter().map(|r| format!("{}-{}-{}", r.inside, r.outside, r.count));
                    ranges.collect::<Vec<_>>().join("_")
                };
                write!(f, "u{}.g{}", table(&map.uids), table(&map.gids))
            }
        }
    }
}

impl fmt::Display for Fidelity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::SingleId => "single-id",
        })
    }
}

/// Reads `/proc/<pid>/uid_map`: inside, outside, count per line.
fn parse_table(text: &[u8]) -> Option<Vec<Range>> {
    let text = std::str::from_utf8(text).ok()?;
    let line = |line: &str| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Range { inside: next()?, outside: next()?, count: next()? })
    };
    text.lines().map(line).collect()
}

/// The ranges that `/etc/subuid` or `/etc/subgid` gives a user known by name and number: first id and count, in file
/// order. Lines that cannot be read are passed over, as newuidmap(1) does.
pub fn parse_subids(text: &[u8], name: &[u8], uid: u32) -> Vec<(u32, u32)> {
    let number = uid.to_string();
    let range = |line: &[u8]| {
        let mut fields = line.trim_ascii().split(|&b| b == b':');
        let owner = fields.next()?;
        let mine = owner == number.as_bytes() || (!name.is_empty() && owner == name);
        let mut next = || std::str::from_utf8(fields.next()?).ok()?.parse().ok();
        let (first, count): (u32, u32) = (next()?, next()?);
        (mine && count > 0 && first.checked_add(count).is_some()).then_some((first, count))
    };
    text.split(|&b| b == b'\n').filter_map(range).collect()
}

/// User 0 is `own`; the subordinate ranges follow from 1 up.
pub(super) fn table(own: u32, subids: &[(u32, u32)]) -> Vec<Range> {
    let mut ranges = vec![Range { inside: 0, outside: own, count: 1 }];
    let mut next = 1u32;
    for &(outside, count) in subids {
        let count = count.min(u32::MAX - next);
        ranges.push(Range { inside: next, outside, count });
        next = next.saturating_add(count);
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_tell_what_can_be_expressed() {
        let map =
            |text: &[u8]| IdMap::of(RawMap { uids: parse_table(text).unwrap(), gids: parse_table(text).unwrap() });
        assert_eq!(map(b"         0          0 4294967295\n"), IdMap::Root);
        assert_eq!(map(b"0 1000 1\n").fidelity(), Fidelity::SingleId);
        let many = map(b"0 1000 1\n1 100000 65536\n");
        assert_eq!(many.fidelity(), Fidelity::Full);
        assert_eq!(many.to_string(), "u0-1000-1_1-100000-65536.g0-1000-1_1-100000-65536");
        assert_eq!(parse_table(b"0 x 1\n"), None);
    }

    #[test]
    fn subordinate_ranges_count_by_name_and_by_number() {
        let text = b"me:100000:65536\nother:1:1\n1000:300000:10\n# me:1:1\nme:5\nme:4294967295:2\nme:7:0\n";
        let ranges = parse_subids(text, b"me", 1000);
        assert_eq!(ranges, [(100_000, 65_536), (300_000, 10)]);
        let next = table(1000, &ranges);
        assert_eq!(next[2], Range { inside: 65_537, outside: 300_000, count: 10 });
        assert!(parse_subids(text, b"", 7).is_empty());
    }
}
