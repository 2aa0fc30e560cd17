//! What every verb shares: where the store is, which storage driver, and whether this process may do the work itself or
//! has to start again inside a user namespace.

use crate::container::{Launch, Patience, PluginFolders, PluginSettings, VolumeDrivers, World};
use crate::ctx::Place;
use crate::driver::Drivers;
use crate::error::{Error, Result};
use crate::far::{Far, Registries, Source};
use crate::request::StandardInput;
use clap::Args;
use clap::builder::FalseyValueParser;
use rbuild_oci::Cancel;
use rbuild_registry::{Client, Config};
use rbuild_runner::userns::{Fidelity, IdMapPlan, Inside, spawn_beside, spawn_inside};
use rbuild_runner::{Exit, IdMap, Process};
use rbuild_store::Store;
use rbuild_store::snapshot::known_driver;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Options of all verbs.
#[derive(Args, Clone, Debug)]
pub struct Globals {
    /// Directory of the store [default: /var/lib/rbuild for root, ~/.local/share/rbuild otherwise]
    #[arg(long, global = true, value_name = "DIR", env = "RBUILD_ROOT")]
    pub root: Option<OsString>,
    /// Storage driver: overlay, btrfs, zfs, reflink, copy or fuse-overlayfs [default: the best that works]
    #[arg(long, global = true, value_name = "NAME", env = "RBUILD_STORAGE_DRIVER")]
    pub storage_driver: Option<String>,
    /// Option of a storage driver: zfs.fsname=DATASET, for zfs to keep snapshots below [default: that of the store]
    #[arg(long, global = true, value_name = "KEY=VALUE", env = "RBUILD_STORAGE_OPT")]
    pub storage_opt: Option<String>,
    /// Ask nobody: neither registries nor servers; what is not here is an error
    #[arg(long, global = true, env = "RBUILD_OFFLINE", value_parser = FalseyValueParser::new())]
    pub offline: bool,
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
        match &self.root {
            Some(root) if !root.is_empty() => return Ok(root.into()),
            // An empty variable is none; an empty word is a variable of a script that was never set.
            Some(_) if std::env::var_os("RBUILD_ROOT").is_none_or(|value| !value.is_empty()) => {
                return Err(Error::Usage("--root is empty: name a directory, or leave it out".to_owned()));
            }
            _ => {}
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

    /// Opens the store, making it if there is none. Layers of registries that are not here come when they are read.
    pub fn store(&self) -> Result<Store> {
        self.store_until(&Cancel::new())
    }

    /// The same for a verb that signals cancel: layers on their way stop, too.
    pub(super) fn store_until(&self, cancel: &Cancel) -> Result<Store> {
        Ok(self.reaching(Store::open(&self.root()?)?, cancel))
    }

    /// The store as one whose layers come from registries when they are read, until somebody cancels that.
    pub(super) fn reaching(&self, store: Store, cancel: &Cancel) -> Store {
        let registries: Box<dyn Source> = Box::new(Registries::new(&self.registries(cancel)));
        store.bringing(Arc::new(Far::new(vec![registries], cancel)))
    }

    /// How registries and servers are reached: by the files, proxies and credentials that the environment names. Nothing
    /// is read before somebody is asked.
    pub fn network(&self) -> Config {
        Config { offline: self.offline, ..Config::from_env(&|name| std::env::var_os(name)) }
    }

    /// The way to registries.
    pub(super) fn registries(&self, cancel: &Cancel) -> Client {
        Client::new(self.network(), cancel)
    }

    /// What a supervisor has to be told to find the same.
    pub(super) fn launch<'a>(&'a self, store: &'a Store) -> Launch<'a> {
        let given = |option: &'a Option<String>| option.as_deref().filter(|text| !text.is_empty());
        Launch { root: store.root(), driver: given(&self.storage_driver), option: given(&self.storage_opt) }
    }

    /// The way to the storage driver; one by a name that no driver has is refused here.
    pub fn drivers(&self, store: &Store, standing: &Standing) -> Result<Drivers> {
        let wanted = self.storage_driver.clone().filter(|name| !name.is_empty());
        wanted.as_deref().map(known_driver).transpose()?;
        Ok(Drivers::new(store, standing.ids.clone(), wanted).in_dataset(self.dataset()?))
    }

    fn dataset(&self) -> Result<Option<String>> {
        let Some(option) = self.storage_opt.as_deref().filter(|option| !option.is_empty()) else { return Ok(None) };
        match option.split_once('=') {
            Some(("zfs.fsname", dataset)) if !dataset.is_empty() => Ok(Some(dataset.to_owned())),
            _ => Err(Error::Usage(format!("--storage-opt {option}: the one option there is is zfs.fsname=DATASET"))),
        }
    }
}

/// What `resolve` makes of a container's command line where this process stands: its environment and directory.
pub(super) fn in_world<T>(resolve: impl FnOnce(World<'_>) -> Result<T>) -> Result<T> {
    let cwd = std::env::current_dir().map_err(Error::io("find", "the working directory"))?;
    resolve(World { env: &|name| std::env::var(name).ok(), cwd: &cwd })
}

/// All volume drivers for a store: the environment says where plugins are and how long they are waited for.
pub(super) fn volumes(store: &Store, cancel: &Cancel) -> Result<VolumeDrivers> {
    let env = |name: &str| std::env::var(name).ok();
    let folders = PluginFolders::from_env(&env);
    let patience = match env(PATIENCE).filter(|text| !text.is_empty()) {
        None => Patience::LONG,
        Some(text) => {
            let seconds = text.parse().ok().filter(|seconds| *seconds > 0).map(Duration::from_secs);
            let wrong =
                || Error::Usage(format!("{PATIENCE}={text} is not valid: write how many seconds a plugin may take"));
            Patience::of(seconds.ok_or_else(wrong)?)
        }
    };
    Ok(VolumeDrivers::new(store, PluginSettings { folders, patience, cancel: cancel.clone() }))
}

const PATIENCE: &str = "RBUILD_PLUGIN_TIMEOUT";

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
    pub fn start_again(&self, root: &Path, input: Option<StandardInput<'_>>) -> Result<ExitCode> {
        let _held = input.map(super::signals::replace_stdin).transpose()?;
        attend(spawn_inside(&self.plan, &arguments(), &environment(root))?)
    }

    /// Makes sure that this command line is carried out in the user namespace of a container's process, where this
    /// program has every capability over the container's processes and files: where it is not, runs it again there,
    /// with the same store, and gives how that ended. None: this process is in that namespace already; go on.
    ///
    /// ```text
    /// let Some(process) = mark.process()? else { return Err(not running) };
    /// if let Some(code) = Standing::enter(store.root(), &process)? {
    ///     return Ok(code);
    /// }
    /// ```
    ///
    /// `process` comes from [`ProcessMark::process`](crate::container::ProcessMark::process), so that no later process
    /// of the same number is entered. What runs again has a mount namespace of its own and asks anew who the process
    /// is.
    pub fn enter(root: &Path, process: &Process) -> Result<Option<ExitCode>> {
        if process.shares_users()? {
            return Ok(None);
        }
        attend(spawn_beside(process, &arguments(), &environment(root))?).map(Some)
    }
}

fn arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// This process's own, with the store found already.
fn environment(root: &Path) -> Vec<(OsString, OsString)> {
    let mut env: Vec<(OsString, OsString)> = std::env::vars_os().filter(|(name, _)| name != "RBUILD_ROOT").collect();
    env.push(("RBUILD_ROOT".into(), root.as_os_str().to_owned()));
    env
}

/// Hands signals on to this program's other self, and waits for how it ends.
fn attend(inside: Inside) -> Result<ExitCode> {
    let _forwarding = super::signals::forward(inside.process())?;
    Ok(match inside.wait()? {
        Exit::Code(code) => ExitCode::from(code),
        exit @ Exit::Signal(_) => ExitCode::from(exit.code()),
    })
}
