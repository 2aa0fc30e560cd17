//! COPY and ADD: selects files, keys them by their content, and packs them straight into a layer. No file system is
//! mounted or unpacked for it.

mod archive;
mod chmod;

use crate::error::Result;
use crate::explain::{Gathering, Listing};
use crate::solve::layer::{self, Copied, Data};
use crate::solve::place::{Destination, Made, Placement};
use crate::solve::places::InOrder;
use crate::solve::seen::{Seen, Sight};
use crate::solve::select::Wanted;
use crate::solve::{Shown, Step, Value, Work, damage, owner};
use crate::stack::Stack;
use crate::tree::{EmptyTree, StageTree, Tree};
use rbuild_graph::{CopyOp, InlineFile, Input, Source, Unpack};
use rbuild_oci::Hasher;
use rbuild_store::layer::{Archive, Entry, FileData, Node, View, join_path};
use std::rc::Rc;

/// Copies files onto the parent in one layer.
pub fn solve(work: &Work<'_>, copy: &CopyOp, parent: &Stack, inputs: &[&Value]) -> Result<(Value, Shown)> {
    Step::new(work, parent)
        .settled(|step| attempt(work, step, copy, parent, inputs).map_err(|error| damage::trace(work, inputs, error)))
}

fn attempt(
    work: &Work<'_>,
    step: &mut Step<'_>,
    copy: &CopyOp,
    parent: &Stack,
    inputs: &[&Value],
) -> Result<(Value, Shown)> {
    if let Some(names) = stack_names(inputs) {
        let recipe = names.into_iter().fold(step.recipe(parent), |recipe, name| recipe.with("from", name));
        if let Some(found) = step.look_up(recipe)? {
            return Ok(found);
        }
    }
    let trees = open(work, inputs)?;
    let looked = copy.sources.iter().map(|source| look(copy, source, &trees)).collect::<Result<Vec<_>>>()?;
    if let Some(found) = step.look_up(step.recipe(parent).with(FILES, digest(&looked)))? {
        return Ok(found);
    }
    let mut picked = Vec::new();
    step.begin_with(|| {
        picked = looked.into_iter().map(Looked::pick).collect::<Result<_>>()?;
        listing(&picked)
    })?;
    let view = work.shelf.view(parent)?;
    let archives = archive::open_all(work, &picked)?;
    let owner = owner::resolve(work, copy.chown.as_deref(), parent, &view)?;
    let mut entries = place(copy, owner, (picked, &archives), &view, step.now().seconds)?;
    if entries.is_empty() {
        return step.unchanged();
    }
    Ok(step.keep(layer::write(work, entries)?)?.value)
}

/// The part of the recipe that all files make.
const FILES: &str = "files";

/// What a source names, as it was seen.
enum Looked<'a> {
    /// Files of a tree.
    Files { tree: &'a dyn Tree, wanted: Wanted<'a>, seen: Seen, unpack: Unpack },
    /// A heredoc.
    Inline(&'a InlineFile),
}

