//! A reader of the texts at a shell: a directory, a store, and the program under the name of docker.

use crate::common::{files, public_dir};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Somebody with a directory to work in and a store.
pub(crate) struct Reader {
    directory: TempDir,
}

/// How a command line ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Reader {
    /// With an empty store and an empty directory.
    pub(crate) fn new() -> Self {
        let reader = Self { directory: public_dir() };
        for name in ["bin", "work"] {
            fs::create_dir(reader.path(name)).unwrap();
        }
        for name in ["docker", "rbuild"] {
            symlink(env!("CARGO_BIN_EXE_rbuild"), reader.path("bin").join(name)).unwrap();
        }
        reader
    }

    /// Something beside the store and the working directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Something in the store.
    pub(crate) fn store(&self, name: &str) -> PathBuf {
        self.path("store").join(name)
    }

    /// Something in the working directory.
    pub(crate) fn work(&self, name: &str) -> PathBuf {
        self.path("work").join(name)
    }

    /// Writes files into the working directory.
    pub(crate) fn write(&self, content: &[(&str, &str)]) {
        files(&self.work(""), content);
    }

    /// A command line in the working directory, to be started.
    pub(crate) fn command(&self, line: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        command.args(["-c", line]).current_dir(self.work("")).stdin(Stdio::null());
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        command.env("RBUILD_ROOT", self.path("store")).env_remove("SOURCE_DATE_EPOCH");
        command
    }

    /// Types a command line and waits for its end.
    pub(crate) fn types(&self, line: &str) -> Said {
        Said::of(&self.command(line).output().unwrap())
    }

    /// Types a command line that ends well; what it prints.
    pub(crate) fn sees(&self, line: &str) -> String {
        let said = self.types(line);
        assert_eq!(said.code, 0, "{line}\n{}{}", said.out, said.err);
        said.out
    }

    /// The same without the last end of a line.
    pub(crate) fn word(&self, line: &str) -> String {
        self.sees(line).trim_end().to_owned()
    }

    /// Builds, and gives what is told of it.
    pub(crate) fn builds(&self, line: &str) -> String {
        let said = self.types(&format!("{line} --progress plain"));
        assert_eq!(said.code, 0, "{line}\n{}", said.err);
        said.err
    }

    /// Types a command line that fails; what it complains of.
    pub(crate) fn is_refused(&self, line: &str) -> String {
        let said = self.types(line);
        assert_ne!(said.code, 0, "{line}\n{}", said.out);
        said.err
    }

    /// What `docker inspect` says of one thing.
    pub(crate) fn inspects(&self, line: &str) -> Value {
        let value: Value = serde_json::from_str(&self.sees(line)).unwrap();
        value[0].clone()
    }

    /// What a container wrote, as the host sees it.
    pub(crate) fn upper(&self, container: &str) -> PathBuf {
        PathBuf::from(self.word(&format!("docker inspect --format '{{{{.GraphDriver.Data.UpperDir}}}}' {container}")))
    }

    /// All blobs with their content's digest checked; their names.
    pub(crate) fn blobs(&self) -> Vec<String> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.store("blobs/sha256")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            assert_eq!(rbuild_oci::Digest::of(&fs::read(&path).unwrap()).hex(), name, "a blob changed");
            names.push(name);
        }
        names.sort();
        names
    }
}

impl Drop for Reader {
    /// A failed test leaves nothing running. Files of subordinate ids can only be removed from inside of a namespace.
    fn drop(&mut self) {
        drop(self.command("docker ps -q | xargs -r docker kill").stdout(Stdio::null()).stderr(Stdio::null()).status());
        if !rustix::process::geteuid().is_root() {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-auto", "--map-root-user", "rm", "-rf"]).arg(self.path("store"));
            drop(command.stderr(Stdio::null()).status());
        }
    }
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said =
            Self { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) };
        assert!(!said.err.contains("panicked"), "{}", said.err);
        said
    }
}

/// The columns of the rows of a table, its heading left out.
pub(crate) fn rows(table: &str) -> Vec<Vec<String>> {
    let columns = |line: &str| {
        line.split("  ").map(str::trim).filter(|column| !column.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    table.lines().skip(1).map(columns).collect()
}

/// Whether a path is there, whoever owns what is in it.
pub(crate) fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
