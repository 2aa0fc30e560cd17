//! The whole output of every step on disk, byte for byte, also of steps that succeed. Knows no terminal.

use super::{Event, Sink, StepId};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Writes `<directory>/<step>.log` for each step that writes anything; the directory is made with the first file, so a
/// build without a run step writes nothing.
#[derive(Debug)]
pub struct LogFile {
    directory: PathBuf,
    files: Mutex<BTreeMap<StepId, Option<File>>>,
}

impl LogFile {
    /// Logs below `directory`.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), files: Mutex::default() }
    }

    fn append(&self, step: StepId, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match files.entry(step) {
            Entry::Occupied(known) => known.into_mut(),
            // Once it is not whole it is said once.
            Entry::Vacant(new) => {
                let file = new.insert(None);
                *file = Some(self.create(step)?);
                file
            }
        };
        let written = file.as_mut().map_or(Ok(()), |file| file.write_all(bytes));
        if written.is_err() {
            *file = None;
        }
        written
    }

    fn create(&self, step: StepId) -> io::Result<File> {
        fs::create_dir_all(&self.directory)?;
        File::create(self.directory.join(format!("{}.log", step.0)))
    }
}

impl Sink for LogFile {
    fn event(&self, event: &Event<'_>) {
        if let Event::Output { step, bytes, .. } = event
            && let Err(error) = self.append(*step, bytes)
        {
            let place = self.directory.display();
            let text = format!("WARNING: the log of step {step} in {place} is not whole: {error}\n");
            // Where standard error is gone too there is nobody left to tell.
            drop(io::stderr().lock().write_all(text.as_bytes()));
        }
    }
}
