//! The state in which a RUN failed, as data: what it was to do, the layers it stood on with what it had written so far as
//! the last of them, and what its mounts showed. Knows neither how a step is run nor a terminal. No secret is in it: of
//! secrets and agents it has the names.

mod shelf;

pub use shelf::{Kept, all, find, forget, give_up, is_over, keep, latest};

use rbuild_graph::{Mount, RunOp};
use rbuild_oci::{DiffId, Timestamp};
use serde::{Deserialize, Serialize};

/// A RUN that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The format's number.
    pub version: u32,
    /// The step's line, as in `[builder 2/5] RUN make`.
    pub step: String,
    /// How it ended, as in `exit code: 1`.
    pub outcome: String,
    /// When.
    pub when: Timestamp,
    /// What it was to do. Its bind mounts take all of their inputs, and no mount is required.
    pub run: RunOp,
    /// What it stood on, lowest layer first.
    pub layers: Vec<DiffId>,
    /// What it had written, where it had written anything: a layer on top of those.
    pub written: Option<DiffId>,
    /// The layers of what its mounts show, by input.
    pub inputs: Vec<Vec<DiffId>>,
    /// Bytes of /dev/shm.
    pub shm_size: u64,
    /// Resource limits, as `--ulimit` takes them.
    pub ulimits: Vec<String>,
}

/// The number of the format.
pub const VERSION: u32 = 1;

impl Failed {
    /// Its files, lowest layer first.
    pub fn files(&self) -> Vec<DiffId> {
        self.layers.iter().copied().chain(self.written).collect()
    }

    /// All layers that it needs, stack by stack, lowest first.
    pub fn stacks(&self) -> impl Iterator<Item = Vec<DiffId>> {
        std::iter::once(self.files()).chain(self.inputs.iter().cloned())
    }

    /// The ids of the secrets that it mounts.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.run.mounts.iter().filter_map(|mount| match mount {
            Mount::Secret(secret) => Some(&*secret.id),
            _ => None,
        })
    }

    /// The ids of the ssh agents that it mounts.
    pub fn agents(&self) -> impl Iterator<Item = &str> {
        self.run.mounts.iter().filter_map(|mount| match mount {
            Mount::Ssh(ssh) => Some(&*ssh.id),
            _ => None,
        })
    }

    /// The shell to look around with: that of the step where it has one.
    pub fn shell(&self) -> Vec<u8> {
        const SHELLS: [&[u8]; 6] = [b"sh", b"bash", b"ash", b"dash", b"ksh", b"zsh"];
        let own = self.run.argv.first().filter(|program| {
            let name = program.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            SHELLS.contains(&name)
        });
        own.cloned().unwrap_or_else(|| b"/bin/sh".to_vec())
    }
}
