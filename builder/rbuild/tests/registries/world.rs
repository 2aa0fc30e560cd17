//! A home directory and a store of their own for the program.

use rbuild_oci::testing::random_image;
use rbuild_registry::testing::Registry;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

pub(crate) struct World {
    home: TempDir,
    more: Vec<(&'static str, String)>,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), more: Vec::new() }
    }

    /// The same with one more variable in the environment.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.home.path().join(below)
    }

    /// Writes a file below the home directory.
    pub(crate) fn write(&self, below: &str, text: &str) -> PathBuf {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The settings of this home.
    pub(crate) fn settings(&self, text: &str) -> PathBuf {
        self.write(".config/rbuild/config.json", text)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rbuild"));
        command.args(args).env_clear().current_dir(self.home.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home.path()).env("RBUILD_ROOT", self.path("store"));
        command.envs(self.more.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn rbuild(&self, args: &[&str]) -> Came {
        Came::of(self.command(args).stdin(Stdio::null()).output().unwrap())
    }

    /// With that text on standard input.
    pub(crate) fn told(&self, args: &[&str], input: &str) -> Came {
        let mut command = self.command(args);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Came::of(child.wait_with_output().unwrap())
    }

    /// Docker's file of logins.
    pub(crate) fn logins(&self) -> String {
        std::fs::read_to_string(self.path(".docker/config.json")).unwrap_or_default()
    }
}

impl Came {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// What it printed, of a command that was to succeed.
    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// What it complained of, of a command that was to fail with that code.
    #[track_caller]
    pub(crate) fn bad(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        self.err
    }
}

/// A registry with the image `library/app:1`.
pub(crate) fn registry() -> Registry {
    let registry = Registry::start().unwrap();
    registry.put_image("library/app", "1", &random_image(7, 2));
    registry
}

/// A file as text of a settings file.
pub(crate) fn quoted(path: impl AsRef<Path>) -> String {
    format!("\"{}\"", path.as_ref().display())
}
