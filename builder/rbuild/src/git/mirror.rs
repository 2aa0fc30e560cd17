//! The repository that holds the commits fetched from one remote so far, one process at a time. Knows no files.

use super::command::{Git, Outcome, Place};
use super::find::Found;
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Digest};
use rbuild_store::{Store, if_there};
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The repository; it is locked while this lives.
#[derive(Debug)]
pub struct Mirror<'a> {
    git: &'a Git<'a>,
    directory: PathBuf,
    _lock: File,
}

/// How often a taken lock is looked at.
const TURN: Duration = Duration::from_millis(100);

impl<'a> Mirror<'a> {
    /// The repository in `bucket` for git's remote, made if it is not there; waits while another process has it.
    pub fn open(git: &'a Git<'a>, store: &Store, bucket: &Path, found: &Found) -> Result<Self> {
        let key = Digest::of(git.access().remote().as_bytes()).hex();
        let lock = lock(&bucket.join("locks"), &key, git.cancel())?;
        let (format, suffix) = if found.object.len() == 64 { ("sha256", "-sha256") } else { ("sha1", "") };
        let directory = make(&bucket.join("repositories"))?.join(format!("{key}{suffix}"));
        if !directory.exists() || !store.rely(&directory)? {
            let draft = store.tmp_dir()?;
            let arguments = ["init", "--quiet", "--bare", &format!("--object-format={format}")];
            git.must(Place::Bare(draft.path()), "make a repository for", &arguments)?;
            draft.persist_new(&directory)?;
        }
        Ok(Self { git, directory, _lock: lock })
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Fetches an object with all it needs, unless it is here: alone where the remote can do that, else with all
    /// branches and tags.
    pub fn bring(&self, object: &str) -> Result<()> {
        let own = format!("refs/rbuild/{object}");
        if self.run(&["rev-parse", "--verify", "--quiet", &own])?.success {
            return Ok(());
        }
        self.clear_locks(&own)?;
        let exact = format!("+{object}:{own}");
        let shallow = ["fetch", "--quiet", "--no-tags", "--depth=1", "origin", &exact];
        let whole = ["fetch", "--quiet", "--no-tags", "origin", &exact];
        let mut outcome = self.run(&shallow)?;
        if is_about(&outcome, &["shallow", "--depth"]) {
            outcome = self.run(&whole)?;
        }
        if is_about(&outcome, &["not our ref", "unadvertised object"]) {
            outcome = self.bring_all(object, &own)?;
        }
        if outcome.success { Ok(()) } else { Err(self.git.failed(&format!("fetch {object} from"), &outcome)) }
    }

    /// The commit that an object is or leads to.
    pub fn commit(&self, object: &str) -> Result<String> {
        let name = format!("{object}^{{commit}}");
        self.git.must(Place::Bare(&self.directory), "find a commit of", &["rev-parse", "--verify", &name])
    }

    /// When a commit was made, in seconds since 1970.
    pub fn time(&self, commit: &str) -> Result<i64> {
        let arguments = ["show", "--no-patch", "--no-show-signature", "--format=%ct", commit];
        let text = self.git.must(Place::Bare(&self.directory), "read a commit of", &arguments)?;
        text.parse().map_err(|_| Error::Step(format!("the commit {commit} has the time {text:?}, which is no number")))
    }

    fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        self.git.run(Place::Bare(&self.directory), arguments)
    }

    fn bring_all(&self, object: &str, own: &str) -> Result<Outcome> {
        let mut arguments = vec!["fetch", "--quiet", "--no-tags", "--prune"];
        if self.directory.join("shallow").exists() {
            arguments.push("--unshallow");
        }
        arguments.extend(["origin", "+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*"]);
        let outcome = self.run(&arguments)?;
        if outcome.success { self.run(&["update-ref", own, object]) } else { Ok(outcome) }
    }

    /// What a killed git left; the lock of this repository is ours.
    fn clear_locks(&self, own: &str) -> Result<()> {
        for name in ["shallow.lock", "packed-refs.lock", &format!("{own}.lock")] {
            let path = self.directory.join(name);
            if_there(fs::remove_file(&path)).map_err(Error::io("remove", path.display()))?;
        }
        Ok(())
    }
}

fn is_about(outcome: &Outcome, words: &[&str]) -> bool {
    !outcome.success && words.iter().any(|word| outcome.complaint.contains(word))
}

/// Makes a directory with those above it; gives its path.
pub(super) fn make(directory: &Path) -> Result<&Path> {
    fs::create_dir_all(directory).map_err(Error::io("create", directory.display()))?;
    Ok(directory)
}

/// Waits for the lock `name`. A fetch may take minutes, so a raised flag must end the wait.
fn lock(directory: &Path, name: &str, cancel: &Cancel) -> Result<File> {
    let path = make(directory)?.join(name);
    let file = File::create(&path).map_err(Error::io("create", path.display()))?;
    loop {
        cancel.check()?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) => std::thread::sleep(TURN),
            Err(Errno::INTR) => {}
            Err(error) => return Err(Error::io("lock", path.display())(error)),
        }
    }
}
