//! A way down into a tree and back up with a bounded number of open directories, whatever the depth. Knows nothing of
//! what is done on the way. A level whose handle was given up is entered again through `..` of its child and must turn
//! out to be the same directory, so a tree that is moved meanwhile cannot lead outside.

use super::dir::{Dir, stat_fd};
use super::list::{Names, buffer};
use super::meta::FileKind;
use rustix::fs::OFlags;
use rustix::io::Errno;

/// How many levels keep their directory open.
const WINDOW: usize = 32;

/// The levels from the top of a tree to where the descent is now.
#[derive(Debug)]
pub(super) struct Descent {
    levels: Vec<Level>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Level {
    name: Vec<u8>,
    dir: Option<Dir>,
    id: (u64, u64),
    names: Names,
}

impl Descent {
    /// Starts at `top`, whose entries come first.
    pub(super) fn new(top: &Dir) -> Result<Self, Errno> {
        let mut descent = Self { levels: Vec::new(), buffer: buffer() };
        descent.push(top.raw_open_dir(b".", OFlags::RDONLY)?, b".".to_vec())?;
        Ok(descent)
    }

    /// The next name in the current directory, with that directory and the type of the file.
    pub(super) fn next_name(&mut self) -> Option<(&Dir, &[u8], FileKind)> {
        let level = self.levels.last_mut()?;
        let (name, kind) = level.names.next_name()?;
        Some((level.dir.as_ref()?, name, kind))
    }

    /// The current directory.
    pub(super) fn dir(&self) -> Option<&Dir> {
        self.levels.last()?.dir.as_ref()
    }

    /// Goes down into `name` of the current directory.
    pub(super) fn enter(&mut self, name: &[u8]) -> Result<(), Errno> {
        let child = self.dir().ok_or(Errno::NOENT)?.raw_open_dir(name, OFlags::RDONLY)?;
        self.push(child, name.to_vec())?;
        if let Some(far) = self.levels.len().checked_sub(WINDOW + 1) {
            self.levels[far].dir = None;
        }
        Ok(())
    }

    /// Goes back up and gives the name of the directory that was left; none at the top.
    pub(super) fn leave(&mut self) -> Result<Option<Vec<u8>>, Errno> {
        let Some(left) = self.levels.pop() else { return Ok(None) };
        let Some(parent) = self.levels.last_mut() else { return Ok(None) };
        if parent.dir.is_none() {
            let again = left.dir.ok_or(Errno::NOENT)?.raw_open_dir(b"..", OFlags::RDONLY)?;
            if stat_fd(&again)?.id() != parent.id {
                return Err(Errno::STALE);
            }
            parent.dir = Some(again);
        }
        Ok(Some(left.name))
    }

    fn push(&mut self, dir: Dir, name: Vec<u8>) -> Result<(), Errno> {
        let id = stat_fd(&dir)?.id();
        let names = dir.list_once(&mut self.buffer)?;
        self.levels.push(Level { name, dir: Some(dir), id, names });
        Ok(())
    }
}
