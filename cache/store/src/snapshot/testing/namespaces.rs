//! The suite again in user namespaces, in a process of its own: with a range of ids, and with a single one.

use super::drivers::{LAYER, overlay_layers};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

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
    let mut command = Command::new("unshare");
    command.args(["--user", "sh", "-c", "echo ready; read end"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = command.spawn().unwrap();
    let ready = BufReader::new(holder.stdout.as_mut().unwrap()).lines().next();
    if ready.is_none() {
        eprintln!("SKIP: no user namespaces here");
        holder.wait().unwrap();
        return;
    }
    for map in ["uid_map", "gid_map"] {
        std::fs::write(format!("/proc/{}/{map}", holder.id()), "0 100000 65536").unwrap();
    }
    let target = format!("--target={}", holder.id());
    let text = run(Command::new("nsenter").args(["--user", &target, "--setuid=0", "--setgid=0", "unshare", "--mount"]));
    drop(holder.stdin.take());
    holder.wait().unwrap();
    for (step, layer) in overlay_layers().unwrap_or_default() {
        let of_devices = step.contains("device") || step == "everything removed";
        assert!(of_devices || text.contains(&format!("{LAYER}{step}: {layer}\n")), "{step} differs from root's");
    }
}

#[test]
fn drivers_conform_with_a_single_id() {
    const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const NAMESPACES: [&str; 4] = ["unshare", "--user", "--map-root-user", "--mount"];
    let words = if is_machine_root() { [&NOBODY[..], &NAMESPACES].concat() } else { NAMESPACES.to_vec() };
    let command = || {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    };
    if command().arg("true").status().is_ok_and(|status| status.success()) {
        run(&mut command());
    } else {
        eprintln!("SKIP: no user namespaces here");
    }
}

/// Runs the tests of the drivers behind a command and gives what they print.
fn run(command: &mut Command) -> String {
    let modules = ["drivers::", "deep::", "keeping::", "marks::"].map(|module| format!("snapshot::testing::{module}"));
    run_tests(command, &modules.each_ref().map(String::as_str))
}

/// Runs tests of these names behind a command and gives what they print.
pub(super) fn run_tests(command: &mut Command, tests: &[&str]) -> String {
    command.arg(std::env::current_exe().unwrap()).args(tests).args(["--nocapture", "--test-threads=1"]);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{text}");
    eprintln!("{text}");
    text
}
