//! The suite again in user namespaces, in a process of its own: with a range of ids, and with a single one.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// Set in the process that is inside.
const INSIDE: &str = "RBUILD_TEST_IN_NAMESPACE";

/// How many user ids this process can give files to.
pub(super) fn ids() -> u64 {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    map.lines().map(|line| line.split_whitespace().nth(2).unwrap().parse::<u64>().unwrap()).sum()
}

/// Whether this process is root outside of any user namespace.
pub(super) fn is_machine_root() -> bool {
    rustix::process::geteuid().is_root() && ids() == u64::from(u32::MAX)
}

/// Whether this process can be expected to do all tests: it is root, be it of a namespace.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn drivers_conform_with_a_range_of_ids() {
    if !is_machine_root() {
        eprintln!("SKIP: needs root to map ids without newuidmap");
        return;
    }
    let child = inside(Command::new("unshare").args(["--user", "--mount"]));
    run(child, Some("0 100000 65536"));
}

#[test]
fn drivers_conform_with_a_single_id() {
    if is_root() && !is_machine_root() {
        return;
    }
    let mut command = Command::new("setpriv");
    match is_machine_root() {
        true => command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]),
        false => command.arg("--no-new-privs"),
    };
    run(inside(command.args(["unshare", "--user", "--mount", "--map-root-user"])), None);
}

/// Starts the tests of the drivers behind `command`; they wait for a line.
fn inside(command: &mut Command) -> Option<Child> {
    const SCRIPT: &str = "echo ready; read go; exec $SWITCH \"$@\"";
    let exe = std::env::current_exe().unwrap();
    let filter = ["snapshot::testing::drivers", "snapshot::testing::deep", "--nocapture", "--test-threads=1"];
    command.args(["sh", "-c", SCRIPT, "sh"]).arg(exe).args(filter).env(INSIDE, "1");
    match command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
        Ok(child) => Some(child),
        Err(error) => {
            eprintln!("SKIP: cannot start {command:?}: {error}");
            None
        }
    }
}

fn run(child: Option<Child>, map: Option<&str>) {
    let Some(mut child) = child else { return };
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    if lines.next().is_none() {
        eprintln!("SKIP: no user namespace here");
        child.wait().unwrap();
        return;
    }
    if let Some(map) = map {
        for file in ["uid_map", "gid_map"] {
            std::fs::write(format!("/proc/{}/{file}", child.id()), map).unwrap();
        }
    }
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let output: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success(), "{}", output.join("\n"));
    eprintln!("{}", output.join("\n"));
}
