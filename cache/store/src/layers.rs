//! The layers of a store: each an uncompressed tarball among the blobs and an index beside it, both by its DiffId. Knows
//! where layers are and how they land; what is in one is `layer`'s.

use crate::beside::Beside;
use crate::content::{ContentStore, Verified};
use crate::error::{Error, Result, if_there};
use crate::layer::{
    Codec, Entry, Ingested, LayerIndex, LayerRef, LayerWriter, Limits, Node, Ownership, Packed, Style, UnpackOptions,
    View, extract, index_tar, ingest, show_path, unpack,
};
use crate::layout::Store;
use crate::root_dir::RootDir;
use crate::snapshot::{LayerSource, OpenLayer};
use crate::tmp::TmpFile;
use rbuild_oci::{Cancel, DiffId};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// The layers of a store.
#[derive(Clone, Debug)]
pub struct Layers {
    pub(crate) store: Store,
}

/// Writes a layer into the store; nothing is left of one that does not land.
pub type StoreWriter = LayerWriter<Unfinished>;

/// A layer that is written and not yet in its place.
pub type StoreTarball = Packed<Unfinished>;

/// A tarball on its way into the store.
#[derive(Debug)]
pub struct Unfinished {
    tarball: TmpFile,
    beside: Beside,
}

/// A layer that landed.
#[derive(Debug)]
pub struct Landed {
    /// The layer.
    pub layer: LayerRef,
    /// What is in it.
    pub index: LayerIndex,
    /// Its compression, where that was asked for: lost unless it is kept.
    pub beside: Beside,
}

impl Store {
    /// The layers of this store.
    pub fn layers(&self) -> Layers {
        Layers { store: self.clone() }
    }
}

impl Layers {
    /// Whether the tarball of a layer is here. Its index then is, too, or can be made from it.
    pub fn has(&self, layer: &DiffId) -> Result<bool> {
        self.store.content().has(&layer.0)
    }

    /// The layer, if its tarball is here.
    pub fn get(&self, layer: &DiffId) -> Result<Option<LayerRef>> {
        Ok(self.store.content().size(&layer.0)?.map(|size| LayerRef::stored(*layer, size)))
    }

    /// The index of a layer; one that is lost or damaged is made again from the tarball. That of a layer which is not
    /// here comes alone where that is possible.
    pub fn index(&self, layer: &DiffId) -> Result<LayerIndex> {
        if let Some(index) = self.kept_index(layer)? {
            return Ok(index);
        }
        if let Some(index) = self.bring_index(layer)? {
            // That of a layer which came meanwhile is the better one, and stays.
            let file = self.store.tmp_file()?.filled(&index.encode())?;
            let is_new = file.persist_new(&self.store.layer_index_path(layer))?;
            let better = if is_new { None } else { self.kept_index(layer)? };
            return Ok(better.unwrap_or(index));
        }
        let mut tarball = self.open_tarball(layer)?;
        // A layer that came just now has brought it.
        if let Some(index) = self.kept_index(layer)? {
            return Ok(index);
        }
        let (index, found, _) = index_tar(&mut tarball, Limits::default(), &Cancel::new())?;
        if found != *layer {
            return Err(damaged(layer, &found));
        }
        self.keep_index(layer, &index)?;
        Ok(index)
    }

    /// The index of a layer as far as it is here: nothing is made or brought for it.
    pub fn kept_index(&self, layer: &DiffId) -> Result<Option<LayerIndex>> {
        let path = self.store.layer_index_path(layer);
        let Some(bytes) = if_there(std::fs::read(&path)).map_err(Error::io("read", path.display()))? else {
            return Ok(None);
        };
        let index = LayerIndex::decode(&bytes);
        if index.is_none() {
            remove(&path)?;
        }
        Ok(index)
    }

    /// The data of a regular file of a layer, by the entry of that layer's index.
    pub fn read_file(&self, layer: &DiffId, entry: &Entry) -> Result<Box<dyn Read + Send>> {
        let Node::File(data) = &entry.node else {
            return Err(Error::Missing { what: "regular file", subject: show_path(&entry.path) });
        };
        let mut file = self.open_tarball(layer)?;
        if let Some(offset) = data.offset {
            file.seek(SeekFrom::Start(offset.get())).map_err(Error::io("read", layer))?;
            Ok(Box::new(file.take(data.size)))
        } else {
            let whole = self.store.tmp_file()?;
            extract(file, &entry.path, whole.file(), &Cancel::new())?;
            let path = whole.path().display();
            whole.file().seek(SeekFrom::Start(0)).map_err(Error::io("read", &path))?;
            Ok(Box::new(whole.file().try_clone().map_err(Error::io("open", path))?))
        }
    }

