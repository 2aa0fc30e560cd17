//! The arguments of `rbuild exec`. What they mean is decided in `container::inside`.

use clap::Args;
use std::path::PathBuf;

/// Run a further command in a container that runs
#[derive(Args, Clone, Debug)]
#[command(override_usage = "rbuild exec [OPTIONS] CONTAINER COMMAND [ARG]...")]
pub struct ExecArgs {
    /// Leave the command in the background; it ends with the container
    #[arg(short, long)]
    pub detach: bool,
    /// Keys that detach from the command (taken, and without effect: a command ends with its rbuild)
    #[arg(long, value_name = "KEYS")]
    pub detach_keys: Option<String>,
    /// Set a variable, `NAME=VALUE`; `NAME` alone takes the value from the environment
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Set the variables that a file lists
    #[arg(long = "env-file", value_name = "FILE")]
    pub env_files: Vec<PathBuf>,
    /// Hand standard input to the command
    #[arg(short, long)]
    pub interactive: bool,
    /// Give the command every capability that rbuild has
    #[arg(long)]
    pub privileged: bool,
    /// Give the command a terminal
    #[arg(short, long)]
    pub tty: bool,
    /// User, and perhaps group, by name or number [default: the container's]
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub user: Option<String>,
    /// Directory that the command starts in [default: the container's]
    #[arg(short, long, value_name = "PATH")]
    pub workdir: Option<String>,
    /// Container (name, id or the start of an id), then the command and its arguments
    #[arg(value_name = "CONTAINER COMMAND [ARG]", required = true, num_args = 2.., trailing_var_arg = true)]
    pub words: Vec<String>,
}

impl ExecArgs {
    /// What the container is called.
    pub fn container(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The command and its arguments.
    pub fn command(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }
}
