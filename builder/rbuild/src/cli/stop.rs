//! `rbuild stop`, `restart`, `kill`, `wait`: containers brought to their end from outside. Needs no user namespace: who
//! lives a container does it.

use super::each::each;
use super::globals::{Globals, Standing};
use super::ground::Ground;
use crate::args::signal;
use crate::container::{self, Containers, Stop, Timeout};
use crate::ctx::Place;
use crate::error::Result;
use clap::Args;
use rbuild_oci::Cancel;
use std::process::ExitCode;
use std::time::Duration;

/// Stop running containers
#[derive(Args, Clone, Debug)]
pub struct StopArgs {
    /// Signal that asks them to [default: the container's, or TERM]
    #[arg(short, long, value_name = "SIGNAL")]
    pub signal: Option<String>,
    /// Seconds to wait before they are killed, -1 for ever [default: the container's, or 10]
    #[arg(short, long, visible_alias = "time", value_name = "SECONDS", allow_negative_numbers = true)]
    pub timeout: Option<i64>,
    /// Containers
    #[arg(value_name = "CONTAINER", required = true)]
    pub names: Vec<String>,
}

/// Stop containers and start them again
#[derive(Args, Clone, Debug)]
pub struct RestartArgs {
    /// How they are stopped
    #[command(flatten)]
    pub stop: StopArgs,
}

/// Send running containers a signal
#[derive(Args, Clone, Debug)]
pub struct KillArgs {
    /// Which
    #[arg(short, long, value_name = "SIGNAL", default_value = "KILL")]
    pub signal: String,
    /// Containers
    #[arg(value_name = "CONTAINER", required = true)]
    pub names: Vec<String>,
}

/// Wait until containers end and print their exit codes
#[derive(Args, Clone, Debug)]
pub struct WaitArgs {
    /// Containers
    #[arg(value_name = "CONTAINER", required = true)]
    pub names: Vec<String>,
}

/// Stops them.
pub fn run(args: &StopArgs, globals: &Globals) -> Result<ExitCode> {
    let (containers, stop) = (Containers::new(&globals.store()?), how(args)?);
    each(&args.names, |name| {
        container::stop(&containers, &containers.find(name)?, stop)?;
        Ok(format!("{name}\n"))
    })
}

/// Stops them and starts them again, in the background.
pub fn restart(RestartArgs { stop: args }: &RestartArgs, globals: &Globals) -> Result<ExitCode> {
    let (store, standing, stop) = (globals.store()?, Standing::find()?, how(args)?);
    if standing.place == Place::Outside {
        return standing.start_again(store.root(), None);
    }
    let ground = Ground::new(globals, store, standing, Cancel::new())?;
    let containers = Containers::new(&ground.store);
    containers.sweep(ground.volumes())?;
    each(&args.names, |name| {
        let held = container::stop_and_hold(&containers, &containers.find(name)?, stop)?;
        globals.launch(&ground.store).start(held)?;
        Ok(format!("{name}\n"))
    })
}

/// Sends them the signal.
pub fn kill(args: &KillArgs, globals: &Globals) -> Result<ExitCode> {
    let (containers, signal) = (Containers::new(&globals.store()?), signal::parse(&args.signal)?);
    each(&args.names, |name| {
        let entry = containers.find(name)?;
        container::kill(&containers, &entry, signal)?;
        if signal == container::KILL {
            containers.wait_until_free(&entry.config.id)?;
        }
        Ok(format!("{name}\n"))
    })
}

/// Waits for them, one after another.
pub fn wait(args: &WaitArgs, globals: &Globals) -> Result<ExitCode> {
    let containers = Containers::new(&globals.store()?);
    each(&args.names, |name| Ok(format!("{}\n", container::wait(&containers, &containers.find(name)?)?)))
}

fn how(args: &StopArgs) -> Result<Stop> {
    let timeout = args.timeout.map(|seconds| {
        u64::try_from(seconds).map_or(Timeout::Never, |seconds| Timeout::After(Duration::from_secs(seconds)))
    });
    Ok(Stop { signal: args.signal.as_deref().map(signal::parse).transpose()?, timeout })
}
