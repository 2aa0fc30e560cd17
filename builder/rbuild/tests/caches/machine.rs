//! A machine: a store of its own and the program; and what two machines build.

use crate::common;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A machine that starts with an empty disk.
pub(crate) struct Machine {
    place: TempDir,
}

/// A build that was run.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) output: Output,
    pub(crate) took: Duration,
}

impl Built {
    /// Everything it wrote.
    pub(crate) fn log(&self) -> String {
        let Output { stdout, stderr, .. } = &self.output;
        String::from_utf8_lossy(&[&stdout[..], stderr].concat()).into_owned()
    }

    /// The instructions of steps that ended so: `DONE`, `CACHED`.
    pub(crate) fn ended(&self, how: &str) -> Vec<String> {
        let log = self.log();
        let name = |line: &str| -> Option<String> {
            let (step, end) = line.split_once(' ')?;
            if !end.starts_with(how) {
                return None;
            }
            let begin = log.lines().find_map(|line| line.strip_prefix(step)?.strip_prefix(" ["))?;
            begin.split_once("] ").map(|(_, line)| line.to_owned())
        };
        log.lines().filter(|line| line.starts_with('#')).filter_map(name).collect()
    }

    /// The RUN steps that ran.
    pub(crate) fn ran(&self) -> Vec<String> {
        self.ended("DONE").into_iter().filter(|line| line.starts_with("RUN")).collect()
    }
}

impl Machine {
    pub(crate) fn new() -> Self {
        let place = common::public_dir();
        fs::create_dir(place.path().join("home")).unwrap();
        Self { place }
    }

    /// The program with these arguments.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rbuild"));
        command.args(args).env("RBUILD_ROOT", self.root()).env("HOME", self.path("home"));
        command.env_remove("SOURCE_DATE_EPOCH").current_dir("/").stdin(Stdio::null());
        command
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.path("store")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Runs a command that has to succeed; what it printed.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Builds, and succeeds or not.
    pub(crate) fn attempt(&self, context: &Path, args: &[&str]) -> Built {
        let words = ["build", "--progress", "plain"].into_iter().chain(args.iter().copied());
        let words: Vec<&str> = words.chain([context.to_str().unwrap()]).collect();
        let begin = Instant::now();
        let output = self.command(&words).output().unwrap();
        Built { output, took: begin.elapsed() }
    }

    /// Builds, and succeeds.
    pub(crate) fn build(&self, context: &Path, args: &[&str]) -> Built {
        let built = self.attempt(context, args);
        assert!(built.output.status.success(), "{}", built.log());
        built
    }

    /// What an image is made of.
    pub(crate) fn inspect(&self, image: &str) -> Value {
        let text = self.run(&["inspect", "--type", "image", image]);
        let values: Vec<Value> = serde_json::from_str(&text).unwrap();
        values.into_iter().next().unwrap()
    }
}

/// A project whose first steps another one has, too: `own` is what it does besides.
pub(crate) fn project(base: &str, own: &str) -> TempDir {
    let dockerfile = format!(
        "FROM {base} AS tools\n\
         RUN head -c 300000 /dev/urandom > /tool\n\
         FROM {base}\n\
         RUN head -c 200000 /dev/urandom > /shared\n\
         COPY --from=tools /tool /tool\n\
         COPY {own} /own\n\
         RUN head -c 100000 /dev/urandom > /made-for-{own}\n"
    );
    common::context(&[("Dockerfile", &dockerfile), (own, own)])
}
