//! A store and a context in which the real program builds, and what it says.

use crate::common::{self, base::Content, files};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A directory with contexts and a store.
pub(crate) struct World(TempDir);

impl World {
    /// With a context `app` of these files.
    pub(crate) fn new(content: &[(&str, &str)]) -> Self {
        let world = Self(common::public_dir());
        world.write(content);
        world
    }

    /// Writes files of the context.
    pub(crate) fn write(&self, content: &[(&str, &str)]) {
        files(&self.path("app"), content);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A base image with one file, as an argument for `--build-context`.
    pub(crate) fn base(&self, name: &str, content: &str) -> String {
        let directory = self.path(&format!("layout-{content}"));
        Content::new().file("version", 0o644, content.as_bytes()).layout(name, &directory)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rbuild"));
        command.args(args).current_dir(self.0.path()).env("RBUILD_ROOT", self.path("store"));
        command.env_remove("SOURCE_DATE_EPOCH").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What the program prints.
    pub(crate) fn prints(&self, args: &[&str]) -> String {
        text(&self.command(args).output().unwrap(), 0).0
    }

    /// What the program says of what it refuses.
    pub(crate) fn refuses(&self, args: &[&str]) -> String {
        text(&self.command(args).output().unwrap(), 2).1
    }

    /// Builds the context; the log.
    pub(crate) fn log(&self, args: &[&str]) -> String {
        let words = [&["build", "--progress", "plain", "--jobs", "1"], args, &["app"]].concat();
        text(&self.command(&words).output().unwrap(), 0).1
    }

    /// Builds the context; the lines that say why steps were not cached, without their numbers.
    pub(crate) fn missed(&self, args: &[&str]) -> Vec<String> {
        why(&self.log(args))
    }

    /// Builds the context; what is told to machines.
    pub(crate) fn told(&self, args: &[&str]) -> Vec<Value> {
        let words = [&["build", "--progress", "rawjson"], args, &["app"]].concat();
        let (_, err) = text(&self.command(&words).output().unwrap(), 0);
        err.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Every file of the store, as text as far as it is one.
    pub(crate) fn all(&self) -> String {
        let paths = common::walk(&self.path("store")).into_iter().filter(|path| path.is_file());
        paths.map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()).collect()
    }
}

/// The lines of a log that say why steps were not cached, without their numbers.
pub(crate) fn why(log: &str) -> Vec<String> {
    let lines = log.lines().filter_map(|line| line.split_once(" not cached: "));
    lines.map(|(_, why)| why.to_owned()).collect()
}

/// Output and errors of what ended with that code.
pub(crate) fn text(output: &Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    (out, err)
}
