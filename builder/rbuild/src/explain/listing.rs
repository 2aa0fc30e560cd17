//! Which files went into a step, so that a later one can be compared: path, kind, mode, owner, size and the beginning of a
//! digest, a line each, compressed. It is a blob that records do not rest on. Knows no tree.

use rbuild_oci::{Descriptor, Digest, Hasher};
use rbuild_store::Store;
use rbuild_store::layer::{Entry, Node};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::num::NonZeroU64;

/// One file, directory or link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The path in its tree.
    pub path: Vec<u8>,
    /// What it is: `f` a file, `d` a directory, `l` a symbolic link, `h` a hard link, `s` something special.
    pub kind: char,
    /// The twelve permission bits.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The size in bytes.
    pub size: u64,
    /// The digest of its data, or of what it leads to.
    pub data: Short,
    /// The digest of its extended attributes.
    pub attributes: Short,
}

/// The first eight bytes of a digest, enough to tell two versions of one file apart; `-` where there is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Short(Option<NonZeroU64>);

/// Files by what they are for: `files` of a COPY, `files of TARGET` of a mount. Each list is sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    groups: BTreeMap<String, Vec<Listed>>,
}

/// A listing in the making.
#[derive(Debug, Default)]
pub struct Gathering {
    groups: BTreeMap<String, Vec<Listed>>,
    /// They were too many, so none is listed.
    too_many: bool,
}

/// What a listing is called by.
const MEDIA_TYPE: &str = "application/vnd.rbuild.files.v1+zstd";

/// The first line.
const HEAD: &str = "rbuild-files/1\n";

/// No listing is longer than this in bytes, uncompressed.
const LIMIT: u64 = 16 << 20;

/// So many may be added before those that came twice are looked for.
const ROOM: usize = Listing::MOST + Listing::MOST / 4;

/// The logarithm of what is remembered at most while it is unpacked: that of the limit.
const WINDOW: u32 = 24;

impl Gathering {
    /// Adds what was selected for `group`, in any order; none is listed where it is too much.
    pub fn add<'e>(&mut self, group: &str, entries: impl IntoIterator<Item = &'e Entry>) {
        if self.too_many {
            return;
        }
        let list = self.groups.entry(group.to_owned()).or_default();
        let mut entries = entries.into_iter().map(Listed::of).peekable();
        while entries.peek().is_some() {
            let room = ROOM - list.len();
            list.extend(entries.by_ref().take(room));
            if list.len() < ROOM {
                return;
            }
            tidy(list);
            if list.len() > Listing::MOST {
                *self = Self { groups: BTreeMap::new(), too_many: true };
                return;
            }
        }
    }

    /// All that was added, each once.
    pub fn finish(mut self) -> Listing {
        self.groups.values_mut().for_each(tidy);
        if self.groups.values().any(|list| list.len() > Listing::MOST) {
            return Listing::default();
        }
        Listing { groups: self.groups }
    }
}

fn tidy(list: &mut Vec<Listed>) {
    list.sort_unstable();
    list.dedup();
}

impl Listing {
    /// A listing that is kept has at most so many lines; each group has one of its own.
    pub const MOST: usize = 200_000;

    /// The files of a group; none where it is not known.
    pub fn group(&self, name: &str) -> Option<&[Listed]> {
        self.groups.get(name).map(Vec::as_slice)
    }

    /// The blob and what describes it; none where nothing is listed, or too much.
    pub fn pack(&self) -> io::Result<Option<(Descriptor, Vec<u8>)>> {
        let count: usize = self.groups.values().map(|files| files.len() + 1).sum();
        if self.groups.is_empty() || count > Self::MOST {
            return Ok(None);
        }
        let (mut packer, mut room) = (zstd::Encoder::new(Vec::new(), 1)?, LIMIT);
        for line in self.lines() {
            let Some(left) = room.checked_sub(line.len() as u64) else { return Ok(None) };
            room = left;
            packer.write_all(line.as_bytes())?;
        }
        let bytes = packer.finish()?;
        let fits = bytes.len() as u64 <= Store::DOCUMENT_LIMIT;
        Ok(fits.then(|| (Descriptor::of(MEDIA_TYPE, &bytes), bytes)))
    }

