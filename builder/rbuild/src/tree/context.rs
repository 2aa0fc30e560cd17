//! A directory of this machine as a tree: what `.dockerignore` leaves out is not there, everything belongs to root, and
//! extended attributes stay behind. Knows no destination.

use super::Tree;
use crate::error::{Error, Result};
use dockerfile_parser::ignore::{Carry, Matcher};
use rayon::prelude::*;
use rbuild_oci::{Cancel, Digest, Hasher};
use rbuild_store::layer::{Entry, FileData, Node, is_below, show_path, split_path};
use rbuild_store::{FileCache, FileKind, Meta, RootDir, WalkEntry};
use std::collections::{BTreeMap, btree_map};
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// A context, or any directory that is read like one.
pub struct ContextTree {
    name: String,
    root: RootDir,
    ignore: Matcher,
    ignore_name: String,
    remembered: Mutex<FileCache>,
    cancel: Cancel,
    store: Option<Vec<u8>>,
}

impl ContextTree {
    /// The directory `root`, called `name` in messages; `ignore` comes from the file `ignore_name`, and `remembered`
    /// knows digests of files from before.
    pub fn new(
        name: impl Into<String>,
        root: RootDir,
        (ignore_name, ignore): (String, Matcher),
        remembered: FileCache,
        cancel: Cancel,
    ) -> Self {
        Self { name: name.into(), root, ignore, ignore_name, remembered: Mutex::new(remembered), cancel, store: None }
    }

    /// The same tree without the store that lies at that path in it, which every build changes.
    #[must_use]
    pub fn without_store(self, path: Vec<u8>) -> Self {
        Self { store: Some(path), ..self }
    }

    fn is_store(&self, path: &[u8]) -> bool {
        self.store.as_ref().is_some_and(|store| path == store || is_below(path, store))
    }

    /// Writes down the digests that were read, for the next build.
    pub fn remember(&self) -> Result<()> {
        Ok(self.remembered.lock().unwrap_or_else(PoisonError::into_inner).save()?)
    }

    /// An error about a file of this tree, said as such: what helps with the store does not help here.
    fn told(&self, error: rbuild_store::Error) -> Error {
        match changed(error) {
            rbuild_store::Error::Io { operation, subject, source } => {
                let subject = if subject.is_empty() { ".".to_owned() } else { subject };
                Error::Io { operation, subject: format!("{subject} in {}", self.name), source }
            }
            other => other.into(),
        }
    }

    fn carry_of(&self, directory: &[u8]) -> Carry {
        let ends = directory.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let ends = ends.chain((!directory.is_empty()).then_some(directory.len()));
        ends.fold(Carry::default(), |carry, end| self.ignore.enter(&carry, &directory[..end]).1)
    }

    fn entry(&self, path: &[u8], meta: &Meta, link: impl FnOnce() -> Result<Vec<u8>>) -> Result<Option<Entry>> {
        let node = match meta.kind {
            FileKind::Directory => Node::DIRECTORY,
            FileKind::File => Node::File(FileData {
                digest: self.known(path, meta).unwrap_or(FileData::UNREAD),
                ..FileData::unread(meta.size)
            }),
            FileKind::Symlink => Node::Symlink { target: link()? },
            FileKind::Fifo => Node::Fifo,
            FileKind::CharDevice => Node::CharDevice(meta.rdev),
            FileKind::BlockDevice => Node::BlockDevice(meta.rdev),
            FileKind::Socket => return Ok(None),
        };
        Ok(Some(Entry { mtime: meta.mtime.seconds, ..Entry::new(path, node, meta.mode) }))
    }

