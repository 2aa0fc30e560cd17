//! Which files a COPY, ADD or bind mount takes from a tree: patterns, links, `--parents` and `--exclude`. Knows no
//! destination.

use crate::error::{Error, Result};
use crate::solve::near;
use crate::tree::{Follow, Tree, cut_links, resolve};
use dockerfile_parser::ignore::{Carry, Matcher, Patterns};
use dockerfile_parser::{Span, Text, glob};
use rbuild_oci::{Digest, Hasher};
use rbuild_store::layer::{Entry, Node, is_below, join_path, show_path, split_path};
use std::collections::BTreeSet;

/// What one source of a COPY names.
#[derive(Clone, Debug)]
pub struct Match {
    /// The last component of the path as written: the name a file takes in a directory.
    pub name: Vec<u8>,
    /// The file or directory, links followed.
    pub entry: Entry,
    /// Of a directory all that is taken from it, parents before children.
    pub below: Vec<Entry>,
    /// The directories of `below` that nothing names: they are on the way to what is taken.
    pub on_the_way: BTreeSet<Vec<u8>>,
}

impl Match {
    /// All that is taken.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        std::iter::once(&self.entry).chain(&self.below)
    }
}

/// A source as written.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The path or pattern in the tree.
    pub path: &'a str,
    /// `--parents`: what is wanted below `path`, its directories kept.
    pub below: Option<&'a str>,
    /// `--exclude`.
    pub excludes: &'a [String],
}

/// Everything a source names, digests of files read. A pattern may name nothing; a plain path must be there.
pub fn select(tree: &dyn Tree, wanted: &Wanted<'_>) -> Result<Vec<Match>> {
    take(tree, wanted, expand(tree, wanted)?)
}

/// What is at a path, all that is in it included; `*` and its like are letters as others are.
pub fn select_plain(tree: &dyn Tree, path: &str) -> Result<Vec<Match>> {
    take(tree, &plain(path), vec![plain_path(path)])
}

/// The digest of what [`select_plain`] gives.
pub fn digest_plain(tree: &dyn Tree, path: &str) -> Result<Digest> {
    Ok(Seen::of(tree, &plain(path), vec![plain_path(path)])?.digest)
}

const fn plain(path: &str) -> Wanted<'_> {
    Wanted { path, below: None, excludes: &[] }
}

fn plain_path(path: &str) -> Vec<u8> {
    path.trim_matches('/').as_bytes().to_vec()
}

/// What a source names, as it was seen: its digest, and as much of it as is kept.
#[derive(Debug)]
pub struct Seen {
    /// As of [`digest`].
    pub digest: Digest,
    sights: Option<Vec<Sight>>,
}

/// One match as it was seen.
#[derive(Debug)]
pub struct Sight {
    /// The match; below it nothing where that was not kept.
    pub found: Match,
    /// How to know again what was not kept.
    again: Option<Box<Again>>,
}

/// How to tell that a walk over a directory gives what it gave before.
#[derive(Debug)]
struct Again {
    /// What was hashed before it.
    before: Hasher,
    /// The digest of that and the directory.
    digest: Digest,
    /// How many are below.
    count: usize,
}

/// Takes what is walked over, piece by piece, parents before children.
pub type Take<'t> = dyn FnMut(Vec<Entry>) -> Result<()> + 't;

impl Seen {
    /// Looks at everything a source names; as [`select`].
    pub fn look(tree: &dyn Tree, wanted: &Wanted<'_>) -> Result<Self> {
        let paths = expand(tree, wanted)?;
        if wanted.below.is_none() && wanted.excludes.is_empty() {
            return Self::of(tree, wanted, paths);
        }
        let matches = take(tree, wanted, paths)?;
        Ok(Self { digest: digest(&matches), sights: Some(kept(matches)) })
    }