/// The same before it is placed.
enum Picked<'a> {
    /// Files of a tree.
    Files { tree: &'a dyn Tree, sights: Vec<Sight>, unpack: Unpack },
    /// A heredoc.
    Inline(&'a InlineFile),
}

/// The identities of all inputs, where every one is a stack.
fn stack_names(inputs: &[&Value]) -> Option<Vec<String>> {
    let name = |value: &&Value| match value {
        Value::Files(stack, _) => Some(stack.name()),
        Value::Tree(_) => None,
    };
    inputs.iter().map(name).collect::<Option<Vec<_>>>().filter(|names| !names.is_empty())
}

/// The inputs as trees.
fn open<'a>(work: &Work<'a>, inputs: &[&'a Value]) -> Result<Vec<Box<dyn Tree + 'a>>> {
    let tree = |value: &&'a Value| -> Result<Box<dyn Tree + 'a>> {
        match value {
            Value::Files(stack, _) => Ok(Box::new(StageTree::new(work.ctx.store, work.shelf.view(stack)?, stack))),
            Value::Tree(tree) => Ok(Box::new(&**tree)),
        }
    };
    inputs.iter().map(tree).collect()
}

fn look<'a>(copy: &'a CopyOp, source: &'a Source, trees: &'a [Box<dyn Tree + 'a>]) -> Result<Looked<'a>> {
    let tree = |input: &Option<Input>| -> &'a dyn Tree {
        input.map_or(&EmptyTree as &dyn Tree, |input| &*trees[input.0 as usize])
    };
    let (input, path, below, unpack) = match source {
        Source::Files { input, path, below, unpack } => (input, path.as_str(), below.as_deref(), *unpack),
        Source::Download { input, name, unpack } => (&Some(*input), name.as_str(), None, *unpack),
        Source::Checkout { input } => (&Some(*input), "/", None, Unpack::Never),
        Source::Inline(file) => return Ok(Looked::Inline(file)),
    };
    let (tree, wanted) = (tree(input), Wanted { path, below, excludes: &copy.excludes });
    Ok(Looked::Files { tree, wanted, seen: Seen::look(tree, &wanted)?, unpack })
}

impl<'a> Looked<'a> {
    fn pick(self) -> Result<Picked<'a>> {
        Ok(match self {
            Self::Files { tree, wanted, seen, unpack } => {
                Picked::Files { tree, sights: seen.sights(tree, &wanted)?, unpack }
            }
            Self::Inline(file) => Picked::Inline(file),
        })
    }
}

/// The digest of all that is copied; heredocs stand in the definition.
fn digest(looked: &[Looked<'_>]) -> String {
    let mut hasher = Hasher::new();
    for source in looked {
        if let Looked::Files { seen, .. } = source {
            hasher.update(seen.digest.as_bytes());
        }
    }
    hasher.finish().to_string()
}

/// The files that are copied. None are listed, nor looked at again for it, where they are too many.
fn listing(picked: &[Picked<'_>]) -> Result<Listing> {
    let sources = || {
        picked.iter().filter_map(|source| match source {
            Picked::Files { tree, sights, .. } => Some((tree, sights)),
            Picked::Inline(_) => None,
        })
    };
    let mut files = Gathering::default();
    if sources().flat_map(|(_, sights)| sights).map(Sight::count).sum::<usize>() >= Listing::MOST {
        return Ok(files.finish());
    }
    for (tree, sights) in sources() {
        files.add(FILES, sights.iter().map(|sight| &sight.found.entry));
        for sight in sights {
            sight.show(tree, &mut |piece| files.add(FILES, piece))?;
        }
    }
    Ok(files.finish())
}

/// Everything placed where it belongs, as the entries of a layer.
fn place<'a>(
    copy: &CopyOp,
    owner: Option<(u32, u32)>,
    (picked, archives): (Vec<Picked<'a>>, &'a [Option<Archive>]),
    view: &View,
    now: i64,
) -> Result<InOrder<Data<'a>>> {
    let lookup = layer::lookup(view);
    let mode = copy.chmod.as_ref().map_or(0o755, chmod::of_made_directories);
    let placement = Placement::new(&lookup, Made { owner, mode, mtime: now });
    let mut copier = Copier { copy, owner, placement, now };
    let mut archives = archives.iter();
    for source in picked {
        match source {
            Picked::Inline(file) => copier.inline(file)?,
            Picked::Files { tree, sights, .. } => {
                for sight in sights {
                    match archives.next() {
                        Some(Some(archive)) => copier.archive(archive)?,
                        _ => copier.files(tree, sight)?,
                    }
                }
            }
        }
    }
    copier.placement.finish()
}

struct Copier<'p, 'a> {
    copy: &'p CopyOp,
    owner: Option<(u32, u32)>,
    placement: Placement<'p, Data<'a>>,
    now: i64,
}

impl<'a> Copier<'_, 'a> {
    fn files(&mut self, tree: &'a dyn Tree, mut sight: Sight) -> Result<()> {
        let dest = self.placement.destination(self.copy.dest.as_bytes())?;
        let top = sight.found.entry.clone();
        if !top.node.is_directory() {
            let to = self.file_path(&dest, &sight.found.name)?;
            let copied = Rc::new(Copied { tree, from: top.path.clone(), to });
            return self.put(top, &copied);
        }
        self.placement.make_directories(&dest.path).map_err(|_| not_a_directory(&dest))?;
        if !top.path.is_empty() {
            self.placement.stamp(&dest.path, top.mtime);
        }
        let copied = Rc::new(Copied { tree, from: top.path, to: dest.path });
        let (on_the_way, mut links) = (std::mem::take(&mut sight.found.on_the_way), Vec::new());
        sight.take(tree, &mut |piece| {
            for entry in piece {
                match entry.node {
                    Node::HardLink { .. } => links.push(entry),
                    _ if on_the_way.contains(&entry.path) => self.pass(entry, &copied)?,
                    _ => self.put(entry, &copied)?,
                }
            }
            Ok(())
        })?;
        // What they stand for must be the file that comes with them, not one from before.
        links.into_iter().try_for_each(|link| self.put(link, &copied))
    }

    fn inline(&mut self, file: &InlineFile) -> Result<()> {
        let dest = self.placement.destination(self.copy.dest.as_bytes())?;
        let path = self.file_path(&dest, file.name.as_bytes())?;
        let node = Node::File(FileData::unread(file.content.len() as u64));
        let entry = self.dressed(Entry { mtime: self.now, ..Entry::new(path, node, 0o644) })?;
        self.placement.put(entry, Some(Data::Bytes(file.content.clone().into())))
    }

    /// The archive's entry for its own root says nothing of the destination, which stays as it is.
    fn archive(&mut self, archive: &'a Archive) -> Result<()> {
        let root = self.placement.archive_root(self.copy.dest.as_bytes())?;
        let is_link = |source: &&Entry| matches!(source.node, Node::HardLink { .. });
        let (links, others): (Vec<&Entry>, Vec<&Entry>) = archive.entries().iter().partition(is_link);
        for source in others.into_iter().chain(links) {
            let is_root = source.path.is_empty();
            if !is_root && !matches!(source.node, Node::Directory { implied: true, .. }) {
                let entry = self.owned(source.clone());
                self.placement.extract(&root, entry, Some(Data::Archive(archive, source)))?;
            }
        }
        Ok(())
    }

    /// Where a single file goes: into a directory under its own name, else to the destination itself.
    fn file_path(&self, dest: &Destination, name: &[u8]) -> Result<Vec<u8>> {
        let is_directory = self.placement.lookup(&dest.path)?.is_some_and(|there| there.node.is_directory());
        Ok(if dest.directory || is_directory { join_path(&dest.path, name) } else { dest.path.clone() })
    }

    /// Puts a file or directory of a tree where it is copied to.
    fn put(&mut self, entry: Entry, copied: &Rc<Copied<'a>>) -> Result<()> {
        let data = matches!(entry.node, Node::File(_)).then(|| Data::Tree(copied.clone()));
        let entry = self.dressed(copied.placed(entry))?;
        self.placement.put(entry, data)
    }

    /// Puts a directory that is only on the way to what is copied.
    fn pass(&mut self, entry: Entry, copied: &Copied<'_>) -> Result<()> {
        let mode = entry.mode;
        let entry = self.dressed(copied.placed(entry))?;
        self.placement.pass(entry, mode)
    }

    /// The entry with the owner and mode that the instruction asks for.
    fn dressed(&self, entry: Entry) -> Result<Entry> {
        let mut entry = self.owned(entry);
        if let Some(mode) = &self.copy.chmod
            && !matches!(entry.node, Node::Symlink { .. })
        {
            entry.mode = chmod::apply(mode, entry.mode, entry.node.is_directory())?;
        }
        Ok(entry)
    }

    /// The entry with the owner that the instruction asks for.
    fn owned(&self, entry: Entry) -> Entry {
        let (uid, gid) = self.owner.unwrap_or((entry.uid, entry.gid));
        Entry { uid, gid, ..entry }
    }
}

fn not_a_directory(dest: &Destination) -> crate::error::Error {
    crate::error::Error::DirectoryOverFile { path: rbuild_store::layer::show_path(&dest.path) }
}
