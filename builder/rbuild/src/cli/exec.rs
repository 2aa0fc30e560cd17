//! `rbuild exec`: a further process in a container that runs. What the arguments mean is decided in
//! `container::inside`.

use super::background;
use super::globals::{Globals, Standing, in_world};
use super::out::ended;
use crate::args::ExecArgs;
use crate::container::{self, Containers, ExecRequest, Running};
use crate::error::Result;
use rbuild_oci::Cancel;
use std::process::ExitCode;

/// Runs the command, in the user namespace of the container, and ends as it ends; what keeps it from running is said
/// and counts as Docker counts it.
pub fn run(args: &ExecArgs, globals: &Globals) -> Result<ExitCode> {
    Ok(ended(attempt(args, globals), container::exec_exit_code))
}

fn attempt(args: &ExecArgs, globals: &Globals) -> Result<ExitCode> {
    let request = in_world(|world| ExecRequest::resolve(args, world))?;
    let store = globals.store()?;
    let running = Running::find(&Containers::new(&store), args.container())?;
    if let Some(code) = Standing::enter(store.root(), running.process())? {
        return Ok(code);
    }
    let in_background = background::is_this();
    if request.detach && !in_background {
        return background::start();
    }
    if in_background {
        background::leave()?;
    }
    let mut failure = None;
    let mut begun = || {
        if in_background {
            failure = background::begun().err();
        }
    };
    let code = container::exec(&running, &request, &Cancel::new(), &mut begun)?;
    failure.map_or(Ok(ExitCode::from(code)), Err)
}
