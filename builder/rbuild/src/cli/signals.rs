//! Ctrl-C and its kin: raised as a cancellation, or handed on to the process that does the work.

use crate::error::{Error, Result};
use crate::request::StandardInput;
use rbuild_oci::Cancel;
use rbuild_runner::Process;
use rustix::process::Signal;
use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::{Handle, Signals};
use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

/// Signals are looked after until this is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    handle: Handle,
    last: Arc<AtomicI32>,
}

impl Watch {
    /// The signal that came last.
    pub(crate) fn signal(&self) -> Option<u8> {
        u8::try_from(self.last.load(Ordering::Relaxed)).ok().filter(|signal| *signal != 0)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handle.close();
    }
}

/// Signals that come so soon after the first are the same request: a terminal sends its own to the whole process group,
/// and the process outside the user namespace hands it on besides.
const ONE_REQUEST: Duration = Duration::from_millis(250);

/// Raises `cancel` at the first INT, TERM or HUP; a second request ends the process at once.
pub(crate) fn cancel_on_signal(cancel: &Cancel) -> Result<Watch> {
    let (cancel, mut first) = (cancel.clone(), None);
    watch(&[SIGINT, SIGTERM, SIGHUP], move |signal| {
        if first.get_or_insert_with(Instant::now).elapsed() > ONE_REQUEST {
            std::process::exit(128 + signal);
        }
        cancel.cancel();
    })
}

/// Hands on what may be meant for the work. A terminal sends its own to the whole process group by itself; there it
/// comes twice.
pub(crate) fn forward(process: Process) -> Result<Watch> {
    let all = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM];
    watch(&all, move |signal| {
        if let Some(signal) = Signal::from_named_raw(signal) {
            // The process may be gone already.
            drop(process.signal(signal));
        }
    })
}

fn watch(wanted: &[i32], mut act: impl FnMut(i32) + Send + 'static) -> Result<Watch> {
    let mut signals = Signals::new(wanted).map_err(Error::io("watch", "signals"))?;
    let (handle, last) = (signals.handle(), Arc::new(AtomicI32::new(0)));
    let seen = last.clone();
    let listen = move || {
        for signal in signals.forever() {
            seen.store(signal, Ordering::Relaxed);
            act(signal);
        }
    };
    std::thread::Builder::new().spawn(listen).map_err(Error::io("start", "a thread for signals"))?;
    Ok(Watch { handle, last })
}

/// Makes what was read from standard input what the next process reads from it.
pub(crate) fn replace_stdin(read: StandardInput<'_>) -> Result<()> {
    let failed = || Error::io::<std::io::Error>("hand on", "standard input");
    let memory;
    let mut file = match read {
        StandardInput::File(file) => file,
        StandardInput::Text(bytes) => {
            let made = rustix::fs::memfd_create("stdin", rustix::fs::MemfdFlags::CLOEXEC);
            memory = std::fs::File::from(made.map_err(|errno| failed()(errno.into()))?);
            (&memory).write_all(bytes).map_err(failed())?;
            &memory
        }
    };
    file.seek(SeekFrom::Start(0)).map_err(failed())?;
    rustix::stdio::dup2_stdin(file).map_err(|errno| failed()(errno.into()))
}
