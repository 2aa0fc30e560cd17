//! Debian's registry (package `docker-registry`) on loopback, which lives as long as a test holds it, and the programs
//! that talk to it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A running registry with its own storage.
pub(crate) struct Registry {
    process: Child,
    directory: tempfile::TempDir,
    /// Its host and port.
    pub(crate) host: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Registry {
    /// None, said aloud, where it or one of these programs is not installed.
    pub(crate) fn start(programs: &[&str]) -> Option<Self> {
        let missing = |program: &&&str| Command::new(program).arg("--version").output().is_err();
        if let Some(program) = [&"docker-registry"].into_iter().chain(programs).find(missing) {
            super::skip(&format!("{program} is not installed"));
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let storage = directory.path().display();
        let config = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {storage}/data}}}}\nhttp: {{addr: '{host}', secret: test}}\n"
        );
        let file = directory.path().join("config.yml");
        fs::write(&file, config).unwrap();
        let mut command = Command::new("docker-registry");
        let process = command.arg("serve").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let started = Self { process, directory, host };
        started.wait_until_it_listens();
        Some(started)
    }

    fn wait_until_it_listens(&self) {
        let begin = Instant::now();
        while TcpStream::connect(&self.host).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20), "docker-registry does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where a test may leave files beside those of the registry.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A name in it.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }
}

/// What a program says that has to succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = output(program, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    output.stdout
}

/// How a program ends.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}
