//! `rbuild attach`: this terminal joined to a container in the background.

use super::globals::Globals;
use super::out::complain;
use crate::args::keys;
use crate::container::{self, Attach, Containers, Left};
use crate::error::Result;
use clap::{ArgAction, Args};
use std::process::ExitCode;

/// Join a running container: see what it prints, type at it
#[derive(Args, Clone, Debug)]
pub struct AttachArgs {
    /// Keys that let go of a container with a terminal [default: ctrl-p,ctrl-q]
    #[arg(long, value_name = "KEYS")]
    pub detach_keys: Option<String>,
    /// Type nothing
    #[arg(long)]
    pub no_stdin: bool,
    /// Hand signals on to the container
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub sig_proxy: bool,
    /// Container
    #[arg(value_name = "CONTAINER")]
    pub name: String,
}

/// Attaches; ends as the container ends, or with 0 when the user lets go.
pub fn run(args: &AttachArgs, globals: &Globals) -> Result<ExitCode> {
    let containers = Containers::new(&globals.store()?);
    let how =
        Attach { input: !args.no_stdin, signals: args.sig_proxy, keys: keys::parse(args.detach_keys.as_deref())? };
    join(&containers, &args.name, &how).map(ExitCode::from)
}

/// Attaches to the container of that name, and says when the user let go.
pub(super) fn join(containers: &Containers, name: &str, how: &Attach) -> Result<u8> {
    match container::attach(containers, &containers.find(name)?, how)? {
        Left::Ended(code) => Ok(code),
        Left::Detached => {
            complain("\r\nread escape sequence\r\n");
            Ok(0)
        }
    }
}
