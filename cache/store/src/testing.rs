//! The suite that every store of blobs has to pass, and stores of blobs that fail on purpose. Knows the trait only, and no
//! test framework: the suite returns everything that is wrong.

pub mod volumes;

use crate::content::{Blob, BlobWriter, ContentStore, put, read};
use crate::error::{Error, Result};
use rbuild_oci::Digest;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Everything that an empty store of blobs does wrong; an error where there should be none ends it.
pub fn conformance(store: &dyn ContentStore) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut check = |holds: bool, rule: &str| wrong.extend((!holds).then(|| rule.to_owned()));
    absent(store, &mut check)?;
    written(store, &mut check)?;
    refused(store, &mut check)?;
    twice(store, &mut check)?;
    concurrent(store, &mut check)?;
    Ok(wrong)
}

type Check<'a> = dyn FnMut(bool, &str) + 'a;

fn absent(store: &dyn ContentStore, check: &mut Check<'_>) -> Result<()> {
    let digest = Digest::of(b"absent");
    check(
        store.open(&digest)?.is_none() && store.size(&digest)?.is_none(),
        "what is absent has neither bytes nor size",
    );
    check(!store.remove(&digest)? && read(store, &digest, 10)?.is_none(), "what is absent is not removed, nor read");
    Ok(())
}

fn written(store: &dyn ContentStore, check: &mut Check<'_>) -> Result<()> {
    let failed = || Error::io::<io::Error>("use", "a blob");
    let mut writer = store.writer()?;
    writer.write_all(b"hello ").map_err(failed())?;
    writer.write_all(b"world").map_err(failed())?;
    let digest = writer.commit(None)?;
    check(digest == Digest::of(b"hello world"), "a blob has the digest of its bytes");
    check(store.size(&digest)? == Some(11) && store.list()?.contains(&digest), "what was written is there");
    let Some(mut blob) = store.open(&digest)? else {
        check(false, "what was written is opened");
        return Ok(());
    };
    let mut text = String::new();
    blob.seek(SeekFrom::Start(6)).map_err(failed())?;
    check(store.remove(&digest)? && store.size(&digest)?.is_none(), "what was removed is gone");
    blob.read_to_string(&mut text).map_err(failed())?;
    check(text == "world", "what is open is read from anywhere, even once it is removed");
    Ok(())
}

fn refused(store: &dyn ContentStore, check: &mut Check<'_>) -> Result<()> {
    let before = store.list()?;
    let mut writer = store.writer()?;
    writer.write_all(b"one thing").map_err(Error::io("write", "a blob"))?;
    let refused = writer.commit(Some(&Digest::of(b"another")));
    check(matches!(refused, Err(Error::Corrupt { .. })), "other content than expected is refused as damaged");
    store.writer()?.write_all(b"never committed").map_err(Error::io("write", "a blob"))?;
    check(store.list()? == before, "neither what is refused nor what is dropped leaves anything");
    Ok(())
}

fn twice(store: &dyn ContentStore, check: &mut Check<'_>) -> Result<()> {
    let first = put(store, b"twice")?;
    let mut writer = store.writer()?;
    writer.write_all(b"twice").map_err(Error::io("write", "a blob"))?;
    check(writer.commit(Some(&first))? == first && put(store, b"twice")? == first, "a second commit is fine");
    check(read(store, &first, 5)?.as_deref() == Some(b"twice"), "a second commit changes nothing");
    check(matches!(read(store, &first, 4), Err(Error::Refused { .. })), "more than the limit is not read");
    put(store, b"")?;
    check(read(store, &Digest::of(b""), 0)?.is_some_and(|bytes| bytes.is_empty()), "an empty blob is one");
    Ok(())
}

fn concurrent(store: &dyn ContentStore, check: &mut Check<'_>) -> Result<()> {
    let write = |thread: u8| {
        (0..20_u8).try_for_each(|number| put(store, &[number; 100]).and(put(store, &[thread, number])).map(drop))
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || write(thread))).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    check(results.iter().all(|result| matches!(result, Ok(Ok(())))), "many writers all succeed");
    for number in 0..20_u8 {
        let bytes = read(store, &Digest::of(&[number; 100]), 100)?;
        check(bytes.is_some_and(|bytes| bytes == [number; 100]), "many writers leave every blob whole");
    }
    Ok(())
}

/// Which operations of a [`FailingContent`] count and fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Every operation.
    Any,
    /// Only those that need room: making a writer, writing, committing.
    Writes,
}

/// A store of blobs that works for a number of operations and then fails every further one.
#[derive(Debug)]
pub struct FailingContent<S> {
    inner: S,
    budget: Arc<Budget>,
}

#[derive(Debug)]
struct Budget {
    left: AtomicUsize,
    fault: Fault,
    kind: io::ErrorKind,
}

impl<S: ContentStore> FailingContent<S> {
    /// `inner`, failing with `kind` after that many operations.
    pub fn new(inner: S, operations: usize, fault: Fault, kind: io::ErrorKind) -> Self {
        Self { inner, budget: Arc::new(Budget { left: AtomicUsize::new(operations), fault, kind }) }
    }

    /// `inner` on a disk that is full.
    pub fn full_disk(inner: S) -> Self {
        Self::new(inner, 0, Fault::Writes, io::ErrorKind::StorageFull)
    }
}

impl Budget {
    fn spend(&self, fault: Fault) -> io::Result<()> {
        let counts = self.fault == Fault::Any || self.fault == fault;
        let less = |left: usize| left.checked_sub(1);
        if counts && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_err() {
            return Err(self.kind.into());
        }
        Ok(())
    }

    fn operation(&self, fault: Fault, subject: &str) -> Result<()> {
        self.spend(fault).map_err(Error::io("use", subject))
    }
}

impl<S: ContentStore> ContentStore for FailingContent<S> {
    fn open(&self, digest: &Digest) -> Result<Option<Box<dyn Blob>>> {
        self.budget.operation(Fault::Any, &digest.to_string())?;
        self.inner.open(digest)
    }

    fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        self.budget.operation(Fault::Any, &digest.to_string())?;
        self.inner.size(digest)
    }

    fn writer(&self) -> Result<Box<dyn BlobWriter>> {
        self.budget.operation(Fault::Writes, "a new blob")?;
        Ok(Box::new(FailingWriter { inner: self.inner.writer()?, budget: self.budget.clone() }))
    }

    fn remove(&self, digest: &Digest) -> Result<bool> {
        self.budget.operation(Fault::Any, &digest.to_string())?;
        self.inner.remove(digest)
    }

    fn list(&self) -> Result<Vec<Digest>> {
        self.budget.operation(Fault::Any, "the list of blobs")?;
        self.inner.list()
    }
}

struct FailingWriter {
    inner: Box<dyn BlobWriter>,
    budget: Arc<Budget>,
}

impl Write for FailingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.budget.spend(Fault::Writes)?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl BlobWriter for FailingWriter {
    fn commit(self: Box<Self>, expected: Option<&Digest>) -> Result<Digest> {
        self.budget.operation(Fault::Writes, "a new blob")?;
        self.inner.commit(expected)
    }
}
