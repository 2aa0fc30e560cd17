//! `rbuild run`: what surrounds a container: the image, the user namespace, the exit code. What the arguments mean is
//! decided in `container::request`.

use super::globals::{Globals, Standing};
use super::obtain;
use super::out::complain_of;
use super::signals::cancel_on_signal;
use super::workshop::Workshop;
use crate::args::RunArgs;
use crate::container::{self, Image, Request, World};
use crate::ctx::Place;
use crate::error::{Error, Result};
use crate::report;
use rbuild_oci::Cancel;
use rbuild_store::Store;
use std::process::ExitCode;

/// Runs the container, in a user namespace where that is needed, and ends as it ends; what keeps it from running is said
/// and counts as Docker counts it.
pub fn run(args: &RunArgs, globals: &Globals) -> Result<ExitCode> {
    match attempt(args, globals) {
        Ok(code) => Ok(code),
        Err(error) => {
            complain_of(&report::plain(&error));
            Ok(ExitCode::from(container::exit_code(&error)))
        }
    }
}

fn attempt(args: &RunArgs, globals: &Globals) -> Result<ExitCode> {
    refuse_detached(args)?;
    let cwd = std::env::current_dir().map_err(Error::io("find", "the working directory"))?;
    let world = World { env: &|name| std::env::var(name).ok(), cwd: &cwd };
    let request = Request::resolve(&args.container, world)?;
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
    let (image, request) = {
        let _watch = cancel_on_signal(&cancel)?;
        let image = obtain::image(&args.container, &store, &cancel)?;
        (image, obtain::mounted(request, &args.container, &store, &cancel)?)
    };
    start(&request, &image, globals, (&store, &standing, &cancel)).map(ExitCode::from)
}

fn refuse_detached(args: &RunArgs) -> Result<()> {
    if args.detach {
        return Err(Error::Usage(
            "rbuild run cannot leave a container in the background (-d) yet: run it in the foreground, perhaps with & \
             or under systemd-run"
                .to_owned(),
        ));
    }
    Ok(())
}

fn start(
    request: &Request,
    image: &Image,
    globals: &Globals,
    (store, standing, cancel): (&Store, &Standing, &Cancel),
) -> Result<u8> {
    let workshop = Workshop::new(globals, store, standing, cancel)?;
    container::run(workshop.ctx(), request, image, workshop.volumes())
}
