//! A container that serves on a port of the machine, and questions to it. It ends with its value.

use crate::place::Place;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// As long as a server may need to answer or to end.
const PATIENCE: Duration = Duration::from_secs(90);

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// What an HTTP server on the loopback answers.
pub(crate) fn get(port: u16, header: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A container in the foreground of a process of ours.
pub(crate) struct Served {
    process: Child,
    log: PathBuf,
}

impl Served {
    /// Runs the image with these options.
    pub(crate) fn start(place: &Place, options: &[&str], image: &str) -> Self {
        let log = place.path().join("log");
        let file = fs::File::create(&log).unwrap();
        let mut command = place.command(&[&["run", "--rm"], options, &[image]].concat());
        let process = command.stdout(file.try_clone().unwrap()).stderr(file).stdin(Stdio::null()).spawn().unwrap();
        Self { process, log }
    }

    /// Asks until there is an answer; fails with what the container said where there is none.
    pub(crate) fn ask<T, E: std::fmt::Display>(&mut self, question: impl Fn() -> Result<T, E>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let error = match question() {
                Ok(answer) => return answer,
                Err(error) => error,
            };
            let ended = self.process.try_wait().unwrap();
            if ended.is_some() || Instant::now() > deadline {
                let said = fs::read_to_string(&self.log).unwrap();
                panic!("no answer: {error}\nthe container ({ended:?}) said:\n{said}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks it to end as `docker stop` would, and waits.
    pub(crate) fn stop(mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        self.process.wait().unwrap()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.signal(Signal::TERM);
            drop(self.process.wait());
        }
    }
}
