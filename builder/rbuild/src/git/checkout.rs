//! The files of a commit: laid out beside, made to look the same on every machine, put in place in one step. Fetches
//! nothing but submodules.

use super::command::{Git, Place};
use super::find::Found;
use super::mirror::{Mirror, make};
use crate::error::{Error, Result};
use rbuild_oci::Timestamp;
use rbuild_store::{FileKind, RootDir, Store, WalkEntry};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// What files are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Of which commit.
    pub found: &'a Found,
    /// Below which directory; empty is all.
    pub subdir: &'a str,
    /// With `.git`.
    pub git_dir: bool,
    /// With submodules.
    pub submodules: bool,
}

/// Puts the files at `place`: 0644 or 0755, directories 0755, all dated as the commit is.
pub fn checkout(git: &Git<'_>, mirror: &Mirror<'_>, store: &Store, wanted: Wanted<'_>, place: &Path) -> Result<()> {
    let draft = store.tmp_dir()?;
    let files = draft.path().join("files");
    make(&files)?;
    let layout = Layout { git, mirror, wanted, files: &files };
    let commit = mirror.commit(&wanted.found.object)?;
    layout.begin(&commit)?;
    let root = RootDir::open(&files)?;
    if wanted.submodules && root.stat(b".gitmodules").is_ok() {
        layout.submodules()?;
    }
    if wanted.git_dir {
        layout.finish_git_dir()?;
    } else {
        remove_git_dirs(&root)?;
    }
    layout.settle(&root, mirror.time(&commit)?)?;
    let top = layout.top(&root)?;
    // Whoever finds the place takes it as whole, even after a crash of the machine.
    let disk = File::open(&files).map_err(Error::io("open", files.display()))?;
    rustix::fs::syncfs(&disk).map_err(Error::io("sync", files.display()))?;
    place.parent().map(make).transpose()?;
    match fs::rename(&top, place) {
        Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty) => Ok(()),
        other => other.map_err(Error::io("rename to", place.display())),
    }
}

/// Files being laid out.
struct Layout<'a> {
    git: &'a Git<'a>,
    mirror: &'a Mirror<'a>,
    wanted: Wanted<'a>,
    files: &'a Path,
}

impl Layout<'_> {
    /// The commit's own files, in a repository that borrows all objects from the mirror.
    fn begin(&self, commit: &str) -> Result<()> {
        let format = if commit.len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
        self.must("make a checkout of", &["init", "--quiet", format])?;
        let own = self.files.join(".git");
        let objects = self.mirror.directory().join("objects");
        write(&own.join("objects/info/alternates"), format!("{}\n", objects.display()).as_bytes())?;
        let shallow = self.mirror.directory().join("shallow");
        if shallow.exists() {
            fs::copy(&shallow, own.join("shallow")).map_err(Error::io("copy", shallow.display()))?;
        }
        self.name_origin()?;
        self.must("check out", &["checkout", "--quiet", "--force", "--detach", commit]).map(drop)
    }

    /// Submodules in their places, those of submodules too; without history where their remotes can do that.
    fn submodules(&self) -> Result<()> {
        let update = ["submodule", "--quiet", "update", "--init", "--recursive"];
        let shallow = self.git.run(Place::Files(self.files), &[&update[..], &["--depth=1"]].concat())?;
        let no_depth = ["shallow", "--depth", "unadvertised object", "not our ref"];
        if !shallow.success && no_depth.iter().any(|text| shallow.complaint.contains(text)) {
            return self.must("get the submodules of", &update).map(drop);
        }
        if shallow.success { Ok(()) } else { Err(self.git.failed("get the submodules of", &shallow)) }
    }

    /// Makes `.git` stand on its own and hold nothing of this machine: its own objects, the reference, the remote, and
    /// an index that knows no inodes.
    fn finish_git_dir(&self) -> Result<()> {
        let purpose = "keep the repository of";
        if let Some(name) = &self.wanted.found.name {
            self.must(purpose, &["update-ref", name, &self.wanted.found.object])?;
        }
        self.must(purpose, &["repack", "--quiet", "-a", "-d"])?;
        let alternates = self.files.join(".git/objects/info/alternates");
        fs::remove_file(&alternates).map_err(Error::io("remove", alternates.display()))?;
        self.must(purpose, &["read-tree", "HEAD"]).map(drop)
    }

    /// Written by hand, because arguments of processes are seen by all; the address has no credentials in it.
    fn name_origin(&self) -> Result<()> {
        let path = self.files.join(".git/config");
        let remote = self.git.access().remote().replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n");
        let text =
            format!("[remote \"origin\"]\n\turl = \"{remote}\"\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n");
        let mut file = OpenOptions::new().append(true).open(&path).map_err(Error::io("open", path.display()))?;
        file.write_all(text.as_bytes()).map_err(Error::io("write", path.display()))
    }

    fn settle(&self, root: &RootDir, seconds: i64) -> Result<()> {
        let time = Timestamp::from_seconds(seconds);
        for entry in root.walk(b"")? {
            self.git.cancel().check()?;
            settle(&entry?, time)?;
        }
        Ok(())
    }

    /// The directory that is wanted. Its path may have no links in it: they would be followed on this machine.
    fn top(&self, root: &RootDir) -> Result<std::path::PathBuf> {
        let mut path = String::new();
        for name in self.wanted.subdir.split('/').filter(|name| !name.is_empty()) {
            path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            let is_directory = match root.stat(path.as_bytes()) {
                Err(error) if !error.is_not_found() => return Err(error.into()),
                other => other.is_ok_and(|meta| meta.is_dir()),
            };
            if !is_directory || [".", ".."].contains(&name) {
                let (commit, remote) = (&self.wanted.found.commit, self.git.access().remote());
                return Err(Error::Step(format!("{remote} has no directory {path:?} at {commit}")));
            }
        }
        Ok(self.files.join(path))
    }

    fn must(&self, purpose: &str, arguments: &[&str]) -> Result<String> {
        self.git.must(Place::Files(self.files), purpose, arguments)
    }
}

/// Removes `.git` and what submodules have in its stead; no repository can hold a file of that name.
fn remove_git_dirs(root: &RootDir) -> Result<()> {
    let mut found = Vec::new();
    let mut walk = root.walk(b"")?;
    while let Some(entry) = walk.next() {
        let entry = entry?;
        if entry.name() == b".git" {
            walk.skip_dir();
            found.push(entry.path);
        }
    }
    found.iter().try_for_each(|path| root.remove_tree(path)).map_err(Error::from)
}

fn settle(entry: &WalkEntry, time: Timestamp) -> Result<()> {
    let mode = match entry.meta.kind {
        FileKind::Directory => Some(0o755),
        FileKind::File => Some(if entry.meta.mode & 0o100 == 0 { 0o644 } else { 0o755 }),
        _ => None,
    };
    if let Some(mode) = mode.filter(|mode| *mode != entry.meta.mode) {
        entry.dir().chmod(entry.name(), mode)?;
    }
    Ok(entry.dir().set_times(entry.name(), time)?)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(Error::io("write", path.display()))
}
