//! Real containers in the real kernel: every case as root, as an ordinary user with subordinate ids, and as one
//! with a single id. The program starts itself again for each of them. `cargo test … -- NAME` runs matching cases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod files;
mod join;
mod life;
mod process;
mod terminal;
mod world;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use rbuild_runner::IdMap;
use rbuild_runner::userns::{IdMapPlan, spawn_inside};
use world::World;

/// The ordinary user that root becomes for the tests: known to a private view of /etc/passwd only.
const UID: &str = "54321";

type Case = (&'static str, fn(&World));

fn main() -> ExitCode {
    rbuild_runner::maybe_init();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let filters: Vec<String> = args.iter().filter(|arg| !arg.starts_with('-')).cloned().collect();
    match args.first().map(String::as_str) {
        Some("--inside") => run_cases(&filters),
        Some("--enter") => enter(&filters),
        Some("--hold") => life::hold(Path::new(&args[1])),
        Some("--join") => join::hold(&args[1]),
        Some("--list") => ExitCode::SUCCESS,
        _ => run_modes(&filters),
    }
}

/// Root runs the cases itself and as two kinds of user; a user as what it is.
fn run_modes(filters: &[String]) -> ExitCode {
    if !Path::new("/bin/busybox").exists() {
        eprintln!("SKIP: sandbox: no /bin/busybox; install it (Debian, Ubuntu: apt-get install busybox-static)");
        return ExitCode::SUCCESS;
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIP: sandbox as root, and as other users: not root");
        return enter(filters);
    }
    let mut good = probe() == ExitCode::SUCCESS && run_cases(filters) == ExitCode::SUCCESS;
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    let program = dir.path().join("sandbox-test");
    fs::copy(std::env::current_exe().expect("own path"), &program).expect("a copy for the user");
    for (mode, ranges) in [("one id", String::new()), ("subids", format!("{UID}:700000:65536\n"))] {
        println!("\nas user {UID} with {mode}");
        let file = dir.path().join("ranges");
        fs::write(&file, ranges).expect("ranges");
        let account =
            format!("{}tester:x:{UID}:{UID}::/:/bin/sh\n", fs::read_to_string("/etc/passwd").expect("passwd"));
        fs::write(dir.path().join("ranges.passwd"), account).expect("passwd");
        let script = "mount --bind \"$0\" /etc/subuid && mount --bind \"$0\" /etc/subgid && \
                      mount --bind \"$0.passwd\" /etc/passwd && exec setpriv --reuid \"$1\" --regid \"$1\" --clear-groups -- \"$2\" --enter \"${@:3}\"";
        let status = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "bash", "-c", script])
            .arg(&file)
            .arg(UID)
            .arg(&program)
            .args(filters)
            .current_dir("/")
            .status()
            .expect("unshare, setpriv and bash are installed");
        good &= status.success();
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What `rbuild info` says of this machine: everything works for all three kinds of user.
fn probe() -> ExitCode {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let findings = rbuild_runner::probe(dir.path(), &path).expect("a report");
    for finding in &findings {
        println!("{finding}");
    }
    let clean = fs::read_dir(dir.path()).expect("readable").next().is_none();
    if clean && findings.len() == 5 && findings.iter().all(|f| f.works) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Starts this program inside a user namespace, as rbuild itself does.
fn enter(filters: &[String]) -> ExitCode {
    if probe() != ExitCode::SUCCESS {
        return ExitCode::FAILURE;
    }
    let plan = IdMapPlan::detect(&std::env::var_os("PATH").unwrap_or_default()).expect("own capabilities");
    if let IdMapPlan::Single { note, .. } = &plan {
        eprintln!("note: {note}");
    }
    let mut argv: Vec<OsString> = vec!["sandbox-test".into(), "--inside".into()];
    argv.extend(filters.iter().map(OsString::from));
    let env: Vec<_> = std::env::vars_os().collect();
    match spawn_inside(&plan, &argv, &env).and_then(rbuild_runner::userns::Inside::wait) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run_cases(filters: &[String]) -> ExitCode {
    let ids = IdMap::current().expect("own id map");
    println!("containers with ids {ids}");
    let cases: Vec<Case> = [process::CASES, files::CASES, life::CASES, join::CASES, terminal::CASES].concat();
    let chosen =
        cases.iter().filter(|(name, _)| filters.is_empty() || filters.iter().any(|f| name.contains(f.as_str())));
    let (mut passed, mut failed) = (0, Vec::new());
    for (name, case) in chosen {
        let world = World::new(ids.clone());
        let outcome = std::panic::catch_unwind(|| case(&world));
        println!("case {name} ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        match outcome {
            Ok(()) => passed += 1,
            Err(_) => failed.push(*name),
        }
    }
    println!("{passed} passed, {} failed {failed:?}", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
