//! Runs rbuild on the wrong Dockerfiles below testdata/errors and compares what it says; `UPDATE=1` rewrites.
//!
//! A case is a folder: its `Dockerfile` and the files beside it are the context, `args` the words behind `rbuild` (without
//! it `build -q .`), `stderr` what is expected. A case called `command-line-…` ends with 2, every other with 1. No two
//! cases may say the same. The store has an image `busybox`, imported from this machine's static one. `SERVER-OF-TESTS` in a
//! Dockerfile is a server on this machine that has `/hello` and no other file and no image.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::base::busybox;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A machine with nothing but a store: no registry answers, nobody's settings are read.
struct Machine {
    home: TempDir,
    server: String,
}

impl Machine {
    fn new() -> Self {
        let home = common::public_dir();
        busybox().tarball(&home.path().join("busybox.tar"));
        let machine = Self { home, server: serve() };
        let done = machine.rbuild(machine.home.path(), "import busybox.tar busybox");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        machine
    }

    fn rbuild(&self, directory: &Path, words: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rbuild"));
        command.args(words.split_whitespace()).current_dir(directory).env_clear();
        for name in ["PATH", "TMPDIR"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        for name in ["HTTP_PROXY", "HTTPS_PROXY"] {
            command.env(name, "http://127.0.0.1:1");
        }
        command.env("NO_PROXY", "127.0.0.1").env("HOME", self.home.path());
        command.env("RBUILD_ROOT", self.home.path().join("store")).output().unwrap()
    }

    /// What rbuild says about a case, and its exit code.
    fn answer(&self, case: &Path) -> (String, Option<i32>) {
        let directory = self.home.path().join(case.file_name().unwrap());
        copy(case, &directory);
        if let Ok(bytes) = fs::read_to_string(directory.join("Dockerfile")) {
            fs::write(directory.join("Dockerfile"), bytes.replace("SERVER-OF-TESTS", &self.server)).unwrap();
        }
        let words = fs::read_to_string(case.join("args")).unwrap_or_else(|_| "build -q .".to_owned());
        let output = self.rbuild(&directory, &words);
        let text = String::from_utf8(output.stderr).unwrap().replace(&self.server, "SERVER-OF-TESTS");
        let told = text.split_inclusive('\n').filter(|line| !line.starts_with("NOTE: "));
        (told.collect(), output.status.code())
    }
}

/// Answers every request until the test ends: with a greeting, or with 404. The address has always as many characters.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap_or_default();
            let answer = if line.contains(" /hello ") { "200 OK" } else { "404 Not Found" };
            let text = format!("HTTP/1.1 {answer}\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n");
            drop((&stream).write_all(text.as_bytes()));
        }
    });
    assert!(address.port() >= 10_000, "{address}");
    address.to_string()
}

/// The files of a case, without those that are about it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (source, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
        match source.symlink_metadata().unwrap().file_type() {
            _ if name == "args" || name == "stderr" => {}
            kind if kind.is_dir() => copy(&source, &to.join(name)),
            kind if kind.is_symlink() => symlink(fs::read_link(&source).unwrap(), to.join(name)).unwrap(),
            _ => drop(fs::copy(&source, to.join(name)).unwrap()),
        }
    }
}

fn cases() -> Vec<PathBuf> {
    let all = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/errors")).unwrap();
    let mut cases: Vec<PathBuf> = all.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// The message without its place: what tells one mistake from another.
fn message(text: &str) -> String {
    text.lines().skip_while(|line| !line.to_ascii_lowercase().starts_with("error:")).collect::<Vec<_>>().join("\n")
}

#[test]
fn wrong_dockerfiles_are_told_what_is_wrong() {
    let (machine, update, cases) = (Machine::new(), std::env::var_os("UPDATE").is_some(), cases());
    let mut wrong = Vec::new();
    let mut messages: BTreeMap<String, String> = BTreeMap::new();
    for case in &cases {
        let (told, code) = machine.answer(case);
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let expected_code = if name.starts_with("command-line-") { 2 } else { 1 };
        if code != Some(expected_code) {
            wrong.push(format!("{name}: ended with {code:?}, not {expected_code}\n"));
        }
        if told.chars().any(|char| char.is_control() && char != '\n') {
            wrong.push(format!("{name}: control characters reach the terminal\n"));
        }
        if let Some(other) = messages.insert(message(&told), name.clone()) {
            wrong.push(format!("{name}: could be confused with {other}\n"));
        }
        if update {
            fs::write(case.join("stderr"), &told).unwrap();
        } else if fs::read_to_string(case.join("stderr")).unwrap_or_default() != told {
            wrong.push(format!("{name}: says now\n{told}"));
        }
    }
    assert!(cases.len() >= 80, "{} cases", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.concat());
}
