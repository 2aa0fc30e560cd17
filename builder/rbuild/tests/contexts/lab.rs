//! A store of its own, and the program run on it.

use rbuild_store::layer::{Archive, Limits, Node};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The place of a test.
pub(crate) struct Lab {
    place: TempDir,
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) log: String,
    pub(crate) output: Vec<u8>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self { place: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// A file of the place, with these bytes.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A build with these arguments.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rbuild"));
        command.args(["build", "--progress", "plain"]).args(args).current_dir(self.place.path());
        command.env("RBUILD_ROOT", self.path("store")).env_remove("SOURCE_DATE_EPOCH");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// A build with these arguments, these bytes on standard input.
    pub(crate) fn build(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut child = self.command(args).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeding = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let done = child.wait_with_output().unwrap();
        feeding.join().unwrap();
        let log = String::from_utf8_lossy(&done.stderr).into_owned();
        Ran { code: done.status.code(), log, output: done.stdout }
    }

    /// The files of an image that is built, by path: their text, the target of links, nothing for directories.
    pub(crate) fn files(&self, args: &[&str], input: &[u8]) -> BTreeMap<String, String> {
        let ran = self.build(&[&["--output", "type=tar,dest=-"], args].concat(), input);
        assert_eq!(ran.code, Some(0), "{}", ran.log);
        self.listing(&ran.output)
    }

    fn listing(&self, tarball: &[u8]) -> BTreeMap<String, String> {
        let mut file =
            File::options().create(true).truncate(true).read(true).write(true).open(self.path("listed.tar")).unwrap();
        file.write_all(tarball).unwrap();
        file.rewind().unwrap();
        let spool = || unreachable!("an output is not compressed");
        let archive = Archive::open(file, &spool, Limits::default(), &rbuild_oci::Cancel::new()).unwrap();
        let text = |entry: &rbuild_store::layer::Entry| {
            let mut bytes = Vec::new();
            match &entry.node {
                Node::File(_) => drop(archive.body(entry).read_to_end(&mut bytes).unwrap()),
                Node::Symlink { target } => bytes = [b"-> ", &target[..]].concat(),
                Node::HardLink { target } => bytes = [b"= ", &target[..]].concat(),
                _ => {}
            }
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let entries = archive.entries().iter().filter(|entry| !entry.path.is_empty());
        entries.map(|entry| (String::from_utf8_lossy(&entry.path).into_owned(), text(entry))).collect()
    }

    /// A build that is refused: what it says, having left nothing unfinished.
    pub(crate) fn refusal(&self, args: &[&str], input: &[u8]) -> String {
        let ran = self.build(args, input);
        assert!(matches!(ran.code, Some(1 | 2)), "{args:?}: {ran:?}");
        assert_eq!(self.unfinished(), Vec::<PathBuf>::new(), "{args:?}");
        ran.log
    }

    /// Files of the store that nobody finished.
    pub(crate) fn unfinished(&self) -> Vec<PathBuf> {
        let is_tmp =
            |path: &Path| path.parent().is_some_and(|parent| parent.ends_with("tmp") || parent.ends_with("tmp.v1"));
        crate::common::walk(&self.path("store")).into_iter().filter(|path| is_tmp(path)).collect()
    }
}

/// A tarball of a directory, as the program tar makes it.
pub(crate) fn tar(directory: &Path, flags: &[&str]) -> Vec<u8> {
    let done = Command::new("tar").arg("-C").arg(directory).args(flags).args(["-c", "."]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// One entry of a tarball made by hand: a name, a type, a link's target and data.
pub(crate) fn entry(name: &str, kind: u8, link: &str, data: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000644\x000001750\x000001751\x00");
    put(124, format!("{:011o}\x00{:011o}\x00", data.len(), 1_500_000_000).as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\x00 ").as_bytes());
    let padding = vec![0; data.len().next_multiple_of(512) - data.len()];
    [&header[..], data, &padding].concat()
}

/// A tarball of entries.
pub(crate) fn tarball(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 1024]].concat()
}
