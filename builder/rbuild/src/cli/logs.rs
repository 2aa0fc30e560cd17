//! `rbuild logs`: what a container printed, each stream on its own, and what it prints. Needs no user namespace.

use super::globals::Globals;
use crate::args::moment;
use crate::container::{Containers, Growth, Line, Reader};
use crate::ctx::{Clock, SystemClock};
use crate::error::{Error, Result};
use clap::Args;
use rbuild_oci::Timestamp;
use rbuild_runner::Stream;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Show what a container printed
#[derive(Args, Clone, Debug)]
pub struct LogsArgs {
    /// Go on until the container ends
    #[arg(short, long)]
    pub follow: bool,
    /// Only what was printed at this time or later: 2024-05-01T10:00:00Z, seconds since 1970, or how long ago (1h30m)
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only what was printed at this time or earlier
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only so many lines from the end, or all
    #[arg(short = 'n', long, value_name = "LINES", default_value = "all", allow_negative_numbers = true)]
    pub tail: String,
    /// Show when each line was printed
    #[arg(short, long)]
    pub timestamps: bool,
    /// Container
    #[arg(value_name = "CONTAINER")]
    pub name: String,
}

/// Which lines, and how.
struct Show {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    timestamps: bool,
}

/// Prints the log.
pub fn run(args: &LogsArgs, globals: &Globals) -> Result<ExitCode> {
    let containers = Containers::new(&globals.store()?);
    let now = SystemClock.now();
    let time = |flag, text: &Option<String>| text.as_deref().map(|text| moment::parse(flag, text, now)).transpose();
    let show = Show {
        since: time("--since", &args.since)?,
        until: time("--until", &args.until)?,
        timestamps: args.timestamps,
    };
    let id = containers.find(&args.name)?.config.id;
    // Before the first look, so that nothing is missed between them.
    let growth = if args.follow { Growth::watch(&containers, &id)? } else { None };
    let mut reader = Reader::of(&containers, &id)?;
    if let (Some(count), Some(reader)) = (tail(&args.tail)?, &mut reader) {
        reader.skip_to_last(count)?;
    }
    let deadline = show.until.map(|until| Instant::now() + between(now, until));
    let mut lives = true;
    loop {
        if reader.is_none() {
            reader = Reader::of(&containers, &id)?;
        }
        if !print_all(reader.as_mut(), &show)? || !lives {
            return Ok(ExitCode::SUCCESS);
        }
        let Some(growth) = &growth else { return Ok(ExitCode::SUCCESS) };
        lives = growth.wait(deadline)? && deadline.is_none_or(|deadline| Instant::now() < deadline);
    }
}

/// All lines that there are; whether there may be more to see.
fn print_all(reader: Option<&mut Reader>, show: &Show) -> Result<bool> {
    let Some(reader) = reader else { return Ok(true) };
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    while let Some(line) = reader.next_line()? {
        if show.until.is_some_and(|until| line.time > until) {
            return Ok(false);
        }
        if show.since.is_some_and(|since| line.time < since) {
            continue;
        }
        let text = if show.timestamps { stamp(&line) } else { line.text };
        let written = match line.stream {
            Stream::Stdout => out.write_all(text.as_bytes()),
            Stream::Stderr => out.flush().and_then(|()| err.write_all(text.as_bytes())),
        };
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
            written => written.map_err(Error::io("write to", "standard output"))?,
        }
    }
    match out.flush() {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        flushed => flushed.map(|()| true).map_err(Error::io("write to", "standard output")),
    }
}

/// With its time in front, as wide as every other.
fn stamp(line: &Line) -> String {
    let whole = Timestamp::from_seconds(line.time.seconds).to_string();
    format!("{}.{:09}Z {}", whole.trim_end_matches('Z'), line.time.nanos, line.text)
}

/// How many lines; all where that is none of a number, or below zero, as docker has it.
fn tail(text: &str) -> Result<Option<usize>> {
    if text == "all" {
        return Ok(None);
    }
    let number = text.parse::<i64>();
    let number = number.map_err(|_| Error::Usage(format!("--tail {text:?}: give a number of lines, or all")))?;
    Ok(usize::try_from(number).ok())
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(to.seconds - from.seconds).unwrap_or_default())
}
