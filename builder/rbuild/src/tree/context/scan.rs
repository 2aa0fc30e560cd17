//! The walk over a context, in order, without what is left out. Where there are many directories they are walked on all
//! processors. Knows of files what lstat says and what is remembered, and reads none.

use super::{ContextTree, entry, node};
use crate::error::Result;
use dockerfile_parser::ignore::Carry;
use rayon::prelude::*;
use rbuild_store::layer::{Entry, Node, is_below, show_path};
use rbuild_store::{Lookups, Meta, WalkEntry};
use std::collections::{BTreeMap, btree_map};

/// So many directories are worth the start of threads.
const MANY: usize = 8;

/// So many walks go on at once, as each holds some tens of directories open.
const AT_ONCE: usize = 8;

/// So many groups of directories there are, as nearly as they can be divided; [`AT_ONCE`] of them make a piece.
const GROUPS: usize = 256;

/// How many levels of directories are looked through one by one for as many.
const LEVELS: usize = 3;

/// All that is below a directory of the context, parents before what is in them.
pub(super) fn scan(tree: &ContextTree, directory: &[u8]) -> Result<Vec<Entry>> {
    let mut all = Vec::new();
    pieces(tree, directory, &mut |mut piece| {
        all.append(&mut piece);
        Ok(())
    })?;
    Ok(all)
}

/// The same, piece by piece.
pub(super) fn pieces(
    tree: &ContextTree,
    directory: &[u8],
    take: &mut dyn FnMut(Vec<Entry>) -> Result<()>,
) -> Result<()> {
    let top = Ahead { path: directory.to_vec(), carry: tree.carry_of(directory), file: None };
    let mut parts = vec![Part::Ahead(top)];
    for _ in 0..LEVELS {
        let ahead = count(&parts);
        if ahead == 0 || ahead >= MANY {
            break;
        }
        parts = Scan::over(tree, parts, Depth::Directory)?.into_parts();
    }
    let whole = |parts| Scan::over(tree, parts, Depth::Tree).map(|scan| scan.found);
    let mut names = FirstNames::default();
    if count(&parts) < MANY {
        return take(names.link(whole(parts)?));
    }
    let mut groups = in_groups(parts).into_iter().peekable();
    while groups.peek().is_some() {
        let turn: Vec<_> = groups.by_ref().take(AT_ONCE).collect();
        let walked: Vec<_> = turn.into_par_iter().map(whole).collect();
        let mut piece = Found::default();
        for found in walked {
            // Of several failures the first in order is told, whichever came first.
            piece.add(found?);
        }
        take(names.link(piece))?;
    }
    Ok(())
}

/// The parts, still in order, in groups that are walked one by one, each with as many directories ahead.
fn in_groups(parts: Vec<Part>) -> Vec<Vec<Part>> {
    let size = count(&parts).div_ceil(GROUPS);
    let (mut groups, mut group, mut ahead) = (Vec::new(), Vec::new(), 0);
    for part in parts {
        let is_ahead = matches!(part, Part::Ahead(_));
        if is_ahead && ahead == size {
            groups.push(std::mem::take(&mut group));
            ahead = 0;
        }
        ahead += usize::from(is_ahead);
        group.push(part);
    }
    groups.push(group);
    groups
}

/// A part of a walk.
enum Part {
    /// What was found.
    Found(Found),
    /// A directory to look into.
    Ahead(Ahead),
}

#[derive(Default)]
struct Found {
    entries: Vec<Entry>,
    /// The files that have several names: where they are in `entries`, and which file.
    several: Vec<(usize, (u64, u64))>,
}

impl Found {
    fn add(&mut self, mut more: Self) {
        let before = self.entries.len();
        self.several.extend(more.several.into_iter().map(|(at, file)| (before + at, file)));
        if before == 0 {
            self.entries = more.entries;
        } else {
            self.entries.append(&mut more.entries);
        }
    }
}

/// A directory that is not left out, and what `.dockerignore` says below it.
struct Ahead {
    path: Vec<u8>,
    carry: Carry,
    /// Which directory was seen there.
    file: Option<(u64, u64)>,
}

/// How far a walk goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// The directories in it are left for later.
    Directory,
    Tree,
}

fn count(parts: &[Part]) -> usize {
    parts.iter().filter(|part| matches!(part, Part::Ahead(_))).count()
}

/// The first names of the files that have several.
#[derive(Default)]
struct FirstNames(BTreeMap<(u64, u64), Vec<u8>>);

