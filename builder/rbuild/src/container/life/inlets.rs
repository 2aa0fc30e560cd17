//! The ways into a container that nobody's terminal or input is bound to: pipes that whoever is attached types into and
//! tells sizes through. Knows no client.

use super::null::null;
use crate::container::control::Size;
use crate::container::model::Config;
use crate::error::{Error, Result};
use rbuild_runner::{Sizes, Stdio, Terminal};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The writing ends.
#[derive(Debug, Default)]
pub(crate) struct Inlets {
    /// Where what is typed goes, while input is open.
    input: Mutex<Option<Arc<OwnedFd>>>,
    /// Where sizes go, if there is a terminal.
    sizes: Option<OwnedFd>,
    /// Whether input outlives whoever gives it.
    input_stays: bool,
}

impl Inlets {
    /// The inlets that a container asks for, and its streams at their other ends. Without `-i` its input is empty.
    pub(crate) fn open(config: &Config) -> Result<(Stdio, Self)> {
        let (mut inlets, mut input) = (Self::default(), None);
        if config.interactive {
            let (read, write) = pipe()?;
            (inlets.input, input) = (Mutex::new(Some(Arc::new(write))), Some(read));
            inlets.input_stays = config.input_stays || config.terminal;
        }
        if !config.terminal {
            let stdio = input.map_or(Stdio::Captured, |input| Stdio::Input(Arc::new(input)));
            return Ok((stdio, inlets));
        }
        let (read, write) = pipe()?;
        inlets.sizes = Some(write);
        let input = Arc::new(input.map_or_else(null, Ok)?);
        Ok((Stdio::Terminal(Terminal { input, sizes: Sizes::Told(Arc::new(read)) }), inlets))
    }

    /// Whether anything that is typed arrives.
    pub(crate) fn takes_input(&self) -> bool {
        self.lock().is_some()
    }

    /// Types. Waits while the container does not read.
    pub(crate) fn input(&self, mut bytes: &[u8]) {
        let Some(input) = self.lock().clone() else { return };
        while !bytes.is_empty() {
            match rustix::io::write(&input, bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(Errno::INTR) => {}
                // Nobody reads any more.
                Err(_) => return,
            }
        }
    }

    /// Ends the input, unless it stays.
    pub(crate) fn end_input(&self) {
        if !self.input_stays {
            *self.lock() = None;
        }
    }

    /// Changes the terminal's size.
    pub(crate) fn resize(&self, size: Size) {
        if let Some(sizes) = &self.sizes {
            let [rows, columns] = [size.rows.to_ne_bytes(), size.columns.to_ne_bytes()];
            // A pipe takes four bytes at once or, when it is full of sizes that nobody looks at, waits.
            let _ = rustix::io::write(sizes, &[rows, columns].concat());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<OwnedFd>>> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    pipe_with(PipeFlags::CLOEXEC).map_err(Error::io("make", "a pipe"))
}
