//! Where copied files come to lie: the rules by which COPY and ADD find, make and replace directories, on a merged view
//! of the parent and of what the step has placed already. Touches no disk and reads no data.

use super::places::{InOrder, Placed, Places};
use crate::error::{Error, Result};
use crate::tree::{Follow, clean, resolve};
use rbuild_store::layer::{Entry, Node, compare_paths, is_below, join_path, show_path, split_path};
use std::collections::{BTreeMap, BTreeSet};

/// A look at one path of the parent, links not followed.
pub type Lookup<'a> = dyn Fn(&[u8]) -> Result<Option<Entry>> + 'a;

/// Owner, mode and time of directories that a step makes on the way.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    /// Owner and group; without them it is root, and the group of the directory above where that has the set-group-id bit.
    pub owner: Option<(u32, u32)>,
    /// The permission bits.
    pub mode: u32,
    /// The time in seconds since 1970.
    pub mtime: i64,
}

/// Where the data of a file comes from.
pub trait Origin: Sized {
    /// The same data for a file at the path `to` of the layer, where so far it was for the one at `from`.
    #[must_use]
    fn moved(self, from: &[u8], to: &[u8]) -> Self;
}

/// The files a step puts on its parent, each with where its data comes from (`B`).
pub struct Placement<'a, B> {
    parent: &'a Lookup<'a>,
    made: Made,
    placed: Places<B>,
    /// Directories of the parent that a file has replaced, and with them all that was below.
    hidden: BTreeSet<Vec<u8>>,
    /// Times of directories of the parent.
    stamps: BTreeMap<Vec<u8>, i64>,
    /// The hard links placed, by the file that has their data.
    links: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>,
}

/// A destination as COPY and ADD write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The path, links followed.
    pub path: Vec<u8>,
    /// Whether it was written as a directory, with a final slash.
    pub directory: bool,
}

impl<'a, B: Origin> Placement<'a, B> {
    /// Nothing placed on `parent` yet.
    pub fn new(parent: &'a Lookup<'a>, made: Made) -> Self {
        let (placed, hidden) = (Places::new(), BTreeSet::new());
        Self { parent, made, placed, hidden, stamps: BTreeMap::new(), links: BTreeMap::new() }
    }

    /// What is at a path now, links not followed.
    pub fn lookup(&self, path: &[u8]) -> Result<Option<Entry>> {
        if let Some(entry) = self.placed.get(path) {
            return Ok(Some(entry.clone()));
        }
        let covered = |above: &[u8]| {
            self.hidden.contains(above) || self.placed.get(above).is_some_and(|entry| !entry.node.is_directory())
        };
        let mut above = path;
        while !above.is_empty() {
            above = split_path(above).0;
            if covered(above) {
                return Ok(None);
            }
        }
        if self.hidden.contains(path) { Ok(None) } else { (self.parent)(path) }
    }

    /// Where a path leads in the image.
    pub fn resolve(&self, path: &[u8], follow: Follow) -> Result<Vec<u8>> {
        resolve(&|path| self.lookup(path), path, follow)
    }

    /// Finds a destination, links followed, and makes the directories above it; itself too where it is written as one.
    pub fn destination(&mut self, text: &[u8]) -> Result<Destination> {
        let directory = text.ends_with(b"/") || text.ends_with(b"/.") || clean(text).is_empty();
        let path = self.resolve(text, Follow::All)?;
        self.make_directories(if directory { &path } else { split_path(&path).0 })?;
        Ok(Destination { path, directory })
    }

    /// Finds the directory that an archive is unpacked in, links followed, and makes it: a mode that the step asks for is
    /// not for what archives bring.
    pub fn archive_root(&mut self, text: &[u8]) -> Result<Vec<u8>> {
        let path = self.resolve(text, Follow::All)?;
        self.make(&path, Made { mode: 0o755, ..self.made })?;
        Ok(path)
    }

    /// Makes a directory and all that are missing above it. The path has no links.
    pub fn make_directories(&mut self, path: &[u8]) -> Result<()> {
        self.make(path, self.made)
    }

