//! Compression of a layer beside its making: a thread of its own reads the tarball as far as it has come, so that whoever
//! writes it never waits, and whoever wants the layer compressed finds it so, or begun. Knows neither who writes nor what.
//!
//! What goes wrong here is nobody's failure: who asks for the compressed form makes it then, and meets the reason if that
//! is still there.

use crate::error::Result;
use crate::layer::{Codec, compress};
use crate::layout::Store;
use rbuild_oci::{Cancel, Canceled, DiffId, Hasher};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

/// A tarball is compressed beside its making from this many bytes on; smaller ones are better taken several at once.
const LEAST: u64 = 1 << 20;

/// The compression beside the making of one layer; dropping it gives it up.
#[derive(Debug)]
pub struct Beside {
    store: Store,
    /// Those that have not begun.
    codecs: Vec<Codec>,
    cancel: Cancel,
    progress: Arc<Progress>,
}

impl Beside {
    pub(crate) fn new(store: &Store, codecs: &[Codec], cancel: &Cancel) -> Self {
        Self { store: store.clone(), codecs: codecs.to_vec(), cancel: cancel.clone(), progress: Arc::default() }
    }

    /// Notes that the tarball has so many bytes more.
    pub(crate) fn advance(&mut self, tarball: &File, count: usize) {
        let written = self.progress.change(|state| state.written += count as u64).written;
        if written >= LEAST {
            for codec in std::mem::take(&mut self.codecs) {
                self.begin(tarball, codec);
            }
        }
    }

    fn begin(&self, tarball: &File, codec: Codec) {
        let Ok(tarball) = tarball.try_clone() else { return };
        let (progress, stop) = (self.progress.clone(), self.store.helpers.stop.clone());
        let tarball = Follower { tarball, read: 0, hasher: Hasher::new(), progress, stop };
        let (store, cancel) = (self.store.without_helpers(), self.cancel.clone());
        self.store.helpers.start(move || drop(press(&store, tarball, codec, &cancel)));
    }

    /// Notes that the tarball is whole, and that its layer is kept: so will be what it is compressed to.
    pub fn keep(self, layer: &DiffId) {
        self.progress.change(|state| state.fate = Some(Fate::Kept(*layer)));
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.progress.change(|state| state.fate = state.fate.or(Some(Fate::Dropped)));
    }
}

/// Threads that work beside others, for a store and its clones; they end with those.
#[derive(Debug, Default)]
pub(crate) struct Helpers {
    stop: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Helpers {
    /// Where there is no room for another thread, nothing is done.
    fn start(&self, work: impl FnOnce() + Send + 'static) {
        let Ok(thread) = Builder::new().name("beside".to_owned()).spawn(work) else { return };
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.get_mut().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // Nobody waits for what it did.
            drop(thread.join());
        }
    }
}

/// How far a tarball has come.
#[derive(Debug, Default)]
struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    written: u64,
    fate: Option<Fate>,
}

/// What became of a tarball.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Kept(DiffId),
    Dropped,
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> State {
        let mut state = self.lock();
        change(&mut state);
        self.changed.notify_all();
        *state
    }

    /// Waits until the tarball is longer than `read`, or will not be.
    fn beyond(&self, read: u64) -> State {
        let waiting = |state: &mut State| state.written <= read && state.fate.is_none();
        *self.changed.wait_while(self.lock(), waiting).unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a tarball that still grows.
struct Follower {
    tarball: File,
    read: u64,
    hasher: Hasher,
    progress: Arc<Progress>,
    stop: Arc<AtomicBool>,
}

impl Read for Follower {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let State { written, fate } = self.progress.beyond(self.read);
        if fate == Some(Fate::Dropped) || self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other(Canceled));
        }
        let most = buffer.len().min((written - self.read) as usize);
        let count = self.tarball.read_at(&mut buffer[..most], self.read)?;
        self.read += count as u64;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

