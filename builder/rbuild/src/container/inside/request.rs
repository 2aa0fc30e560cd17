//! The command line of `exec`, resolved, and what becomes of a container's configuration by it: the process that is
//! started is what the container's own would be if it had been configured so. Knows no process.

use crate::args::ExecArgs;
use crate::container::create::{Sources, World, changes, environment};
use crate::container::model::Config;
use crate::container::spec::env::Change;
use crate::container::spec::path;
use crate::error::Result;

/// A further process as the command line asks for it.
#[derive(Clone, Debug)]
pub struct ExecRequest {
    /// Whether nobody attends to it.
    pub detach: bool,
    /// Whether it holds every capability that this program has.
    pub(crate) privileged: bool,
    command: Vec<String>,
    env: Vec<Change>,
    user: Option<String>,
    cwd: Option<String>,
    interactive: bool,
    terminal: bool,
}

impl ExecRequest {
    /// Resolves arguments as typed.
    pub fn resolve(args: &ExecArgs, world: World<'_>) -> Result<Self> {
        Ok(Self {
            detach: args.detach,
            privileged: args.privileged,
            command: args.command().to_vec(),
            env: changes(&args.env_files, &args.env, world)?,
            user: args.user.clone().filter(|user| !user.is_empty()),
            cwd: args.workdir.as_deref().filter(|path| !path.is_empty()).map(path::working_dir).transpose()?,
            interactive: args.interactive && !args.detach,
            terminal: args.tty,
        })
    }

    /// The container's configuration with what is asked for in its place.
    pub(crate) fn on(&self, config: &Config) -> Config {
        let env = environment(Sources {
            image: &config.env,
            changes: &self.env,
            hostname: &config.hostname,
            terminal: self.terminal,
        });
        Config {
            argv: self.command.clone(),
            env,
            user: self.user.clone().unwrap_or_else(|| config.user.clone()),
            cwd: self.cwd.clone().unwrap_or_else(|| config.cwd.clone()),
            interactive: self.interactive,
            terminal: self.terminal,
            ..config.clone()
        }
    }
}