    fn make(&mut self, path: &[u8], made: Made) -> Result<()> {
        match self.lookup(path)? {
            Some(entry) if entry.node.is_directory() => return Ok(()),
            Some(_) => return Err(Error::NotADirectory { path: show_path(path) }),
            None if path.is_empty() => return Ok(()),
            None => {}
        }
        let above = split_path(path).0;
        self.make(above, made)?;
        let Made { owner, mode, mtime } = made;
        let inherited = self.lookup(above)?.filter(|above| above.mode & 0o2000 != 0).map(|above| (0, above.gid));
        let (uid, gid) = owner.or(inherited).unwrap_or_default();
        let entry = Entry { uid, gid, mtime, ..Entry::new(path, Node::DIRECTORY, mode) };
        self.insert(entry, None);
        Ok(())
    }

    /// Gives a directory that is there the time of the one that is copied onto it. The path has no links. A time alone
    /// makes no layer: it counts where the directory has to be in it.
    pub fn stamp(&mut self, path: &[u8], mtime: i64) {
        match self.placed.get_mut(path) {
            Some(entry) => entry.mtime = mtime,
            None => drop(self.stamps.insert(path.to_vec(), mtime)),
        }
    }

    /// Puts a file of a copied tree at `entry.path`, links in its last place not followed. A directory merges with one
    /// that is there; neither replaces the other kind.
    pub fn put(&mut self, entry: Entry, body: Option<B>) -> Result<()> {
        let there = self.lookup(&entry.path)?.map(|there| there.node.is_directory());
        match (entry.node.is_directory(), there) {
            (true, Some(false)) => Err(Error::DirectoryOverFile { path: show_path(&entry.path) }),
            (false, Some(true)) => Err(Error::FileOverDirectory { path: show_path(&entry.path) }),
            _ => {
                self.insert(entry, body);
                Ok(())
            }
        }
    }

    /// Puts a directory that is only on the way to what is copied: one that is there takes over its mode and nothing else.
    pub fn pass(&mut self, entry: Entry, mode: u32) -> Result<()> {
        match self.lookup(&entry.path)? {
            Some(there) if there.node.is_directory() => {
                self.insert(Entry { mode, node: Node::DIRECTORY, ..there }, None);
                Ok(())
            }
            _ => self.put(entry, None),
        }
    }

    /// Puts a file of an archive at `entry.path` below `root`, which is all that the archive sees: links on the way are
    /// followed inside it. Missing directories are made and belong to root; what is there gives way, as tar does.
    pub fn extract(&mut self, root: &[u8], mut entry: Entry, body: Option<B>) -> Result<()> {
        let (above, name) = split_path(&entry.path);
        let above = self.resolve_below(root, above)?;
        self.make(&above, Made { owner: Some((0, 0)), mode: 0o755, ..self.made })?;
        entry.path = join_path(&above, name);
        if let Node::HardLink { target } = &mut entry.node {
            let (above, name) = split_path(target);
            *target = join_path(&self.resolve_below(root, above)?, name);
        }
        let there = self.lookup(&entry.path)?.map(|there| there.node.is_directory());
        if let (false, Some(true)) = (entry.node.is_directory(), there) {
            self.clear(&entry.path);
            self.hidden.insert(entry.path.clone());
        }
        self.insert(entry, body);
        Ok(())
    }

    fn resolve_below(&self, root: &[u8], path: &[u8]) -> Result<Vec<u8>> {
        let inside = resolve(&|path| self.lookup(&join_path(root, path)), path, Follow::All)?;
        Ok(if inside.is_empty() { root.to_vec() } else { join_path(root, &inside) })
    }

    fn insert(&mut self, mut entry: Entry, body: Option<B>) {
        if let Node::Directory { opaque, .. } = &mut entry.node {
            *opaque |= self.hidden.contains(&entry.path);
        }
        let link = match &entry.node {
            Node::HardLink { target } => Some((target.clone(), entry.path.clone())),
            _ => None,
        };
        if let Some(replaced) = self.placed.put(entry, body) {
            self.bequeath(replaced);
        }
        if let Some((target, path)) = link {
            self.links.entry(target).or_default().insert(path);
        }
    }

    /// Takes away all that was placed in a directory.
    fn clear(&mut self, directory: &[u8]) {
        let gone = self.placed.take(|path| is_below(path, directory));
        // Names that go, too, inherit nothing.
        let is_link = |(entry, _): &Placed<B>| matches!(entry.node, Node::HardLink { .. });
        let (links, files): (Vec<_>, Vec<_>) = gone.into_iter().partition(is_link);
        links.into_iter().chain(files).for_each(|placed| self.bequeath(placed));
    }

