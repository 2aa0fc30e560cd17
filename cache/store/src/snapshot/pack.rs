//! A draft's changes as a layer. Knows where the draft's files are and nothing of tar.

use super::cursor::Cursor;
use super::draft::Draft;
use crate::error::Result;
use crate::layer::{Body, Entry, LayerWriter, Node, Packed, split_path};
use std::io::Write;

/// Writes the entries of [`super::Changes`] with their data, each file read once. A file that is not as long as its
/// entry says is [`crate::Error::Changed`].
pub fn pack<W: Write + Send + 'static>(
    draft: &Draft,
    entries: Vec<Entry>,
    mut writer: LayerWriter<W>,
) -> Result<Packed<W>> {
    let root = draft.root()?;
    let mut sources = Cursor::new(&root);
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
