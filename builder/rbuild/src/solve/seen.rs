//! What a source of a COPY named when it was looked at: kept where it is little; of what is much, how to know it again when
//! it is copied. Knows no destination.

use super::select::{
    Match, Wanted, changed, digest, expand, find, missing, plain, plain_path, put_end, put_entry, put_top, select, take,
};
use crate::error::Result;
use crate::tree::Tree;
use rbuild_oci::{Digest, Hasher};
use rbuild_store::layer::{Entry, show_path};

/// So many matches, and as many files, directories and links below them, are kept from the look at them, for when they are
/// copied: some 10 MB each.
const KEPT: usize = 50_000;

/// The digest of what [`super::select::select_plain`] gives.
pub fn digest_plain(tree: &dyn Tree, path: &str) -> Result<Digest> {
    Ok(Seen::of(tree, &plain(path), vec![plain_path(path)])?.digest)
}

/// What a source names, as it was seen: its digest, and as much of it as is kept.
#[derive(Debug)]
pub struct Seen {
    /// As of [`digest`].
    pub digest: Digest,
    sights: Option<Vec<Sight>>,
}

/// One match as it was seen.
#[derive(Debug)]
pub struct Sight {
    /// The match; below it nothing where that was not kept.
    pub found: Match,
    /// How to know again what was not kept.
    again: Option<Box<Again>>,
}

/// How to tell that a walk over a directory gives what it gave before.
#[derive(Debug)]
struct Again {
    /// What was hashed before it.
    before: Hasher,
    /// The digest of that and the directory.
    digest: Digest,
    /// How many are below.
    count: usize,
}

/// Takes what is walked over, piece by piece, parents before children.
pub type Take<'t> = dyn FnMut(Vec<Entry>) -> Result<()> + 't;

impl Seen {
    /// Looks at everything a source names; as [`select`].
    pub fn look(tree: &dyn Tree, wanted: &Wanted<'_>) -> Result<Self> {
        let paths = expand(tree, wanted)?;
        if wanted.below.is_none() && wanted.excludes.is_empty() {
            return Self::of(tree, wanted, paths);
        }
        let matches = take(tree, wanted, paths)?;
        Ok(Self { digest: digest(&matches), sights: Some(kept(matches)) })
    }

    /// All that is at these paths, most of which is seen once and forgotten where there is much.
    fn of(tree: &dyn Tree, wanted: &Wanted<'_>, paths: Vec<Vec<u8>>) -> Result<Self> {
        let (mut hasher, mut sights, mut room) = (Hasher::new(), (paths.len() <= KEPT).then(Vec::new), KEPT);
        for path in paths {
            let Some(mut found) = find(tree, &path)? else { return Err(missing(tree, wanted)) };
            tree.digest_all(std::slice::from_mut(&mut found.entry))?;
            put_top(&mut hasher, &found);
            let again =
                if found.entry.node.is_directory() { enter(tree, &mut hasher, &mut found, room)? } else { None };
            put_end(&mut hasher);
            room -= found.below.len();
            if let Some(sights) = &mut sights {
                sights.push(Sight { found, again });
            }
        }
        Ok(Self { digest: hasher.finish(), sights })
    }

    /// What was seen. Where more is named than can be kept it is looked for again, and must be the same.
    pub fn sights(self, tree: &dyn Tree, wanted: &Wanted<'_>) -> Result<Vec<Sight>> {
        if let Some(sights) = self.sights {
            return Ok(sights);
        }
        let matches = select(tree, wanted)?;
        if digest(&matches) == self.digest {
            return Ok(kept(matches));
        }
        Err(changed(tree, wanted.path))
    }
}

/// Looks at all that is in a directory and keeps it where there is room for so many; if not, gives how to know it again.
fn enter(tree: &dyn Tree, hasher: &mut Hasher, found: &mut Match, room: usize) -> Result<Option<Box<Again>>> {
    let (before, base, mut count) = (hasher.clone(), &found.entry.path, 0);
    tree.pieces(base, &mut |piece| {
        for entry in &piece {
            put_entry(hasher, base, entry);
        }
        count += piece.len();
        if count <= room {
            found.below.extend(piece);
        } else {
            found.below = Vec::new();
        }
        Ok(())
    })?;
    Ok((count > room).then(|| Box::new(Again { before, digest: hasher.clone().finish(), count })))
}

fn kept(matches: Vec<Match>) -> Vec<Sight> {
    matches.into_iter().map(|found| Sight { found, again: None }).collect()
}

impl Sight {
    /// How many files, directories and links it is.
    pub fn count(&self) -> usize {
        1 + self.again.as_ref().map_or(self.found.below.len(), |again| again.count)
    }