/// Compresses what is followed and keeps it, if that was the layer's tarball, unless somebody else has done so meanwhile.
fn press(store: &Store, mut tarball: Follower, codec: Codec, cancel: &Cancel) -> Result<()> {
    let _turn = store.compressing.lock().unwrap_or_else(PoisonError::into_inner);
    let fate = tarball.progress.lock().fate;
    let is_done = match fate {
        Some(Fate::Kept(layer)) => store.encoded().find(&layer, codec)?.is_some(),
        Some(Fate::Dropped) => true,
        None => false,
    };
    if is_done {
        return Ok(());
    }
    let blob = store.tmp_file()?;
    let descriptor = compress(&mut tarball, codec, &mut blob.file(), cancel)?;
    let fate = tarball.progress.lock().fate;
    match fate {
        Some(Fate::Kept(layer)) if tarball.hasher.finish() == layer.0 => {
            store.encoded().keep(&layer, codec, blob, &descriptor)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::ContentStore;
    use crate::layer::{Body, Entry, FileData, Format, Node};
    use crate::layers::Landed;
    use crate::{Bucket, Encoded};
    use rbuild_oci::Descriptor;
    use std::path::Path;
    use std::time::{Duration, Instant};

    fn codecs() -> [Codec; 2] {
        [Format::Gzip, Format::Zstd].map(|format| Codec::new(format, None).unwrap())
    }

    fn write(store: &Store, codecs: &[Codec], size: usize) -> Landed {
        let body: Vec<u8> = (0..size as u64).map(|at| (at.wrapping_mul(at) >> 9) as u8 & 0x3f).collect();
        let mut writer = store.layers().writer_for(codecs, None, &Cancel::new()).unwrap();
        let entry = Entry::new("f", Node::File(FileData::unread(size as u64)), 0o644);
        writer.add(entry, Body::Bytes(&body)).unwrap();
        store.layers().land(writer.finish().unwrap()).unwrap()
    }

    fn wait_for(encoded: &Encoded, layer: &DiffId, codec: Codec) -> Descriptor {
        let began = Instant::now();
        loop {
            if let Some(found) = encoded.find(layer, codec).unwrap() {
                return found;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "it never came");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn join(store: &Store) {
        for thread in store.helpers.threads.lock().unwrap().drain(..) {
            thread.join().unwrap();
        }
    }

    fn opened(place: &Path) -> Store {
        Store::open(&place.join("store")).unwrap()
    }

    fn count(store: &Store, bucket: Bucket) -> usize {
        std::fs::read_dir(store.dir(bucket)).unwrap().count()
    }

    #[test]
    fn a_large_layer_is_compressed_meanwhile_to_the_same_bytes() {
        let (place, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (store, other) = (opened(place.path()), opened(other.path()));
        let landed = write(&store, &codecs(), 9 << 20);
        let layer = landed.layer.diff_id;
        landed.beside.keep(&layer);
        // What follows the tarball needs no name of it.
        store.content().remove(&layer.0).unwrap();
        write(&other, &[], 9 << 20);
        for codec in codecs() {
            let found = wait_for(&store.encoded(), &layer, codec);
            assert_eq!(found, other.encoded().make(&layer, codec, &Cancel::new()).unwrap());
            let mut blob = Vec::new();
            let mut file = store.encoded().open(&layer, codec).unwrap();
            assert!(store.encoded().is_own(&layer, codec, &file));
            assert!(!opened(place.path()).encoded().is_own(&layer, codec, &file), "another process verifies it");
            file.read_to_end(&mut blob).unwrap();
            assert_eq!(Descriptor::of(codec.media_type(), &blob), found);
        }
        drop(landed.index);
        assert_eq!(count(&store, Bucket::Tmp), 0);
    }

    #[test]
    fn who_asks_early_gets_it_once() {
        let place = tempfile::tempdir().unwrap();
        let store = opened(place.path());
        let landed = write(&store, &codecs(), 9 << 20);
        let layer = landed.layer.diff_id;
        landed.beside.keep(&layer);
        let made = codecs().map(|codec| store.encoded().make(&layer, codec, &Cancel::new()).unwrap());
        join(&store);
        assert_eq!(codecs().map(|codec| store.encoded().find(&layer, codec).unwrap().unwrap()), made);
        assert_eq!((count(&store, Bucket::Encoded), count(&store, Bucket::Tmp)), (4, 0));
    }

    #[test]
    fn nothing_is_left_of_a_layer_that_is_given_up_or_was_never_large() {
        let place = tempfile::tempdir().unwrap();
        let store = opened(place.path());
        let small = write(&store, &codecs(), 1 << 19);
        small.beside.keep(&small.layer.diff_id);
        assert!(store.helpers.threads.lock().unwrap().is_empty());
        drop(write(&store, &codecs(), 9 << 20).beside);
        join(&store);
        let late = write(&store, &codecs(), 9 << 20);
        late.beside.keep(&late.layer.diff_id);
        drop(store);
        let again = opened(place.path());
        assert_eq!(count(&again, Bucket::Tmp), 0, "the threads ended with the store");
        assert_eq!(count(&again, Bucket::Encoded) % 2, 0, "all of a form or none");
    }
}
