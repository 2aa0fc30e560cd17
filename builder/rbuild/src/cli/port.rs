//! `rbuild port`: where the ports of a container are published, in docker's lines.

use super::globals::Globals;
use super::out::print;
use crate::container::{Containers, Entry, Port, port};
use crate::error::{Error, Result};
use clap::Args;
use std::process::ExitCode;

/// Show where a container's ports are published
#[derive(Args, Clone, Debug)]
pub struct PortArgs {
    /// Container
    #[arg(value_name = "CONTAINER")]
    pub name: String,
    /// Only this port of it
    #[arg(value_name = "PORT[/PROTO]")]
    pub port: Option<String>,
}

/// Prints them.
pub fn run(args: &PortArgs, globals: &Globals) -> Result<ExitCode> {
    let port = args.port.as_deref().map(port).transpose()?;
    let entry = Containers::new(&globals.store()?).find(&args.name)?;
    print(&match port {
        Some(port) => one(&entry, port)?,
        None => all(&entry),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn all(entry: &Entry) -> String {
    entry
        .bindings(&entry.state.status())
        .iter()
        .map(|one| format!("{} -> {}:{}\n", one.port, one.ip, one.host))
        .collect()
}

fn one(entry: &Entry, port: Port) -> Result<String> {
    let status = entry.state.status();
    let places = entry.bindings(&status).iter().filter(|one| one.port == port);
    let text: String = places.map(|one| format!("{}:{}\n", one.ip, one.host)).collect();
    if text.is_empty() {
        let reason = format!("publishes no port {port}");
        return Err(Error::Unfit { name: entry.config.name.clone(), reason, hint: None });
    }
    Ok(text)
}