    /// Shows all that is below, piece by piece. What was not kept is walked over again, and must be the same: if it is
    /// not, that is said at the end.
    pub fn show(&self, tree: &dyn Tree, show: &mut dyn FnMut(&[Entry])) -> Result<()> {
        let Some(again) = &self.again else {
            show(&self.found.below);
            return Ok(());
        };
        again.walk(tree, &self.found.entry.path, &mut |piece| {
            show(&piece);
            Ok(())
        })
    }

    /// Gives away all that [`Self::show`] shows.
    pub fn take(self, tree: &dyn Tree, take: &mut Take<'_>) -> Result<()> {
        match self.again {
            Some(again) => again.walk(tree, &self.found.entry.path, take),
            None => take(self.found.below),
        }
    }
}

impl Again {
    fn walk(&self, tree: &dyn Tree, base: &[u8], take: &mut Take<'_>) -> Result<()> {
        let mut hasher = self.before.clone();
        tree.pieces(base, &mut |piece| {
            for entry in &piece {
                put_entry(&mut hasher, base, entry);
            }
            take(piece)
        })?;
        if hasher.finish() == self.digest { Ok(()) } else { Err(changed(tree, &show_path(base))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Opened;
    use rbuild_store::layer::FileData;
    use rbuild_store::layer::Node;
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Directories `0`, `1`, and so on of so many files each; if it is restless their mode is another one at every walk.
    struct Many {
        files: Vec<usize>,
        restless: bool,
        walks: AtomicU32,
    }

    impl Many {
        fn new(files: &[usize], restless: bool) -> Self {
            Self { files: files.to_vec(), restless, walks: AtomicU32::new(0) }
        }
    }

    impl Tree for Many {
        fn name(&self) -> &'static str {
            "many"
        }

        fn lookup(&self, path: &[u8]) -> Result<Option<Entry>> {
            Ok((!path.is_empty()).then(|| Entry::new(path, Node::DIRECTORY, 0o755)))
        }

        fn list(&self, _: &[u8]) -> Result<Vec<Vec<u8>>> {
            Ok((0..self.files.len()).map(|at| at.to_string().into()).collect())
        }

        fn walk(&self, directory: &[u8]) -> Result<Vec<Entry>> {
            let name = String::from_utf8_lossy(directory);
            let mode = 0o600 + if self.restless { self.walks.fetch_add(1, Ordering::Relaxed) } else { 0 };
            let file = |at| Entry::new(format!("{name}/f{at:06}"), Node::File(FileData::unread(0)), mode);
            Ok((0..self.files[name.parse::<usize>().unwrap()]).map(file).collect())
        }

        fn digest_all(&self, entries: &mut [Entry]) -> Result<()> {
            let read = FileData { digest: Digest::of(b""), ..FileData::unread(0) };
            entries.iter_mut().filter(|entry| !entry.node.is_directory()).for_each(|file| file.node = Node::File(read));
            Ok(())
        }

        fn open(&self, _: &[u8], _: Digest) -> Result<Opened<'_>> {
            Ok(Opened::data(&b""[..]))
        }
    }

    /// All that is seen, as it is looked at and as it is taken.
    fn taken(tree: &Many, seen: Seen) -> Result<Vec<Match>> {
        let mut matches = Vec::new();
        for mut sight in seen.sights(tree, &ALL)? {
            let (mut shown, mut below, count) = (0, Vec::new(), sight.count());
            sight.show(tree, &mut |piece| shown += piece.len())?;
            let top = sight.found.entry.clone();
            let name = std::mem::take(&mut sight.found.name);
            sight.take(tree, &mut |mut piece| {
                below.append(&mut piece);
                Ok(())
            })?;
            assert_eq!((shown, 1 + shown), (below.len(), count));
            matches.push(Match { name, entry: top, below, on_the_way: BTreeSet::new() });
        }
        Ok(matches)
    }

    const ALL: Wanted<'_> = Wanted { path: "*", below: None, excludes: &[] };

    #[test]
    fn what_is_too_much_to_be_kept_is_looked_for_again_and_must_be_the_same() {
        let many = vec![0; KEPT + 1];
        for files in [&[3][..], &[KEPT], &[KEPT + 1], &[3, KEPT - 1, 2, 1], &many] {
            let fits = files.len() <= KEPT && files.iter().sum::<usize>() <= KEPT;
            for restless in [false, true] {
                let tree = Many::new(files, restless);
                let seen = Seen::look(&tree, &ALL).unwrap();
                let known = seen.digest;
                match taken(&tree, seen) {
                    // Those that walk give nothing where nothing is in them.
                    Err(error) => assert!(restless && !fits && error.to_string().contains("many"), "{error}"),
                    Ok(matches) => {
                        assert!(!restless || fits || files.len() > KEPT);
                        assert!(matches.iter().map(|found| found.below.len()).eq(files.iter().copied()));
                        assert_eq!(digest(&matches), known);
                    }
                }
            }
        }
    }
}
