//! The same thing done with each of many, a few at a time: for what waits for a network.

use crate::error::{Error, Result};
use rbuild_oci::Cancel;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// How many at a time.
const AT_ONCE: usize = 6;

/// Does it with each; the first failure ends it.
pub(super) fn each<T: Sync>(items: &[T], cancel: &Cancel, act: &(dyn Fn(&T) -> Result<()> + Sync)) -> Result<()> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || -> Result<()> {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            if failed.load(Ordering::Relaxed) {
                break;
            }
            let done = cancel.check().map_err(|canceled| Error::Store(canceled.into())).and_then(|()| act(item));
            done.inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE.min(items.len())).map(|_| scope.spawn(work)).collect();
        let ended =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        ended.collect::<Vec<_>>().into_iter().collect()
    })
}
