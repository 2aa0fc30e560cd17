//! Deals the entries of a layer out to all processors. What lies in one directory stays together, so that not everybody
//! waits for the same directory. Knows no file.

use crate::error::{Error, Result};
use crate::layer::entry::{Entry, Node};
use crate::layer::index::LayerIndex;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, available_parallelism};

/// How many entries one goes through before asking for more.
const ENTRIES: usize = 128;

/// How many bytes their data has at most, unless it is one file.
const BYTES: u64 = 4 << 20;

/// Entries of one directory.
pub(super) type Run<'a> = Vec<&'a Entry>;

/// All entries that are neither directories nor hard links.
pub(super) fn of(index: &LayerIndex) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    for directory in index.entries().iter().filter(|entry| entry.node.is_directory()) {
        let (mut run, mut bytes) = (Run::new(), 0);
        for entry in index.children(&directory.path) {
            bytes += match &entry.node {
                Node::Directory { .. } | Node::HardLink { .. } => continue,
                Node::File(data) => data.size,
                _ => 0,
            };
            run.push(entry);
            if run.len() == ENTRIES || bytes >= BYTES {
                runs.push(std::mem::take(&mut run));
                bytes = 0;
            }
        }
        if !run.is_empty() {
            runs.push(run);
        }
    }
    runs
}

/// Does some work with each run, on as many threads as are of use, each with a hand of its own. Gives the hands back. The
/// first failure stops the others.
pub(super) fn each<H: Send>(
    runs: &[Run<'_>],
    hand: &(dyn Fn() -> H + Sync),
    work: &(dyn Fn(&Run<'_>, &mut H) -> Result<()> + Sync),
) -> Result<Vec<H>> {
    let next = AtomicUsize::new(0);
    let go = || {
        let mut hand = hand();
        while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = work(run, &mut hand) {
                next.store(runs.len(), Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(hand)
    };
    let threads = match runs.len() {
        0 | 1 => 1,
        many => available_parallelism().map_or(1, usize::from).min(many),
    };
    std::thread::scope(|scope| {
        // Where there is no room for more threads, those that are there do it.
        let others: Vec<_> = (1..threads).map_while(|_| Builder::new().spawn_scoped(scope, go).ok()).collect();
        let mine = go();
        std::iter::once(mine)
            .chain(others.into_iter().map(|other| other.join().unwrap_or_else(|_| Err(gone()))))
            .collect()
    })
}

/// A thread ended before its work did.
pub(super) fn gone() -> Error {
    Error::io("unpack", "a layer")(std::io::Error::from(ErrorKind::BrokenPipe))
}
