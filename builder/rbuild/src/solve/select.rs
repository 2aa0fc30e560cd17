//! Which files a COPY, ADD or bind mount takes from a tree: patterns, links, `--parents` and `--exclude`. Knows no
//! destination.

use crate::error::{Error, Result};
use crate::solve::near;
use crate::tree::{Follow, Tree, cut_links, resolve};
use dockerfile_parser::ignore::{Carry, Matcher, Patterns};
use dockerfile_parser::{Span, Text, glob};
use rbuild_oci::{Digest, Hasher};
use rbuild_store::layer::{Entry, Node, is_below, join_path, split_path};
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

pub(super) const fn plain(path: &str) -> Wanted<'_> {
    Wanted { path, below: None, excludes: &[] }
}

pub(super) fn plain_path(path: &str) -> Vec<u8> {
    path.trim_matches('/').as_bytes().to_vec()
}

/// What is at a path is not what was seen there before.
pub fn changed(tree: &dyn Tree, path: &str) -> Error {
    rbuild_store::Error::Changed { subject: format!("{path} in {}", tree.name()) }.into()
}

pub(super) fn take(tree: &dyn Tree, wanted: &Wanted<'_>, paths: Vec<Vec<u8>>) -> Result<Vec<Match>> {
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

pub(super) fn put_top(hasher: &mut Hasher, found: &Match) {
    put(hasher, &found.name);
    put_entry(hasher, &found.entry.path, &found.entry);
}

pub(super) fn put_end(hasher: &mut Hasher) {
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

pub(super) fn put_entry(hasher: &mut Hasher, base: &[u8], entry: &Entry) {
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
pub(super) fn expand(tree: &dyn Tree, wanted: &Wanted<'_>) -> Result<Vec<Vec<u8>>> {
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
pub(super) fn find(tree: &dyn Tree, path: &[u8]) -> Result<Option<Match>> {
    let lookup = |path: &[u8]| tree.lookup(path);
    let target = resolve(&lookup, path, Follow::All)?;
    let entry = match tree.lookup(&target)? {
        None if target.is_empty() => Entry::new(Vec::new(), Node::DIRECTORY, 0o755),
        None => return Ok(None),
        Some(entry) => entry,
    };
    Ok(Some(Match { name: split_path(path).1.to_vec(), entry, below: Vec::new(), on_the_way: BTreeSet::new() }))
}

pub(super) fn missing(tree: &dyn Tree, wanted: &Wanted<'_>) -> Error {
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
