//! Two lists of files, and in what they differ. Pure.

use super::listing::Listed;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// What became of a file since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// The path, fit for people.
    pub path: String,
    /// In what it differs.
    #[serde(flatten)]
    pub change: Change,
}

/// In what a file differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// It has other data, or leads elsewhere.
    Content,
    /// It was not there.
    New,
    /// It is not there any more.
    Gone,
    /// It is something else.
    Kind {
        /// What it was, in a word.
        was: String,
        /// What it is.
        is: String,
    },
    /// It has other permissions.
    Mode {
        /// The bits that it had.
        was: u32,
        /// The bits that it has.
        is: u32,
    },
    /// It belongs to somebody else.
    Owner {
        /// User and group of then.
        was: (u32, u32),
        /// User and group of now.
        is: (u32, u32),
    },
    /// It has other extended attributes.
    Attributes,
}

/// As many are told by name.
const NAMED: usize = 3;

/// The changes worth naming, files and contents before all else, and how many there are in all.
pub(super) fn changes(was: &[Listed], is: &[Listed]) -> (Vec<FileChange>, usize) {
    let mut found: Vec<(bool, FileChange)> = Vec::new();
    let mut note = |file: &Listed, change: Change| {
        let path = String::from_utf8_lossy(&file.path);
        let path = if path.is_empty() { "/".into() } else { path };
        let path = path.chars().map(crate::render::visible).collect();
        found.push((file.kind == 'd', FileChange { path, change }));
    };
    let (mut old, mut new) = (was.iter().peekable(), is.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.path.cmp(&new.path),
        };
        let gone = if order == Ordering::Greater { None } else { old.next() };
        let come = if order == Ordering::Less { None } else { new.next() };
        match (gone, come) {
            (Some(gone), None) => note(gone, Change::Gone),
            (None, Some(come)) => note(come, Change::New),
            (Some(old), Some(new)) => {
                if let Some(change) = change(old, new) {
                    note(new, change);
                }
            }
            (None, None) => {}
        }
    }
    let count = found.len();
    found.sort_by_key(|(is_directory, found)| (*is_directory, found.change != Change::Content));
    (found.into_iter().take(NAMED).map(|(_, found)| found).collect(), count)
}

/// In what one file differs, the weightiest first.
fn change(was: &Listed, is: &Listed) -> Option<Change> {
    if was.kind != is.kind {
        return Some(Change::Kind { was: word(was.kind), is: word(is.kind) });
    }
    if (was.size, was.data) != (is.size, is.data) {
        return Some(Change::Content);
    }
    if was.mode != is.mode {
        return Some(Change::Mode { was: was.mode, is: is.mode });
    }
    let owner = |file: &Listed| (file.uid, file.gid);
    if owner(was) != owner(is) {
        return Some(Change::Owner { was: owner(was), is: owner(is) });
    }
    (was.attributes != is.attributes).then_some(Change::Attributes)
}

fn word(kind: char) -> String {
    let word = match kind {
        'f' => "a file",
        'd' => "a directory",
        'l' => "a symbolic link",
        'h' => "a hard link",
        _ => "something special",
    };
    word.to_owned()
}

impl fmt::Display for FileChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.change {
            Change::Content => write!(f, "{path} differs"),
            Change::New => write!(f, "{path} is new"),
            Change::Gone => write!(f, "{path} is gone"),
            Change::Kind { was, is } => write!(f, "{path} is {is}, was {was}"),
            Change::Mode { was, is } => write!(f, "{path} has mode {is:04o}, had {was:04o}"),
            Change::Owner { was, is } => {
                write!(f, "{path} belongs to {}:{}, belonged to {}:{}", is.0, is.1, was.0, was.1)
            }
            Change::Attributes => write!(f, "{path} has other extended attributes"),
        }
    }
}
