//! `rbuild exec`: a further process in a container that runs. What the arguments mean is decided in `container::inside`.

use super::background;
use super::globals::{Globals, Standing};
use super::out::complain_of;
use crate::args::ExecArgs;
use crate::container::{self, Containers, ExecRequest, Running, World};
use crate::error::{Error, Result};
use crate::report;
use rbuild_oci::Cancel;
use std::process::ExitCode;

/// Runs the command, in the user namespace of the container, and ends as it ends; what keeps it from running is said and
/// counts as Docker counts it.
pub fn run(args: &ExecArgs, globals: &Globals) -> Result<ExitCode> {
    match attempt(args, globals) {
        Ok(code) => Ok(code),
        Err(error) => {
            complain_of(&report::plain(&error));
            Ok(ExitCode::from(container::exec_exit_code(&error)))
        }
    }
}

fn attempt(args: &ExecArgs, globals: &Globals) -> Result<ExitCode> {
    let cwd = std::env::current_dir().map_err(Error::io("find", "the working directory"))?;
    let world = World { env: &|name| std::env::var(name).ok(), cwd: &cwd };
    let request = ExecRequest::resolve(args, world)?;
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
