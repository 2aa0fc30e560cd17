//! What containers can have on this machine, each answer with its reason. Tries the real thing; leaves nothing behind.

use std::ffi::{CStr, OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rbuild_oci::Cancel;

use crate::container::{Access, Confinement, Container, Network, Overlay, Rootfs, Stdio, User};
use crate::error::{Error, Result};
use crate::executor::{Executor, Output, Stream};
use crate::filter::docker_filter;
use crate::sandbox::Sandbox;
use crate::userns::{IdMap, IdMapPlan, spawn_inside};

/// The name by which a re-executed copy of this program knows that it is to probe.
pub(crate) const PROBE_NAME: &CStr = c"rbuild-sandbox-probe";

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was tried.
    pub subject: String,
    /// Whether it works.
    pub works: bool,
    /// How, or why not.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.subject, if self.works { "yes" } else { "no" }, self.detail)
    }
}

/// Tries what containers need: a user namespace where this process needs one, then inside it namespaces, overlay,
/// network and seccomp. `dir` is a writable directory on the filesystem that layers will lie on; `path` is as in
/// `$PATH`. The program's `main` must begin with [`crate::maybe_init`].
pub fn probe(dir: &Path, path: &OsStr) -> Result<Vec<Finding>> {
    let own = dir.join(format!("probe-{}", std::process::id()));
    fs::create_dir(&own).map_err(|error| Error::io("create", own.display().to_string(), error))?;
    let found = probe_in(&own, path);
    fs::remove_dir_all(&own).map_err(|error| Error::io("remove", own.display().to_string(), error))?;
    found
}

fn probe_in(own: &Path, path: &OsStr) -> Result<Vec<Finding>> {
    let plan = IdMapPlan::detect(path)?;
    let mut findings = vec![ids(&plan)];
    if plan == IdMapPlan::Privileged {
        findings.extend(try_all(own)?);
        return Ok(findings);
    }
    let name = OsStr::from_bytes(PROBE_NAME.to_bytes()).to_owned();
    match spawn_inside(&plan, &[name, OsString::from(own)], &[]) {
        Ok(inside) => {
            inside.wait()?;
            findings[0].works = true;
            findings.extend(read_report(&own.join(REPORT)));
        }
        Err(error) => findings[0].detail = error.to_string(),
    }
    Ok(findings)
}

const REPORT: &str = "report";

/// The copy inside the user namespace: probes `dir` and writes what it finds there.
pub(crate) fn probe_inside(dir: &Path) -> io::Result<()> {
    let findings = try_all(dir).map_err(io::Error::other)?;
    let line = |f: &Finding| format!("{}\t{}\t{}\n", f.subject, f.works, f.detail.replace('\n', " "));
    fs::write(dir.join(REPORT), findings.iter().map(line).collect::<String>())
}

fn read_report(file: &Path) -> Vec<Finding> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let finding = |line: &str| {
        let mut fields = line.splitn(3, '\t').map(str::to_owned);
        let (subject, works, detail) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Finding { subject, works: works == "true", detail })
    };
    text.lines().filter_map(finding).collect()
}

fn ids(plan: &IdMapPlan) -> Finding {
    let (works, detail) = match plan {
        IdMapPlan::Privileged => (true, "not needed: this process is privileged".to_owned()),
        IdMapPlan::Subids { map, newuidmap, .. } => {
            let count: u64 = map.uids.iter().map(|range| u64::from(range.count)).sum();
            (false, format!("{count} user ids by {}", newuidmap.display()))
        }
        IdMapPlan::Single { note, .. } => (false, format!("one user id: {note}")),
    };
    Finding { subject: "user namespace".to_owned(), works, detail }
}

/// Containers that differ in one thing each.
fn try_all(dir: &Path) -> Result<Vec<Finding>> {
    let sandbox = Sandbox::new()?;
    let ids = IdMap::current()?;
    let directories = ["lower", "upper", "work", "plain"].map(|name| dir.join(name));
    for path in &directories {
        fs::create_dir(path).map_err(|error| Error::io("create", path.display().to_string(), error))?;
    }
    let plain = container(Rootfs::Bind(dir.join("plain")), &ids);
    let overlay = Rootfs::Overlay(Overlay {
        lowers: vec![dir.join("lower")],
        upper: dir.join("upper"),
        work: dir.join("work"),
        volatile: true,
        userxattr: ids != IdMap::Root,
    });
    let mut filtered = plain.clone();
    filtered.confinement.seccomp = Some(docker_filter(filtered.confinement.caps)?);
    let name = if ids == IdMap::Root { "overlay" } else { "overlay with user xattrs" };
    let findings = vec![
        attempt("namespaces", &sandbox, &plain),
        attempt(name, &sandbox, &container(overlay, &ids)),
        attempt("network namespace", &sandbox, &Container { network: Network::None, ..plain }),
        attempt("seccomp", &sandbox, &filtered),
    ];
    // Overlay leaves a directory without any permission: only its owner in the namespace may look into it.
    for path in &directories {
        fs::remove_dir_all(path).map_err(|error| Error::io("remove", path.display().to_string(), error))?;
    }
    Ok(findings)
}

fn container(rootfs: Rootfs, ids: &IdMap) -> Container {
    Container {
        rootfs,
        root_access: Access::ReadWrite,
        mounts: Vec::new(),
        files: Vec::new(),
        argv: vec![b"/no-such-program".to_vec()],
        env: Vec::new(),
        cwd: b"/".to_vec(),
        user: User::default(),
        hostname: b"probe".to_vec(),
        network: Network::Host,
        confinement: Confinement::docker(),
        stdio: Stdio::Captured,
        shm_size: 1 << 20,
        limits: Vec::new(),
        domainname: Vec::new(),
        sysctls: Vec::new(),
        oom_score_adj: None,
        control: None,
        init: false,
        ids: ids.clone(),
    }
}

/// All of the set-up works when nothing is amiss but the program, which does not exist.
fn attempt(subject: &str, sandbox: &Sandbox, container: &Container) -> Finding {
    let (works, detail) = match sandbox.run(container, &mut Nothing, &Cancel::new()) {
        Err(Error::Program { .. }) => (true, "tried".to_owned()),
        Err(Error::Setup { operation, source }) => (false, format!("{operation}: {source}")),
        Err(error) => (false, error.to_string()),
        Ok(outcome) => (false, format!("a program that does not exist ended with {:?}", outcome.exit)),
    };
    Finding { subject: subject.to_owned(), works, detail }
}

/// Takes no output: there is none.
struct Nothing;

impl Output for Nothing {
    fn write(&mut self, _: Stream, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}
