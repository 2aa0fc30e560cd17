//! S3 servers that are not ours, on loopback: moto, which lets everyone in, and s3s-fs, which checks signatures. Each is
//! skipped loudly where it cannot be had.

use rbuild_oci::Cancel;
use rbuild_records::depot::{Login, S3Depot, S3Settings};
use rbuild_registry::Config;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

pub(crate) const BUCKET: &str = "ci-cache";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+hunter2";

/// A server with one bucket. Dropping it ends it.
pub(crate) struct Bucket {
    pub(crate) host: String,
    server: Child,
    pub(crate) directory: tempfile::TempDir,
}

impl Bucket {
    /// PyPI's `moto[server]`.
    pub(crate) fn moto() -> Option<Self> {
        let Some(moto) = moto() else {
            eprintln!("SKIP: there is no moto_server, and pip cannot install moto[server]");
            return None;
        };
        let bucket = Self::start(|host, port, _| {
            Command::new(moto).args(["-H", host, "-p", port]).stderr(Stdio::null()).spawn()
        });
        let mut stream = TcpStream::connect(&bucket.host).unwrap();
        let head = format!("PUT /{BUCKET} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", bucket.host);
        write!(stream, "{head}Content-Length: 0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        Some(bucket)
    }

    /// The program of the crate `s3s-fs`: not a part of this workspace, as it would more than double what it compiles.
    pub(crate) fn s3s() -> Option<Self> {
        let Some(program) = find("s3s-fs", &tools().join("bin")) else {
            let root = tools();
            eprintln!("SKIP: no s3s-fs: cargo install s3s-fs@0.14.1 --features binary --root {}", root.display());
            return None;
        };
        Some(Self::start(|host, port, root| {
            std::fs::create_dir(root.join(BUCKET)).unwrap();
            let login = ["--access-key", "ID", "--secret-key", SECRET];
            Command::new(program)
                .args(["--host", host, "--port", port])
                .args(login)
                .arg(root)
                .stdout(Stdio::null())
                .spawn()
        }))
    }

    fn start(spawn: impl FnOnce(&str, &str, &Path) -> std::io::Result<Child>) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let server = spawn("127.0.0.1", &free.port().to_string(), directory.path()).unwrap();
        let begin = Instant::now();
        while TcpStream::connect(free).is_err() {
            assert!(begin.elapsed() < Duration::from_mins(1), "the server does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { host: free.to_string(), server, directory }
    }

    /// The settings of a depot in it.
    pub(crate) fn settings(&self, prefix: &str) -> S3Settings {
        S3Settings {
            bucket: BUCKET.into(),
            region: "us-east-1".into(),
            prefix: prefix.into(),
            endpoint: Some(format!("http://{}", self.host)),
            path_style: true,
            login: Some(Login { id: "ID".into(), secret: SECRET.into(), session: None }),
        }
    }

    pub(crate) fn depot(&self, prefix: &str) -> S3Depot {
        depot(self.settings(prefix))
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

/// The depot of some settings.
pub(crate) fn depot(settings: S3Settings) -> S3Depot {
    S3Depot::new(settings, &Config::default(), &Cancel::new(), SystemTime::now).unwrap()
}

fn tools() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools")
}

/// A program of the `PATH` or of a folder.
fn find(name: &str, folder: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([folder.to_owned()]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

fn moto() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let install = || {
        let (name, folder) = ("moto_server", tools().join("moto"));
        let run = |program: &Path, arguments: &[&str]| {
            Command::new(program).args(arguments).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        find(name, &folder.join("bin")).or_else(|| {
            run(Path::new("python3"), &["-m", "venv", folder.to_str()?])
                .then(|| run(&folder.join("bin/pip"), &["install", "-q", "moto[server]"]))?;
            find(name, &folder.join("bin"))
        })
    };
    FOUND.get_or_init(install).as_deref()
}
