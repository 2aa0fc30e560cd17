//! A stack of layers seen as one tree, by their indexes alone. Knows no file system; what it says is what the stack
//! looks like once unpacked.

use super::entry::{Entry, Node, join_path, show_path, split_path};
use super::index::LayerIndex;
use crate::error::{Error, Result};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many symbolic links a path may lead through, as in the kernel.
const LINKS: usize = 40;

/// A stack of layers, lowest first.
#[derive(Clone, Debug, Default)]
pub struct View {
    layers: Vec<Arc<LayerIndex>>,
}

/// An entry and where it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The number of the layer in the stack, 0 the lowest.
    pub layer: usize,
    /// The entry: never a whiteout. An implied directory only where no layer names it.
    pub entry: &'a Entry,
}

/// Whether the last component of a path is followed if it is a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// It is.
    All,
    /// It is not: the link itself is meant.
    AllButLast,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// The path with no link, `.` or `..` in it. Components past the first missing one are kept as they are.
    pub path: Vec<u8>,
    /// What is there, if anything.
    pub found: Option<Found<'a>>,
}

impl View {
    /// The view of a stack of layers, lowest first.
    pub fn new(layers: Vec<Arc<LayerIndex>>) -> Self {
        Self { layers }
    }

    /// The same with one more layer on top.
    #[must_use]
    pub fn with(&self, layer: Arc<LayerIndex>) -> Self {
        Self { layers: self.layers.iter().cloned().chain([layer]).collect() }
    }

    /// The layers, lowest first.
    pub fn layers(&self) -> &[Arc<LayerIndex>] {
        &self.layers
    }

    /// What is at the path, no link followed.
    pub fn lookup(&self, path: &[u8]) -> Option<Found<'_>> {
        let mut slot = None;
        for (layer, index) in self.layers.iter().enumerate().rev() {
            if let Some(entry) = index.get(path) {
                let merged = merge(slot, Found { layer, entry });
                if let Slot::Settled(found) = merged {
                    return found;
                }
                slot = Some(merged);
            }
            if index.hides_below(path) {
                break;
            }
        }
        slot.and_then(Slot::found)
    }

    /// Where the path leads, as if the stack were the root directory (openat2's RESOLVE_IN_ROOT): absolute links start
    /// at the root, `..` stops there, more than 40 links are refused, and so is a path through what is no directory.
    pub fn resolve(&self, path: &[u8], follow: Follow) -> Result<Resolved<'_>> {
        let refuse = |errno: Errno| Error::io("resolve", show_path(path))(errno);
        let mut rest: Vec<&[u8]> = path.rsplit(|byte| *byte == b'/').collect();
        let (mut at, mut links) = (Vec::new(), 0);
        while let Some(name) = rest.pop() {
            match name {
                b"" | b"." => continue,
                b".." => {
                    at.truncate(split_path(&at).0.len());
                    continue;
                }
                _ => {}
            }
            let next = join_path(&at, name);
            match self.lookup(&next).map(|found| &found.entry.node) {
                Some(Node::Symlink { target }) if !rest.is_empty() || follow == Follow::All => {
                    links += 1;
                    if links > LINKS {
                        return Err(refuse(Errno::LOOP));
                    }
                    if target.starts_with(b"/") {
                        at.clear();
                    }
                    rest.extend(target.rsplit(|byte| *byte == b'/'));
                }
                Some(node) if !node.is_directory() && !rest.is_empty() => return Err(refuse(Errno::NOTDIR)),
                _ => at = next,
            }
        }
        Ok(Resolved { found: self.lookup(&at), path: at })
    }

    /// What is right in the directory, sorted by name.
    pub fn list(&self, directory: &[u8]) -> Vec<Found<'_>> {
        let mut slots: BTreeMap<&[u8], Slot<'_>> = BTreeMap::new();
        for (layer, index) in self.layers.iter().enumerate().rev() {
            match index.get(directory).map(|entry| &entry.node) {
                Some(Node::Directory { opaque, .. }) => {
                    for entry in index.children(directory) {
                        let slot = slots.remove(entry.path.as_slice());
                        slots.insert(&entry.path, merge(slot, Found { layer, entry }));
                    }
                    if *opaque {
                        break;
                    }
                }
                Some(_) => break,
                None => {}
            }
            if index.hides_below(directory) {
                break;
            }
        }
        slots.into_values().filter_map(Slot::found).collect()
    }

    /// Everything below the directory (itself left out), in the order of [`super::compare_paths`].
    pub fn walk<'a>(&'a self, directory: &[u8]) -> impl Iterator<Item = Found<'a>> + use<'a> {
        let mut ahead = self.list(directory);
        ahead.reverse();
        std::iter::from_fn(move || {
            let next = ahead.pop()?;
            if next.entry.node.is_directory() {
                ahead.extend(self.list(&next.entry.path).into_iter().rev());
            }
            Some(next)
        })
    }

    /// What is behind what was found: itself, or the first name of a hard link in its layer.
    pub fn first_name<'a>(&'a self, found: Found<'a>) -> Option<Found<'a>> {
        let entry = self.layers.get(found.layer)?.first_name(found.entry)?;
        Some(Found { entry, ..found })
    }

    /// The regular file behind what was found.
    pub fn file<'a>(&'a self, found: Found<'a>) -> Option<Found<'a>> {
        self.first_name(found).filter(|found| matches!(found.entry.node, Node::File(_)))
    }

    /// The body of one of the [`super::CARRIED`] files, links followed. None where it is missing, too large, or really
    /// lies elsewhere: [`View::resolve`] then says where.
    pub fn read_small(&self, path: &[u8]) -> Option<&[u8]> {
        let found = self.resolve(path, Follow::All).ok()?.found?;
        self.layers.get(found.layer)?.body(&found.entry.path)
    }
}