    /// All that is at these paths, most of which is seen once and forgotten where there is much.
    fn of(tree: &dyn Tree, wanted: &Wanted<'_>, paths: Vec<Vec<u8>>) -> Result<Self> {
        let (mut hasher, mut sights, mut room) = (Hasher::new(), (paths.len() <= KEPT).then(Vec::new), KEPT);
        for path in paths {
            let Some(mut found) = find(tree, &path)? else { return Err(missing(tree, wanted)) };
            tree.digest_all(std::slice::from_mut(&mut found.entry))?;
            put_top(&mut hasher, &found);
            let again =
                if found.entry.node.is_directory() { enter(tree, &mut hasher, &mut found, room)? } else { None };
            put_end(&mut hasher);
            room -= found.below.len();
            if let Some(sights) = &mut sights {
                sights.push(Sight { found, again });
            }
        }
        Ok(Self { digest: hasher.finish(), sights })
    }

    /// What was seen. Where more is named than can be kept it is looked for again, and must be the same.
    pub fn sights(self, tree: &dyn Tree, wanted: &Wanted<'_>) -> Result<Vec<Sight>> {
        if let Some(sights) = self.sights {
            return Ok(sights);
        }
        let matches = select(tree, wanted)?;
        if digest(&matches) == self.digest {
            return Ok(kept(matches));
        }
        Err(changed(tree, wanted.path))
    }
}

/// Looks at all that is in a directory and keeps it where there is room for so many; if not, gives how to know it again.
fn enter(tree: &dyn Tree, hasher: &mut Hasher, found: &mut Match, room: usize) -> Result<Option<Box<Again>>> {
    let (before, base, mut count) = (hasher.clone(), &found.entry.path, 0);
    tree.pieces(base, &mut |piece| {
        for entry in &piece {
            put_entry(hasher, base, entry);
        }
        count += piece.len();
        if count <= room {
            found.below.extend(piece);
        } else {
            found.below = Vec::new();
        }
        Ok(())
    })?;
    Ok((count > room).then(|| Box::new(Again { before, digest: hasher.clone().finish(), count })))
}

fn kept(matches: Vec<Match>) -> Vec<Sight> {
    matches.into_iter().map(|found| Sight { found, again: None }).collect()
}

impl Sight {
    /// How many files, directories and links it is.
    pub fn count(&self) -> usize {
        1 + self.again.as_ref().map_or(self.found.below.len(), |again| again.count)
    }

    /// Shows all that is below, piece by piece. What was not kept is walked over again, and must be the same: if it is
    /// not, that is said at the end.
    pub fn show(&self, tree: &dyn Tree, show: &mut dyn FnMut(&[Entry])) -> Result<()> {
        let Some(again) = &self.again else {
            show(&self.found.below);
            return Ok(());
        };
        again.walk(tree, &self.found.entry.path, &mut |piece| {
            show(&piece);
            Ok(())
        })
    }

    /// Gives away all that [`Self::show`] shows.
    pub fn take(self, tree: &dyn Tree, take: &mut Take<'_>) -> Result<()> {
        match self.again {
            Some(again) => again.walk(tree, &self.found.entry.path, take),
            None => take(self.found.below),
        }
    }
}

impl Again {
    fn walk(&self, tree: &dyn Tree, base: &[u8], take: &mut Take<'_>) -> Result<()> {
        let mut hasher = self.before.clone();
        tree.pieces(base, &mut |piece| {
            for entry in &piece {
                put_entry(&mut hasher, base, entry);
            }
            take(piece)
        })?;
        if hasher.finish() == self.digest { Ok(()) } else { Err(changed(tree, &show_path(base))) }
    }
}

/// What is at a path is not what was seen there before.
pub fn changed(tree: &dyn Tree, path: &str) -> Error {
    rbuild_store::Error::Changed { subject: format!("{path} in {}", tree.name()) }.into()
}

/// So many matches, and as many files, directories and links below them, are kept from the look at them, for when they are
/// copied: some 10 MB each.
const KEPT: usize = 50_000;

