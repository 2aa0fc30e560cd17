//! A directory as a tarball, cut into pieces on its way. Knows tarballs only by the store's writer, and no depot.

use super::Ground;
use super::cutter::{Cutter, Take};
use super::print::print;
use crate::error::{Error, Result};
use rbuild_oci::Digest;
use rbuild_store::RootDir;
use rbuild_store::layer::{Entry, LayerWriter, Node, is_reserved, show_path};
use rbuild_store::snapshot::{list_tree, pack_tree};
use std::path::Path;

/// A directory that was read.
#[derive(Debug)]
pub(super) struct Whole<T> {
    /// Who took its pieces.
    pub(super) taker: T,
    /// The size of the tarball.
    pub(super) size: u64,
    /// What the directory looked like all the while.
    pub(super) print: Digest,
    /// What was left behind and why.
    pub(super) notes: Vec<String>,
}

/// What became of reading a directory.
#[derive(Debug)]
pub(super) enum Outcome<T> {
    /// There is nothing in it.
    Empty,
    /// Its tarball has so many bytes, or would have.
    TooLarge(u64),
    /// All of it was taken.
    Whole(Whole<T>),
}

/// Paths that are longer are refused by whoever unpacks them.
const PATH: usize = 4000;
/// What the header of an entry has in bytes, and what its data is a multiple of.
const BLOCK: u64 = 512;

/// Reads a directory of at most `most` bytes. One that changes meanwhile is read once more, with a new taker; if it changes
/// again, that is [`rbuild_store::Error::Changed`].
pub(super) fn read<T: Take + Send + 'static>(
    ground: &Ground<'_>,
    directory: &Path,
    most: u64,
    taker: &dyn Fn() -> Result<T>,
) -> Result<Outcome<T>> {
    match once(ground, directory, most, taker()?) {
        Err(error) if is_change(&error) => once(ground, directory, most, taker()?),
        other => other,
    }
}

/// A file that vanishes under the reader is a change as much as one that grows.
fn is_change(error: &Error) -> bool {
    matches!(error, Error::Store(source) if source.is_not_found() || matches!(source, rbuild_store::Error::Changed { .. }))
}

fn once<T: Take + Send + 'static>(ground: &Ground<'_>, directory: &Path, most: u64, taker: T) -> Result<Outcome<T>> {
    let root = RootDir::open(directory)?;
    if root.list(b"")?.is_empty() {
        return Ok(Outcome::Empty);
    }
    let before = print(directory, ground.cancel)?;
    let found = list_tree(&root, ground.ownership, ground.cancel)?;
    let (mut notes, mut entries) = (found.notes, found.entries);
    entries.retain(|entry| match unfit(entry) {
        Some(why) => {
            notes.push(format!("{} is left out: {why}", show_path(&entry.path)));
            false
        }
        None => true,
    });
    let size = entries.iter().map(size).sum();
    if size > most {
        return Ok(Outcome::TooLarge(size));
    }
    let packed = pack_tree(&root, entries, LayerWriter::new(Cutter::new(taker), None, ground.cancel.clone()))?;
    let taker = packed.out.finish().map_err(rbuild_store::Error::io("keep what was read of", directory.display()))?;
    if print(directory, ground.cancel)? != before {
        return Err(rbuild_store::Error::Changed { subject: directory.display().to_string() }.into());
    }
    if packed.size > most {
        return Ok(Outcome::TooLarge(packed.size));
    }
    Ok(Outcome::Whole(Whole { taker, size: packed.size, print: before, notes }))
}

/// Why an entry cannot travel: for its own name, or for that of the file which it is a further name of.
fn unfit(entry: &Entry) -> Option<&'static str> {
    let paths = match &entry.node {
        Node::HardLink { target } => [&entry.path, target],
        _ => [&entry.path; 2],
    };
    if paths.iter().any(|path| is_reserved(path)) {
        return Some("its name marks a deletion in layers");
    }
    paths.iter().any(|path| path.len() > PATH).then_some("its path is too long")
}

/// What an entry takes in a tarball, about.
fn size(entry: &Entry) -> u64 {
    match &entry.node {
        Node::File(data) => BLOCK + data.size.next_multiple_of(BLOCK),
        _ => BLOCK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rbuild_oci::Cancel;
    use rbuild_store::Store;
    use rbuild_store::layer::Ownership;
    use std::io;
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Writes to the directory while it is read, so many times.
    struct Meddler {
        file: PathBuf,
        left: Arc<AtomicUsize>,
    }

    impl Take for Meddler {
        fn take(&mut self, _: &[u8]) -> io::Result<()> {
            let meddle = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            meddle.map_or(Ok(()), |left| std::fs::write(&self.file, "x".repeat(left + 10)))
        }
    }

    #[test]
    fn what_changes_while_it_is_read_is_read_once_more() {
        for (times, whole) in [(0, true), (1, true), (2, false)] {
            let place = tempfile::tempdir().unwrap();
            let store = Store::open(&place.path().join("store")).unwrap();
            let (directory, cancel) = (place.path().join("mount"), Cancel::new());
            std::fs::create_dir(&directory).unwrap();
            let file = directory.join("f");
            std::fs::write(&file, "").unwrap();
            let ground = Ground { store: &store, ownership: Ownership::Recorded, cancel: &cancel };
            let left = Arc::new(AtomicUsize::new(times));
            let meddler = || Ok(Meddler { file: file.clone(), left: left.clone() });
            let read = read(&ground, &directory, 1 << 20, &meddler);
            match read {
                Ok(Outcome::Whole(_)) => assert!(whole),
                Err(Error::Store(rbuild_store::Error::Changed { .. })) => assert!(!whole),
                other => panic!("{:?}", other.map(|_| "too large or empty")),
            }
        }
    }
}