/// What the layers seen so far, from the top, say of a path.
#[derive(Clone, Copy)]
enum Slot<'a> {
    /// Lower layers cannot change it.
    Settled(Option<Found<'a>>),
    /// A directory that lower layers may describe, if they have one.
    Implied(Found<'a>),
}

impl<'a> Slot<'a> {
    const fn found(self) -> Option<Found<'a>> {
        match self {
            Self::Settled(found) => found,
            Self::Implied(found) => Some(found),
        }
    }
}

/// What is known of a path after one more layer further down.
fn merge<'a>(above: Option<Slot<'a>>, below: Found<'a>) -> Slot<'a> {
    let slot = match below.entry.node {
        Node::Whiteout => Slot::Settled(None),
        Node::Directory { implied: true, .. } => Slot::Implied(below),
        _ => Slot::Settled(Some(below)),
    };
    match above {
        None => slot,
        Some(Slot::Implied(implied)) => match below.entry.node {
            Node::Directory { implied: false, .. } => slot,
            Node::Directory { implied: true, .. } => Slot::Implied(implied),
            _ => Slot::Settled(Some(implied)),
        },
        Some(settled) => settled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::FileData;

    /// A layer from words: `a/` a directory, `a/=` opaque, `a/?` implied, `-a` deleted, `a>b` a link, `a` a file.
    fn layer(words: &str) -> Arc<LayerIndex> {
        let root = Entry::new("", Node::Directory { opaque: false, implied: true }, 0o755);
        let mut entries = vec![root];
        for word in words.split_whitespace() {
            let directory = |opaque, implied| Node::Directory { opaque, implied };
            let (path, node) = match word.split_once('>') {
                Some((path, target)) => (path, Node::Symlink { target: target.into() }),
                None => match (word.strip_prefix('-'), word.split_once('/').and(word.rsplit_once('/'))) {
                    (Some(path), _) => (path, Node::Whiteout),
                    (_, Some((path, ""))) => (path, directory(false, false)),
                    (_, Some((path, "="))) => (path, directory(true, false)),
                    (_, Some((path, "?"))) => (path, directory(false, true)),
                    _ => (word, Node::File(FileData::unread(0))),
                },
            };
            entries.push(Entry::new(path, node, 0o755));
        }
        Arc::new(LayerIndex::new(entries, BTreeMap::new()).expect(words))
    }

    fn view(layers: &[&str]) -> View {
        View::new(layers.iter().map(|words| layer(words)).collect())
    }

    fn walked(view: &View) -> String {
        let words: Vec<String> = view
            .walk(b"")
            .map(|found| {
                assert_eq!(view.lookup(&found.entry.path), Some(found));
                format!("{}{}", String::from_utf8_lossy(&found.entry.path), found.layer)
            })
            .collect();
        words.join(" ")
    }

    #[test]
    fn layers_hide_what_they_delete_replace_and_blank() {
        for (layers, expected) in [
            (&["a/ a/x a/y", "a/ a/y b"][..], "a1 a/x0 a/y1 b1"),
            (&["a/ a/x", "-a"], ""),
            (&["a/ a/x", "a/? -a/x"], "a0"),
            (&["a/ a/x a/y/ a/y/z", "a/= a/n"], "a1 a/n1"),
            (&["a/ a/x", "a"], "a1"),
            (&["a", "a/ a/x"], "a1 a/x1"),
            (&["a/ a/x", "-a", "a/ a/z"], "a2 a/z2"),
            (&["a/ a/x", "-a", "a/? a/z"], "a2 a/z2"),
            (&["a/ a/b/ a/b/x", "a/? a/b/? a/b/y"], "a0 a/b0 a/b/x0 a/b/y1"),
            (&["a>b", "a/? a/y"], "a1 a/y1"),
            (&["a/ a/x", "a", "a/? a/y"], "a2 a/y2"),
        ] {
            assert_eq!(walked(&view(layers)), expected, "{layers:?}");
        }
    }

    #[test]
    fn what_is_hidden_is_not_found_either() {
        let view = view(&["a/ a/b/ a/b/c f/ f/x", "a/= f"]);
        for path in ["a/b", "a/b/c", "f/x", "nowhere", "f/x/y"] {
            assert_eq!(view.lookup(path.as_bytes()), None, "{path}");
        }
    }

    #[test]
    fn paths_resolve_inside_the_root() {
        let view = view(&[
            "d/ d/f d/up>../../../e e/ e/g lib>usr/lib loop>loop usr/ usr/lib/ usr/lib/so",
            "e/? e/abs>/lib/so z>/d/./up/g",
        ]);
        for (path, follow, expected, there) in [
            ("/lib/so", Follow::All, "usr/lib/so", true),
            ("lib", Follow::AllButLast, "lib", true),
            ("lib/", Follow::AllButLast, "usr/lib", true),
            ("../../d//./f", Follow::All, "d/f", true),
            ("d/up/g", Follow::All, "e/g", true),
            ("e/abs", Follow::All, "usr/lib/so", true),
            ("z", Follow::All, "e/g", true),
            ("lib/new/deep", Follow::All, "usr/lib/new/deep", false),
            ("new/../d", Follow::All, "d", true),
            ("", Follow::All, "", true),
        ] {
            let resolved = view.resolve(path.as_bytes(), follow).unwrap();
            assert_eq!(String::from_utf8_lossy(&resolved.path), expected, "{path}");
            assert_eq!(resolved.found.is_some(), there, "{path}");
        }
        assert!(view.resolve(b"loop/x", Follow::All).unwrap_err().to_string().contains("symbolic links"));
        assert!(view.resolve(b"d/f/x", Follow::All).unwrap_err().to_string().contains("ot a directory"));
    }
}