fn take(tree: &dyn Tree, wanted: &Wanted<'_>, paths: Vec<Vec<u8>>) -> Result<Vec<Match>> {
    let excludes = matcher(wanted.excludes)?;
    let mut matches = Vec::new();
    for path in paths {
        let Some(mut found) = find(tree, &path)? else { return Err(missing(tree, wanted)) };
        if found.entry.node.is_directory() {
            let all = tree.walk(&found.entry.path)?;
            let base = found.entry.path.clone();
            found.below = match wanted.below {
                Some(pattern) => only(all, &base, &matcher(&[pattern.to_owned()])?, &mut found.on_the_way),
                None => all,
            };
            let plain = |text: &str| !has_wildcards(text.as_bytes());
            if plain(wanted.path) && wanted.below.is_some_and(plain) && found.below.is_empty() {
                return Err(missing(tree, wanted));
            }
            found.below = except(found.below, &base, &excludes, &mut found.on_the_way);
            cut_links(tree, &mut found.below)?;
        } else if !excludes.is_empty() && excludes.matches(&found.name).is_some_and(|verdict| verdict.ignored) {
            continue;
        }
        matches.push(found);
    }
    for found in &mut matches {
        tree.digest_all(std::slice::from_mut(&mut found.entry))?;
        tree.digest_all(&mut found.below)?;
    }
    Ok(matches)
}

/// The digest of a selection: names, kinds, modes, owners, attributes and data, never times.
pub fn digest(matches: &[Match]) -> Digest {
    let mut hasher = Hasher::new();
    for found in matches {
        put_top(&mut hasher, found);
        for entry in &found.below {
            put_entry(&mut hasher, &found.entry.path, entry);
        }
        put_end(&mut hasher);
    }
    hasher.finish()
}

fn put_top(hasher: &mut Hasher, found: &Match) {
    put(hasher, &found.name);
    put_entry(hasher, &found.entry.path, &found.entry);
}

fn put_end(hasher: &mut Hasher) {
    put(hasher, b"end");
}

/// A path relative to a directory above it.
pub fn relative<'a>(path: &'a [u8], directory: &[u8]) -> &'a [u8] {
    if directory.is_empty() { path } else { path.get(directory.len() + 1..).unwrap_or_default() }
}

fn put(hasher: &mut Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

fn put_entry(hasher: &mut Hasher, base: &[u8], entry: &Entry) {
    put(hasher, if entry.path == base { b"" } else { relative(&entry.path, base) });
    let number: Vec<u8>;
    let (kind, detail): (u8, &[u8]) = match &entry.node {
        Node::Directory { .. } => (1, &[]),
        Node::File(data) => (2, data.digest.as_bytes()),
        Node::HardLink { target } => (3, relative(target, base)),
        Node::Symlink { target } => (4, target),
        Node::CharDevice(device) | Node::BlockDevice(device) => {
            number = [device.major.to_le_bytes(), device.minor.to_le_bytes()].concat();
            (if matches!(entry.node, Node::CharDevice(_)) { 5 } else { 6 }, &number)
        }
        Node::Fifo => (7, &[]),
        Node::Whiteout => (8, &[]),
    };
    hasher.update(&[kind]);
    put(hasher, detail);
    for number in [entry.mode, entry.uid, entry.gid, entry.xattrs.len() as u32] {
        hasher.update(&number.to_le_bytes());
    }
    for (name, value) in &entry.xattrs {
        put(hasher, name);
        put(hasher, value);
    }
}

/// The paths a pattern stands for, sorted; a path without wildcards stands for itself, and so does what comes before them.
fn expand(tree: &dyn Tree, wanted: &Wanted<'_>) -> Result<Vec<Vec<u8>>> {
    let parts: Vec<&[u8]> =
        wanted.path.as_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    let literal = parts.iter().position(|part| has_wildcards(part)).unwrap_or(parts.len());
    let base = parts[..literal].join(&b'/');
    if literal == parts.len() {
        return Ok(vec![base]);
    }
    let start = resolve(&|path| tree.lookup(path), &base, Follow::All)?;
    if !start.is_empty() && tree.lookup(&start)?.is_none() {
        return Err(missing(tree, wanted));
    }
    let mut found = vec![start];
    for (position, part) in parts[literal..].iter().enumerate() {
        let mut next = Vec::new();
        for directory in &found {
            let descend = position == 0 || is_directory(tree, directory)?;
            for name in if descend { list(tree, directory)? } else { Vec::new() } {
                if glob::matches(part, &name)? {
                    next.push(join_path(directory, &name));
                }
            }
        }
        found = next;
    }
    Ok(found)
}

fn is_directory(tree: &dyn Tree, path: &[u8]) -> Result<bool> {
    Ok(tree.lookup(path)?.is_some_and(|entry| entry.node.is_directory()))
}

fn list(tree: &dyn Tree, directory: &[u8]) -> Result<Vec<Vec<u8>>> {
    if directory.is_empty() || is_directory(tree, directory)? { tree.list(directory) } else { Ok(Vec::new()) }
}

fn has_wildcards(part: &[u8]) -> bool {
    let mut escaped = false;
    part.iter().any(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => b"*?[".contains(byte),
    })
}

