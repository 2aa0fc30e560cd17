//! A RUN as a container: who runs what, in which environment, confined how. Starts nothing.

use super::mounts::Surroundings;
use crate::error::Result;
use crate::etc::{etc, file};
use crate::rootfs::{self, Sync};
use crate::solve::Work;
use crate::solve::owner::Accounts;
use crate::stack::Stack;
use rbuild_graph::{Network, RunOp, Security};
use rbuild_runner::{Access, Birth, Confinement, Container, InjectedFile, Stdio, docker_filter, users};
use rbuild_store::layer::View;
use rbuild_store::snapshot::Draft;

/// What a container of `rbuild run` has of its own and a step has not.
const HOSTNAME_FILE: &[u8] = b"/etc/hostname";

/// The container of a RUN on `draft`.
pub(super) fn plan(
    work: &Work<'_>,
    run: &RunOp,
    draft: &Draft,
    (parent, view): (&Stack, &View),
    surroundings: &Surroundings,
) -> Result<Container> {
    let accounts = Accounts::of(work.ctx.store, parent, view)?;
    let account =
        users::resolve(run.user.as_bytes(), &accounts.passwd, &accounts.group).map_err(|error| match error {
            rbuild_runner::Error::User(_) => accounts.refuse(&run.user),
            other => other.into(),
        })?;
    Ok(Container {
        rootfs: rootfs::root(work.ctx.snapshots.get()?, draft, Sync::Ignored, &rootfs::STEP)?,
        root_access: Access::ReadWrite,
        mounts: surroundings.mounts.clone(),
        files: files(run, surroundings)?,
        argv: run.argv.clone(),
        env: environment(run, &account.home, &surroundings.env),
        cwd: run.cwd.clone().into_bytes(),
        user: account.user,
        hostname: run.hostname.clone().into_bytes(),
        network: network(run),
        confinement: confinement(work, run)?,
        stdio: Stdio::Captured,
        shm_size: work.inputs.limits.shm_size,
        limits: work.inputs.limits.ulimits.clone(),
        domainname: Vec::new(),
        sysctls: Vec::new(),
        oom_score_adj: None,
        control: None,
        init: false,
        ids: work.ctx.ids.clone(),
    })
}

/// What its first process is born with.
pub(super) fn birth(run: &RunOp) -> Birth {
    Birth { network: network(run) != rbuild_runner::Network::Host, control: None }
}

fn network(run: &RunOp) -> rbuild_runner::Network {
    match run.network {
        Network::None => rbuild_runner::Network::None,
        Network::Default | Network::Host => rbuild_runner::Network::Host,
    }
}

fn confinement(work: &Work<'_>, run: &RunOp) -> Result<Confinement> {
    if run.security == Security::Insecure {
        return Ok(Confinement::insecure());
    }
    if let Some(made) = work.inputs.confinement.get() {
        return Ok(made.clone());
    }
    let confinement = Confinement::docker();
    let filter = docker_filter(confinement.caps)?;
    let made = || Confinement { seccomp: Some(filter), ..confinement };
    Ok(work.inputs.confinement.get_or_init(made).clone())
}

/// Resolver and hosts cannot be written, and the image's own host name file stays what it is: as BuildKit has it.
fn files(run: &RunOp, surroundings: &Surroundings) -> Result<Vec<InjectedFile>> {
    let mut files = etc(&run.hostname, &run.add_hosts)?;
    files.retain(|file| file.path != HOSTNAME_FILE);
    for file in &mut files {
        file.access = Access::ReadOnly;
    }
    let scripts = run.scripts.iter();
    files.extend(scripts.map(|script| file(&format!("/dev/pipes/{}", script.name), script.content.clone(), 0o755)));
    files.extend(surroundings.files.iter().cloned());
    Ok(files)
}

/// The process's environment, each name once: secrets that are variables win, then the proxies; HOME of its user yields.
fn environment(run: &RunOp, home: &[u8], secrets: &[(String, Vec<u8>)]) -> Vec<Vec<u8>> {
    let set = |name: &str| run.env.iter().any(|(known, _)| known == name);
    let proxy = |name: &str| run.env_unkeyed.iter().any(|(known, _)| known == name);
    let secret = |name: &str| secrets.iter().any(|(known, _)| known == name);
    let line = |name: &str, value: &[u8]| [name.as_bytes(), b"=", value].concat();
    let own = run.env.iter().filter(|(name, _)| !proxy(name));
    let texts = own.chain(&run.env_unkeyed).filter(|(name, _)| !secret(name));
    let mut env: Vec<Vec<u8>> = texts.map(|(name, value)| line(name, value.as_bytes())).collect();
    if !set("HOME") && !secret("HOME") {
        env.push(line("HOME", home));
    }
    env.extend(secrets.iter().map(|(name, value)| line(name, value)));
    env
}
