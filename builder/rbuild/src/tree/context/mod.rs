//! A directory of this machine as a tree: what `.dockerignore` leaves out is not there, everything belongs to root, and
//! extended attributes stay behind. Knows no destination.

mod scan;

use super::ahead::{self, Look, TOGETHER};
use super::digest::Digester;
use super::{Opened, Tree};
use crate::error::{Error, Result};
use dockerfile_parser::ignore::{Carry, Matcher};
use rayon::prelude::*;
use rbuild_oci::{Cancel, Digest};
use rbuild_store::layer::{Entry, FileData, Node, is_below, show_path, split_path};
use rbuild_store::{Cursor, Dir, FileCache, FileKind, Lookups, Meta, RootDir, Settled, Store};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Each thread that reads files has so many batches to take, where there are that many files.
const BATCHES: usize = 4;

/// A batch is full with so many bytes.
const FULL: u64 = 4 << 20;

/// What is left out of a directory; by default nothing, by no file.
#[derive(Clone, Debug, Default)]
pub struct Ignored {
    /// How the file that says so is called in messages.
    pub file: String,
    /// What it says.
    pub matcher: Matcher,
}

/// A context, or any directory that is read like one.
pub struct ContextTree {
    name: String,
    root: RootDir,
    ignored: Ignored,
    remembered: FileCache,
    reading: Mutex<Reading>,
    cancel: Cancel,
    store: Option<Vec<u8>>,
}

/// Where the file that was looked at last lies, and what is remembered of it.
struct Reading {
    at: Cursor,
    known: Lookups,
}

impl ContextTree {
    /// The directory at `place`, called `name` in messages, without the store where that lies in it, which every build
    /// changes. Digests of files are remembered from before.
    pub fn open(name: &str, place: &Path, ignored: Ignored, store: &Store, cancel: &Cancel) -> Result<Self> {
        let (root, remembered) = (RootDir::open(place)?, FileCache::open(store, place)?);
        let reading = Mutex::new(Reading { at: Cursor::new(&root), known: remembered.lookups() });
        let store = store_within(store, place);
        Ok(Self { name: name.to_owned(), root, ignored, remembered, reading, cancel: cancel.clone(), store })
    }

    fn is_store(&self, path: &[u8]) -> bool {
        self.store.as_ref().is_some_and(|store| path == store || is_below(path, store))
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down the digests that were read, for the next build.
    pub fn remember(&self) -> Result<()> {
        Ok(self.remembered.save()?)
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
        ends.fold(Carry::default(), |carry, end| self.ignored.matcher.enter(&carry, &directory[..end]).1)
    }

    /// Opens a file that the walk has seen.
    fn open_seen(
        &self,
        path: &[u8],
        directory: impl FnOnce(&[u8]) -> rbuild_store::Result<Dir>,
    ) -> Result<(File, Meta)> {
        let (above, name) = split_path(path);
        let opened = directory(above).and_then(|directory| directory.open_seen(name));
        opened.map_err(|error| self.told(error.about(path)))
    }

    /// Has the kernel begin to read a file that the walk has seen. What cannot be opened is told in its turn.
    fn ask(&self, path: &[u8], directory: impl FnOnce(&[u8]) -> rbuild_store::Result<Dir>) {
        if let Ok((file, _)) = self.open_seen(path, directory) {
            ahead::ask(&file);
        }
    }

    /// Reads what is in a few files that the walk has seen, if each is still what was seen when all of it is read.
    fn read(&self, files: &mut [&mut Entry], at: &mut Cursor, digester: &mut Digester) -> Result<()> {
        let mut look = Look::default();
        for number in 0..files.len() {
            let (path, began) = (&files[number].path, SystemTime::now());
            let (file, before) = self.open_seen(path, |above| at.directory(above))?;
            if look.finds_far(&file) {
                files[number + 1..].iter().for_each(|later| self.ask(&later.path, |above| at.directory(above)));
            }
            let digest = digester.digest(&file, path, &self.name, &self.cancel)?;
            if !Meta::of(&file).is_ok_and(|after| before.is_same(&after)) {
                return Err(rbuild_store::Error::Changed { subject: show_path(path) }.into());
            }
            self.remembered.put(path, &before, began, digest);
            files[number].node = Node::File(FileData { digest, ..FileData::unread(before.size) });
        }
        Ok(())
    }
}

/// What is at a path, with the digest that is remembered of a file; none for a socket.
fn node(path: &[u8], meta: &Meta, known: &mut Lookups, link: impl FnOnce() -> Result<Vec<u8>>) -> Result<Option<Node>> {
    Ok(Some(match meta.kind {
        FileKind::Directory => Node::DIRECTORY,
        FileKind::File => {
            let digest = known.get(path, meta).unwrap_or(FileData::UNREAD);
            Node::File(FileData { digest, ..FileData::unread(meta.size) })
        }
        FileKind::Symlink => Node::Symlink { target: link()? },
        FileKind::Fifo => Node::Fifo,
        FileKind::CharDevice => Node::CharDevice(meta.rdev),
        FileKind::BlockDevice => Node::BlockDevice(meta.rdev),
        FileKind::Socket => return Ok(None),
    }))
}

fn entry(path: Vec<u8>, node: Node, meta: &Meta) -> Entry {
    Entry { mtime: meta.mtime.seconds, ..Entry::new(path, node, meta.mode) }
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
        let ignored = !path.is_empty() && self.ignored.matcher.matches(path).is_some_and(|verdict| verdict.ignored);
        if ignored && (!meta.is_dir() || self.walk(path)?.is_empty()) {
            return Ok(None);
        }
        if path.is_empty() {
            // Who made the directory, and with which umask, is no part of a context.
            return Ok(Some(entry(Vec::new(), Node::DIRECTORY, &Meta { mode: 0o755, ..meta })));
        }
        let link = || self.root.readlink(path).map_err(|error| self.told(error));
        let node = node(path, &meta, &mut self.reading().known, link)?;
        Ok(node.map(|node| entry(path.to_vec(), node, &meta)))
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
        scan::scan(self, directory)
    }

