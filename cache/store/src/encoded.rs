//! Layers as they were compressed for push or export: made once, kept by layer, codec, level and library version. Knows
//! where they lie; how they are made is `layer`'s.
//!
//! Each is two entries of the bucket: the blob, and beside it, put there after the blob, its descriptor as JSON. What
//! lacks either or has another size is made again. Of a layer that was not made here, the descriptor of the blob that it
//! came in is noted there too; the blob itself lies among the store's blobs, or not.

use crate::error::{Error, Result, if_there};
use crate::layer::{Codec, compress_layer};
use crate::layers::Layers;
use crate::layout::Store;
use crate::root_dir::Meta;
use crate::tmp::TmpFile;
use rbuild_oci::{Cancel, Descriptor, DiffId};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

/// The compressed layers of a store.
#[derive(Clone, Debug)]
pub struct Encoded {
    store: Store,
    layers: Layers,
}

impl Store {
    /// The compressed layers of this store.
    pub fn encoded(&self) -> Encoded {
        Encoded { store: self.clone(), layers: self.layers() }
    }
}

impl Encoded {
    /// The layer as compressed by `codec`, if that is here. Its content is not verified: who reads it does that.
    pub fn find(&self, layer: &DiffId, codec: Codec) -> Result<Option<Descriptor>> {
        let noted = noted(&self.descriptor_path(layer, codec))?;
        let blob = self.blob_path(layer, codec);
        let there = if_there(blob.metadata()).map_err(Error::io("find", blob.display()))?;
        Ok(noted.filter(|noted| there.is_some_and(|blob| blob.len() == noted.size)))
    }

    /// The layer as compressed by `codec`: found, or made from the tarball that is here and kept. The tarball is
    /// verified while it is compressed. One at a time is made, on all processors; threads that want another one wait.
    pub fn make(&self, layer: &DiffId, codec: Codec, cancel: &Cancel) -> Result<Descriptor> {
        if let Some(found) = self.find(layer, codec)? {
            return Ok(found);
        }
        let _turn = self.store.compressing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = self.find(layer, codec)? {
            return Ok(found);
        }
        let blob = self.store.tmp_file()?;
        let descriptor = compress_layer(&mut self.layers.open_tarball(layer)?, layer, codec, &mut blob.file(), cancel)?;
        self.keep(layer, codec, blob, &descriptor)?;
        Ok(descriptor)
    }

    /// Keeps what a layer was compressed to.
    pub(crate) fn keep(&self, layer: &DiffId, codec: Codec, blob: TmpFile, descriptor: &Descriptor) -> Result<()> {
        let path = self.blob_path(layer, codec);
        let file = blob.file().try_clone().map_err(Error::io("open", path.display()))?;
        blob.persist(&path)?;
        let made = Meta::of(&file).map_err(Error::io("stat", path.display()))?;
        self.store.made.lock().unwrap_or_else(PoisonError::into_inner).insert(path, made);
        self.note(&self.descriptor_path(layer, codec), descriptor)
    }

    /// Whether what [`Encoded::open`] gave was made by this process and looks as it did then: it was hashed while it was
    /// written, so its content need not be verified.
    pub fn is_own(&self, layer: &DiffId, codec: Codec, blob: &File) -> bool {
        let made = self.store.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.get(&self.blob_path(layer, codec)).is_some_and(|made| Meta::of(blob).is_ok_and(|now| now == *made))
    }

    /// Notes the blob that a layer came in, as whoever made it compressed it; the last one noted counts.
    pub fn note_origin(&self, layer: &DiffId, blob: &Descriptor) -> Result<()> {
        let plain = Descriptor::new(blob.media_type.clone(), blob.digest, blob.size);
        if self.origin(layer)?.as_ref() == Some(&plain) {
            return Ok(());
        }
        self.note(&self.origin_path(layer), &plain)
    }

    /// The blob that a layer came in, where that was noted; whether it is still here is another question.
    pub fn origin(&self, layer: &DiffId) -> Result<Option<Descriptor>> {
        noted(&self.origin_path(layer))
    }

    /// Opens what [`Encoded::find`] or [`Encoded::make`] gave.
    pub fn open(&self, layer: &DiffId, codec: Codec) -> Result<File> {
        let path = self.blob_path(layer, codec);
        let file = if_there(File::open(&path)).map_err(Error::io("open", path.display()))?;
        file.ok_or_else(|| Error::Missing { what: "compressed layer", subject: layer.to_string() })
    }

    /// Forgets a form that turned out damaged; says whether it was here. It is made again when it is asked for.
    pub fn forget(&self, layer: &DiffId, codec: Codec) -> Result<bool> {
        let path = self.blob_path(layer, codec);
        let removed = if_there(fs::remove_file(&path)).map_err(Error::io("remove", path.display()))?;
        Ok(removed.is_some())
    }

