//! `rbuild create`: a container that does not start yet, with its volumes. What the arguments mean is decided in
//! `container::create`.

use super::globals::{Globals, in_world};
use super::ground::stand;
use super::obtain;
use super::out::print;
use crate::args::ContainerArgs;
use crate::container::{self, Containers, Request};
use crate::error::Result;
use clap::{ArgAction, Args};
use std::process::ExitCode;

/// Make a container and leave it to be started
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, override_usage = "rbuild create [OPTIONS] IMAGE [COMMAND] [ARG]...")]
pub struct CreateArgs {
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    pub help: Option<bool>,
    /// The container
    #[command(flatten)]
    pub container: ContainerArgs,
}

/// Makes the container and prints its id; nothing of the image is started or looked for.
pub fn run(args: &CreateArgs, globals: &Globals) -> Result<ExitCode> {
    let args = &args.container;
    let request = in_world(|world| Request::resolve(args, world))?;
    let store = globals.store()?;
    stand(globals, store, |ground| {
        ground.store.lease()?;
        let image = obtain::image(args, globals, &ground.store, &ground.cancel)?;
        let request = obtain::mounted(request, args, globals, &ground.store, &ground.cancel)?;
        let held = container::create(ground.ctx(), &request, &image, ground.volumes())?;
        let id = held.id().clone();
        if let Err(error) = container::furnish(ground.ctx(), &held, ground.volumes()) {
            Containers::new(&ground.store).remove(held, ground.volumes())?;
            return Err(error);
        }
        print(&format!("{id}\n"))?;
        Ok(ExitCode::SUCCESS)
    })
}
