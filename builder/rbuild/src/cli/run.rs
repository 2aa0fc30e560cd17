//! `rbuild run`: what surrounds a container: the image, the user namespace, the exit code. What the arguments mean is
//! decided in `container::request`.

use super::globals::{Globals, Standing, in_world};
use super::ground::Ground;
use super::obtain;
use super::out::{ended, print};
use crate::args::RunArgs;
use crate::container::{self, Attendance, Containers, Image, Proxy, Request, Shown};
use crate::ctx::Place;
use crate::error::{Error, Result};
use rbuild_oci::Cancel;
use std::process::ExitCode;

/// Runs the container, in a user namespace where that is needed, and ends as it ends; what keeps it from running is
/// said and counts as Docker counts it.
pub fn run(args: &RunArgs, globals: &Globals) -> Result<ExitCode> {
    Ok(ended(attempt(args, globals), container::exit_code))
}

fn attempt(args: &RunArgs, globals: &Globals) -> Result<ExitCode> {
    let shown = shown(args)?;
    let request = in_world(|world| Request::resolve(&args.container, world))?;
    let store = globals.store()?;
    let standing = Standing::find()?;
    if standing.place == Place::Outside {
        if let Some(note) = standing.note() {
            eprintln!("NOTE: {note}");
        }
        return standing.start_again(store.root(), None);
    }
    store.lease()?;
    let cancel = Cancel::new();
    let image = obtain::image(&args.container, globals, &store, &cancel)?;
    let request = obtain::mounted(request, &args.container, globals, &store, &cancel)?;
    let ground = Ground::new(globals, store, standing, cancel)?;
    if args.detach {
        return detached(&request.in_background(), &image, globals, &ground);
    }
    let proxy = if args.sig_proxy { Proxy::On } else { Proxy::Off };
    container::run(ground.ctx(), &request, &image, ground.volumes(), Attendance { shown, proxy }).map(ExitCode::from)
}

/// Leaves the container in the background; its id is printed when it runs.
fn detached(request: &Request, image: &Image, globals: &Globals, ground: &Ground) -> Result<ExitCode> {
    let ctx = ground.ctx();
    ctx.executor.runs(&image.config.platform())?;
    Containers::new(ctx.store).sweep(ground.volumes())?;
    let held = container::create(ctx, request, image, ground.volumes())?;
    let id = held.id().clone();
    globals.launch(ctx.store).start(held)?;
    print(&format!("{id}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Which streams are the container's: all, or those that `--attach` names.
fn shown(args: &RunArgs) -> Result<Shown> {
    if args.attach.is_empty() {
        return Ok(Shown::ALL);
    }
    if args.detach {
        return Err(Error::Usage("--attach is for the foreground and -d for the background: leave one out".to_owned()));
    }
    let mut shown = Shown { stdin: false, stdout: false, stderr: false };
    for stream in &args.attach {
        match stream.to_ascii_lowercase().as_str() {
            "stdin" => shown.stdin = true,
            "stdout" => shown.stdout = true,
            "stderr" => shown.stderr = true,
            _ => return Err(Error::Usage(format!("--attach {stream:?}: known are stdin, stdout and stderr"))),
        }
    }
    Ok(shown)
}
