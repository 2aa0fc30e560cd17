//! A sorted walk over a tree: each entry costs one stat relative to its open directory, so names may be as deep as the
//! file system allows, past PATH_MAX. Knows nothing of what is excluded: the caller skips.

use super::descent::Descent;
use super::dir::{Dir, sys};
use super::meta::Meta;
use crate::error::Result;
use rustix::io::Errno;

/// The entries of a tree, without its top: a directory before what is in it, the names of one directory sorted by
/// their bytes. Symbolic links are reported, never followed. An error names its path; the walk goes on after it where
/// it can.
#[derive(Debug)]
pub struct Walk {
    descent: Descent,
    path: Vec<u8>,
    pending: Option<Vec<u8>>,
    over: bool,
}

/// One entry of a walk.
#[derive(Clone, Debug)]
pub struct WalkEntry {
    /// The path below the top of the walk, or from where [`Walk::named`] says, without a leading `/`.
    pub path: Vec<u8>,
    /// What lstat says.
    pub meta: Meta,
    dir: Dir,
    name_at: usize,
}

impl WalkEntry {
    /// The last component of the path.
    pub fn name(&self) -> &[u8] {
        &self.path[self.name_at..]
    }

    /// The directory that holds the entry: the cheap way to open it or read its attributes, by [`WalkEntry::name`].
    pub fn dir(&self) -> &Dir {
        &self.dir
    }
}

impl Walk {
    /// The same walk, whose paths begin with that of its top.
    #[must_use]
    pub fn named(mut self, top: &[u8]) -> Self {
        self.path = top.to_vec();
        self
    }

    /// Leaves out what is in the directory that was returned last.
    pub fn skip_dir(&mut self) {
        self.pending = None;
    }

    pub(super) fn new(top: &Dir) -> std::result::Result<Self, Errno> {
        Ok(Self { descent: Descent::new(top)?, path: Vec::new(), pending: None, over: false })
    }

    fn enter(&mut self, name: &[u8]) -> Result<()> {
        let path = joined(&self.path, name);
        self.descent.enter(name).map_err(sys("list", &path))?;
        self.path = path;
        Ok(())
    }

    /// Whether there is a directory to go on with.
    fn leave(&mut self) -> Result<bool> {
        let Some(name) = self.descent.leave().map_err(sys("go back up from", &self.path))? else { return Ok(false) };
        self.path.truncate(self.path.len().saturating_sub(name.len() + 1));
        Ok(true)
    }

    fn visit(&mut self) -> Option<Result<WalkEntry>> {
        let (dir, name, _) = self.descent.next_name()?;
        let path = joined(&self.path, name);
        let stat = dir.raw_stat(name).map_err(sys("stat", &path));
        Some(stat.map(|meta| {
            let (dir, name_at) = (dir.clone(), path.len() - name.len());
            self.pending = meta.is_dir().then(|| name.to_vec());
            WalkEntry { path, meta, dir, name_at }
        }))
    }
}

impl Iterator for Walk {
    type Item = Result<WalkEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(name) = self.pending.take()
            && let Err(error) = self.enter(&name)
        {
            return Some(Err(error));
        }
        while !self.over {
            if let Some(found) = self.visit() {
                return Some(found);
            }
            match self.leave() {
                Ok(more) => self.over = !more,
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

fn joined(path: &[u8], name: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(path.len() + name.len() + 1);
    joined.extend_from_slice(path);
    if !path.is_empty() {
        joined.push(b'/');
    }
    joined.extend_from_slice(name);
    joined
}