    fn known(&self, path: &[u8], meta: &Meta) -> Option<Digest> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).get(path, meta)
    }

    /// The digest of a file, and what it looked like when reading began.
    fn read_digest(&self, path: &[u8]) -> Result<(Seen, Digest)> {
        let began = SystemTime::now();
        let before = self.root.stat(path).map_err(|error| self.told(error))?;
        let mut file = self.root.open_file(path).map_err(|error| self.told(error))?;
        let (mut hasher, mut buffer) = (Hasher::new(), vec![0; 256 << 10]);
        loop {
            self.cancel.check()?;
            let read =
                file.read(&mut buffer).map_err(Error::io("read", format!("{} in {}", show_path(path), self.name)))?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
        }
        if !self.root.stat(path).is_ok_and(|after| is_same(&before, &after)) {
            return Err(rbuild_store::Error::Changed { subject: show_path(path) }.into());
        }
        Ok((Seen { meta: before, at: began }, hasher.finish()))
    }
}

impl Tree for ContextTree {
    fn name(&self) -> &str {
        &self.name
    }

    fn lookup(&self, path: &[u8]) -> Result<Option<Entry>> {
        let meta = match self.root.stat(path) {
            Ok(_) if self.is_store(path) => return Ok(None),
            Err(error) if error.is_not_found() => return Ok(None),
            other => other.map_err(|error| self.told(error))?,
        };
        let ignored = !path.is_empty() && self.ignore.matches(path).is_some_and(|verdict| verdict.ignored);
        if ignored && (!meta.is_dir() || self.walk(path)?.is_empty()) {
            return Ok(None);
        }
        if path.is_empty() {
            // Who made the directory, and with which umask, is no part of a context.
            let mtime = meta.mtime.seconds;
            return Ok(Some(Entry { mtime, ..Entry::new(Vec::new(), Node::DIRECTORY, 0o755) }));
        }
        self.entry(path, &meta, || self.root.readlink(path).map_err(|error| self.told(error)))
    }

    fn list(&self, directory: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        for entry in self.root.list(directory).map_err(|error| self.told(error))? {
            if self.lookup(&rbuild_store::layer::join_path(directory, &entry.name))?.is_some() {
                names.push(entry.name);
            }
        }
        Ok(names)
    }

    fn walk(&self, directory: &[u8]) -> Result<Vec<Entry>> {
        let mut walk = Scan::new(self, directory);
        let mut raw = self.root.walk(directory).map_err(|error| self.told(error))?;
        while let Some(found) = raw.next() {
            self.cancel.check()?;
            if walk.take(&found.map_err(|error| self.told(error))?)? == Below::Skip {
                raw.skip_dir();
            }
        }
        Ok(walk.entries)
    }

    fn digest_all(&self, entries: &mut [Entry]) -> Result<()> {
        let unread: Vec<(usize, Vec<u8>)> = entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| matches!(&entry.node, Node::File(data) if data.digest == FileData::UNREAD))
            .map(|(at, entry)| (at, entry.path.clone()))
            .collect();
        let read: Vec<_> =
            unread.par_iter().map(|(at, path)| Ok((*at, self.read_digest(path)?))).collect::<Result<_>>()?;
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, (seen, digest)) in read {
            let entry = &mut entries[at];
            remembered.put(&entry.path, &seen.meta, seen.at, digest);
            entry.node = Node::File(FileData { digest, ..FileData::unread(seen.meta.size) });
        }
        Ok(())
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(self.root.open_file(&entry.path).map_err(|error| self.told(error))?))
    }

    fn why_missing(&self, path: &[u8]) -> Option<String> {
        let path = super::clean(path);
        let meta = self.root.stat(&path).ok()?;
        if self.is_store(&path) {
            return Some("it is the store that this build writes to, which is no part of a context".to_owned());
        }
        if let Some(verdict) = self.ignore.matches(&path).filter(|verdict| verdict.ignored) {
            return Some(format!("it is left out by {} line {}", self.ignore_name, verdict.line));
        }
        match meta.kind {
            FileKind::Socket => Some("it is a socket, which no image can hold".to_owned()),
            FileKind::Symlink => {
                let target = String::from_utf8_lossy(&self.root.readlink(&path).ok()?).into_owned();
                Some(format!("it is a link to {target}, which is looked for inside {}", self.name))
            }
            _ => None,
        }
    }
}

