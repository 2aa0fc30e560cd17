//! Ctrl-C and its kin: raised as a cancellation, or handed on to the process that does the work.

use crate::error::{Error, Result};
use rbuild_oci::Cancel;
use rbuild_runner::Process;
use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

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

/// Raises `cancel` at the first INT, TERM or HUP; a second one ends the process at once.
pub(crate) fn cancel_on_signal(cancel: &Cancel) -> Result<Watch> {
    let cancel = cancel.clone();
    watch(move |signal| {
        if cancel.is_canceled() {
            std::process::exit(128 + signal);
        }
        cancel.cancel();
    })
}

/// Hands INT, TERM and HUP on. A terminal sends them to the whole process group by itself; twice does no harm there.
pub(crate) fn forward(process: Process) -> Result<Watch> {
    watch(move |signal| {
        if let Some(signal) = Signal::from_named_raw(signal) {
            // The process may be gone already.
            drop(process.signal(signal));
        }
    })
}

fn watch(mut act: impl FnMut(i32) + Send + 'static) -> Result<Watch> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(Error::io("watch", "signals"))?;
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

/// Makes these bytes what the next process reads as its standard input.
pub(crate) fn replace_stdin(bytes: &[u8]) -> Result<()> {
    let failed = || Error::io::<std::io::Error>("hand on", "standard input");
    let memory =
        rustix::fs::memfd_create("stdin", rustix::fs::MemfdFlags::CLOEXEC).map_err(|errno| failed()(errno.into()))?;
    let mut file = std::fs::File::from(memory);
    file.write_all(bytes).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(failed())?;
    rustix::stdio::dup2_stdin(&file).map_err(|errno| failed()(errno.into()))
}
