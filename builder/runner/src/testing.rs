//! For tests of this crate's users: an executor that starts nothing, and what every executor must do.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rbuild_oci::Cancel;

use crate::container::{Container, Rootfs};
use crate::error::{Error, Result};
use crate::executor::{Executor, Exit, Outcome, Output, Stream};

/// What a script does in place of the program: acts on the directory that takes the container's writes.
pub type Script = dyn Fn(&Container, &Path, &mut dyn Output) -> io::Result<Exit> + Send + Sync;

/// An executor whose programs are closures, found by the arguments joined with spaces.
#[derive(Default)]
pub struct Scripted {
    scripts: BTreeMap<Vec<u8>, Box<Script>>,
    ran: Mutex<Vec<String>>,
}

impl Scripted {
    /// One that knows no program.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a program.
    #[must_use]
    pub fn on(
        mut self,
        command: &str,
        script: impl Fn(&Container, &Path, &mut dyn Output) -> io::Result<Exit> + Send + Sync + 'static,
    ) -> Self {
        self.scripts.insert(command.as_bytes().to_vec(), Box::new(script));
        self
    }

    /// Commands run so far, in order of their start.
    pub fn ran(&self) -> Vec<String> {
        self.ran.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripted").field("ran", &self.ran()).finish_non_exhaustive()
    }
}

impl Executor for Scripted {
    fn run(&self, container: &Container, output: &mut dyn Output, cancel: &Cancel) -> Result<Outcome> {
        cancel.check()?;
        let command = container.argv.join(&b' ');
        let shown = String::from_utf8_lossy(&command).into_owned();
        self.ran.lock().unwrap_or_else(PoisonError::into_inner).push(shown.clone());
        let script = self.scripts.get(&command).ok_or_else(|| Error::Program {
            program: shown.clone(),
            reason: "no such script".to_owned(),
            code: 127,
        })?;
        let writable = match &container.rootfs {
            Rootfs::Overlay(overlay) => &overlay.upper,
            Rootfs::Bind(path) => path,
        };
        let exit = script(container, writable, output).map_err(|error| Error::io("run script", shown, error))?;
        cancel.check()?;
        Ok(Outcome { exit, stubs: Vec::new() })
    }
}

/// An output that keeps everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// What went to stdout.
    pub stdout: Vec<u8>,
    /// What went to stderr.
    pub stderr: Vec<u8>,
    /// Whether the program was started.
    pub started: bool,
}

impl Output for Collected {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        match stream {
            Stream::Stdout => self.stdout.extend_from_slice(bytes),
            Stream::Stderr => self.stderr.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn started(&mut self, _: &crate::executor::Process) {
        self.started = true;
    }
}
