//! A container lives in a process of its own, which nobody attends: it is seen through its log and its socket.

use super::inlets::Inlets;
use super::launch::{Handed, Word};
use super::live::{Console, exit_code, live};
use super::signals::{Forwarder, Proxy};
use crate::container::model::{Config, ContainerId};
use crate::container::shelf::{Containers, Held};
use crate::ctx::Ctx;
use crate::error::Result;
use rbuild_runner::{Stdio, Stream};
use rbuild_store::VolumeDriver;
use std::io::{self, Write};
use std::path::PathBuf;

/// Lives the container that was handed to this process, to its end; its exit code.
pub fn supervise(ctx: Ctx<'_>, handed: Handed, id: &ContainerId, volumes: &dyn VolumeDriver) -> u8 {
    let (lock, word) = handed.into_parts();
    let complaints = Containers::new(ctx.store).dir(id).join(COMPLAINTS);
    let mut background = Background { word, complaints };
    let attempt = || -> Result<u8> {
        let held = Held::adopt(Containers::new(ctx.store).dir(id), id, lock)?;
        let signals = Forwarder::start(ctx.cancel, false, Proxy::On)?;
        live(ctx, held, volumes, &signals, &mut background)
    };
    attempt().unwrap_or_else(|error| {
        background.word.failed(&error);
        exit_code(&error)
    })
}

const COMPLAINTS: &str = "supervisor.log";

/// Nobody's streams.
struct Background {
    word: Word,
    complaints: PathBuf,
}

impl Console for Background {
    fn open(&mut self, config: &Config) -> Result<(Stdio, Inlets)> {
        Inlets::open(config)
    }

    fn write(&mut self, _: Stream, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn running(&mut self) {
        self.word.running(&self.complaints);
    }

    fn warn(&mut self, text: &str) {
        // Where that cannot be written to there is nobody left to tell.
        drop(writeln!(io::stderr(), "WARNING: {text}"));
    }
}
