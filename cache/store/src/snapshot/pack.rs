//! A draft's changes, or all of a directory, as a tarball. Knows where the files are and nothing of tar.

use super::changes::{self, Changes, Comparison, Tree};
use super::draft::Draft;
use crate::error::Result;
use crate::layer::{Body, Entry, LayerWriter, Node, Ownership, Packed, View, split_path};
use crate::root_dir::{Cursor, RootDir};
use rbuild_oci::Cancel;
use std::io::Write;

/// Writes the entries of [`super::Changes`] with their data, each file read once. A file that is not as long as its
/// entry says is [`crate::Error::Changed`].
pub fn pack<W: Write + Send + 'static>(
    draft: &Draft,
    entries: Vec<Entry>,
    writer: LayerWriter<W>,
) -> Result<Packed<W>> {
    pack_tree(&draft.root()?, entries, writer)
}

/// Everything in a directory that is nobody's draft: what it would change if there were nothing below it.
pub fn list_tree(root: &RootDir, ownership: Ownership, cancel: &Cancel) -> Result<Changes> {
    changes::find(Comparison { root, tree: Tree::Whole(None), ownership, base: &View::default(), cancel })
}

/// Writes entries of a directory with their data, each file read once, as [`pack`] does.
pub fn pack_tree<W: Write + Send + 'static>(
    root: &RootDir,
    entries: Vec<Entry>,
    mut writer: LayerWriter<W>,
) -> Result<Packed<W>> {
    let mut sources = Cursor::new(root);
    for entry in entries {
        if !matches!(entry.node, Node::File(_)) {
            writer.add(entry, Body::None)?;
            continue;
        }
        let (parent, name) = split_path(&entry.path);
        let mut file = sources.directory(parent)?.open_file(name).map_err(|error| error.about(&entry.path))?;
        writer.add(entry, Body::Reader(&mut file))?;
    }
    writer.finish()
}
