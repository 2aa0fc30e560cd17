//! How containers live and end: signals, a killed rbuild, a reader that went away.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use rbuild::container::Status;
use rustix::process::{Pid, Signal, kill_process};

use crate::Case;
use crate::world::{Mode, World};

pub(crate) const CASES: &[Case] = &[
    ("state-while-it-runs", state_while_it_runs),
    ("signals-are-handed-on", signals_are_handed_on),
    ("signals-end-what-minds-none", signals_end_what_minds_none),
    ("signals-three-times", three_times),
    ("killed-with-its-rbuild", killed),
    ("signals-kept-back", kept_back),
    ("nobody-reads", nobody_reads),
    ("many-at-once", many_at_once),
];

/// A container that has said its first line.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl World {
    fn start(&self, args: &[&str]) -> Running {
        let mut child = self.command(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
        Running { child, stdout }
    }
}

impl Running {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Its code, and what else it said.
    fn end(mut self) -> (i32, String) {
        let (start, mut rest) = (Instant::now(), String::new());
        self.stdout.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        assert!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
        (status.code().unwrap_or(-1), rest)
    }
}

impl Drop for Running {
    /// A failed case leaves nothing running.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn state_while_it_runs(world: &World) {
    let running = world.start(&["--name", "long", "box", "sh", "-c", "echo up; sleep 300"]);
    let Status::Running(pid) = world.named("long").state.status() else { panic!("it runs") };
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
    running.signal(Signal::TERM);
    assert_eq!(running.end().0, 143);
    assert_eq!(world.named("long").state.status(), Status::Exited(143));
}

fn signals_are_handed_on(world: &World) {
    for (name, signal) in [
        ("INT", Signal::INT),
        ("TERM", Signal::TERM),
        ("HUP", Signal::HUP),
        ("QUIT", Signal::QUIT),
        ("USR1", Signal::USR1),
        ("USR2", Signal::USR2),
        ("ALRM", Signal::ALARM),
    ] {
        let script = format!("trap 'echo got {name}; exit 9' {name}; echo up; while :; do sleep 0.02; done");
        for options in [&["--rm"][..], &["--rm", "--init"]] {
            let running = world.start(&[options, &["box", "sh", "-c", &script]].concat());
            running.signal(signal);
            assert_eq!(running.end(), (9, format!("got {name}\n")), "{name} {options:?}");
        }
    }
}

fn signals_end_what_minds_none(world: &World) {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129), (Signal::USR1, 138)] {
        let running = world.start(&["--rm", "--name", "deaf", "box", "sh", "-c", "echo up; exec sleep 300"]);
        until_it_is(world, "deaf", "sleep");
        running.signal(signal);
        assert_eq!(running.end().0, code, "{signal:?}");
    }
    assert!(world.containers().is_empty());
}

/// Waits for a shell, which catches INT, to have become another program.
fn until_it_is(world: &World, name: &str, program: &str) {
    let Status::Running(pid) = world.named(name).state.status() else { panic!("it runs") };
    let comm = || std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let start = Instant::now();
    while comm().trim_end() != program {
        assert!(start.elapsed() < Duration::from_secs(5), "it is {}", comm());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn three_times(world: &World) {
    let running = world.start(&["--rm", "box", "sh", "-c", "trap '' INT TERM; echo up; while :; do sleep 0.02; done"]);
    for _ in 0..3 {
        running.signal(Signal::INT);
        std::thread::sleep(Duration::from_millis(60));
    }
    assert_eq!(running.end().0, 130);
    assert!(world.containers().is_empty());
}

/// Whoever is killed with a container leaves nothing that looks alive, and `--rm` is made good by the next run.
fn killed(world: &World) {
    let rm = world.start(&["--rm", "--name", "temp", "-v", "/anon", "box", "sh", "-c", "echo up; sleep 300"]);
    let kept = world.start(&["--name", "kept", "box", "sh", "-c", "echo up; sleep 300"]);
    world.good(&["--rm", "box", "true"]);
    assert_eq!(world.containers().len(), 2, "a running container is not swept away");
    for mut running in [rm, kept] {
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }
    let start = Instant::now();
    while world.named("kept").state.status() != Status::Lost {
        assert!(start.elapsed() < Duration::from_secs(5), "the container dies with its rbuild");
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut names = Vec::new();
    while start.elapsed() < Duration::from_secs(5) {
        // The rbuild inside the namespace may take a moment to die with the one outside.
        world.good(&["--rm", "box", "true"]);
        names = world.containers().into_iter().map(|entry| entry.config.name).collect();
        if world.mode == Mode::Root || names.len() == 1 {
            break;
        }
    }
    assert_eq!(names, ["kept"], "the next run makes --rm good");
    assert_eq!(std::fs::read_dir(world.path("store/volumes.v1")).unwrap().count(), 0);
    world.good(&["--rm", "--name", "temp", "box", "true"]);
}

fn kept_back(world: &World) {
    let script = "trap 'echo told' TERM USR1; echo up; while :; do sleep 0.02; done";
    let running = world.start(&["--sig-proxy=false", "--name", "one", "box", "sh", "-c", script]);
    running.signal(Signal::TERM);
    assert_eq!(running.end(), (143, String::new()), "it ends with rbuild and is not asked");
    assert_eq!(world.named("one").state.status(), Status::Exited(143));
}

fn nobody_reads(world: &World) {
    let mut child = world.command(&["--name", "loud", "box", "yes"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut some = [0; 4];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    let start = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(141));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(world.named("loud").state.status(), Status::Exited(141));
}

fn many_at_once(world: &World) {
    let children: Vec<_> = (0..8)
        .map(|n| {
            let script = format!("echo {n} > /mine; sleep 0.2; cat /mine");
            world.command(&["box", "sh", "-c", &script]).stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for (n, child) in children.into_iter().enumerate() {
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{n}\n"));
    }
    assert_eq!(world.containers().len(), 8);
}
