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
    /// Leave the container in the background (not supported yet)
    #[arg(short, long, hide = true)]
    pub detach: bool,
    /// The container
    #[command(flatten)]
    pub container: ContainerArgs,
}