    /// What [`Self::pack`] wrote; none where it is something else.
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut decoder = zstd::Decoder::new(bytes).ok()?;
        decoder.window_log_max(WINDOW).ok()?;
        let (mut text, mut head) = (BufReader::new(decoder.take(LIMIT + 1)), [0; HEAD.len()]);
        text.read_exact(&mut head).ok().filter(|()| head == *HEAD.as_bytes())?;
        let listing = Self::read(&mut text)?;
        (text.get_ref().limit() > 0).then_some(listing)
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        let groups = self.groups.iter().flat_map(|(name, files)| {
            let head = format!("= {}\n", escaped(name.as_bytes()));
            std::iter::once(head).chain(files.iter().map(Listed::line))
        });
        std::iter::once(HEAD.to_owned()).chain(groups)
    }

    /// The listing in these lines: `= GROUP`, and below it `KIND MODE UID GID SIZE DATA ATTRIBUTES PATH`, ascending; none
    /// where there are too many.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::read(text.as_bytes())
    }

    fn read(text: impl BufRead) -> Option<Self> {
        let mut groups: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
        let mut current: Option<&mut Vec<Listed>> = None;
        for (number, line) in text.lines().enumerate() {
            let line = line.ok()?;
            if number == Self::MOST {
                return None;
            }
            if let Some(name) = line.strip_prefix("= ") {
                let name = String::from_utf8(plain(name)?).ok()?;
                current = Some(groups.entry(name).or_default());
                continue;
            }
            let (files, next) = (current.as_mut()?, Listed::parse(&line)?);
            if files.last().is_some_and(|last| *last >= next) {
                return None;
            }
            files.push(next);
        }
        Some(Self { groups })
    }
}

impl Short {
    fn of(digest: &Digest) -> Self {
        let bytes = digest.as_bytes().first_chunk().copied().unwrap_or_default();
        Self(NonZeroU64::new(u64::from_be_bytes(bytes)))
    }

    fn parse(text: &str) -> Option<Self> {
        let number = if text == "-" { 0 } else { u64::from_str_radix(text, 16).ok()? };
        Some(Self(NonZeroU64::new(number)))
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(bytes) => write!(f, "{bytes:016x}"),
            None => f.write_str("-"),
        }
    }
}

impl Listed {
    fn of(entry: &Entry) -> Self {
        let target = |target: &[u8]| Short::of(&Digest::of(target));
        let special = |text: &str| ('s', 0, target(text.as_bytes()));
        let (kind, size, data) = match &entry.node {
            Node::Directory { .. } => ('d', 0, Short::default()),
            Node::File(data) => ('f', data.size, Short::of(&data.digest)),
            Node::HardLink { target: path } => ('h', 0, target(path)),
            Node::Symlink { target: path } => ('l', 0, target(path)),
            Node::CharDevice(device) => special(&format!("c{}:{}", device.major, device.minor)),
            Node::BlockDevice(device) => special(&format!("b{}:{}", device.major, device.minor)),
            Node::Fifo => special("p"),
            Node::Whiteout => special("w"),
        };
        let Entry { path, mode, uid, gid, xattrs, .. } = entry;
        let attributes = if xattrs.is_empty() { Short::default() } else { of_attributes(xattrs) };
        Self { path: path.clone(), kind, mode: *mode, uid: *uid, gid: *gid, size, data, attributes }
    }

    fn line(&self) -> String {
        let Self { path, kind, mode, uid, gid, size, data, attributes } = self;
        format!("{kind} {mode:04o} {uid} {gid} {size} {data} {attributes} {}\n", escaped(path))
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(8, ' ');
        let mut next = || words.next();
        Some(Self {
            kind: next()?.chars().next()?,
            mode: u32::from_str_radix(next()?, 8).ok()?,
            uid: next()?.parse().ok()?,
            gid: next()?.parse().ok()?,
            size: next()?.parse().ok()?,
            data: Short::parse(next()?)?,
            attributes: Short::parse(next()?)?,
            path: plain(next()?)?,
        })
    }
}

fn of_attributes(xattrs: &BTreeMap<Vec<u8>, Vec<u8>>) -> Short {
    let mut hasher = Hasher::new();
    for part in xattrs.iter().flat_map(|(name, value)| [name, value]) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Short::of(&hasher.finish())
}

/// A path on one line: what is no printable ASCII is `\xx`, and so is the backslash.
fn escaped(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for char in chunk.valid().chars() {
            if char == '\\' || char.is_control() {
                let mut bytes = [0; 4];
                put_escaped(&mut text, char.encode_utf8(&mut bytes).as_bytes());
            } else {
                text.push(char);
            }
        }
        put_escaped(&mut text, chunk.invalid());
    }
    text
}

fn put_escaped(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "\\{byte:02x}");
    }
}