    fn pieces(&self, directory: &[u8], take: &mut dyn FnMut(Vec<Entry>) -> Result<()>) -> Result<()> {
        scan::pieces(self, directory, &mut |mut piece| {
            self.digest_all(&mut piece)?;
            take(piece)
        })
    }

    fn digest_all(&self, entries: &mut [Entry]) -> Result<()> {
        let is_unread = |entry: &Entry| matches!(&entry.node, Node::File(data) if !data.is_read());
        // Whoever asks has just walked: a directory that was replaced since the last time is not to be read.
        self.reading().at = Cursor::new(&self.root);
        let unread: Vec<&mut Entry> = entries.iter_mut().filter(|entry| is_unread(entry)).collect();
        // Most often all are known: then no threads are started.
        if unread.is_empty() {
            return Ok(());
        }
        let hand = || (Cursor::new(&self.root), Digester::default());
        let batches = in_batches(unread).into_par_iter();
        batches.try_for_each_init(hand, |(at, digester), mut files| self.read(&mut files, at, digester))
    }

    fn open(&self, path: &[u8], digest: Digest) -> Result<Opened<'_>> {
        let (file, meta) = self.open_seen(path, |above| self.reading().at.directory(above))?;
        let known = self.reading().known.get(path, &meta);
        Ok(if known == Some(digest) { Opened::Settled(Settled::new(file, meta)) } else { Opened::File(file) })
    }

    fn read_ahead(&self, path: &[u8]) {
        self.ask(path, |above| self.reading().at.directory(above));
    }

    fn why_missing(&self, path: &[u8]) -> Option<String> {
        let path = super::clean(path);
        let meta = self.root.stat(&path).ok()?;
        if self.is_store(&path) {
            return Some("it is the store that this build writes to, which is no part of a context".to_owned());
        }
        if let Some(verdict) = self.ignored.matcher.matches(&path).filter(|verdict| verdict.ignored) {
            return Some(format!("it is left out by {} line {}", self.ignored.file, verdict.line));
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

/// Files in batches, each of which one thread reads: of few files and few bytes, so that no thread waits long for another.
fn in_batches(files: Vec<&mut Entry>) -> Vec<Vec<&mut Entry>> {
    let most = (files.len() / (BATCHES * rayon::current_num_threads())).clamp(1, TOGETHER);
    let (mut batches, mut bytes) = (Vec::<Vec<&mut Entry>>::new(), 0);
    for file in files {
        let size = if let Node::File(data) = &file.node { data.size } else { 0 };
        match batches.last_mut() {
            Some(batch) if batch.len() < most && bytes + size <= FULL => batch.push(file),
            _ => {
                batches.push(vec![file]);
                bytes = 0;
            }
        }
        bytes += size;
    }
    batches
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

/// The path of the store in a directory that it lies in.
fn store_within(store: &Store, directory: &Path) -> Option<Vec<u8>> {
    let (store, directory) = (store.root().canonicalize().ok()?, directory.canonicalize().ok()?);
    let path = store.strip_prefix(directory).ok()?.as_os_str().as_bytes().to_vec();
    (!path.is_empty()).then_some(path)
}
