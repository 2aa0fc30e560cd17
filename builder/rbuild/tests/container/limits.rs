//! What a container may use at most, and how it is stopped in its tracks. Limits are root's where control groups are of
//! version 1; others are told so.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rbuild::container::Status;

use crate::Case;
use crate::background::SERVES;
use crate::world::{Mode, World};

pub(crate) const CASES: &[Case] = &[
    ("limits-of-memory", memory),
    ("limits-of-processes", processes),
    ("limits-of-processors", processors),
    ("limits-that-cannot-be", cannot_be),
    ("own-control-group", own_group),
    ("pause", pause),
    ("pause-refused", refused),
    ("pause-and-end", end_of_a_paused),
    ("groups-that-were-left", left),
    ("group-of-who-speaks-to-nobody", deaf),
    ("oom-score", oom_score),
];

/// Whether this user may set limits here; an ordinary one is told why not, and the program runs all the same.
fn can_limit(world: &World) -> bool {
    if world.mode == Mode::Root {
        return true;
    }
    let ran = world.run(&["--rm", "--pids-limit", "50", "box", "echo", "ran"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "ran\n"), "{ran:?}");
    let lines: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("WARNING")).collect();
    if lines.is_empty() {
        return true;
    }
    assert_eq!(lines.len(), 1, "{ran:?}");
    assert!(lines[0].starts_with("WARNING: --pids-limit will have no effect: "), "{ran:?}");
    false
}

/// The machine's directories of a container's group.
fn groups(world: &World, name: &str) -> Vec<PathBuf> {
    let id = world.named(name).config.id.hex().to_owned();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let of_groups = mounts.lines().filter(|line| line.contains(" - cgroup"));
    let mut roots: Vec<&str> = of_groups.filter_map(|line| line.split(' ').nth(4)).collect();
    roots.dedup();
    roots.iter().flat_map(|root| below(Path::new(root), &id)).collect()
}

fn below(dir: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if entry.file_name() == name {
                found.push(entry.path());
            }
            found.extend(below(&entry.path(), name));
        }
    }
    found
}