    /// Hands the data of a file that is replaced to its other names.
    fn bequeath(&mut self, (entry, body): Placed<B>) {
        if let Node::HardLink { target } = &entry.node
            && let Some(names) = self.links.get_mut(target)
        {
            names.remove(&entry.path);
        }
        let mut names = self.links.remove(&entry.path).unwrap_or_default();
        let Some(heir) = names.pop_first() else { return };
        for name in &names {
            if let Some(link) = self.placed.get_mut(name) {
                link.node = Node::HardLink { target: heir.clone() };
            }
        }
        let body = body.map(|body| body.moved(&entry.path, &heir));
        self.placed.put(Entry { path: heir.clone(), ..entry }, body);
        self.links.insert(heir, names);
    }

    /// Everything placed, in the order of layers, with the parent's directories above it as they are there.
    pub fn finish(mut self) -> Result<InOrder<B>> {
        let mut above = BTreeSet::new();
        for entry in self.placed.entries() {
            let mut path = split_path(&entry.path).0;
            while !path.is_empty() && self.placed.get(path).is_none() && above.insert(path.to_vec()) {
                path = split_path(path).0;
            }
        }
        for path in above {
            if let Some(entry) = self.lookup(&path)? {
                let node = if entry.node.is_directory() { Node::DIRECTORY } else { entry.node };
                let mtime = self.stamps.get(&path).copied().unwrap_or(entry.mtime);
                self.placed.put(Entry { path, node, mtime, ..entry }, None);
            }
        }
        promote_links(&mut self.placed);
        Ok(self.placed.in_order())
    }

    /// Whether nothing has been placed.
    pub fn is_empty(&self) -> bool {
        self.placed.is_empty()
    }
}

/// Makes the first name of each file, in the order of layers, the one that has the data, as a tarball needs it.
fn promote_links<B: Origin>(placed: &mut Places<B>) {
    let mut names: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for entry in placed.entries() {
        if let Node::HardLink { target } = &entry.node {
            names.entry(target.clone()).or_default().push(entry.path.clone());
        }
    }
    for (holder, links) in names {
        let Some(first) = links.iter().min_by(|a, b| compare_paths(a, b)).cloned() else { continue };
        if compare_paths(&first, &holder).is_gt() {
            continue;
        }
        let Some(entry) = placed.get(&holder).cloned() else { continue };
        let link = |path| Entry { path, node: Node::HardLink { target: first.clone() }, ..entry.clone() };
        let (_, data) = placed.put(link(holder.clone()), None).unzip();
        let data = data.flatten().map(|data| data.moved(&holder, &first));
        for path in links {
            placed.put(link(path), None);
        }
        placed.put(Entry { path: first, ..entry }, data);
    }
}

