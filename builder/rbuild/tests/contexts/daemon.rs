//! Real repositories, and git's own server for them on loopback.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// When commits are made unless a test says otherwise.
pub(crate) const THEN: i64 = 1_577_836_800;

/// A repository that commits are made in, served as `/NAME.git`.
pub(crate) struct Origin {
    pub(crate) path: PathBuf,
}

impl Origin {
    pub(crate) fn new(root: &Path, name: &str, files: &[(&str, &str)]) -> Self {
        let origin = Self { path: root.join(format!("{name}.git")) };
        fs::create_dir_all(&origin.path).unwrap();
        origin.git(&["init", "-q", "-b", "main"], THEN);
        origin.commit(files, THEN);
        origin
    }

    /// Writes files and commits all there is; gives the commit.
    pub(crate) fn commit(&self, files: &[(&str, &str)], time: i64) -> String {
        crate::common::files(&self.path, files);
        self.git(&["add", "."], time);
        self.git(&["commit", "-q", "-m", "a commit"], time);
        self.git(&["update-server-info"], time);
        self.git(&["rev-parse", "HEAD"], time)
    }

    pub(crate) fn git(&self, arguments: &[&str], time: i64) -> String {
        let mut command = Command::new("git");
        command.current_dir(&self.path).args(arguments).env("HOME", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["AUTHOR", "COMMITTER"] {
            let variable = |what: &str| format!("GIT_{who}_{what}");
            command.env(variable("NAME"), "k").env(variable("EMAIL"), "k@k");
            command.env(variable("DATE"), format!("{time} +0000"));
        }
        let done = command.output().unwrap();
        assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }
}

/// `git daemon` on loopback; dropping it ends it.
pub(crate) struct Daemon {
    child: Child,
    port: u16,
}

impl Daemon {
    /// Serves all repositories in a directory. Where git has no daemon the test is skipped, loudly.
    pub(crate) fn start(root: &Path) -> Option<Self> {
        let place = Command::new("git").arg("--exec-path").output().unwrap().stdout;
        let program = Path::new(String::from_utf8(place).unwrap().trim()).join("git-daemon");
        if !program.exists() {
            crate::common::skip(&format!("git://: {} is not installed", program.display()));
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        command.args(["--verbose", "--export-all", "--reuseaddr", "--listen=127.0.0.1", &format!("--port={port}")]);
        command.arg(format!("--base-path={}", root.display())).arg(root).env("HOME", "/dev/null");
        command.envs([("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "safe.directory"), ("GIT_CONFIG_VALUE_0", "*")]);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("Ready") {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "git daemon ended");
        }
        // Its pipe must not fill.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Some(Self { child, port })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("git://127.0.0.1:{}/{path}", self.port)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
