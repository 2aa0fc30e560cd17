//! Who makes a snapshot: of all threads of this process that want the same one, the first; the others wait for it instead
//! of making it, too. Knows no driver, and nothing of other processes, whose snapshots meet in a rename.

use rbuild_oci::ChainId;
use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The snapshots that are being made.
#[derive(Debug, Default)]
pub(super) struct Turns {
    making: Mutex<BTreeSet<ChainId>>,
    done: Condvar,
}

/// The turn of one thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    chain: ChainId,
}

impl Turns {
    /// Waits until nobody else makes this snapshot. It may be there then.
    pub(super) fn take(&self, chain: &ChainId) -> Turn<'_> {
        let mut making = self.lock();
        while !making.insert(*chain) {
            making = self.done.wait(making).unwrap_or_else(PoisonError::into_inner);
        }
        Turn { turns: self, chain: *chain }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<ChainId>> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.lock().remove(&self.chain);
        self.turns.done.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rbuild_oci::Digest;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn one_thread_makes_what_several_want() {
        let (turns, made) = (Turns::default(), [AtomicUsize::new(0), AtomicUsize::new(0)]);
        let chains = [b"a", b"b"].map(|name| ChainId(Digest::of(name)));
        std::thread::scope(|scope| {
            for number in 0..16 {
                let (turns, made, chains) = (&turns, &made, &chains);
                scope.spawn(move || {
                    let _turn = turns.take(&chains[number % 2]);
                    if made[number % 2].load(Ordering::Relaxed) == 0 {
                        std::thread::yield_now();
                        made[number % 2].fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(made.map(AtomicUsize::into_inner), [1, 1]);
    }

    #[test]
    fn a_turn_does_not_wait_for_other_snapshots() {
        let turns = Turns::default();
        let [_one, _other] = [b"a", b"b"].map(|name| turns.take(&ChainId(Digest::of(name))));
    }
}
