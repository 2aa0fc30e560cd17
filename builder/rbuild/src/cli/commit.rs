//! `rbuild commit`: an image of what a container made of its own.

use super::globals::Globals;
use super::ground::stand;
use super::out::print;
use crate::container::{self, Commit, Containers};
use crate::error::Result;
use crate::image::new_name;
use clap::{ArgAction, Args};
use std::process::ExitCode;

/// Make an image of a container's changes
#[derive(Args, Clone, Debug, Default)]
pub struct CommitArgs {
    /// Container, by name or id
    #[arg(value_name = "CONTAINER")]
    pub container: String,
    /// Name of the image, `name[:tag]`
    #[arg(value_name = "NAME[:TAG]")]
    pub name: Option<String>,
    /// Who made it, as in `Ada <ada@example.com>`
    #[arg(short, long, value_name = "AUTHOR")]
    pub author: Option<String>,
    /// Dockerfile instruction that changes the image's configuration, such as `CMD ["sh"]`; may be given several times
    #[arg(short, long = "change", value_name = "INSTRUCTION")]
    pub changes: Vec<String>,
    /// Comment in the image's history
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Pause the container meanwhile
    #[arg(short, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, action = ArgAction::Set,
          default_value_t = true, default_missing_value = "true")]
    pub pause: bool,
    /// Do not pause the container meanwhile
    #[arg(long)]
    pub no_pause: bool,
}

/// Makes the image and prints its id.
pub fn run(args: &CommitArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    let name = args.name.as_deref().map(new_name).transpose()?;
    let entry = Containers::new(&store).find(&args.container)?;
    stand(globals, store, |ground| {
        ground.store.lease()?;
        let wanted = Commit {
            name,
            author: args.author.clone().unwrap_or_default(),
            message: args.message.clone().unwrap_or_default(),
            pause: args.pause && !args.no_pause,
            changes: args.changes.clone(),
        };
        let id = container::commit(ground.ctx(), &entry, &wanted)?;
        print(&format!("{id}\n"))?;
        Ok(ExitCode::SUCCESS)
    })
}
