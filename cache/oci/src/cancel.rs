//! A request to stop, shared by everything that works for one build. Knows nothing of signals, processes or sockets:
//! those register a closure that ends them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A flag that is raised once and never lowered. Clones share it. Long work calls [`Cancel::check`] at least once per
/// MiB and per file; what blocks in the kernel registers with [`Cancel::on_cancel`].
#[derive(Clone, Default)]
pub struct Cancel(Arc<Shared>);

#[derive(Default)]
struct Shared {
    raised: AtomicBool,
    actions: Mutex<Actions>,
}

#[derive(Default)]
struct Actions {
    next: u64,
    pending: BTreeMap<u64, Box<dyn FnOnce() + Send>>,
}

/// The work was asked to stop and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("canceled")]
pub struct Canceled;

impl Cancel {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the flag and runs what was registered, once.
    pub fn cancel(&self) {
        if self.0.raised.swap(true, Ordering::SeqCst) {
            return;
        }
        let pending = std::mem::take(&mut self.lock().pending);
        for action in pending.into_values() {
            action();
        }
    }

    /// A flag of its own that is raised with this one, and not the other way round; and what ties the two.
    pub fn child(&self) -> (Self, OnCancel) {
        let child = Self::new();
        let raised = child.clone();
        let tie = self.on_cancel(move || raised.cancel());
        (child, tie)
    }

    /// Whether the flag is raised.
    pub fn is_canceled(&self) -> bool {
        self.0.raised.load(Ordering::Relaxed)
    }

    /// Fails once the flag is raised.
    pub fn check(&self) -> Result<(), Canceled> {
        if self.is_canceled() { Err(Canceled) } else { Ok(()) }
    }

    /// Runs `action` when the flag is raised, at once if it is already; dropping the result takes it back.
    pub fn on_cancel(&self, action: impl FnOnce() + Send + 'static) -> OnCancel {
        let mut actions = self.lock();
        if self.is_canceled() {
            drop(actions);
            action();
            return OnCancel { cancel: self.clone(), number: 0 };
        }
        actions.next += 1;
        let number = actions.next;
        actions.pending.insert(number, Box::new(action));
        drop(actions);
        OnCancel { cancel: self.clone(), number }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Actions> {
        self.0.actions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Cancel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cancel({})", self.is_canceled())
    }
}

/// A registered action; dropping it takes the action back.
#[derive(Debug)]
#[must_use = "dropping it takes the action back at once"]
pub struct OnCancel {
    cancel: Cancel,
    number: u64,
}

impl Drop for OnCancel {
    fn drop(&mut self) {
        self.cancel.lock().pending.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_child_is_raised_with_its_parent_and_not_the_other_way_round() {
        let parent = Cancel::new();
        let (one, tie_one) = parent.child();
        let (other, tie_other) = parent.child();
        one.cancel();
        assert!(one.is_canceled() && !parent.is_canceled() && !other.is_canceled());
        parent.cancel();
        assert!(other.is_canceled());
        drop((tie_one, tie_other));
    }

    #[test]
    fn actions_run_once_and_may_be_taken_back() {
        let (cancel, count) = (Cancel::new(), Arc::new(AtomicUsize::new(0)));
        let add = |amount: usize| {
            let count = count.clone();
            move || {
                count.fetch_add(amount, Ordering::SeqCst);
            }
        };
        let kept = cancel.on_cancel(add(1));
        drop(cancel.on_cancel(add(10)));
        cancel.clone().cancel();
        cancel.cancel();
        let late = cancel.on_cancel(add(100));
        assert_eq!(count.load(Ordering::SeqCst), 101);
        assert_eq!(cancel.check(), Err(Canceled));
        drop((kept, late));
    }
}
