//! `rbuild run`: its arguments as typed, and what surrounds a container: the image, the user namespace, the exit code.
//! What the arguments mean is decided in `container::request`.

use super::globals::{Globals, Standing, registries};
use super::out::complain_of;
use super::pull::{self, PullArgs};
use super::signals::cancel_on_signal;
use crate::container::{self, Image, Request, World};
use crate::ctx::{Clock, Ctx, Place, SystemClock};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::{image, report};
use clap::{ArgAction, Args};
use rbuild_oci::{Cancel, Platform};
use rbuild_records::LocalBackend;
use rbuild_runner::Sandbox;
use rbuild_store::{Bucket, Store};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

/// Run a command in a new container
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, override_usage = "rbuild run [OPTIONS] IMAGE [COMMAND] [ARG]...")]
pub struct RunArgs {
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    pub help: Option<bool>,
    /// Hand standard input to the container
    #[arg(short, long)]
    pub interactive: bool,
    /// Give the container a terminal
    #[arg(short, long)]
    pub tty: bool,
    /// Remove the container and its anonymous volumes when it ends
    #[arg(long)]
    pub rm: bool,
    /// Leave the container in the background (not supported yet)
    #[arg(short, long, hide = true)]
    pub detach: bool,
    /// Name of the container [default: two words at random]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Mount a volume or a path of the host: `NAME:/path[:ro]`, `/host:/path[:ro]` or `/path`; makes what is missing
    #[arg(short, long = "volume", value_name = "SPEC")]
    pub volumes: Vec<String>,
    /// Mount, key by key: `type=bind|volume|tmpfs,source=…,target=…[,readonly]…`
    #[arg(long = "mount", value_name = "SPEC")]
    pub mounts: Vec<String>,
    /// Mount memory: `/path[:size=64m,mode=1777]`
    #[arg(long, value_name = "SPEC")]
    pub tmpfs: Vec<String>,
    /// Set a variable, `NAME=VALUE`; `NAME` alone takes the value from the environment
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Set the variables that a file lists
    #[arg(long = "env-file", value_name = "FILE")]
    pub env_files: Vec<PathBuf>,
    /// Directory that the command starts in
    #[arg(short, long, value_name = "PATH")]
    pub workdir: Option<String>,
    /// User, and perhaps group, by name or number
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub user: Option<String>,
    /// Program in place of the image's ENTRYPOINT; empty for none
    #[arg(long, value_name = "PROGRAM")]
    pub entrypoint: Option<String>,
    /// Host name of the container [default: the start of its id]
    #[arg(short = 'h', long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// Line for /etc/hosts, `NAME:ADDRESS`
    #[arg(long = "add-host", value_name = "NAME:ADDRESS")]
    pub add_hosts: Vec<String>,
    /// Network: host (the default) or none
    #[arg(long, alias = "net", value_name = "MODE")]
    pub network: Option<String>,
    /// Run a small init that forwards signals and reaps processes
    #[arg(long)]
    pub init: bool,
    /// Make the root file system read-only
    #[arg(long)]
    pub read_only: bool,
    /// Add a capability, or ALL
    #[arg(long, value_name = "CAP")]
    pub cap_add: Vec<String>,
    /// Drop a capability, or ALL
    #[arg(long, value_name = "CAP")]
    pub cap_drop: Vec<String>,
    /// `seccomp=FILE`, `seccomp=unconfined`, `no-new-privileges`, `systempaths=unconfined`
    #[arg(long = "security-opt", value_name = "OPTION")]
    pub security_opts: Vec<String>,
    /// Size of /dev/shm [default: 64m]
    #[arg(long, value_name = "SIZE")]
    pub shm_size: Option<String>,
    /// Resource limit, `NAME=SOFT[:HARD]`; lowers, never raises
    #[arg(long = "ulimit", value_name = "LIMIT")]
    pub ulimits: Vec<String>,
    /// Label of the container, `KEY=VALUE`
    #[arg(short, long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<String>,
    /// Write the container's id to a file that must not exist
    #[arg(long, value_name = "FILE")]
    pub cidfile: Option<PathBuf>,
    /// Platform of the image, `os/arch[/variant]`
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// When to pull the image: missing, always or never
    #[arg(long, value_name = "WHEN", default_value = "missing")]
    pub pull: Pull,
    /// Do not show how the image is pulled
    #[arg(short, long)]
    pub quiet: bool,
    /// Image (name, id or the start of an id), then a command and its arguments [default: the image's]
    #[arg(value_name = "IMAGE [COMMAND] [ARG]", required = true, trailing_var_arg = true)]
    pub words: Vec<String>,
}

impl RunArgs {
    /// What the image is called.
    pub fn image(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The command in place of the image's.
    pub fn command(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Pull {
    /// When it is not here.
    Missing,
    /// Every time.
    Always,
    /// Not at all.
    Never,
}

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
    let cwd = std::env::current_dir().map_err(Error::io("find", "the working directory"))?;
    let world = World { env: &|name| std::env::var(name).ok(), cwd: &cwd };
    let request = Request::resolve(args, world)?;
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
        obtain(args, &store, &cancel)?
    };
    start(&request, &image, globals, (&store, &standing, &cancel)).map(ExitCode::from)
}

/// The image, pulled where it has to be.
fn obtain(args: &RunArgs, store: &Store, cancel: &Cancel) -> Result<Image> {
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
    let stack = container::stack(store, &found.config)?;
    Ok(Image {
        reference: args.image().to_owned(),
        id: found.id,
        manifest: found.descriptor.digest,
        config: found.config,
        stack,
    })
}

fn fetch(args: &RunArgs, store: &Store, cancel: &Cancel) -> Result<()> {
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
