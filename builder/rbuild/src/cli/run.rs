//! `rbuild run`: what surrounds a container: the image, the user namespace, the exit code. What the arguments mean is
//! decided in `container::request`.

use super::globals::{Globals, Standing, registries};
use super::out::complain_of;
use super::pull::{self, PullArgs};
use super::signals::cancel_on_signal;
use crate::args::{ContainerArgs, Pull, RunArgs};
use crate::container::{self, Image, Request, World};
use crate::ctx::{Clock, Ctx, Place, SystemClock};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::{image, report};
use rbuild_oci::{Cancel, Platform};
use rbuild_records::LocalBackend;
use rbuild_runner::Sandbox;
use rbuild_store::{Bucket, Store};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

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
    let image = {
        let _watch = cancel_on_signal(&cancel)?;
        obtain(&args.container, &store, &cancel)?
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

/// The image, pulled where it has to be.
fn obtain(args: &ContainerArgs, store: &Store, cancel: &Cancel) -> Result<Image> {
    let platform = args.platform.as_deref().map(str::parse::<Platform>).transpose()?;
    let find = || image::find(store, args.image(), platform.as_ref());
    let found = match args.pull {
        Pull::Never => find()?,
        Pull::Always => fetch(args, store, cancel).and_then(|()| find())?,
        Pull::Missing => match find() {
            Err(Error::NotFound { .. }) => fetch(args, store, cancel).and_then(|()| find())?,
            found => found?,
        },
    };
    Ok(Image {
        reference: args.image().to_owned(),
        id: found.id,
        manifest: found.descriptor.digest,
        config: found.config,
    })
}

fn fetch(args: &ContainerArgs, store: &Store, cancel: &Cancel) -> Result<()> {
    let wanted = PullArgs { name: args.image().to_owned(), platform: args.platform.clone(), quiet: args.quiet };
    let client = registries(cancel);
    let say = |line: &str| {
        if !args.quiet {
            eprint!("{line}");
        }
        Ok(())
    };
    pull::fetch(&wanted, store, (&client, cancel), SystemClock.now(), &say)
}

fn start(
    request: &Request,
    image: &Image,
    globals: &Globals,
    (store, standing, cancel): (&Store, &Standing, &Cancel),
) -> Result<u8> {
    let (drivers, cache) = (globals.drivers(store, standing)?, LocalBackend::new(store.dir(Bucket::Records)));
    let ctx = Ctx {
        store,
        snapshots: &drivers,
        cache: &cache,
        executor: &Sandbox::new()?,
        events: &Events::new(Vec::new()),
        cancel,
        clock: &SystemClock,
        written: &cache,
        wrote: &AtomicBool::new(false),
        place: standing.place,
        ids: &standing.ids,
        fidelity: standing.fidelity,
    };
    container::run(ctx, request, image, &store.volumes())
}
