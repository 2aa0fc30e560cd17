//! A store of its own and the program, as whoever runs the tests or as an ordinary user.

use crate::common::{public_dir, user};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The folder that holds the whole project.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A store and who works in it.
pub(crate) struct Place {
    directory: TempDir,
    program: PathBuf,
    as_user: bool,
}

impl Place {
    /// A new store of whoever runs the tests.
    pub(crate) fn new() -> Self {
        let directory = public_dir();
        fs::create_dir(directory.path().join("home")).unwrap();
        Self { directory, program: PathBuf::from(env!("CARGO_BIN_EXE_rbuild")), as_user: false }
    }

    /// A new store of an ordinary user: of the caller, unless that is root, who plays one.
    pub(crate) fn of_a_user() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::new());
        }
        if let Some(reason) = user::reason_against() {
            return Err(reason);
        }
        let mut place = Self::new();
        chown(place.home(), Some(user::UID), Some(user::UID)).unwrap();
        user::accounts(place.path());
        let program = place.path().join("rbuild");
        fs::copy(&place.program, &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        place.program = program;
        place.as_user = true;
        Ok(place)
    }

    /// A directory that every user may enter.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A copy of a folder of the repository, where an ordinary user may read it.
    pub(crate) fn copy(&self, folder: &str) -> PathBuf {
        let from = repository().join(folder);
        let to = self.path().join(from.file_name().unwrap());
        let copied = Command::new("cp").arg("-r").args([&from, &to]).status().unwrap();
        assert!(copied.success(), "cp -r {} {}", from.display(), to.display());
        to
    }

    fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    /// The program with these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command =
            if self.as_user { user::command(self.path(), &self.program) } else { Command::new(&self.program) };
        command.args(arguments).env("RBUILD_ROOT", self.home().join("store")).env("HOME", self.home());
        command.current_dir("/").stdin(Stdio::null()).env_remove("SOURCE_DATE_EPOCH");
        command
    }

    /// What the program prints, or how it failed.
    pub(crate) fn attempt(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.command(arguments).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            return Ok(format!("{out}{err}"));
        }
        let said: Vec<&str> = out.lines().chain(err.lines()).collect();
        let end = said[said.len().saturating_sub(30)..].join("\n");
        Err(format!("rbuild {}: {}\n{end}", arguments.join(" "), output.status))
    }

    /// Builds; how long it took, or how it failed.
    pub(crate) fn build(&self, arguments: &[&str]) -> Result<Duration, String> {
        let start = Instant::now();
        self.attempt(&[&["build", "--progress", "plain"], arguments].concat())?;
        Ok(start.elapsed())
    }

    /// What a command prints in a container of the image, in place of what the image would run.
    pub(crate) fn run(&self, options: &[&str], image: &str, command: &[&str]) -> Result<String, String> {
        self.attempt(&[&["run", "--rm", "--entrypoint", ""], options, &[image], command].concat())
    }
}

impl Drop for Place {
    /// Files of subordinate ids can only be removed from inside of a namespace.
    fn drop(&mut self) {
        if !rustix::process::geteuid().is_root() {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-auto", "--map-root-user", "rm", "-rf"]).arg(self.home().join("store"));
            drop(command.stderr(Stdio::null()).status());
        }
    }
}
