//! The command line that makes a container, resolved: every flag parsed, every file it names read, every variable
//! taken. Knows no image.

use super::wiring;
use crate::args::ContainerArgs;
use crate::args::Env;
use crate::args::{host, signal, size, ulimit};
use crate::container::model::{ImageSource, Limits, Mount, MountKind, Network, Ports, Resolver, Seccomp, name};
use crate::container::spec::env::Change;
use crate::container::spec::security::{self, Filter};
use crate::container::spec::volumes_from::{self, VolumesFrom};
use crate::container::spec::{bind, caps, env, label, limits, mount, network, path, tmpfs};
use crate::error::{Error, Result};
use rbuild_runner::Caps;
use rbuild_runner::seccomp::Profile;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is read of the world around a command line.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The environment.
    pub env: &'a Env<'a>,
    /// The working directory.
    pub cwd: &'a Path,
}

/// A container as the command line asks for it.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) name: Option<String>,
    pub(crate) command: Vec<String>,
    pub(crate) entrypoint: Option<String>,
    pub(crate) env: Vec<Change>,
    pub(crate) cwd: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) hostname: Option<String>,
    pub(crate) hosts: Vec<(String, String)>,
    pub(crate) network: Network,
    pub(crate) ports: Ports,
    pub(crate) resolver: Resolver,
    pub(crate) limits: Limits,
    pub(crate) domainname: String,
    pub(crate) group_add: Vec<String>,
    pub(crate) sysctls: BTreeMap<String, String>,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) volumes_from: Vec<VolumesFrom>,
    pub(crate) volume_driver: Option<String>,
    pub(crate) read_only: bool,
    pub(crate) interactive: bool,
    pub(crate) terminal: bool,
    pub(crate) init: bool,
    pub(crate) cap_add: Vec<String>,
    pub(crate) cap_drop: Vec<String>,
    pub(crate) seccomp: Seccomp,
    pub(crate) no_new_privileges: bool,
    pub(crate) open_paths: bool,
    pub(crate) shm_size: u64,
    pub(crate) ulimits: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) auto_remove: bool,
    pub(crate) cidfile: Option<PathBuf>,
    pub(crate) stop_signal: Option<String>,
    pub(crate) stop_timeout: Option<u32>,
    pub(crate) input_stays: bool,
}

/// Docker's size of /dev/shm.
const SHM_SIZE: u64 = 64 << 20;

impl Request {
    /// Resolves arguments as typed.
    pub fn resolve(args: &ContainerArgs, world: World<'_>) -> Result<Self> {
        let security = security::parse(&args.security_opts)?;
        let network = network::parse(&args.network)?;
        caps::parse(&args.cap_add, &args.cap_drop)?;
        args.ulimits.iter().try_for_each(|text| ulimit::parse(text).map(drop))?;
        Ok(Self {
            name: args.name.as_deref().map(name::parse).transpose()?,
            command: args.command().to_vec(),
            entrypoint: args.entrypoint.clone(),
            env: changes(&args.env_files, &args.env, world)?,
            cwd: args.workdir.as_deref().map(path::working_dir).transpose()?,
            user: args.user.clone(),
            hostname: args.hostname.as_deref().map(host::hostname).transpose()?,
            hosts: wiring::hosts(&args.add_hosts, network)?,
            network,
            ports: wiring::ports(args)?,
            resolver: network::resolver(&args.network)?,
            limits: limits::parse(&args.limits, &wiring::processors)?,
            domainname: args.domainname.as_deref().map(host::domainname).transpose()?.unwrap_or_default(),
            group_add: args.groups.clone(),
            sysctls: network::sysctls(&args.network.sysctls, network)?,
            mounts: mounts(args, world)?,
            volumes_from: args.volumes_from.iter().map(|text| volumes_from::parse(text)).collect::<Result<_>>()?,
            volume_driver: args.volume_driver.clone().filter(|name| !name.is_empty()),
            read_only: args.read_only,
            interactive: args.interactive,
            terminal: args.tty,
            init: args.init,
            cap_add: args.cap_add.clone(),
            cap_drop: args.cap_drop.clone(),
            seccomp: seccomp(&security.seccomp, world)?,
            no_new_privileges: security.no_new_privileges,
            open_paths: security.open_paths,
            shm_size: size::shm_or(SHM_SIZE, args.shm_size.as_deref())?,
            ulimits: args.ulimits.clone(),
            labels: args.labels.iter().map(|text| label::parse(text)).collect::<Result<_>>()?,
            auto_remove: args.rm,
            cidfile: args.cidfile.as_ref().map(|path| world.cwd.join(path)),
            stop_signal: args
                .stop_signal
                .as_deref()
                .map(|text| signal::parse(text).map(|_| text.to_owned()))
                .transpose()?,
            stop_timeout: args.stop_timeout,
            input_stays: false,
        })
    }

    /// The same in the background: whoever types at it may come and go.
    #[must_use]
    pub fn in_background(self) -> Self {
        Self { input_stays: true, ..self }
    }
}

impl Request {
    /// The request with the images of its `--mount type=image`, each of which `find` finds by what the user called it.
    pub fn with_images(mut self, find: impl Fn(&str) -> Result<ImageSource>) -> Result<Self> {
        for mount in &mut self.mounts {
            if let MountKind::Image(image) = &mut mount.kind {
                image.image = Some(find(&image.reference)?);
            }
        }
        Ok(self)
    }
}

/// What files and flags say of the environment: files first, in order, then flags.
pub(crate) fn changes(files: &[PathBuf], flags: &[String], world: World<'_>) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for file in files {
        changes.extend(env::file(&file.display().to_string(), &read(world, file)?, world.env)?);
    }
    for text in flags {
        changes.push(env::flag(text, world.env)?);
    }
    Ok(changes)
}

/// All mounts in the order of their kinds; of a target asked for twice nobody can say which is meant.
fn mounts(args: &ContainerArgs, world: World<'_>) -> Result<Vec<Mount>> {
    let mut all = Vec::new();
    for text in &args.volumes {
        let mut mount = bind::parse(text, world.cwd)?;
        if let MountKind::Volume(volume) = &mut mount.kind {
            volume.driver = args.volume_driver.clone().filter(|name| !name.is_empty());
        }
        all.push(mount);
    }
    for text in &args.mounts {
        all.push(mount::parse(text, world.cwd)?);
    }
    for text in &args.tmpfs {
        all.push(tmpfs::parse(text)?);
    }
    all.sort_by(|a, b| a.target.cmp(&b.target));
    match all.windows(2).find(|pair| pair[0].target == pair[1].target) {
        Some(pair) => Err(Error::Usage(format!("two mounts on {}: remove one of them", pair[0].target))),
        None => Ok(all),
    }
}

/// A profile is read, and checked, at once: its file may be gone when the container starts.
fn seccomp(filter: &Filter, world: World<'_>) -> Result<Seccomp> {
    let file = match filter {
        Filter::Docker => return Ok(Seccomp::Docker),
        Filter::Unconfined => return Ok(Seccomp::Unconfined),
        Filter::File(file) => file,
    };
    let bad = |reason: String| Error::Usage(format!("--security-opt seccomp={file}: {reason}"));
    let text = read(world, Path::new(file))?;
    Profile::from_json(&text, Caps::number).map_err(|error| bad(chain(&error)))?;
    serde_json::from_slice(&text).map(Seccomp::Profile).map_err(|error| bad(error.to_string()))
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

fn read(world: World<'_>, path: &Path) -> Result<Vec<u8>> {
    std::fs::read(world.cwd.join(path)).map_err(Error::io("read", path.display()))
}
