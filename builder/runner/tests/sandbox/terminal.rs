//! A container with a terminal of its own, driven through a second terminal as a user's.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rbuild_oci::Cancel;
use rbuild_runner::{Executor, Exit, Output, Sizes, Stdio, Stream, Terminal};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::Case;
use crate::world::World;

pub(crate) const CASES: &[Case] = &[("terminal", terminal), ("input-without-terminal", input_without_terminal)];

struct Screen(std::sync::mpsc::Sender<String>);

impl Output for Screen {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> std::io::Result<()> {
        assert_eq!(stream, Stream::Stdout);
        self.0.send(String::from_utf8_lossy(bytes).into_owned()).map_err(std::io::Error::other)
    }
}

/// What is shown until `wanted` is.
fn until(screen: &Receiver<String>, wanted: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(wanted) {
        let more = screen.recv_timeout(Duration::from_secs(20));
        seen += &more.unwrap_or_else(|error| panic!("no {wanted:?} in {seen:?}: {error}"));
    }
    seen
}

fn own_terminal() -> (OwnedFd, OwnedFd) {
    let outer = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&outer).unwrap();
    unlockpt(&outer).unwrap();
    let name = ptsname(&outer, Vec::new()).unwrap();
    let inner = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    (outer, inner)
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn terminal(world: &World) {
    for init in [false, true] {
        let world = World::new(world.ids.clone());
        let (keys, input) = own_terminal();
        let input = Arc::new(input);
        tcsetwinsize(&*input, size(33, 99)).unwrap();
        let (resized, mut resize) = std::io::pipe().unwrap();
        let mut container = world.shell(
            "tty; stty size; test -c /dev/console && echo console; read line; echo \"<$line>\"; stty size
             trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.05; done",
        );
        container.init = init;
        let terminal = Terminal { input: input.clone(), sizes: Sizes::OfInput(Some(Arc::new(resized.into()))) };
        container.stdio = Stdio::Terminal(terminal);
        let (sender, screen) = channel();
        let mut keys = std::fs::File::from(keys);
        let ended = std::thread::scope(|scope| {
            let world = &world;
            let run = scope.spawn(move || world.sandbox.run(&container, &mut Screen(sender), &Cancel::new()));
            let seen = until(&screen, "console\r\n");
            assert!(seen.contains("/dev/pts/0\r\n33 99\r\n"), "{seen:?}");
            assert!(!tcgetattr(&*input).unwrap().local_modes.contains(LocalModes::ECHO), "raw while it runs");
            tcsetwinsize(&*input, size(44, 111)).unwrap();
            resize.write_all(b"!").unwrap();
            std::thread::sleep(Duration::from_millis(100));
            keys.write_all(b"typed\r").unwrap();
            let seen = until(&screen, "ready\r\n");
            assert!(seen.contains("<typed>\r\n44 111\r\n"), "{seen:?}");
            keys.write_all(b"\x03").unwrap();
            until(&screen, "interrupted\r\n");
            run.join().unwrap().unwrap()
        });
        assert_eq!(ended.exit, Exit::Code(5), "init: {init}");
        assert!(tcgetattr(&*input).unwrap().local_modes.contains(LocalModes::ECHO), "restored");
    }
}

fn input_without_terminal(world: &World) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"one\ntwo\n").unwrap();
    drop(writer);
    let mut container = world.shell("wc -l; tty");
    container.stdio = Stdio::Input(Arc::new(reader.into()));
    assert_eq!(world.try_run(&container).unwrap().stdout, "2\nnot a tty\n");
    let file = Arc::new(std::fs::File::create(world.path("log")).unwrap().into());
    let null = Arc::new(std::fs::File::open("/dev/null").unwrap().into());
    let mut container = world.shell("echo out; echo err >&2");
    container.stdio = Stdio::Inherited([null, Arc::clone(&file), file]);
    assert_eq!(world.run(&container), "");
    assert_eq!(std::fs::read_to_string(world.path("log")).unwrap(), "out\nerr\n");
}
