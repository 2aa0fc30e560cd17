//! The line to a depot behind HTTP: how long it is waited for, and what is asked a second time. A cache is only worth
//! having while it is faster than the work it saves, so nothing here is borne for long. Knows no kind of depot.

mod parts;
mod pour;

pub(super) use parts::{Parts, in_parts};
pub(super) use pour::pour;

use rbuild_oci::Cancel;
use rbuild_registry::{Config, Error, Result, Schedule, Timeouts, Web, pause};
use std::io;
use std::time::{Duration, Instant};

/// Until a name is found, and again until a connection stands.
const CONNECT: Duration = Duration::from_secs(1);

/// How long the first byte of a document may take.
const QUICK: Duration = Duration::from_secs(2);

/// How long a whole document may take.
pub(super) const WITHIN: Duration = Duration::from_secs(3);

/// How long a blob may stand still.
pub(super) const STEADY: Duration = Duration::from_secs(10);

/// How long failures that may pass are borne, from the first attempt on.
const PATIENCE: Duration = Duration::from_secs(2);

/// The wait after the first failure; it doubles.
const FIRST: Duration = Duration::from_millis(100);

/// Two ways to one place.
#[derive(Debug)]
pub(super) struct Line {
    /// For questions and documents.
    pub(super) quick: Web,
    /// For blobs, which may take as long as they move.
    pub(super) steady: Web,
    pub(super) cancel: Cancel,
}

impl Line {
    /// A line with the proxies and certificates of `config`; nothing is opened yet.
    pub(super) fn new(config: &Config, cancel: &Cancel) -> Self {
        let retry = Schedule { attempts: 1, first: Duration::ZERO, longest: Duration::ZERO };
        let web = |idle| {
            let timeouts = Timeouts { connect: CONNECT, idle };
            Web::new(Config { timeouts, retry, ..config.clone() }, cancel)
        };
        Self { quick: web(QUICK), steady: web(STEADY), cancel: cancel.clone() }
    }

    /// The first success of `attempt`, or its last failure.
    pub(super) fn persist<T>(&self, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        let mut tries = Tries::new();
        loop {
            match attempt() {
                Ok(value) => return Ok(value),
                Err(error) => tries.after(error, &self.cancel)?,
            }
        }
    }
}

/// The attempts at one thing.
pub(super) struct Tries {
    begin: Instant,
    wait: Duration,
}

impl Tries {
    pub(super) fn new() -> Self {
        Self { begin: Instant::now(), wait: FIRST }
    }

    /// Waits before the next attempt; gives the failure back where there is none.
    pub(super) fn after(&mut self, error: Error, cancel: &Cancel) -> Result<()> {
        let wait = match &error {
            Error::Status { status: 500 | 502 | 503 | 504, retry_after, .. }
            | Error::TooManyRequests { retry_after, .. } => retry_after.unwrap_or(self.wait),
            Error::Interrupted { source, .. } if source.kind() != io::ErrorKind::TimedOut => self.wait,
            _ => return Err(error),
        };
        if self.begin.elapsed() + wait > PATIENCE {
            return Err(error);
        }
        self.wait *= 2;
        Ok(pause(cancel, wait)?)
    }
}