fn memory(world: &World) {
    if !can_limit(world) {
        return;
    }
    let eats = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done";
    let ran = world.run(&["--name", "eater", "-m", "32m", "box", "sh", "-c", eats]);
    assert_eq!(ran.code, 137, "{ran:?}");
    let shown = world.does(&[
        "inspect",
        "--format",
        "{{.State.OOMKilled}} {{.State.ExitCode}} {{.HostConfig.Memory}}",
        "eater",
    ]);
    assert_eq!(shown, "true 137 33554432\n");
    assert!(groups(world, "eater").is_empty(), "the groups are gone");
    let ran = world.run(&["--name", "modest", "-m", "32m", "box", "true"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(world.does(&["inspect", "--format", "{{.State.OOMKilled}}", "modest"]), "false\n");
    world.does(&["start", "eater"]);
    assert_eq!(world.does(&["wait", "eater"]), "137\n", "the limit is the container's");
}

fn processes(world: &World) {
    if !can_limit(world) {
        return;
    }
    let forks = "i=0; while [ $i -lt 100 ]; do sleep 30 & i=$((i+1)); done; echo all";
    let ran = world.run(&["--rm", "--pids-limit", "20", "box", "sh", "-c", forks]);
    assert!(!ran.stdout.contains("all") && ran.stderr.contains("fork"), "{ran:?}");
    let ran = world.run(&["--rm", "--pids-limit", "-1", "box", "sh", "-c", forks]);
    assert_eq!(ran.stdout, "all\n", "{ran:?}");
}

fn processors(world: &World) {
    if !can_limit(world) {
        return;
    }
    let options = ["--cpus", "0.5", "--cpu-shares", "512", "--cpuset-cpus", "0", "--memory-reservation", "16m"];
    world.background(&[&["--name", "slow"], &options[..]].concat(), SERVES);
    let found = groups(world, "slow");
    let read = |file: &str| {
        let text = found.iter().find_map(|dir| fs::read_to_string(dir.join(file)).ok());
        text.map(|text| text.trim().to_owned())
    };
    if let Some(quota) = read("cpu.cfs_quota_us") {
        assert_eq!((quota.as_str(), read("cpu.shares").as_deref()), ("50000", Some("512")));
        assert_eq!(read("memory.soft_limit_in_bytes").as_deref(), Some("16777216"));
    } else {
        assert_eq!((read("cpu.max").as_deref(), read("cpu.weight").as_deref()), (Some("50000 100000"), Some("20")));
    }
    assert_eq!(read("cpuset.cpus").as_deref(), Some("0"));
    assert_eq!(
        world.does(&["exec", "slow", "grep", "Cpus_allowed_list", "/proc/self/status"]),
        "Cpus_allowed_list:\t0\n"
    );
    world.does(&["kill", "slow"]);
    assert!(found.iter().all(|dir| !dir.exists()), "{found:?}");
}

fn cannot_be(world: &World) {
    for (option, value, expected) in [
        ("--memory", "1m", "the least memory is 6m"),
        ("--memory-swap", "1g", "set --memory, too"),
        ("--cpus", "1000", "as there are only"),
        ("--pids-limit", "-5", "or -1 for no limit"),
    ] {
        let ran = world.run(&["--rm", option, value, "box", "true"]);
        assert!(ran.code == 125 && ran.stderr.contains(expected), "{option}: {ran:?}");
    }
    if world.mode == Mode::Root {
        let ran = world.run(&["--rm", "--cpuset-cpus", "900", "box", "true"]);
        assert!(
            ran.code == 125 && ran.stderr.contains("--cpuset-cpus 900: no such processors; there are 0"),
            "{ran:?}"
        );
    }
}

/// A container sees its own group as the root of all.
fn own_group(world: &World) {
    let options: &[&str] = if world.mode == Mode::Root { &["--pids-limit", "100"] } else { &[] };
    let seen = world.shell(options, "cat /proc/self/cgroup");
    let paths: Vec<&str> = seen.lines().filter_map(|line| line.splitn(3, ':').nth(2)).collect();
    assert!(!paths.is_empty() && paths.iter().all(|path| *path == "/"), "{seen}");
}

/// Whether the container of this user can be frozen here.
fn freezes(world: &World, name: &str) -> bool {
    let ran = world.verb(&["pause", name]);
    if ran.code == 0 {
        return true;
    }
    assert_ne!(world.mode, Mode::Root, "{ran:?}");
    assert!(ran.stderr.contains("cannot be paused: "), "{ran:?}");
    assert!(matches!(world.status(name), Status::Running(_)));
    false
}

fn pause(world: &World) {
    world.background(&["--name", "ticks"], "echo up; i=0; while :; do i=$((i+1)); echo $i >/tmp/i; done");
    if !freezes(world, "ticks") {
        world.does(&["kill", "ticks"]);
        return;
    }
    let Status::Paused(pid) = world.status("ticks") else { panic!("{:?}", world.status("ticks")) };
    let count = || fs::read_to_string(world.upper("ticks").join("tmp/i")).unwrap_or_default();
    let before = (count(), fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap());
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(before, (count(), fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap()), "it stands still");
    let shown = world.does(&["ps", "--format", "{{.Status}}"]);
    assert!(shown.ends_with("(Paused)\n"), "{shown}");
    assert_eq!(world.does(&["inspect", "--format", "{{.State.Paused}} {{.State.Status}}", "ticks"]), "true paused\n");
    assert_eq!(world.does(&["info", "--format", "{{.ContainersPaused}} {{.ContainersRunning}}"]), "1 0\n");
    let started = world.verb(&["start", "ticks"]);
    assert!(started.code == 1 && started.stderr.contains("ticks is paused, so it cannot be started"), "{started:?}");
    let again = world.verb(&["pause", "ticks"]);
    assert!(again.code == 1 && again.stderr.contains("ticks is already paused"), "{again:?}");
    assert_eq!(world.does(&["unpause", "ticks"]), "ticks\n");
    assert!(matches!(world.status("ticks"), Status::Running(_)));
    let (then, start) = (count(), Instant::now());
    while count() == then {
        assert!(start.elapsed() < Duration::from_secs(10), "it goes on");
        std::thread::sleep(Duration::from_millis(5));
    }
    world.does(&["kill", "ticks"]);
}

fn refused(world: &World) {
    world.good(&["--name", "over", "box", "true"]);
    let ran = world.verb(&["pause", "over"]);
    assert!(ran.code == 1 && ran.stderr.contains("over is not running"), "{ran:?}");
    let ran = world.verb(&["unpause", "over"]);
    assert!(ran.code == 1 && ran.stderr.contains("over is not paused"), "{ran:?}");
    assert!(world.verb(&["pause", "nobody"]).stderr.contains("no such container"));
}

fn end_of_a_paused(world: &World) {
    for verb in [["stop", "-t5"], ["kill", "-sKILL"], ["rm", "-f"]] {
        world.background(&["--name", "still"], SERVES);
        if !freezes(world, "still") {
            world.does(&["kill", "still"]);
            return;
        }
        let start = Instant::now();
        world.does(&[verb[0], verb[1], "still"]);
        assert!(start.elapsed() < Duration::from_secs(4), "{verb:?} took {:?}", start.elapsed());
        if verb[0] != "rm" {
            let code = if verb[0] == "stop" { 3 } else { 137 };
            assert_eq!(world.status("still"), Status::Exited(code), "{verb:?}");
            world.does(&["rm", "still"]);
        }
    }
}

/// A supervisor that is killed leaves groups, which go with the container.
fn left(world: &World) {
    world.background(&["--name", "orphan"], SERVES);
    let (found, pid) = (groups(world, "orphan"), world.status("orphan").pid().unwrap());
    if found.is_empty() {
        assert_ne!(world.mode, Mode::Root);
        world.does(&["kill", "orphan"]);
        return;
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let parent = stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap();
    let pid = rustix::process::Pid::from_raw(parent.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let start = Instant::now();
    while world.status("orphan") != Status::Lost {
        assert!(start.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(5));
    }
    world.does(&["rm", "orphan"]);
    assert!(found.iter().all(|dir| !dir.exists()), "{found:?}");
}

fn deaf(world: &World) {
    let script = "echo 1; while sleep 0.1; do echo 2 || exec sleep 60; done";
    let run = ["run", "--name", "loud", "box", "sh", "-c", script];
    let mut child = world.other_verb(&run).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(141));
    assert_eq!(groups(world, "loud"), Vec::<PathBuf>::new());
}

fn oom_score(world: &World) {
    assert_eq!(world.shell(&["--oom-score-adj", "321"], "cat /proc/self/oom_score_adj"), "321\n");
    let lower = world.run(&["--rm", "--oom-score-adj", "-321", "box", "cat", "/proc/self/oom_score_adj"]);
    let warned = lower.stderr.contains("WARNING: --oom-score-adj -321 will have no effect: below ");
    assert!(lower.code == 0 && warned == (lower.stdout != "-321\n"), "{lower:?}");
    assert!(world.mode == Mode::Root || warned, "{lower:?}");
}
