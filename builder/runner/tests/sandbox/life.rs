//! How runs end: background processes, cancellation, the death of the parent, reapers, refused output.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use rbuild_oci::Cancel;
use rbuild_runner::testing::Collected;
use rbuild_runner::{Error, Executor, Exit, IdMap, Output, Process, Stream};
use rustix::process::Signal;

use crate::Case;
use crate::world::World;

pub(crate) const CASES: &[Case] = &[
    ("background-is-killed", background_is_killed),
    ("output-is-live", output_is_live),
    ("cancel", cancel),
    ("canceled-before", canceled_before),
    ("refused-output-ends-it", refused_output_ends_it),
    ("signals-reach-pid-one", signals_reach_pid_one),
    ("reaper", reaper),
    ("dies-with-its-parent", dies_with_its_parent),
    ("many-at-once", many_at_once),
    ("no-mounts-left", no_mounts_left),
];

fn background_is_killed(world: &World) {
    let start = Instant::now();
    assert_eq!(world.run(&world.shell("sleep 300 & echo started")), "started\n");
    assert!(start.elapsed() < Duration::from_secs(5));
}

/// Sends on what happens.
struct Live(Sender<Vec<u8>>, Option<Sender<Process>>);

impl Output for Live {
    fn write(&mut self, _: Stream, bytes: &[u8]) -> io::Result<()> {
        self.0.send(bytes.to_vec()).map_err(io::Error::other)
    }

    fn started(&mut self, process: &Process) {
        if let Some(sender) = &self.1 {
            sender.send(process.clone()).expect("somebody waits");
        }
    }
}

fn output_is_live(world: &World) {
    let (sender, receiver) = channel();
    let stop = Cancel::new();
    std::thread::scope(|scope| {
        let stop = &stop;
        scope.spawn(move || world.sandbox.run(&world.shell("echo first; sleep 300"), &mut Live(sender, None), stop));
        assert_eq!(receiver.recv_timeout(Duration::from_secs(20)).unwrap(), b"first\n");
        stop.cancel();
    });
}

fn cancel(world: &World) {
    let (sender, receiver) = channel();
    let (process, started) = channel();
    let stop = Cancel::new();
    let (ended, took) = std::thread::scope(|scope| {
        let (stop, output) = (&stop, Live(sender, Some(process)));
        let container = world.shell("trap '' TERM INT; sleep 300 & echo up; wait; wait");
        let run = scope.spawn(move || world.sandbox.run(&container, &mut { output }, stop));
        let process = started.recv_timeout(Duration::from_secs(20)).unwrap();
        receiver.recv_timeout(Duration::from_secs(20)).unwrap();
        let asked = Instant::now();
        stop.cancel();
        let ended = run.join().unwrap();
        assert!(!Path::new(&format!("/proc/{}", process.pid())).exists() || process.signal(Signal::KILL).is_ok());
        (ended, asked.elapsed())
    });
    assert!(matches!(ended, Err(Error::Canceled(_))), "{ended:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
}

fn canceled_before(world: &World) {
    let stop = Cancel::new();
    stop.cancel();
    let ended = world.sandbox.run(&world.shell("touch /x"), &mut Collected::default(), &stop);
    assert!(matches!(ended, Err(Error::Canceled(_))));
    assert!(!world.upper().join("x").exists());
}

/// Takes nothing.
struct Full;

impl Output for Full {
    fn write(&mut self, _: Stream, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

fn refused_output_ends_it(world: &World) {
    let start = Instant::now();
    let ended = world.sandbox.run(&world.shell("echo x; sleep 300"), &mut Full, &Cancel::new());
    assert!(matches!(ended, Err(Error::Io { .. })), "{ended:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

fn signals_reach_pid_one(world: &World) {
    for init in [false, true] {
        let (sender, receiver) = channel();
        let (process, started) = channel();
        let mut container = world.shell("trap 'echo got; exit 9' TERM; echo up; while :; do sleep 0.05; done");
        container.init = init;
        let world = World::new(world.ids.clone());
        let container = rbuild_runner::Container { rootfs: world.container(&[]).rootfs, ..container };
        let ended = std::thread::scope(|scope| {
            let (world, output) = (&world, Live(sender, Some(process)));
            let run = scope.spawn(move || world.sandbox.run(&container, &mut { output }, &Cancel::new()));
            let process = started.recv_timeout(Duration::from_secs(20)).unwrap();
            receiver.recv_timeout(Duration::from_secs(20)).unwrap();
            process.signal(Signal::TERM).unwrap();
            run.join().unwrap().unwrap()
        });
        assert_eq!(ended.exit, Exit::Code(9), "init: {init}");
    }
}

fn reaper(world: &World) {
    let mut container = world.shell("echo $$; (sleep 0.05 &) ; sleep 0.3; ps -o stat | grep -c Z; exit 4");
    container.init = true;
    let ran = world.try_run(&container).unwrap();
    assert_eq!(ran.outcome.exit, Exit::Code(4));
    assert_eq!(ran.stdout, "2\n0\n");
    let mut container = world.container(&["nothing-of-the-kind"]);
    container.init = true;
    assert_eq!(world.refusal(&container).1, 127);
}

/// The process of `dies_with_its_parent`: starts a container that never ends and writes its pid.
pub(crate) fn hold(dir: &Path) -> ExitCode {
    struct Note<'a>(&'a Path);
    impl Output for Note<'_> {
        fn write(&mut self, _: Stream, bytes: &[u8]) -> io::Result<()> {
            fs::write(self.0, bytes)
        }
    }
    let world = World::new(IdMap::current().expect("own id map"));
    let container = world.shell("echo up; sleep 300");
    let ended = world.sandbox.run(&container, &mut Note(&dir.join("up")), &Cancel::new());
    eprintln!("{ended:?}");
    ExitCode::FAILURE
}

fn dies_with_its_parent(world: &World) {
    let mut parent =
        Command::new("/proc/self/exe").arg("--hold").arg(world.path("")).stdout(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !world.path("up").exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", parent.id())).unwrap();
    let child = children.split_whitespace().next().unwrap().to_owned();
    parent.kill().unwrap();
    parent.wait().unwrap();
    let gone = || !fs::read_to_string(format!("/proc/{child}/cmdline")).is_ok_and(|line| line.contains("sleep"));
    while !gone() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(gone(), "container {child} outlived its parent");
}

fn many_at_once(world: &World) {
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|number| {
                scope.spawn(move || {
                    for _ in 0..5 {
                        let own = World::new(world.ids.clone());
                        let container = own.shell(&format!("echo {number}; hostname"));
                        let mut collected = Collected::default();
                        world.sandbox.run(&container, &mut collected, &Cancel::new()).unwrap();
                        assert_eq!(collected.stdout, format!("{number}\nbox\n").into_bytes());
                    }
                })
            })
            .collect();
        for run in runs {
            run.join().unwrap();
        }
    });
}

fn no_mounts_left(world: &World) {
    let mounts = || fs::read_to_string("/proc/self/mountinfo").unwrap();
    let before = mounts();
    world.run(&world.container(&["true"]));
    world.refusal(&world.container(&["missing"]));
    assert_eq!(mounts(), before);
    let children = fs::read_to_string("/proc/thread-self/children").unwrap();
    assert_eq!(children.trim(), "", "nothing is left to reap");
}
