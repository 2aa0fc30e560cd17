//! A container's configuration as what the runner takes. Starts nothing.

use crate::args::ulimit;
use crate::container::model::{self, Config, Seccomp};
use crate::container::spec::caps;
use crate::error::{Error, Result};
use rbuild_runner::cgroup::Control;
use rbuild_runner::seccomp::{Profile, SockFilter};
use rbuild_runner::users::Account;
use rbuild_runner::{
    Access, Birth, Caps, Confinement, Container, IdMap, Limit, MountSpec, Network, Rootfs, Stdio, compile_filter,
};

/// What the configuration does not say.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) rootfs: Rootfs,
    pub(crate) mounts: Vec<MountSpec>,
    pub(crate) account: Account,
    pub(crate) stdio: Stdio,
    pub(crate) network: Network,
    pub(crate) ids: &'a IdMap,
}

/// What its first process is born with.
pub(crate) fn birth(config: &Config) -> Birth {
    Birth { network: config.network != model::Network::Host, control: Some(control(config)) }
}

fn control(config: &Config) -> Control {
    Control { name: config.id.hex().to_owned(), limits: config.limits.of_group() }
}

/// The container.
pub(crate) fn container(config: &Config, parts: Parts<'_>) -> Result<Container> {
    Ok(Container {
        rootfs: parts.rootfs,
        root_access: if config.read_only { Access::ReadOnly } else { Access::ReadWrite },
        mounts: parts.mounts,
        files: Vec::new(),
        argv: config.argv.iter().map(|word| word.clone().into_bytes()).collect(),
        env: environment(config, &parts.account.home),
        cwd: config.cwd.clone().into_bytes(),
        user: parts.account.user,
        hostname: config.hostname.clone().into_bytes(),
        domainname: config.domainname.clone().into_bytes(),
        network: parts.network,
        confinement: confinement(config)?,
        stdio: parts.stdio,
        shm_size: config.shm_size,
        limits: limits(config)?,
        sysctls: config.sysctls.iter().map(|(name, value)| (name.clone().into(), value.clone().into())).collect(),
        oom_score_adj: config.limits.oom_score_adj,
        control: Some(control(config)),
        init: config.init,
        ids: parts.ids.clone(),
    })
}

/// Its resource limits.
pub(crate) fn limits(config: &Config) -> Result<Vec<Limit>> {
    config.ulimits.iter().map(|text| ulimit::parse(text)).collect()
}

/// HOME is the user's, unless it has a value already.
pub(crate) fn environment(config: &Config, home: &[u8]) -> Vec<Vec<u8>> {
    let mut env: Vec<Vec<u8>> = config.env.iter().map(|pair| pair.clone().into_bytes()).collect();
    env.retain(|pair| pair != b"HOME=");
    if !env.iter().any(|pair| pair.starts_with(b"HOME=")) {
        env.push([b"HOME=", home].concat());
    }
    env
}

/// What its processes may do.
pub(crate) fn confinement(config: &Config) -> Result<Confinement> {
    let mut confinement = Confinement::docker();
    confinement.caps = caps::parse(&config.cap_add, &config.cap_drop)?;
    confinement.no_new_privileges = config.no_new_privileges;
    confinement.seccomp = seccomp(&config.seccomp, confinement.caps)?;
    if config.open_paths {
        confinement.masked.clear();
        confinement.read_only.clear();
    }
    Ok(confinement)
}

fn seccomp(seccomp: &Seccomp, caps: Caps) -> Result<Option<Vec<SockFilter>>> {
    let profile = match seccomp {
        Seccomp::Unconfined => return Ok(None),
        Seccomp::Docker => Profile::docker(),
        Seccomp::Profile(json) => {
            let damaged = |error: String| Error::Usage(format!("the container's seccomp profile: {error}"));
            let text = serde_json::to_vec(json).map_err(|error| damaged(error.to_string()))?;
            Profile::from_json(&text, Caps::number).map_err(|error| damaged(error.to_string()))?
        }
    };
    Ok(Some(compile_filter(&profile, caps)?))
}
