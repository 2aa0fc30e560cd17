//! `HEALTHCHECK NONE` and `HEALTHCHECK [flags] CMD …`.
use super::Command;
use std::time::Duration;

/// How to tell that a container is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Healthcheck {
    /// `NONE`: drop what the base image says.
    None,
    /// `CMD`.
    Cmd(Command, Timing),
}

/// `HEALTHCHECK`'s flags; zero and absent are the same: the engine's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// `--interval`.
    pub interval: Duration,
    /// `--timeout`.
    pub timeout: Duration,
    /// `--start-period`.
    pub start_period: Duration,
    /// `--start-interval`.
    pub start_interval: Duration,
    /// `--retries`.
    pub retries: u32,
}
