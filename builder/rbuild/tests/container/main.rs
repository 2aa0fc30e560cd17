//! `rbuild run` in the real kernel: every case as root, as an ordinary user with subordinate ids, and as one with a
//! single id, who enter their namespace by themselves. `cargo test … -- NAME` runs matching cases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod attached;
mod background;
mod confinement;
mod copies;
mod crashes;
mod drivers;
mod files;
mod inside;
mod layers;
mod life;
mod limits;
mod network;
mod plugin_server;
mod plugins;
mod process;
mod surroundings;
mod terminal;
mod verbs;
mod volume_verbs;
mod volumes;
mod world;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use world::{Mode, World};

/// The ordinary user that root becomes for the tests: known to a private view of /etc/passwd only.
const UID: &str = "54321";

type Case = (&'static str, fn(&World));

fn main() -> ExitCode {
    rbuild_runner::maybe_init();
    // The name under which rbuild starts its own supervisors.
    if std::env::args_os().next().is_some_and(|name| name == "rbuild") {
        return rbuild::cli::main(std::env::args_os());
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let filters = || args.iter().filter(|arg| !arg.starts_with('-')).cloned().collect::<Vec<_>>();
    match args.first().map(String::as_str) {
        Some(world::AS_RBUILD) => {
            let words = std::env::args_os().enumerate().filter(|(at, _)| *at != 1).map(|(_, word)| word);
            rbuild::cli::main(words)
        }
        Some(network::AS_ECHO) => network::echo(),
        Some(plugin_server::AS_PLUGIN) => plugin_server::serve(&args[1..]),
        Some("--as-user") => run_cases(if args[1] == "subids" { Mode::Subids } else { Mode::Single }, &filters()[1..]),
        Some("--list") => ExitCode::SUCCESS,
        _ => run_modes(&filters()),
    }
}

/// Root runs the cases itself and as two kinds of user; a user as what it is.
fn run_modes(filters: &[String]) -> ExitCode {
    if !Path::new("/bin/busybox").exists() {
        eprintln!("SKIP: container: no /bin/busybox; install it (Debian, Ubuntu: apt-get install busybox-static)");
        return ExitCode::SUCCESS;
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIP: container as root, and as other users: not root");
        return run_cases(Mode::Subids, filters);
    }
    let mut good = run_cases(Mode::Root, filters) == ExitCode::SUCCESS;
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    let program = dir.path().join("container-test");
    fs::copy(std::env::current_exe().expect("own path"), &program).expect("a copy for the user");
    for (mode, ranges) in [("subids", format!("{UID}:700000:65536\n")), ("single", String::new())] {
        good &= as_user(dir.path(), &program, mode, &ranges, filters);
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn as_user(dir: &Path, program: &Path, mode: &str, ranges: &str, filters: &[String]) -> bool {
    println!("\nas user {UID}, {mode}");
    let (file, home) = (dir.join("ranges"), dir.join(format!("home-{mode}")));
    fs::write(&file, ranges).expect("ranges");
    fs::create_dir(&home).expect("home");
    std::os::unix::fs::chown(&home, Some(UID.parse().unwrap()), Some(UID.parse().unwrap())).expect("chown");
    let account = format!("{}tester:x:{UID}:{UID}::/:/bin/sh\n", fs::read_to_string("/etc/passwd").expect("passwd"));
    fs::write(dir.join("ranges.passwd"), account).expect("passwd");
    let script = "mount --bind \"$0\" /etc/subuid && mount --bind \"$0\" /etc/subgid && \
                  mount --bind \"$0.passwd\" /etc/passwd && \
                  { [ ! -e /dev/net/tun ] || mount --bind \"$0.tun\" /dev/net/tun; } && \
                  { [ -z \"$GROUP_OF_TEST\" ] || echo $$ >\"$GROUP_OF_TEST/cgroup.procs\"; } && \
                  { [ -e \"$0.fuse\" ] || mknod -m 666 \"$0.fuse\" c 10 229; } && \
                  { [ ! -e /dev/fuse ] || mount --bind \"$0.fuse\" /dev/fuse; } && \
                  exec setpriv --reuid \"$1\" --regid \"$1\" --clear-groups -- \"$2\" --as-user \"${@:3}\"";
    // As distributions have it; on a bare machine it is root's.
    let tun = dir.join("ranges.tun");
    if !tun.exists() {
        let node = rustix::fs::FileType::CharacterDevice;
        rustix::fs::mknodat(rustix::fs::CWD, &tun, node, 0o666.into(), rustix::fs::makedev(10, 200)).expect("mknod");
        fs::set_permissions(&tun, fs::Permissions::from_mode(0o666)).expect("chmod");
    }
    let group = Group::delegate();
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "bash", "-c", script])
        .arg(&file)
        .arg(UID)
        .arg(program)
        .arg(mode)
        .args(filters)
        .env("TMPDIR", &home)
        .env("HOME", &home)
        .env("GROUP_OF_TEST", group.as_ref().map_or(Path::new(""), |group| &group.0))
        .current_dir("/")
        .status()
        .expect("unshare, setpriv and bash are installed");
    status.success()
}

/// A control group of version 2 that is the user's, as systemd gives one to a session; gone when it is dropped.
struct Group(PathBuf);

impl Group {
    /// None where version 2 is not mounted.
    fn delegate() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
        let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?.split(' ').nth(4)?.to_owned();
        let dir = Path::new(&mount).join(format!("rbuild-test-{}", std::process::id()));
        fs::create_dir(&dir).ok()?;
        let owner = Some(UID.parse().expect("a number"));
        for path in [dir.clone(), dir.join("cgroup.procs"), dir.join("cgroup.subtree_control")] {
            std::os::unix::fs::chown(path, owner, owner).expect("chown");
        }
        Some(Self(dir))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It may still be emptying; a group is removed when no process is in it.
        for _ in 0..100 {
            if prune(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        eprintln!("{} is left", self.0.display());
    }
}

/// Removes a group with those in it: containers that were killed left theirs.
fn prune(group: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            prune(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}

fn run_cases(mode: Mode, filters: &[String]) -> ExitCode {
    let cases: Vec<Case> = [
        process::CASES,
        surroundings::CASES,
        confinement::CASES,
        layers::CASES,
        drivers::CASES,
        volumes::CASES,
        volume_verbs::CASES,
        plugins::CASES,
        life::CASES,
        inside::CASES,
        terminal::CASES,
        verbs::CASES,
        files::CASES,
        copies::CASES,
        background::CASES,
        attached::CASES,
        crashes::CASES,
        limits::CASES,
        network::CASES,
    ]
    .concat();
    let chosen =
        cases.iter().filter(|(name, _)| filters.is_empty() || filters.iter().any(|f| name.contains(f.as_str())));
    let (mut passed, mut failed) = (0, Vec::new());
    for (name, case) in chosen {
        let world = World::new(mode);
        let outcome = std::panic::catch_unwind(|| case(&world));
        println!("case {name} ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        match outcome {
            Ok(()) => passed += 1,
            Err(_) => failed.push(*name),
        }
    }
    println!("{mode:?}: {passed} passed, {} failed {failed:?}", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
