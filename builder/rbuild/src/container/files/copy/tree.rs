//! A tree of files that consists of a root directory and, in a container that does not run, what will be mounted over
//! it. Paths are resolved here, name by name, so that a link may lead from one to the other and never out of both.
//! Knows no container.

use super::rules::{Found, Kind};
use crate::error::{Error, Result};
use rbuild_store::layer::{is_below, join_path, show_path, split_path};
use rbuild_store::{FileKind, Meta, RootDir};
use rustix::io::Errno;

/// The tree.
pub(super) struct Tree {
    root: RootDir,
    mounts: Vec<Mounted>,
    guards: Vec<Guard>,
    /// Directories whose files are none: those of the kernel.
    closed: &'static [&'static [u8]],
}

/// Files that belong at a path of the tree.
struct Mounted {
    /// The path, without links and without a slash at its beginning.
    target: Vec<u8>,
    /// Where they are.
    root: RootDir,
    /// Which file of that, if it is not the directory itself.
    name: Vec<u8>,
}

/// What may be written below a path.
struct Guard {
    target: Vec<u8>,
    /// Whether nothing may be, and how that is called.
    read_only: Option<&'static str>,
}

/// Whether the last name of a path is followed if it is a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follow {
    /// It is.
    All,
    /// It is not, unless a slash comes behind it.
    AllButLast,
}

/// How many links a path may lead through, as in the kernel.
const LINKS: usize = 40;

impl Tree {
    /// A directory and what is in it, whatever is mounted there now.
    pub(super) fn of(root: RootDir) -> Self {
        Self { root, mounts: Vec::new(), guards: Vec::new(), closed: &[] }
    }

    /// The same without what is in some directories when all is read.
    pub(super) fn closed(self, closed: &'static [&'static [u8]]) -> Self {
        Self { closed, ..self }
    }

    /// Puts files where they will be mounted; the way there is made, as it is when they are mounted.
    pub(super) fn mount(&mut self, target: &[u8], root: RootDir, name: Vec<u8>) -> Result<()> {
        let target = self.point(target, name.is_empty())?;
        self.mounts.push(Mounted { target, root, name });
        Ok(())
    }

    /// Says what may be written below a path; the innermost such path decides.
    pub(super) fn guard(&mut self, target: &[u8], read_only: Option<&'static str>) {
        let found = self.find(target, Follow::All).map(|found| found.path);
        let target = found.unwrap_or_else(|_| names(target).join(&b'/'));
        self.guards.push(Guard { target, read_only });
    }

    /// Where a mount point is without links; directories that are missing are made, itself too if it is to be one.
    fn point(&self, target: &[u8], is_directory: bool) -> Result<Vec<u8>> {
        let names = names(target);
        for end in 1..=names.len() {
            let found = self.find(&names[..end].join(&b'/'), Follow::All)?;
            if end == names.len() && !is_directory {
                return Ok(found.path);
            }
            if found.kind == Kind::Missing {
                let (root, path) = self.place(&found.path);
                root.mkdir(&path, 0o755)?;
            }
            if end == names.len() {
                return Ok(found.path);
            }
        }
        Ok(Vec::new())
    }

    /// Where a path leads. All but its last name have to be there.
    pub(super) fn find(&self, written: &[u8], follow: Follow) -> Result<Found> {
        let refuse = |errno: Errno| Error::io("find", String::from_utf8_lossy(written))(errno);
        let into = written.ends_with(b"/") || written.ends_with(b"/.");
        let (mut at, mut links, mut kind) = (Vec::new(), 0, Kind::Directory);
        let mut ahead: Vec<Vec<u8>> = names(written).into_iter().rev().collect();
        while let Some(name) = ahead.pop() {
            if name == b".." {
                at.truncate(split_path(&at).0.len());
                kind = Kind::Directory;
                continue;
            }
            if kind != Kind::Directory {
                return Err(refuse(if kind == Kind::Missing { Errno::NOENT } else { Errno::NOTDIR }));
            }
            let next = join_path(&at, &name);
            let last = ahead.is_empty();
            match self.stat(&next)?.map(|meta| meta.kind) {
                Some(FileKind::Symlink) if !last || into || follow == Follow::All => {
                    links += 1;
                    if links > LINKS {
                        return Err(refuse(Errno::LOOP));
                    }
                    let (root, path) = self.place(&next);
                    let target = root.readlink(&path)?;
                    if target.starts_with(b"/") {
                        at.clear();
                    }
                    ahead.extend(names(&target).into_iter().rev());
                }
                Some(FileKind::Directory) => (at, kind) = (next, Kind::Directory),
                Some(_) => (at, kind) = (next, Kind::File),
                None => (at, kind) = (next, Kind::Missing),
            }
        }
        if into && kind == Kind::File {
            return Err(refuse(Errno::NOTDIR));
        }
        Ok(Found { written: written.to_vec(), path: at, kind })
    }

    /// What is at a path without links; none if nothing is.
    pub(super) fn stat(&self, path: &[u8]) -> Result<Option<Meta>> {
        let (root, path) = self.place(path);
        match root.stat(&path) {
            Err(error) if error.is_not_found() => Ok(None),
            other => Ok(Some(other?)),
        }
    }

    /// The directory that a path without links is in, and its path from there.
    pub(super) fn place(&self, path: &[u8]) -> (&RootDir, Vec<u8>) {
        let holds = |mounted: &&Mounted| path == mounted.target || is_below(path, &mounted.target);
        match self.mounts.iter().filter(holds).max_by_key(|mounted| mounted.target.len()) {
            Some(mounted) => {
                let rest = path[mounted.target.len()..].strip_prefix(b"/").unwrap_or_default();
                let path = if rest.is_empty() { mounted.name.clone() } else { join_path(&mounted.name, rest) };
                (&mounted.root, path)
            }
            None => (&self.root, path.to_vec()),
        }
    }

    /// Whether something is to be mounted right at the path.
    pub(super) fn is_mount(&self, path: &[u8]) -> bool {
        self.mounts.iter().any(|mounted| mounted.target == path)
    }

    /// Whether nobody looks into that directory.
    pub(super) fn is_closed(&self, path: &[u8]) -> bool {
        self.closed.contains(&path)
    }

    /// Refuses a path that nothing may be written to.
    pub(super) fn check_writable(&self, path: &[u8]) -> Result<()> {
        let holds = |guard: &&Guard| path == guard.target || is_below(path, &guard.target);
        let guard = self.guards.iter().filter(holds).max_by_key(|guard| guard.target.len());
        match guard.and_then(|guard| guard.read_only) {
            Some(what) => {
                Err(Error::Copy(format!("{} cannot be written: {what} is marked read-only", show_path(path))))
            }
            None => Ok(()),
        }
    }
}

/// The names of a path, without those that mean nothing.
fn names(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b".")).map(<[u8]>::to_vec).collect()
}
