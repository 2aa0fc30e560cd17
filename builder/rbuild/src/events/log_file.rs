//! The whole output of every step on disk, byte for byte, also of steps that succeed. Knows no terminal.

use super::{Event, Sink, StepId};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Writes `<directory>/<step>.log` for each step that writes anything; the directory is made with the first file, so a
/// build without a run step writes nothing.
#[derive(Debug)]
pub struct LogFile {
    directory: PathBuf,
    files: Mutex<BTreeMap<StepId, File>>,
}

impl LogFile {
    /// Logs below `directory`.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), files: Mutex::default() }
    }

    fn append(&self, step: StepId, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get_mut(&step) {
            return file.write_all(bytes);
        }
        fs::create_dir_all(&self.directory)?;
        let mut file = File::create(self.directory.join(format!("{}.log", step.0)))?;
        file.write_all(bytes)?;
        files.insert(step, file);
        Ok(())
    }
}

impl Sink for LogFile {
    fn event(&self, event: &Event<'_>) {
        if let Event::Output { step, bytes, .. } = event
            && let Err(error) = self.append(*step, bytes)
        {
            eprintln!("WARNING: the log of step {step} in {} is not whole: {error}", self.directory.display());
        }
    }
}
