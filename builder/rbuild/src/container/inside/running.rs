//! A container that runs, held by its first process. Locks nothing: it may end at any moment, and then what is done in
//! it fails.

use crate::container::life::not_running;
use crate::container::model::Config;
use crate::container::shelf::{Containers, Entry, State, Status};
use crate::error::{Error, Result};
use rbuild_runner::Process;

/// A container that ran a moment ago.
#[derive(Clone, Debug)]
pub struct Running {
    entry: Entry,
    process: Process,
}

impl Running {
    /// The container that `word` names (see [`Containers::find`]); one that does not run is [`Error::Unfit`].
    pub fn find(containers: &Containers, word: &str) -> Result<Self> {
        let entry = containers.find(word)?;
        let process = match &entry.state {
            State::Running { process, .. } => process.process()?,
            _ => None,
        };
        match process {
            Some(process) => Ok(Self { entry, process }),
            None => Err(not_running(&entry)),
        }
    }

    /// What it is.
    pub fn config(&self) -> &Config {
        &self.entry.config
    }

    /// Its first process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// In a container that stands still, a further process would stand still before it began.
    pub(super) fn refuse_paused(&self) -> Result<()> {
        if !matches!(self.entry.state.status(), Status::Paused(_)) {
            return Ok(());
        }
        let name = self.entry.config.name.clone();
        let hint = Some(format!("rbuild unpause {name} lets it go on"));
        Err(Error::Unfit { name, reason: "is paused, unpause the container before exec".to_owned(), hint })
    }

    /// What was learned of the process by its number holds if the process is still there to have it.
    pub(super) fn check(&self) -> Result<()> {
        if self.process.has_ended().map_err(Error::io("look at", "a container's process"))? {
            return Err(self.ended());
        }
        Ok(())
    }

    /// The refusal where it has ended meanwhile.
    pub(super) fn ended(&self) -> Error {
        not_running(&self.entry)
    }
}