/// What a path leads to, links followed, under the name it was asked by.
fn find(tree: &dyn Tree, path: &[u8]) -> Result<Option<Match>> {
    let lookup = |path: &[u8]| tree.lookup(path);
    let target = resolve(&lookup, path, Follow::All)?;
    let entry = match tree.lookup(&target)? {
        None if target.is_empty() => Entry::new(Vec::new(), Node::DIRECTORY, 0o755),
        None => return Ok(None),
        Some(entry) => entry,
    };
    Ok(Some(Match { name: split_path(path).1.to_vec(), entry, below: Vec::new(), on_the_way: BTreeSet::new() }))
}

fn missing(tree: &dyn Tree, wanted: &Wanted<'_>) -> Error {
    let path = match wanted.below {
        Some(below) => format!("{}/{below}", wanted.path.trim_end_matches('/')),
        None => wanted.path.to_owned(),
    };
    let hint = tree.why_missing(path.as_bytes()).or_else(|| near::near(tree, path.as_bytes()));
    Error::NotFound { hint, path, place: tree.name().to_owned() }
}

fn matcher(patterns: &[String]) -> Result<Matcher> {
    let texts: Vec<Text> =
        patterns.iter().map(|text| Text { bytes: text.clone().into_bytes(), span: Span::new(0, 0) }).collect();
    Ok(Matcher::new(Patterns::from_flags(&texts)?))
}

/// The entries below `base` that a pattern names, with all that is in them and the directories on the way to them.
fn only(all: Vec<Entry>, base: &[u8], patterns: &Matcher, on_the_way: &mut BTreeSet<Vec<u8>>) -> Vec<Entry> {
    let wanted = |entry: &Entry| patterns.matches(relative(&entry.path, base)).is_some_and(|verdict| verdict.ignored);
    let picked: BTreeSet<Vec<u8>> = all.iter().filter(|entry| wanted(entry)).map(|entry| entry.path.clone()).collect();
    with_ways(all, base, &picked, on_the_way)
}

/// The entries that no pattern leaves out; a directory that is left out stays where something in it does.
fn except(all: Vec<Entry>, base: &[u8], patterns: &Matcher, on_the_way: &mut BTreeSet<Vec<u8>>) -> Vec<Entry> {
    if patterns.is_empty() {
        return all;
    }
    let mut open: Vec<(Vec<u8>, Carry)> = vec![(base.to_vec(), Carry::default())];
    let mut kept = BTreeSet::new();
    for entry in &all {
        while open.len() > 1 && open.last().is_some_and(|(directory, _)| !is_below(&entry.path, directory)) {
            open.pop();
        }
        let Some((_, carry)) = open.last() else { break };
        let (verdict, inner) = patterns.enter(carry, relative(&entry.path, base));
        if entry.node.is_directory() {
            open.push((entry.path.clone(), inner));
        }
        if !verdict.is_some_and(|verdict| verdict.ignored) && !on_the_way.contains(&entry.path) {
            kept.insert(entry.path.clone());
        }
    }
    with_ways(all, base, &kept, on_the_way)
}

