//! Those who attach to a container in the background, well-behaved, at a terminal, and hostile.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rbuild::container::Status;
use rustix::fs::{Mode as Bits, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::tcsetwinsize;

use crate::Case;
use crate::background::SERVES;
use crate::terminal::{User, size};
use crate::world::World;

pub(crate) const CASES: &[Case] = &[
    ("attach", attach),
    ("attach-input", input),
    ("attach-signals", signals),
    ("attach-many", many),
    ("attach-and-read-nothing", read_nothing),
    ("attach-hostile", hostile),
    ("attach-terminal", terminal),
    ("attach-terminal-job-control", job_control),
    ("attach-to-the-foreground", to_the_foreground),
];

impl World {
    fn attach(&self, args: &[&str]) -> Child {
        let mut command = self.rbuild(&[&["attach"], args].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// A bare connection to a container's socket.
    fn connect(&self, name: &str) -> UnixStream {
        let dir = self.path("store/containers.v1").join(self.named(name).config.id.hex());
        let dir = rustix::fs::open(dir, OFlags::PATH | OFlags::CLOEXEC, Bits::empty()).unwrap();
        UnixStream::connect(format!("/proc/self/fd/{}/control", dir.as_raw_fd())).unwrap()
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line
}

fn attach(world: &World) {
    // Each answer comes when it was asked for, so that nothing is printed before somebody is attached.
    let script = "echo up; read a; echo out; echo err >&2; exit 6";
    world.background(&["-i", "--name", "one"], script);
    let mut child = world.attach(&["one"]);
    child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6), "it ends as the container ends");
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    world.background(&["-i", "--name", "two"], script);
    let mut command = world.rbuild(&["start", "-a", "-i", "two"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(6), &b"out\n"[..]), "one that runs is attached to");
    let ran = world.verb(&["attach", "one"]);
    assert!(ran.code == 1 && ran.stderr.contains("container one is not running"), "{ran:?}");
}

fn input(world: &World) {
    // In the background input stays open when one who gave some is gone.
    world.background(&["-i", "--name", "stays"], "echo up; exec cat");
    for text in ["one\n", "two\n"] {
        let mut child = world.attach(&["stays"]);
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        assert_eq!(line(&mut stdout), text);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(matches!(world.status("stays"), Status::Running(_)));
    world.does(&["kill", "stays"]);
    // One that was made for the foreground ends with its input.
    world.fed(&["-i", "--name", "ends", "box", "cat"], "");
    world.does(&["start", "ends"]);
    let mut child = world.attach(&["ends"]);
    let big = "x".repeat(300_000) + "\n";
    let mut stdin = child.stdin.take().unwrap();
    let (mut seen, sent) = (String::new(), big.clone());
    let typing = std::thread::spawn(move || stdin.write_all(sent.as_bytes()));
    child.stdout.take().unwrap().read_to_string(&mut seen).unwrap();
    typing.join().unwrap().unwrap();
    assert!(seen == big, "{} bytes came back", seen.len());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    world.background(&["--name", "none"], SERVES);
    let mut child = world.attach(&["--no-stdin", "none"]);
    world.does(&["stop", "none"]);
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

fn signals(world: &World) {
    world.background(&["--name", "one", "-i"], &format!("trap 'echo int' INT; {SERVES}"));
    let mut child = world.attach(&["one"]);
    world.until_connected("one", 1);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line(&mut stdout), "int\n");
    let mut deaf = world.attach(&["--sig-proxy=false", "one"]);
    world.until_connected("one", 2);
    // Not INT, which shells let what they start in the background ignore.
    kill_process(Pid::from_child(&deaf), Signal::TERM).unwrap();
    assert_eq!(deaf.wait().unwrap().code(), None, "killed by the signal itself");
    assert!(matches!(world.status("one"), Status::Running(_)));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(line(&mut stdout), "bye\n");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

fn many(world: &World) {
    world.background(
        &["-i", "--name", "one"],
        "echo up; read a; i=0; while [ $i -lt 500 ]; do echo $i; i=$((i+1)); done",
    );
    let children: Vec<_> = (0..8).map(|_| world.attach(&["--no-stdin", "one"])).collect();
    world.until_connected("one", 8);
    let mut first = world.attach(&["one"]);
    first.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    let expected: String = (0..500).map(|n| format!("{n}\n")).collect();
    for child in children.into_iter().chain([first]) {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
}

/// It is waited for a while, and then no more.
fn read_nothing(world: &World) {
    world.background(
        &["-i", "--name", "loud"],
        "echo up; read a; head -c 3000000 /dev/zero | tr '\\000' x; echo; echo done",
    );
    let mut idle = world.connect("loud");
    idle.write_all(b"a\x02\0\0\0\x01\x01").unwrap();
    let mut answer = [0; 5];
    idle.read_exact(&mut answer).unwrap();
    let mut child = world.attach(&["loud"]);
    child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(output.stdout.ends_with(b"done\n"), "others see all of it");
    assert!(start.elapsed() < Duration::from_secs(20), "it took {:?}", start.elapsed());
    assert_eq!(world.does(&["wait", "loud"]), "0\n");
}

fn hostile(world: &World) {
    world.background(
        &["-i", "--name", "one"],
        &format!("read x; echo $x; {SERVES}").replace("read x", "echo up; read x"),
    );
    // The first byte of what each is answered; none where it is turned away.
    let answer = |words: &[u8]| {
        let mut stream = world.connect("one");
        drop(stream.write_all(words));
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut answer = Vec::new();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        drop(stream.read_to_end(&mut answer));
        answer.first().copied()
    };
    const CONT: &[u8] = b"s\x04\0\0\0\x12\0\0\0";
    let silent: Vec<_> = (0..100).map(|_| world.connect("one")).collect();
    assert_eq!(answer(CONT), None, "there is an end to how many are served at once");
    drop(silent);
    let start = Instant::now();
    while answer(CONT) != Some(b'D') {
        assert!(start.elapsed() < Duration::from_secs(5), "those who are gone make room");
    }
    for (words, answered) in [
        (&b"i\xff\xff\xff\xff"[..], None),
        (b"\0\0\0\0\0", None),
        (b"a\x02\0\0\0", None),
        (b"r\x04\0\0\0abcd", None),
        (b"s\x04\0\0\0\xff\xff\xff\x7f", Some(b'N')),
        (b"s\x04\0\0\0\0\0\0\0", Some(b'N')),
        (b"s\x04\0\0\0\xff\xff\xff\xff", Some(b'N')),
        (b"GET / HTTP/1.1\r\n\r\n", None),
    ] {
        assert_eq!(answer(words), answered, "{words:?}");
    }
    assert!(matches!(world.status("one"), Status::Running(_)));
    assert_eq!(world.does(&["stop", "-t", "5", "one"]), "one\n");
    assert!(matches!(world.status("one"), Status::Exited(_)));
}

fn terminal(world: &World) {
    let script = "tty; trap 'stty size' WINCH; echo up; while :; do read line && echo \"<$line>\"; done";
    world.good(&["-dit", "--name", "one", "box", "sh", "-c", script]);
    world.until_logged("one", "up\r\n");
    assert_eq!(world.does(&["logs", "one"]), "/dev/pts/0\r\nup\r\n");
    let mut user = User::at(world, &["attach", "one"]);
    user.until("33 99\r\n");
    assert!(!user.echoes(), "raw while attached");
    user.keys.write_all(b"typed\r").unwrap();
    user.until("<typed>\r\n");
    tcsetwinsize(&user.inner, size(44, 111)).unwrap();
    kill_process(Pid::from_child(&user.child), Signal::WINCH).unwrap();
    user.until("44 111\r\n");
    user.keys.write_all(b"\x10\x11").unwrap();
    user.until("read escape sequence");
    assert_eq!(user.end(), 0);
    assert!(matches!(world.status("one"), Status::Running(_)), "letting go leaves it running");
    let mut user = User::at(world, &["attach", "--detach-keys", "ctrl-a,z", "one"]);
    user.until("33 99\r\n");
    user.keys.write_all(b"\x10\x11\x01x\r").unwrap();
    user.until(">\r\n");
    user.keys.write_all(b"\x01z").unwrap();
    assert_eq!(user.end(), 0);
    let mut user = User::at(world, &["attach", "one"]);
    user.until("33 99\r\n");
    world.does(&["kill", "one"]);
    assert_eq!(user.end(), 137);
}

/// A shell in the container has job control: Ctrl-C ends what it runs and not itself, Ctrl-Z stops it.
fn job_control(world: &World) {
    world.good(&["-dit", "--name", "one", "box", "sh", "-i"]);
    let mut user = User::at(world, &["attach", "one"]);
    user.keys.write_all(b"echo beg''in; sleep 100; echo nev''er\r").unwrap();
    user.until("begin\r\n");
    user.press_until(b"\x03", "# ");
    user.keys.write_all(b"echo beg''in; sleep 100\r").unwrap();
    let seen = user.until("begin\r\n");
    assert!(!seen.contains("never"), "{seen:?}");
    user.press_until(b"\x1a", "Stopped");
    user.keys.write_all(b"kill -9 %1\r").unwrap();
    user.press_until(b"\r", "Killed");
    user.keys.write_all(b"exit 4\r").unwrap();
    assert_eq!(user.end(), 4);
    assert_eq!(world.status("one"), Status::Exited(4));
}

/// It can be watched, and stopped, from outside; its input is its own.
fn to_the_foreground(world: &World) {
    let mut child =
        world.command(&["--name", "one", "box", "sh", "-c", SERVES]).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line(&mut stdout), "up\n");
    let watcher = world.attach(&["--no-stdin", "one"]);
    world.until_connected("one", 1);
    world.does(&["stop", "one"]);
    assert_eq!(line(&mut stdout), "bye\n");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let seen = watcher.wait_with_output().unwrap();
    assert_eq!((seen.status.code(), &seen.stdout[..]), (Some(3), &b"bye\n"[..]));
}