fn plain(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        bytes.extend_from_slice(&rest[..at]);
        let hex = std::str::from_utf8(rest.get(at + 1..at + 3)?).ok()?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        rest = &rest[at + 3..];
    }
    bytes.extend_from_slice(rest);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rbuild_store::layer::FileData;

    fn file(path: &[u8], content: &[u8]) -> Entry {
        let data = FileData { digest: Digest::of(content), ..FileData::unread(content.len() as u64) };
        Entry::new(path.to_vec(), Node::File(data), 0o644)
    }

    #[test]
    fn a_listing_comes_back_as_it_was() {
        let mut files = Gathering::default();
        let names: [&[u8]; 6] = [b"b c", b"a\nb", b"\\0a", b"\xff\xfe", "ä".as_bytes(), b""];
        let mut entries: Vec<Entry> = names.iter().map(|name| file(name, name)).collect();
        entries.push(Entry::new(b"link".to_vec(), Node::Symlink { target: b"x".to_vec() }, 0o777));
        entries[0].xattrs.insert(b"user.a".to_vec(), b"b".to_vec());
        files.add("files", &entries);
        files.add("files of /m", &entries[..1]);
        files.add("files", &entries[..2]);
        let listing = files.finish();
        let (descriptor, bytes) = listing.pack().unwrap().unwrap();
        assert_eq!(descriptor.digest, Digest::of(&bytes));
        assert_eq!(Listing::unpack(&bytes), Some(listing.clone()));
        assert_eq!(listing.group("files").unwrap().len(), 7);
        assert_eq!(Listing::default().pack().unwrap(), None);
    }

    #[test]
    fn what_is_no_listing_is_none() {
        for text in ["x", "f 0644 0 0 1 a - x", "= a\nf 0x44 0 0 1 a - x", "= a\nf 0644 0 0 1 a", "= a\\0"] {
            assert_eq!(Listing::from_text(text), None, "{text}");
        }
        assert_eq!(Listing::unpack(b"junk"), None);
        let (a, b) = ("f 0644 0 0 1 a - a\n", "f 0644 0 0 1 a - b\n");
        assert!(Listing::from_text(&["= a\n", a, b].concat()).is_some());
        for text in [["= a\n", b, a].concat(), ["= a\n", a, a].concat(), ["= a\n", b, "= a\n", a].concat()] {
            assert_eq!(Listing::from_text(&text), None, "{text}");
        }
    }

    #[test]
    fn little_that_unpacks_to_much_is_none() {
        let packed = |line: &str, count: usize| {
            let text = HEAD.to_owned() + "= a\n" + &line.repeat(count);
            zstd::bulk::compress(text.as_bytes(), 1).unwrap()
        };
        let long = format!("= {}\n", "a".repeat(4000));
        assert!(Listing::unpack(&packed(&long, 4000)).is_some());
        let bomb = packed(&long, 40_000);
        assert!(bomb.len() < 1 << 20, "{}", bomb.len());
        assert_eq!(Listing::unpack(&bomb), None);
        assert_eq!(Listing::unpack(&packed("= a\n", Listing::MOST)), None);
    }

    #[test]
    fn of_too_many_none_is_listed() {
        let entries: Vec<Entry> = (0..=ROOM).map(|at| file(format!("{at:07}").as_bytes(), b"")).collect();
        let listed = |parts: &[&[Entry]]| {
            let mut files = Gathering::default();
            for part in parts {
                files.add("files", *part);
            }
            files.finish()
        };
        let most = listed(&[&entries[..Listing::MOST], &entries[..9]]);
        assert_eq!(most.group("files").map(<[Listed]>::len), Some(Listing::MOST), "each counts once");
        let twice = listed(&[&entries[..Listing::MOST], &entries[..Listing::MOST]]);
        assert_eq!(twice, most);
        for (first, more) in [(Listing::MOST, 1), (ROOM, 1), (1, ROOM)] {
            let none = listed(&[&entries[..first], &entries[first..first + more], &entries[..1]]);
            assert_eq!((none.group("files"), none.pack().unwrap()), (None, None), "{first} {more}");
        }
    }

    #[test]
    fn many_files_are_a_few_megabytes() {
        let mut files = Gathering::default();
        let name = |at: usize| format!("project/module{}/source/file{at}.rs", at % 500);
        let entries: Vec<Entry> = (0..50_000).map(|at| file(name(at).as_bytes(), name(at).as_bytes())).collect();
        files.add("files", &entries);
        let (_, bytes) = files.finish().pack().unwrap().unwrap();
        assert!(bytes.len() < 1 << 20, "{}", bytes.len());
    }
}