/// The picked entries and the directories on the way to them, which are noted.
fn with_ways(
    all: Vec<Entry>,
    base: &[u8],
    picked: &BTreeSet<Vec<u8>>,
    on_the_way: &mut BTreeSet<Vec<u8>>,
) -> Vec<Entry> {
    on_the_way.clear();
    for path in picked {
        let mut path = split_path(path).0;
        while is_below(path, base) && !picked.contains(path) && on_the_way.insert(path.to_vec()) {
            path = split_path(path).0;
        }
    }
    all.into_iter().filter(|entry| picked.contains(&entry.path) || on_the_way.contains(&entry.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Opened;
    use rbuild_store::layer::FileData;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Directories `0`, `1`, and so on of so many files each; if it is restless their mode is another one at every walk.
    struct Many {
        files: Vec<usize>,
        restless: bool,
        walks: AtomicU32,
    }

    impl Many {
        fn new(files: &[usize], restless: bool) -> Self {
            Self { files: files.to_vec(), restless, walks: AtomicU32::new(0) }
        }
    }

    impl Tree for Many {
        fn name(&self) -> &'static str {
            "many"
        }

        fn lookup(&self, path: &[u8]) -> Result<Option<Entry>> {
            Ok((!path.is_empty()).then(|| Entry::new(path, Node::DIRECTORY, 0o755)))
        }

        fn list(&self, _: &[u8]) -> Result<Vec<Vec<u8>>> {
            Ok((0..self.files.len()).map(|at| at.to_string().into()).collect())
        }

        fn walk(&self, directory: &[u8]) -> Result<Vec<Entry>> {
            let name = String::from_utf8_lossy(directory);
            let mode = 0o600 + if self.restless { self.walks.fetch_add(1, Ordering::Relaxed) } else { 0 };
            let file = |at| Entry::new(format!("{name}/f{at:06}"), Node::File(FileData::unread(0)), mode);
            Ok((0..self.files[name.parse::<usize>().unwrap()]).map(file).collect())
        }

        fn digest_all(&self, entries: &mut [Entry]) -> Result<()> {
            let read = FileData { digest: Digest::of(b""), ..FileData::unread(0) };
            entries.iter_mut().filter(|entry| !entry.node.is_directory()).for_each(|file| file.node = Node::File(read));
            Ok(())
        }

        fn open(&self, _: &[u8], _: Digest) -> Result<Opened<'_>> {
            Ok(Opened::data(&b""[..]))
        }
    }

    /// All that is seen, as it is looked at and as it is taken.
    fn taken(tree: &Many, seen: Seen) -> Result<Vec<Match>> {
        let mut matches = Vec::new();
        for mut sight in seen.sights(tree, &ALL)? {
            let (mut shown, mut below, count) = (0, Vec::new(), sight.count());
            sight.show(tree, &mut |piece| shown += piece.len())?;
            let top = sight.found.entry.clone();
            let name = std::mem::take(&mut sight.found.name);
            sight.take(tree, &mut |mut piece| {
                below.append(&mut piece);
                Ok(())
            })?;
            assert_eq!((shown, 1 + shown), (below.len(), count));
            matches.push(Match { name, entry: top, below, on_the_way: BTreeSet::new() });
        }
        Ok(matches)
    }

    const ALL: Wanted<'_> = Wanted { path: "*", below: None, excludes: &[] };

    #[test]
    fn what_is_too_much_to_be_kept_is_looked_for_again_and_must_be_the_same() {
        let many = vec![0; KEPT + 1];
        for files in [&[3][..], &[KEPT], &[KEPT + 1], &[3, KEPT - 1, 2, 1], &many] {
            let fits = files.len() <= KEPT && files.iter().sum::<usize>() <= KEPT;
            for restless in [false, true] {
                let tree = Many::new(files, restless);
                let seen = Seen::look(&tree, &ALL).unwrap();
                let known = seen.digest;
                match taken(&tree, seen) {
                    // Those that walk give nothing where nothing is in them.
                    Err(error) => assert!(restless && !fits && error.to_string().contains("many"), "{error}"),
                    Ok(matches) => {
                        assert!(!restless || fits || files.len() > KEPT);
                        assert!(matches.iter().map(|found| found.below.len()).eq(files.iter().copied()));
                        assert_eq!(digest(&matches), known);
                    }
                }
            }
        }
    }
}
