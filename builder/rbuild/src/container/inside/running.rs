//! A container that runs, held by its first process. Locks nothing: it may end at any moment, and then what is done in it
//! fails.

use crate::container::model::Config;
use crate::container::shelf::{Containers, Entry, State};
use crate::error::{Error, Result};
use rbuild_runner::Process;

/// A container that ran a moment ago.
#[derive(Clone, Debug)]
pub struct Running {
    config: Config,
    process: Process,
}

impl Running {
    /// The container that `word` names (see [`Containers::find`]); one that does not run is [`Error::Unfit`].
    pub fn find(containers: &Containers, word: &str) -> Result<Self> {
        let Entry { config, state } = containers.find(word)?;
        let process = match state {
            State::Running { process, .. } => process.process()?,
            _ => None,
        };
        match process {
            Some(process) => Ok(Self { config, process }),
            None => Err(not_running(&config)),
        }
    }

    /// What it is.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its first process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// Docker's refusal.
pub(super) fn not_running(config: &Config) -> Error {
    let hint = Some(format!("rbuild start {} starts it", config.name));
    Error::Unfit { name: config.name.clone(), reason: "is not running".to_owned(), hint }
}
