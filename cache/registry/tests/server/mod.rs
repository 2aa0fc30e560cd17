//! Debian's `docker-registry` on loopback, started and stopped by tests: a server that is not ours. Also certificates by
//! openssl: `cert.pem` and `key.pem` sign themselves; `ca.pem` signs `server.pem` and `client.pem`, with `*.key`.

#![allow(dead_code, reason = "each test program uses what it needs")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use rbuild_oci::testing::TestImage;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Lines of a configuration's `http` section: TLS with the certificate that signs itself, with that of the authority, and
/// the same for clients that show one of the authority's.
pub(crate) const SELF_SIGNED: &str = "  tls: {certificate: DIR/cert.pem, key: DIR/key.pem}";
pub(crate) const TLS: &str = "  tls: {certificate: DIR/server.pem, key: DIR/server.key}";
pub(crate) const MUTUAL_TLS: &str =
    "  tls: {certificate: DIR/server.pem, key: DIR/server.key, clientcas: [DIR/ca.pem]}";

/// The lines for a login as `u` with the password "hunter2".
pub(crate) const HTPASSWD: &str = "auth: {htpasswd: {realm: test, path: DIR/htpasswd}}";
const LOGIN: &str = "u:$2y$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.\n";

/// A running registry with its own storage.
pub(crate) struct Debian {
    process: Child,
    pub(crate) directory: TempDir,
    pub(crate) host: String,
}

impl Drop for Debian {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Debian {
    /// None, said aloud, where a program is missing. `extra` are further lines of its `http` section; `DIR` in them is
    /// its directory.
    pub(crate) fn start(extra: &str) -> Option<Self> {
        let missing = |program: &&str| Command::new(program).arg("--version").output().is_err();
        if let Some(program) = ["docker-registry", "skopeo", "openssl"].iter().find(|program| missing(program)) {
            eprintln!("SKIP: {program} is not installed");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let storage = directory.path().display();
        let lines = extra.replace("DIR", &storage.to_string());
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {storage}/data}}}}\n\
             http:\n  addr: {host}\n  secret: test\n{lines}\n"
        );
        let file = directory.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        std::fs::write(directory.path().join("htpasswd"), LOGIN).unwrap();
        if extra.contains("tls:") {
            certificates(directory.path());
        }
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

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes an OCI layout into its directory, with `image` as `tag`.
    pub(crate) fn layout(&self, name: &str, tag: &str, image: &TestImage) {
        let blobs = self.file(name).join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        for (digest, bytes) in &image.blobs {
            std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
        }
        std::fs::write(self.file(name).join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let mut named = image.descriptor.clone();
        named.annotations.insert("org.opencontainers.image.ref.name".into(), tag.into());
        let index = rbuild_oci::to_canonical_json(&rbuild_oci::Index::oci(vec![named])).unwrap();
        std::fs::write(self.file(name).join("index.json"), index).unwrap();
    }

    pub(crate) fn skopeo(&self, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new("skopeo").args(arguments).current_dir(self.directory.path()).output().unwrap();
        assert!(output.status.success(), "skopeo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

/// All certificates, for 127.0.0.1 and localhost.
fn certificates(directory: &Path) {
    let names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
    let itself = format!(
        "-keyout key.pem -out cert.pem -subj /CN=test -addext {names} -addext basicConstraints=critical,CA:FALSE"
    );
    openssl(directory, &format!("req -x509 -newkey rsa:2048 -nodes -days 2 {itself}"));
    let authority =
        "-keyout ca.key -out ca.pem -subj /O=Lab/CN=Lab-authority -addext basicConstraints=critical,CA:TRUE";
    openssl(directory, &format!("req -x509 -newkey rsa:2048 -nodes -days 2 {authority}"));
    std::fs::write(directory.join("server.ext"), format!("{names}\n")).unwrap();
    std::fs::write(directory.join("client.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
    for name in ["server", "client"] {
        let request = format!("-keyout {name}.key -out {name}.csr -subj /CN={name}");
        openssl(directory, &format!("req -newkey rsa:2048 -nodes {request}"));
        let signed = format!("-in {name}.csr -out {name}.pem -extfile {name}.ext");
        openssl(directory, &format!("x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 {signed}"));
    }
}

fn openssl(directory: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split_whitespace()).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}
