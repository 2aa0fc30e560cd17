//! What it takes to bring something here from elsewhere, for a step or before any step. Knows neither git nor http.

use crate::ctx::{Clock, Ctx, SystemClock};
use crate::error::{Error, Result};
use crate::events::{Event, Events, StepId, Stream};
use rbuild_oci::Cancel;
use rbuild_records::CacheBackend;
use rbuild_registry::Config;
use rbuild_store::Store;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// Reads a secret by its id; none where it was not given.
pub type SecretOf<'a> = dyn Fn(&str) -> Result<Option<Vec<u8>>> + 'a;

/// The socket of an ssh agent by its id; none where it was not given.
pub type AgentOf<'a> = dyn Fn(&str) -> Option<PathBuf> + 'a;

/// The world as far as it is needed to bring something here.
#[derive(Clone, Copy)]
pub struct Reach<'a> {
    /// Where it is kept.
    pub store: &'a Store,
    /// What is remembered of it.
    pub cache: &'a dyn CacheBackend,
    /// How servers are reached, if they may be asked at all.
    pub network: &'a Config,
    /// Who is told.
    pub events: &'a Events,
    /// The request to stop.
    pub cancel: &'a Cancel,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// Raised once anything is kept.
    pub wrote: &'a AtomicBool,
    /// The secrets.
    pub secret: &'a SecretOf<'a>,
    /// The ssh agents.
    pub agent: &'a AgentOf<'a>,
    /// Asked before anything is transferred; may refuse.
    pub ready: &'a (dyn Fn() -> Result<()> + 'a),
    /// Which step it is for.
    pub step: StepId,
    /// The step's line.
    pub name: &'a str,
}

impl<'a> Reach<'a> {
    /// That of a build before its steps, without secrets.
    pub fn of(ctx: &Ctx<'a>) -> Self {
        let Ctx { clock, .. } = *ctx;
        Self { clock, ..Self::outside(ctx.store, ctx.cache, ctx.network, (ctx.events, ctx.cancel), ctx.wrote) }
    }

    /// That of a command that builds nothing, without secrets, by the machine's clock.
    pub fn outside(
        store: &'a Store,
        cache: &'a dyn CacheBackend,
        network: &'a Config,
        (events, cancel): (&'a Events, &'a Cancel),
        wrote: &'a AtomicBool,
    ) -> Self {
        let (secret, agent, ready) = (&|_: &str| Ok(None), &|_: &str| None, &|| Ok(()));
        let (clock, step, name) = (&SystemClock, StepId(0), "");
        Self { store, cache, network, events, cancel, clock, wrote, secret, agent, ready, step, name }
    }

    /// Tells that the step has something to do.
    pub fn begin(&self) {
        self.events.send(&Event::Started { step: self.step, name: self.name });
    }

    /// The failure of what is not here, where nobody may be asked.
    pub fn offline(&self, what: &str) -> Error {
        let way = "without --offline and RBUILD_OFFLINE it is brought once, and stays";
        Error::Step(format!("offline: {what} is not in the store; {way}"))
    }

    /// Notes that something is kept now.
    pub fn keeps(&self) {
        self.wrote.store(true, Ordering::Relaxed);
    }
}

/// Tells a line that a helper of a step complained with.
pub fn complain(events: &Events, step: StepId, line: &[u8]) {
    let bytes = [line, b"\n"].concat();
    events.send(&Event::Output { step, stream: Stream::Stderr, bytes: &bytes });
}

impl std::fmt::Debug for Reach<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reach").field("step", &self.step).field("name", &self.name).finish_non_exhaustive()
    }
}