/// A file as it was when reading began.
struct Seen {
    meta: Meta,
    at: SystemTime,
}

fn is_same(before: &Meta, after: &Meta) -> bool {
    let times = |meta: &Meta| (meta.size, meta.mtime, meta.ctime);
    before.id() == after.id() && times(before) == times(after)
}

/// The walk has just seen what this error says is not there, or of another kind: somebody edits the directory.
fn changed(error: rbuild_store::Error) -> rbuild_store::Error {
    match error {
        rbuild_store::Error::Io { subject, source, .. }
            if matches!(
                source.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput
            ) =>
        {
            rbuild_store::Error::Changed { subject }
        }
        other => other,
    }
}

/// Whether a walk goes into a directory.
#[derive(PartialEq, Eq)]
enum Below {
    Enter,
    Skip,
}

/// One walk: which directories it is in, and what it found.
struct Scan<'a> {
    tree: &'a ContextTree,
    base: &'a [u8],
    open: Vec<Open>,
    entries: Vec<Entry>,
    /// The first name of each file that has several.
    first_names: BTreeMap<(u64, u64), Vec<u8>>,
}

/// A directory the walk is in.
struct Open {
    path: Vec<u8>,
    carry: Carry,
    /// The directory itself, while it is ignored and nothing in it has been found that is not.
    pending: Option<Entry>,
}

impl<'a> Scan<'a> {
    fn new(tree: &'a ContextTree, base: &'a [u8]) -> Self {
        let top = Open { path: base.to_vec(), carry: tree.carry_of(base), pending: None };
        Self { tree, base, open: vec![top], entries: Vec::new(), first_names: BTreeMap::new() }
    }

    fn take(&mut self, found: &WalkEntry) -> Result<Below> {
        let path = if self.base.is_empty() { found.path.clone() } else { [self.base, b"/", &found.path].concat() };
        if self.tree.is_store(&path) {
            return Ok(Below::Skip);
        }
        while self.open.len() > 1 && self.open.last().is_some_and(|open| !is_below(&path, &open.path)) {
            self.open.pop();
        }
        let readlink = || found.dir().readlink(split_path(&path).1).map_err(|error| self.tree.told(error));
        let entry = self.tree.entry(&path, &found.meta, readlink)?;
        let (Some(entry), Some(above)) = (entry, self.open.last()) else { return Ok(Below::Skip) };
        if !entry.node.is_directory() {
            let verdict = self.tree.ignore.entry(&above.carry, &path);
            if !verdict.is_some_and(|verdict| verdict.ignored) {
                let entry = self.linked(entry, &found.meta);
                self.keep(entry);
            }
            return Ok(Below::Enter);
        }
        let (verdict, carry) = self.tree.ignore.enter(&above.carry, &path);
        let ignored = verdict.is_some_and(|verdict| verdict.ignored);
        if ignored && !self.tree.ignore.could_reinclude_below(&path, &carry) {
            return Ok(Below::Skip);
        }
        if ignored {
            self.open.push(Open { path, carry, pending: Some(entry) });
        } else {
            self.keep(entry);
            self.open.push(Open { path, carry, pending: None });
        }
        Ok(Below::Enter)
    }

    /// A further name of a file that the walk has kept already becomes a hard link to it.
    fn linked(&mut self, mut entry: Entry, meta: &Meta) -> Entry {
        if meta.is_file() && meta.nlink > 1 {
            match self.first_names.entry(meta.id()) {
                btree_map::Entry::Occupied(first) => entry.node = Node::HardLink { target: first.get().clone() },
                btree_map::Entry::Vacant(slot) => drop(slot.insert(entry.path.clone())),
            }
        }
        entry
    }

    fn keep(&mut self, entry: Entry) {
        self.entries.extend(self.open.iter_mut().filter_map(|open| open.pending.take()));
        self.entries.push(entry);
    }
}
