//! What every verb shares: where the store is, which storage driver, and whether this process may do the work itself or
//! has to start again inside a user namespace.

use crate::container::Launch;
use crate::ctx::Place;
use crate::driver::Drivers;
use crate::error::{Error, Result};
use crate::request::StandardInput;
use clap::Args;
use rbuild_oci::Cancel;
use rbuild_registry::{Client, Config};
use rbuild_runner::userns::{Fidelity, IdMapPlan, spawn_inside};
use rbuild_runner::{Exit, IdMap};
use rbuild_store::Store;
use rbuild_store::snapshot::known_driver;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of all verbs.
#[derive(Args, Clone, Debug)]
pub struct Globals {
    /// Directory of the store [default: /var/lib/rbuild for root, ~/.local/share/rbuild otherwise]
    #[arg(long, global = true, value_name = "DIR", env = "RBUILD_ROOT")]
    pub root: Option<OsString>,
    /// Storage driver: overlay or copy [default: the best that works]
    #[arg(long, global = true, value_name = "NAME", env = "RBUILD_STORAGE_DRIVER")]
    pub storage_driver: Option<String>,
}

/// What this process may do, and what files can belong to.
#[derive(Debug)]
pub struct Standing {
    /// Inside or outside the namespace that work is done in.
    pub place: Place,
    /// The ids of this process.
    pub ids: IdMap,
    /// How faithfully steps will be done: part of every RUN's key.
    pub fidelity: &'static str,
    plan: IdMapPlan,
}

impl Globals {
    /// The directory of the store.
    pub fn root(&self) -> Result<PathBuf> {
        if let Some(root) = self.root.as_ref().filter(|root| !root.is_empty()) {
            return Ok(root.into());
        }
        let home = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if rustix::process::geteuid().is_root() && IdMap::current()? == IdMap::Root {
            return Ok("/var/lib/rbuild".into());
        }
        home("XDG_DATA_HOME")
            .or_else(|| home("HOME").map(|home| home.join(".local/share")))
            .map(|data| data.join("rbuild"))
            .ok_or_else(|| Error::Usage("HOME is not set: say where the store is with --root".to_owned()))
    }

    /// Opens the store, making it if there is none.
    pub fn store(&self) -> Result<Store> {
        Ok(Store::open(&self.root()?)?)
    }

    /// What a supervisor has to be told to find the same.
    pub(super) fn launch<'a>(&'a self, store: &'a Store) -> Launch<'a> {
        Launch { root: store.root(), driver: self.storage_driver.as_deref().filter(|name| !name.is_empty()) }
    }

    /// The way to the storage driver; one by a name that no driver has is refused here.
    pub fn drivers(&self, store: &Store, standing: &Standing) -> Result<Drivers> {
        let wanted = self.storage_driver.clone().filter(|name| !name.is_empty());
        wanted.as_deref().map(known_driver).transpose()?;
        Ok(Drivers::new(store, standing.ids.clone(), wanted))
    }
}

/// The way to registries, with the proxies, certificates and credentials that the environment names.
pub(super) fn registries(cancel: &Cancel) -> Client {
    Client::new(Config::from_env(&|name| std::env::var_os(name)), cancel)
}

impl Standing {
    /// That of this process.
    pub fn find() -> Result<Self> {
        let plan = IdMapPlan::detect(&std::env::var_os("PATH").unwrap_or_default())?;
        let ids = IdMap::current()?;
        let place = if plan == IdMapPlan::Privileged { Place::Inside } else { Place::Outside };
        let fidelity = match (&plan, ids.fidelity()) {
            (IdMapPlan::Single { .. }, _) | (IdMapPlan::Privileged, Fidelity::SingleId) => "single-id",
            _ => "full",
        };
        Ok(Self { place, ids, fidelity, plan })
    }

    /// What the user should know about this standing.
    pub fn note(&self) -> Option<&str> {
        match &self.plan {
            IdMapPlan::Single { note, .. } => Some(note),
            _ => None,
        }
    }

    /// Runs this very command line again inside a user namespace, where the store is the same, and takes over how it
    /// ends. `input` is handed to it where this process has read standard input already.
    pub fn start_again(&self, root: &std::path::Path, input: Option<StandardInput<'_>>) -> Result<ExitCode> {
        let mut env: Vec<(OsString, OsString)> =
            std::env::vars_os().filter(|(name, _)| name != "RBUILD_ROOT").collect();
        env.push(("RBUILD_ROOT".into(), root.as_os_str().to_owned()));
        let argv: Vec<OsString> = std::env::args_os().collect();
        let _held = input.map(super::signals::replace_stdin).transpose()?;
        let inside = spawn_inside(&self.plan, &argv, &env)?;
        let _forwarding = super::signals::forward(inside.process())?;
        Ok(match inside.wait()? {
            Exit::Code(code) => ExitCode::from(code),
            exit @ Exit::Signal(_) => ExitCode::from(exit.code()),
        })
    }
}
