//! The arguments of `rbuild run`: a new container's, and how it is attended.

use super::ContainerArgs;
use clap::{ArgAction, Args};

/// Run a command in a new container
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, override_usage = "rbuild run [OPTIONS] IMAGE [COMMAND] [ARG]...")]
pub struct RunArgs {
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    pub help: Option<bool>,
    /// Leave the container in the background and print its id
    #[arg(short, long)]
    pub detach: bool,
    /// Show only these: stdin, stdout, stderr [default: all]
    #[arg(short, long, value_name = "STREAM")]
    pub attach: Vec<String>,
    /// Hand signals on to the container
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub sig_proxy: bool,
    /// The container
    #[command(flatten)]
    pub container: ContainerArgs,
}