impl<B> std::fmt::Debug for Placement<'_, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.placed.entries().map(|entry| show_path(&entry.path))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rbuild_store::layer::FileData;

    /// From where to where the data of a file went, in turn.
    #[derive(Clone, Debug, Default, PartialEq)]
    struct Read(Vec<String>);

    impl Origin for Read {
        fn moved(mut self, from: &[u8], to: &[u8]) -> Self {
            self.0.push(format!("{} as {}", String::from_utf8_lossy(from), String::from_utf8_lossy(to)));
            self
        }
    }

    const MADE: Made = Made { owner: Some((7, 8)), mode: 0o755, mtime: 9 };

    #[allow(clippy::unnecessary_wraps)] // it is a Lookup
    fn parent(path: &[u8]) -> Result<Option<Entry>> {
        let link = |target: &str| Node::Symlink { target: target.into() };
        let node = match path {
            b"" | b"etc" | b"real" | b"real/sub" => Node::DIRECTORY,
            b"link" => link("real"),
            b"out" => link("../../etc"),
            b"gone" => link("/nowhere/x"),
            b"file" => Node::File(FileData::unread(1)),
            _ => return Ok(None),
        };
        Ok(Some(Entry::new(path, node, 0o700)))
    }

    fn file(path: &str) -> Entry {
        Entry::new(path, Node::File(FileData::unread(0)), 0o644)
    }

    fn paths(placement: Placement<'_, Read>) -> Vec<String> {
        let show = |(entry, _): &(Entry, _)| {
            let suffix = if entry.node.is_directory() { "/" } else { "" };
            format!("{}{suffix} {:o} {}", String::from_utf8_lossy(&entry.path), entry.mode, entry.uid)
        };
        placement.finish().unwrap().map(|placed| show(&placed)).collect()
    }

    #[test]
    fn missing_directories_are_made_and_existing_ones_kept() {
        let mut placement = Placement::new(&parent, MADE);
        let dest = placement.destination(b"/real/sub/new/deep/").unwrap();
        assert_eq!(dest, Destination { path: b"real/sub/new/deep".to_vec(), directory: true });
        placement.put(file("real/sub/new/deep/f"), Some(Read::default())).unwrap();
        let expected = [
            "real/ 700 0",
            "real/sub/ 700 0",
            "real/sub/new/ 755 7",
            "real/sub/new/deep/ 755 7",
            "real/sub/new/deep/f 644 0",
        ];
        assert_eq!(paths(placement), expected);
    }

    #[test]
    fn destinations_follow_links_inside_the_image() {
        for (text, path) in [("/link/x", "real/x"), ("/out/x", "etc/x"), ("/gone", "nowhere/x"), ("/../..", "")] {
            let found = Placement::<Read>::new(&parent, MADE).destination(text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(found.path).unwrap(), path);
        }
    }

    #[test]
    fn kinds_do_not_replace_each_other_in_a_copy() {
        let mut placement = Placement::<Read>::new(&parent, MADE);
        assert!(matches!(placement.put(file("etc"), None), Err(Error::FileOverDirectory { .. })));
        let directory = Entry::new("file", Node::DIRECTORY, 0o755);
        assert!(matches!(placement.put(directory, None), Err(Error::DirectoryOverFile { .. })));
        assert!(matches!(placement.destination(b"/file/x"), Err(Error::NotADirectory { .. })));
    }

    #[test]
    fn the_first_name_of_a_file_has_its_data() {
        let mut placement = Placement::new(&parent, MADE);
        let link = |path: &str| Entry::new(path, Node::HardLink { target: b"m".to_vec() }, 0o644);
        placement.put(file("m"), Some(Read::default())).unwrap();
        placement.put(link("a"), None).unwrap();
        placement.put(link("z"), None).unwrap();
        let placed: Vec<_> = placement.finish().unwrap().collect();
        let seen: Vec<_> = placed.iter().map(|(entry, data)| (&entry.path[..], &entry.node, data.is_some())).collect();
        let to_first = Node::HardLink { target: b"a".to_vec() };
        let whole = Node::File(FileData::unread(0));
        assert_eq!(seen, [(&b"a"[..], &whole, true), (&b"m"[..], &to_first, false), (&b"z"[..], &to_first, false)]);
        assert_eq!(placed[0].1, Some(Read(vec!["m as a".to_owned()])));
    }

    #[test]
    fn what_gives_way_to_a_file_leaves_its_data_to_its_names_elsewhere() {
        let mut placement = Placement::new(&parent, MADE);
        placement.make_directories(b"s").unwrap();
        placement.put(file("s/x"), Some(Read::default())).unwrap();
        for name in ["s/a", "s/y", "z", "zz"] {
            placement.put(Entry::new(name, Node::HardLink { target: b"s/x".to_vec() }, 0o644), None).unwrap();
        }
        placement.extract(b"", file("s"), Some(Read::default())).unwrap();
        let placed: Vec<_> = placement.finish().unwrap().map(|(entry, data)| (entry.path, entry.node, data)).collect();
        let whole = || Node::File(FileData::unread(0));
        let expected = [
            (b"s".to_vec(), whole(), Some(Read::default())),
            (b"z".to_vec(), whole(), Some(Read(vec!["s/x as z".to_owned()]))),
            (b"zz".to_vec(), Node::HardLink { target: b"z".to_vec() }, None),
        ];
        assert_eq!(placed, expected);
    }

    #[test]
    fn an_archive_replaces_what_is_there() {
        let mut placement = Placement::<Read>::new(&parent, MADE);
        placement.extract(b"", file("real"), None).unwrap();
        assert!(placement.lookup(b"real/sub").unwrap().is_none());
        placement.extract(b"", Entry::new("real", Node::DIRECTORY, 0o711), None).unwrap();
        assert!(placement.lookup(b"real/sub").unwrap().is_none(), "what was below stays gone");
        placement.extract(b"", file("link/through"), None).unwrap();
        assert_eq!(paths(placement), ["real/ 711 0", "real/through 644 0"]);
    }
}