    fn note(&self, path: &Path, descriptor: &Descriptor) -> Result<()> {
        let note = self.store.tmp_file()?;
        let text = rbuild_oci::to_canonical_json(descriptor)?;
        note.file().write_all(&text).map_err(Error::io("write", path.display()))?;
        note.persist(path)
    }

    fn blob_path(&self, layer: &DiffId, codec: Codec) -> PathBuf {
        self.store.encoded_path(layer, &codec.key())
    }

    fn descriptor_path(&self, layer: &DiffId, codec: Codec) -> PathBuf {
        self.store.encoded_path(layer, &format!("{}.json", codec.key()))
    }

    fn origin_path(&self, layer: &DiffId) -> PathBuf {
        self.store.encoded_path(layer, "origin.json")
    }
}

/// The descriptor in a file, if there is one.
fn noted(path: &Path) -> Result<Option<Descriptor>> {
    let read = if_there(fs::read(path)).map_err(Error::io("read", path.display()))?;
    Ok(read.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Body, Entry, FileData, Format, LayerRef, Node, decompress};
    use rbuild_oci::Digest;
    use std::io::Read;

    fn stored(store: &Store) -> LayerRef {
        let mut writer = store.layers().writer(None, &Cancel::new()).unwrap();
        let body = "some text ".repeat(300_000);
        let entry = Entry::new("f", Node::File(FileData::unread(body.len() as u64)), 0o644);
        writer.add(entry, Body::Bytes(body.as_bytes())).unwrap();
        store.layers().land(writer.finish().unwrap()).unwrap().layer
    }

    #[test]
    fn a_layer_is_compressed_once_and_again_when_it_was_lost() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        let (layer, encoded) = (stored(&store), store.encoded());
        for format in [Format::Gzip, Format::Zstd] {
            let codec = Codec::new(format, None).unwrap();
            assert_eq!(encoded.find(&layer.diff_id, codec).unwrap(), None);
            let made = encoded.make(&layer.diff_id, codec, &Cancel::new()).unwrap();
            assert_eq!(encoded.find(&layer.diff_id, codec).unwrap(), Some(made.clone()));
            let mut blob = Vec::new();
            encoded.open(&layer.diff_id, codec).unwrap().read_to_end(&mut blob).unwrap();
            assert_eq!(Descriptor::of(codec.media_type(), &blob), made);
            let mut plain = Vec::new();
            decompress(&*blob).unwrap().1.read_to_end(&mut plain).unwrap();
            assert_eq!(Digest::of(&plain), layer.diff_id.0);
            assert!(encoded.forget(&layer.diff_id, codec).unwrap() && !encoded.forget(&layer.diff_id, codec).unwrap());
            assert_eq!(encoded.find(&layer.diff_id, codec).unwrap(), None);
            fs::write(encoded.blob_path(&layer.diff_id, codec), "short").unwrap();
            assert_eq!(encoded.find(&layer.diff_id, codec).unwrap(), None);
            assert_eq!(encoded.make(&layer.diff_id, codec, &Cancel::new()).unwrap(), made);
        }
        assert_eq!(fs::read_dir(store.dir(crate::Bucket::Tmp)).unwrap().count(), 0);
    }

    #[test]
    fn the_blob_that_a_layer_came_in_is_noted() {
        let dir = tempfile::tempdir().unwrap();
        let encoded = Store::open(&dir.path().join("store")).unwrap().encoded();
        let layer = DiffId(Digest::of(b"layer"));
        assert_eq!(encoded.origin(&layer).unwrap(), None);
        for blob in [&b"one"[..], b"other"] {
            let blob = Descriptor::of(rbuild_oci::MediaType::OCI_LAYER_ZSTD, blob);
            encoded.note_origin(&layer, &blob).unwrap();
            assert_eq!(encoded.origin(&layer).unwrap(), Some(blob));
        }
    }

    #[test]
    fn a_damaged_tarball_is_not_passed_on() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        let (layer, encoded) = (stored(&store), store.encoded());
        let path = store.blob_path(&layer.diff_id.0);
        let mut bytes = fs::read(&path).unwrap();
        bytes[600] ^= 1;
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        let codec = Codec::new(Format::Zstd, None).unwrap();
        let said = encoded.make(&layer.diff_id, codec, &Cancel::new()).unwrap_err().to_string();
        assert!(said.contains(&layer.diff_id.to_string()) && said.contains("is damaged"), "{said}");
        assert_eq!(encoded.find(&layer.diff_id, codec).unwrap(), None);
    }
}
