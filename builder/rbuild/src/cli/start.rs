//! `rbuild start`: containers that there are run again, in the background or attended. Their writable layers are as
//! they were left.

use super::attach::join;
use super::each::each;
use super::globals::{Globals, Standing};
use super::ground::Ground;
use super::out::ended;
use crate::args::keys;
use crate::container::{self, Attach, Attendance, Containers, Held, Proxy, Shown, Status};
use crate::ctx::Place;
use crate::error::{Error, Result};
use clap::Args;
use rbuild_oci::Cancel;
use std::process::ExitCode;

/// Start containers again
#[derive(Args, Clone, Debug)]
pub struct StartArgs {
    /// Show what the container prints, hand signals on, and end as it ends
    #[arg(short, long)]
    pub attach: bool,
    /// Hand standard input to the container; implies --attach
    #[arg(short, long)]
    pub interactive: bool,
    /// Containers
    #[arg(value_name = "CONTAINER", required = true)]
    pub names: Vec<String>,
}

/// Starts them.
pub fn run(args: &StartArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    let standing = Standing::find()?;
    let attended = args.attach || args.interactive;
    if attended && args.names.len() > 1 {
        return Err(Error::Usage("only one container can be attended at a time: leave -a and -i out".to_owned()));
    }
    if standing.place == Place::Outside {
        return standing.start_again(store.root(), None);
    }
    let ground = Ground::new(globals, store, standing, Cancel::new())?;
    Containers::new(&ground.store).sweep(ground.volumes())?;
    if attended {
        return Ok(attend(args, &ground));
    }
    each(&args.names, |name| {
        if let Some(held) = take(&ground, name)? {
            globals.launch(&ground.store).start(held)?;
        }
        Ok(format!("{name}\n"))
    })
}

/// A container that does not run, locked; none if it runs already. One that is paused is refused.
fn take(ground: &Ground, name: &str) -> Result<Option<Held>> {
    let containers = Containers::new(&ground.store);
    let entry = containers.find(name)?;
    if let Some(platform) = &entry.config.image.platform {
        ground.ctx().executor.runs(platform)?;
    }
    match containers.hold(&entry.config.id)? {
        None => match containers.find(name)?.state.status() {
            Status::Running(_) => Ok(None),
            Status::Paused(_) => Err(Error::Unfit {
                name: name.to_owned(),
                reason: "is paused, so it cannot be started".to_owned(),
                hint: Some(format!("rbuild unpause {name} lets it go on")),
            }),
            Status::Created | Status::Exited(_) | Status::Lost => Err(Error::Unfit {
                name: name.to_owned(),
                reason: "is being worked on by another rbuild".to_owned(),
                hint: Some("try again in a moment".to_owned()),
            }),
        },
        held => Ok(held),
    }
}

fn attend(args: &StartArgs, ground: &Ground) -> ExitCode {
    let shown = Shown { stdin: args.interactive, ..Shown::ALL };
    let attempt = |name: &String| {
        if let Some(held) = take(ground, name)? {
            let attendance = Attendance { shown, proxy: Proxy::On };
            return container::run_again(ground.ctx(), held, ground.volumes(), attendance);
        }
        let how = Attach { input: args.interactive, signals: true, keys: keys::parse(None)? };
        join(&Containers::new(&ground.store), name, &how)
    };
    ended(args.names.first().map_or(Ok(0), attempt).map(ExitCode::from), container::exit_code)
}