    /// Reads a whole layer again. One whose bytes are not those of its name is [`Error::Corrupt`], and put away: it counts
    /// as missing from now on.
    pub fn verify(&self, layer: &DiffId, cancel: &Cancel) -> Result<()> {
        let (mut tarball, mut buffer) = (Verified::new(self.open_tarball(layer)?, layer.0), vec![0; 1 << 20]);
        loop {
            cancel.check()?;
            match tarball.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    self.store.content().remove(&layer.0)?;
                    let reason = error.to_string();
                    return Err(Error::Corrupt { what: "layer", subject: layer.to_string(), reason });
                }
                Err(error) => return Err(Error::io("read", layer)(error)),
            }
        }
    }

    /// A writer of a new layer. Modification times later than `clamp`, in seconds, become that.
    pub fn writer(&self, clamp: Option<i64>, cancel: &Cancel) -> Result<StoreWriter> {
        self.writer_for(&[], clamp, cancel)
    }

    /// A writer of a new layer that will be asked for as compressed by these: what is large is compressed meanwhile.
    pub fn writer_for(&self, codecs: &[Codec], clamp: Option<i64>, cancel: &Cancel) -> Result<StoreWriter> {
        let beside = Beside::new(&self.store, codecs, cancel);
        Ok(LayerWriter::new(Unfinished { tarball: self.store.tmp_file()?, beside }, clamp, cancel.clone()))
    }

    /// Puts a finished layer in its place, the index first: who sees the tarball finds the index.
    pub fn land(&self, packed: StoreTarball) -> Result<Landed> {
        self.keep_index(&packed.diff_id, &packed.index)?;
        let Unfinished { tarball, beside } = packed.out;
        self.store.content().adopt(tarball, &packed.diff_id.0)?;
        let layer = LayerRef::stored(packed.diff_id, packed.size);
        Ok(Landed { layer, index: packed.index, beside })
    }

    /// Puts a tarball that was written and hashed elsewhere in its place, with its index.
    pub fn adopt(&self, tarball: TmpFile, layer: &DiffId, index: &LayerIndex) -> Result<()> {
        self.keep_index(layer, index)?;
        self.store.content().adopt(tarball, &layer.0)
    }

    /// Brings a layer here from its blob, compressed or not, in one pass. The caller sees to it that the blob is the one
    /// that its descriptor names; that it holds this layer is checked here.
    pub fn ingest(&self, blob: impl Read + Send, layer: &DiffId, cancel: &Cancel) -> Result<LayerRef> {
        let mut file = self.store.tmp_file()?;
        let taken = same(ingest(blob, &mut file, Limits::default(), cancel)?, layer)?;
        self.adopt(file, layer, &taken.index)?;
        Ok(LayerRef::stored(*layer, taken.size))
    }

    /// Fails unless a blob, compressed or not, holds that layer. Keeps nothing.
    pub fn check(&self, blob: impl Read + Send, layer: &DiffId, cancel: &Cancel) -> Result<()> {
        same(ingest(blob, &mut io::sink(), Limits::default(), cancel)?, layer).map(drop)
    }

    /// Unpacks a stack of layers, lowest first, as plain files into a directory.
    pub fn unpack_into(
        &self,
        layers: &[DiffId],
        directory: &Path,
        ownership: Ownership,
        cancel: &Cancel,
    ) -> Result<()> {
        let target = RootDir::open(directory)?;
        self.bring(layers)?;
        let mut below = View::default();
        for layer in layers {
            let options = UnpackOptions { style: Style::Plain, ownership, below: &below };
            let (tarball, index) = LayerSource::open(self, layer)?;
            let done = unpack(&*tarball, &index, &target, &options, cancel)?;
            if done.diff_id != *layer {
                return Err(damaged(layer, &done.diff_id));
            }
            below = below.with(Arc::new(index));
        }
        Ok(())
    }

    /// The uncompressed tarball of a layer; its content is not verified. One that is not here and is known to be elsewhere
    /// comes now.
    pub(crate) fn open_tarball(&self, layer: &DiffId) -> Result<File> {
        if let Some(tarball) = self.store.content().open_file(&layer.0)? {
            return Ok(tarball);
        }
        self.bring(&[*layer])?;
        let missing = || Error::Missing { what: "layer", subject: layer.to_string() };
        self.store.content().open_file(&layer.0)?.ok_or_else(missing)
    }

    /// Keeps the index of a layer instead of another one: that may have come alone from elsewhere and be wrong.
    fn keep_index(&self, layer: &DiffId, index: &LayerIndex) -> Result<()> {
        let path = self.store.layer_index_path(layer);
        let kept = if_there(File::open(&path)).map_err(Error::io("open", path.display()))?;
        if kept.is_some_and(|kept| index.is_kept_in(kept)) {
            return Ok(());
        }
        let file = self.store.tmp_file()?;
        index.write(&mut file.file()).map_err(Error::io("write", path.display()))?;
        file.persist(&path)
    }
}

impl LayerSource for Layers {
    fn open(&self, layer: &DiffId) -> Result<OpenLayer> {
        // In this order: the index of what is here is never one that came alone.
        let tarball = self.open_tarball(layer)?;
        Ok((Box::new(tarball), self.index(layer)?))
    }

    fn index_here(&self, layer: &DiffId) -> Result<Option<LayerIndex>> {
        let store = self.store.onlooker();
        if store.content().has(&layer.0)? { store.layers().kept_index(layer) } else { Ok(None) }
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.tarball.write(bytes)?;
        self.beside.advance(self.tarball.file(), count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Removes a file that another process may have removed already.
fn remove(path: &Path) -> Result<()> {
    if_there(std::fs::remove_file(path)).map_err(Error::io("remove", path.display())).map(drop)
}

/// What was taken in, if it is that layer.
fn same(taken: Ingested, layer: &DiffId) -> Result<Ingested> {
    if taken.diff_id == *layer { Ok(taken) } else { Err(damaged(layer, &taken.diff_id)) }
}

fn damaged(layer: &DiffId, found: &DiffId) -> Error {
    let reason = format!("its tarball has the digest {found}");
    Error::Corrupt { what: "layer", subject: layer.to_string(), reason }
}
