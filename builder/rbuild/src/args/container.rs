//! The arguments that make a container, whether it runs at once or not. What they mean is decided in `container::create`.

use super::{LimitArgs, NetworkArgs};
use clap::Args;
use std::path::PathBuf;

/// What a container is made from.
#[derive(Args, Clone, Debug)]
pub struct ContainerArgs {
    /// Hand standard input to the container
    #[arg(short, long)]
    pub interactive: bool,
    /// Give the container a terminal
    #[arg(short, long)]
    pub tty: bool,
    /// Remove the container and its anonymous volumes when it ends
    #[arg(long)]
    pub rm: bool,
    /// Name of the container [default: two words at random]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Mount a volume or a path of the host: `NAME:/path[:ro]`, `/host:/path[:ro]` or `/path`; makes what is missing
    #[arg(short, long = "volume", value_name = "SPEC")]
    pub volumes: Vec<String>,
    /// Mount what other containers mount: `CONTAINER[:ro|rw]`
    #[arg(long, value_name = "CONTAINER[:ro]")]
    pub volumes_from: Vec<String>,
    /// Driver of the volumes that `-v` and the image ask for [default: local]
    #[arg(long, value_name = "NAME")]
    pub volume_driver: Option<String>,
    /// Mount, key by key: `type=bind|volume|tmpfs|image,source=…,target=…[,readonly]…`
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
    /// NIS domain name of the container
    #[arg(long, value_name = "NAME")]
    pub domainname: Option<String>,
    /// Its network
    #[command(flatten)]
    pub network: NetworkArgs,
    /// Its limits
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Further group of the user, by name or number
    #[arg(long = "group-add", value_name = "GROUP")]
    pub groups: Vec<String>,
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
    /// Signal that asks the container to stop [default: the image's, or TERM]
    #[arg(long, value_name = "SIGNAL")]
    pub stop_signal: Option<String>,
    /// Seconds that the container has to stop in, before it is killed [default: 10]
    #[arg(long, value_name = "SECONDS")]
    pub stop_timeout: Option<u32>,
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

impl ContainerArgs {
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
