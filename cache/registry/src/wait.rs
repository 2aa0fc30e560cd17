//! Waiting that a raised [`Cancel`] ends at once. Knows threads and channels, nothing of HTTP.

use rbuild_oci::{Cancel, Canceled};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// What `work` gives, or [`Canceled`] as soon as the flag is raised: then `work` is left to end on its own thread, by a
/// timeout of its own. For what blocks in the kernel and has no socket to shut down: name look-up, connect.
pub(crate) fn or_cancel<T: Send + 'static>(
    cancel: &Cancel,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Canceled> {
    cancel.check()?;
    let (sender, receiver) = channel();
    let _wake = cancel.on_cancel(waker(sender.clone()));
    thread::spawn(move || sender.send(Some(catch_unwind(AssertUnwindSafe(work)))));
    match receiver.recv() {
        Ok(Some(Ok(value))) => Ok(value),
        Ok(Some(Err(panic))) => resume_unwind(panic),
        Ok(None) | Err(_) => Err(Canceled),
    }
}

/// Sleeps for `time`, or until the flag is raised.
pub fn pause(cancel: &Cancel, time: Duration) -> Result<(), Canceled> {
    let (sender, receiver) = channel::<Option<()>>();
    let _wake = cancel.on_cancel(waker(sender.clone()));
    match receiver.recv_timeout(time) {
        Err(RecvTimeoutError::Timeout) => cancel.check(),
        _ => Err(Canceled),
    }
}

/// Sends none; that nobody listens any more is no failure.
fn waker<T: Send + 'static>(sender: Sender<Option<T>>) -> impl FnOnce() + Send + 'static {
    move || drop(sender.send(None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn work_gives_its_value() {
        assert_eq!(or_cancel(&Cancel::new(), || 7), Ok(7));
        assert_eq!(pause(&Cancel::new(), Duration::from_millis(1)), Ok(()));
    }

    #[test]
    fn a_raised_flag_ends_both_at_once() {
        let cancel = Cancel::new();
        let raise = cancel.clone();
        let begin = Instant::now();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            raise.cancel();
        });
        assert_eq!(or_cancel(&cancel, || thread::sleep(Duration::from_secs(5))), Err(Canceled));
        assert_eq!(pause(&cancel, Duration::from_secs(5)), Err(Canceled));
        assert!(begin.elapsed() < Duration::from_secs(1));
    }
}