impl FirstNames {
    /// What was found; a further name of a file that came before is a hard link to it.
    fn link(&mut self, mut found: Found) -> Vec<Entry> {
        for (at, file) in found.several {
            let entry = &mut found.entries[at];
            match self.0.entry(file) {
                btree_map::Entry::Occupied(first) => entry.node = Node::HardLink { target: first.get().clone() },
                btree_map::Entry::Vacant(slot) => drop(slot.insert(entry.path.clone())),
            }
        }
        found.entries
    }
}

/// Whether a walk goes into a directory.
#[derive(PartialEq, Eq)]
enum Below {
    Enter,
    Skip,
}

/// One walk after the other: which directories it is in, and what it found.
struct Scan<'a> {
    tree: &'a ContextTree,
    known: Lookups,
    depth: Depth,
    open: Vec<Open>,
    parts: Vec<Part>,
    found: Found,
}

/// A directory the walk is in.
struct Open {
    path: Vec<u8>,
    carry: Carry,
    /// The directory itself, while it is ignored and nothing in it has been found that is not.
    pending: Option<Entry>,
}

impl<'a> Scan<'a> {
    /// A walk over what is ahead among the parts; what was found before is kept.
    fn over(tree: &'a ContextTree, parts: Vec<Part>, depth: Depth) -> Result<Self> {
        let (known, found) = (tree.remembered.lookups(), Found::default());
        let mut scan = Self { tree, known, depth, open: Vec::new(), parts: Vec::new(), found };
        for part in parts {
            match part {
                Part::Found(found) => scan.found.add(found),
                Part::Ahead(ahead) => scan.walk(ahead)?,
            }
        }
        Ok(scan)
    }

    fn walk(&mut self, Ahead { path, carry, file }: Ahead) -> Result<()> {
        let tree = self.tree;
        if let Some(file) = file
            && tree.root.stat(&path).map_err(|error| tree.told(error))?.id() != file
        {
            return Err(rbuild_store::Error::Changed { subject: show_path(&path) }.into());
        }
        let mut walk = tree.root.walk(&path).map_err(|error| tree.told(error))?.named(&path);
        self.open = vec![Open { path, carry, pending: None }];
        while let Some(found) = walk.next() {
            tree.cancel.check()?;
            if self.take(found.map_err(|error| tree.told(error))?)? == Below::Skip {
                walk.skip_dir();
            }
        }
        Ok(())
    }

    fn take(&mut self, found: WalkEntry) -> Result<Below> {
        if self.tree.is_store(&found.path) {
            return Ok(Below::Skip);
        }
        while self.open.len() > 1 && self.open.last().is_some_and(|open| !is_below(&found.path, &open.path)) {
            self.open.pop();
        }
        let readlink = || found.dir().readlink(found.name()).map_err(|error| self.tree.told(error));
        let node = node(&found.path, &found.meta, &mut self.known, readlink)?;
        let (Some(node), Some(above)) = (node, self.open.last()) else { return Ok(Below::Skip) };
        let (meta, entry) = (found.meta, entry(found.path, node, &found.meta));
        if !entry.node.is_directory() {
            let verdict = self.tree.ignored.matcher.entry(&above.carry, &entry.path);
            if !verdict.is_some_and(|verdict| verdict.ignored) {
                self.keep_file(entry, &meta);
            }
            return Ok(Below::Enter);
        }
        let (verdict, carry) = self.tree.ignored.matcher.enter(&above.carry, &entry.path);
        let ignored = verdict.is_some_and(|verdict| verdict.ignored);
        if ignored && !self.tree.ignored.matcher.could_reinclude_below(&entry.path, &carry) {
            return Ok(Below::Skip);
        }
        Ok(self.enter((entry, &meta), carry, ignored))
    }

    fn enter(&mut self, (directory, meta): (Entry, &Meta), carry: Carry, ignored: bool) -> Below {
        let path = directory.path.clone();
        if ignored {
            self.open.push(Open { path, carry, pending: Some(directory) });
            return Below::Enter;
        }
        self.keep(directory);
        if self.depth == Depth::Directory {
            let ahead = Ahead { path, carry, file: Some(meta.id()) };
            self.parts.extend([Part::Found(std::mem::take(&mut self.found)), Part::Ahead(ahead)]);
            return Below::Skip;
        }
        self.open.push(Open { path, carry, pending: None });
        Below::Enter
    }

    fn keep_file(&mut self, file: Entry, meta: &Meta) {
        self.keep(file);
        if meta.is_file() && meta.nlink > 1 {
            self.found.several.push((self.found.entries.len() - 1, meta.id()));
        }
    }

    fn keep(&mut self, entry: Entry) {
        self.found.entries.extend(self.open.iter_mut().filter_map(|open| open.pending.take()));
        self.found.entries.push(entry);
    }

