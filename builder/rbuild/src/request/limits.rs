//! What a build lets the processes of its steps use. Knows no step.

use rbuild_runner::Limit;

/// What the process of a RUN may use; it changes no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// Size of `/dev/shm` in bytes.
    pub shm_size: u64,
    /// Resource limits.
    pub ulimits: Vec<Limit>,
}

impl Default for RunLimits {
    /// Docker's size of `/dev/shm`, and the limits that this process has itself.
    fn default() -> Self {
        Self { shm_size: 64 << 20, ulimits: Vec::new() }
    }
}
