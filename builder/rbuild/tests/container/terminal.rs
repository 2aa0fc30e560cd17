//! A terminal of the container's own, driven through a second one as a user's.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::Case;
use crate::world::{Mode as Ids, World};

pub(crate) const CASES: &[Case] =
    &[("terminal", terminal), ("terminal-after-an-error", after_an_error), ("t-alone", t_alone)];

/// A user at a terminal.
pub(crate) struct User {
    pub(crate) keys: File,
    pub(crate) inner: OwnedFd,
    pub(crate) child: Child,
}

impl User {
    fn start(world: &World, args: &[&str]) -> Self {
        Self::at(world, &[&["run"], args].concat())
    }

    /// At `rbuild ARGS`.
    pub(crate) fn at(world: &World, args: &[&str]) -> Self {
        let outer = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&outer).unwrap();
        unlockpt(&outer).unwrap();
        let name = ptsname(&outer, Vec::new()).unwrap();
        let inner = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let user = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        tcsetwinsize(&inner, size(33, 99)).unwrap();
        let mut command = world.rbuild(args);
        let child = command.stdin(user(&inner)).stdout(user(&inner)).stderr(user(&inner)).spawn().unwrap();
        Self { keys: outer.into(), inner, child }
    }

    /// What is shown until `wanted` is.
    pub(crate) fn until(&mut self, wanted: &str) -> String {
        let (start, mut seen) = (Instant::now(), String::new());
        while !seen.contains(wanted) {
            assert!(start.elapsed() < Duration::from_secs(20), "no {wanted:?} in {seen:?}");
            let second = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
            if poll(&mut [PollFd::new(&self.keys, PollFlags::IN)], Some(&second)).unwrap() > 0 {
                let mut buffer = [0; 4096];
                let got = self.keys.read(&mut buffer).unwrap();
                seen += &String::from_utf8_lossy(&buffer[..got]);
            }
        }
        seen
    }

    /// Presses a key until `wanted` is shown: only who reads it knows when it counts.
    pub(crate) fn press_until(&mut self, key: &[u8], wanted: &str) {
        let (start, mut seen) = (Instant::now(), String::new());
        while !seen.contains(wanted) {
            assert!(start.elapsed() < Duration::from_secs(20), "no {wanted:?} in {seen:?}");
            self.keys.write_all(key).unwrap();
            let moment = rustix::event::Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
            while poll(&mut [PollFd::new(&self.keys, PollFlags::IN)], Some(&moment)).unwrap() > 0 {
                let mut buffer = [0; 4096];
                let got = self.keys.read(&mut buffer).unwrap();
                seen += &String::from_utf8_lossy(&buffer[..got]);
            }
        }
    }

    pub(crate) fn echoes(&self) -> bool {
        tcgetattr(&self.inner).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    pub(crate) fn end(mut self) -> i32 {
        let start = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code().unwrap_or(-1);
            }
            assert!(start.elapsed() < Duration::from_secs(20), "it ends");
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(self.echoes(), "the user's terminal is as it was");
        code
    }
}

impl Drop for User {
    /// A failed case leaves nothing running.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn terminal(world: &World) {
    let script = "tty; stty size; echo $TERM; read line; echo \"<$line>\"; stty size
        trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.05; done";
    let mut user = User::start(world, &["--rm", "-it", "box", "sh", "-c", script]);
    let seen = user.until("xterm\r\n");
    assert!(seen.contains("/dev/pts/0\r\n33 99\r\n"), "{seen:?}");
    assert!(!user.echoes(), "raw while it runs");
    if world.mode == Ids::Root {
        tcsetwinsize(&user.inner, size(44, 111)).unwrap();
        kill_process(Pid::from_child(&user.child), Signal::WINCH).unwrap();
        std::thread::sleep(Duration::from_millis(200));
    }
    user.keys.write_all(b"typed\r").unwrap();
    let seen = user.until("ready\r\n");
    let expected = if world.mode == Ids::Root { "44 111" } else { "33 99" };
    assert!(seen.contains(&format!("<typed>\r\n{expected}\r\n")), "{seen:?}");
    user.keys.write_all(b"\x03").unwrap();
    user.until("interrupted\r\n");
    assert_eq!(user.end(), 5);
    assert!(world.containers().is_empty());
}

fn after_an_error(world: &World) {
    let mut user = User::start(world, &["--rm", "-it", "box", "nosuch"]);
    user.until("not found");
    assert_eq!(user.end(), 127);
}

fn t_alone(world: &World) {
    let ran = world.run(&["--rm", "-t", "box", "sh", "-c", "tty; echo $TERM"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "/dev/pts/0\r\nxterm\r\n"));
    let mut user = User::start(world, &["--rm", "-t", "box", "stty", "size"]);
    user.until("33 99\r");
    assert_eq!(user.end(), 0);
}