    fn into_parts(mut self) -> Vec<Part> {
        self.parts.push(Part::Found(self.found));
        self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Ignored, Tree};
    use dockerfile_parser::ignore::{Matcher, Patterns};
    use rbuild_oci::Cancel;
    use rbuild_store::Store;
    use rbuild_store::layer::compare_paths;
    use std::fs;
    use std::path::Path;

    /// A tree with `wide` directories in one, each with files, one of them with a second name in the directory after it.
    fn make(top: &Path, wide: usize) {
        for number in 0..wide {
            let directory = top.join(format!("in/d{number:02}/deep"));
            fs::create_dir_all(&directory).unwrap();
            for name in ["a", "keep", "z"] {
                fs::write(directory.join(name), name).unwrap();
            }
            let next = top.join(format!("in/d{:02}", number + 1));
            fs::create_dir_all(&next).unwrap();
            fs::hard_link(directory.join("z"), next.join("link")).unwrap();
        }
    }

    fn open(place: &Path, ignore: &str) -> ContextTree {
        let store = Store::open(&place.join("store")).unwrap();
        let ignored = Ignored {
            file: ".dockerignore".to_owned(),
            matcher: Matcher::new(Patterns::read(ignore.as_bytes()).unwrap()),
        };
        ContextTree::open("context", &place.join("context"), ignored, &store, &Cancel::new()).unwrap()
    }

    fn walked(wide: usize, ignore: &str) -> Vec<String> {
        let place = tempfile::tempdir().unwrap();
        make(&place.path().join("context"), wide);
        let tree = open(place.path(), ignore);
        let entries = tree.walk(b"").unwrap();
        assert!(entries.is_sorted_by(|one, next| compare_paths(&one.path, &next.path).is_lt()));
        let show = |entry: &Entry| match &entry.node {
            Node::HardLink { target } => format!("{} -> {}", show_path(&entry.path), show_path(target)),
            _ => show_path(&entry.path),
        };
        entries.iter().map(show).collect()
    }

    #[test]
    fn the_pieces_of_a_walk_are_the_walk_with_all_files_read() {
        for (wide, ignore, several) in [
            (3, "", false),
            (40, "", true),
            (300, "", true),
            (300, "in/d*/deep/a\nin/d1*/deep/z\n", true),
            (300, "in/d*\n!in/d*/deep/keep\n!in/d1*/link\n", false),
        ] {
            let place = tempfile::tempdir().unwrap();
            make(&place.path().join("context"), wide);
            let tree = open(place.path(), ignore);
            let (mut all, mut pieces) = (tree.walk(b"").unwrap(), Vec::new());
            tree.digest_all(&mut all).unwrap();
            let mut count = 0;
            tree.pieces(b"", &mut |piece| {
                pieces.extend(piece);
                count += 1;
                Ok(())
            })
            .unwrap();
            assert!(pieces == all && (count > 1) == several, "{wide} {ignore} {count}");
            let mut calls = 0;
            let stopped = tree.pieces(b"", &mut |_| {
                calls += 1;
                Err(rbuild_store::Error::Changed { subject: "it".to_owned() }.into())
            });
            assert!(stopped.is_err() && calls == 1);
        }
    }

    #[test]
    fn a_walk_can_be_cancelled() {
        let place = tempfile::tempdir().unwrap();
        make(&place.path().join("context"), 40);
        let tree = open(place.path(), "");
        tree.cancel.cancel();
        assert!(matches!(tree.walk(b""), Err(crate::error::Error::Canceled(_))));
    }

    #[test]
    fn many_directories_are_walked_like_few() {
        let (few, many) = (walked(3, ""), walked(40, ""));
        assert_eq!((few.len(), many.len()), (2 + 3 * 6, 2 + 40 * 6));
        assert_eq!(many[..13], few[..13]);
        assert_eq!(
            few[7..13],
            [
                "/in/d01/deep",
                "/in/d01/deep/a",
                "/in/d01/deep/keep",
                "/in/d01/deep/z",
                "/in/d01/link -> /in/d00/deep/z",
                "/in/d02"
            ]
        );
    }

    #[test]
    fn what_is_left_out_is_left_out_of_all() {
        let many = walked(40, "in/d*\n!in/d*/deep/keep\n");
        assert_eq!(many.len(), 1 + 40 * 3);
        assert_eq!(many[..4], ["/in", "/in/d00", "/in/d00/deep", "/in/d00/deep/keep"]);
        let alone = walked(40, "in/d*/deep/z");
        assert!(
            alone.contains(&"/in/d01/link".to_owned()) && !alone.iter().any(|path| path.contains("->")),
            "{alone:?}"
        );
    }
}
