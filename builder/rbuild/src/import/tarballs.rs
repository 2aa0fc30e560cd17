//! The files of layers in a docker archive: of what type, digest and size each is. Each is read once, however often it is
//! named. Knows no image.

use super::archive::{Content, corrupt, missing};
use super::blobs::Blobs;
use super::files::Files;
use super::unpack::{digest, unpack};
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Descriptor, DiffId, Digest, MediaType};
use rbuild_store::layer::{Compression, Limits};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};

/// The layers' files of an archive.
pub(super) struct Tarballs<'a> {
    files: &'a Files,
    cancel: &'a Cancel,
    forms: BTreeMap<String, Form>,
    ids: BTreeMap<String, DiffId>,
}

/// What a file is.
#[derive(Clone)]
enum Form {
    /// A tarball of that size.
    Plain(u64),
    /// Compressed in a way that has a media type.
    Packed(Box<Descriptor>),
    /// Compressed in another way: digest and size of the tarball.
    Other(Digest, u64),
}

impl<'a> Tarballs<'a> {
    /// Those in these files.
    pub(super) const fn of(files: &'a Files, cancel: &'a Cancel) -> Self {
        Self { files, cancel, forms: BTreeMap::new(), ids: BTreeMap::new() }
    }

    /// The descriptor of a layer's file, and where its content is. An uncompressed one is taken to be what the configuration
    /// says, which is checked when it is fetched; of a compressed one the digest has to be found out.
    pub(super) fn layer(&mut self, name: &str, diff_id: &DiffId) -> Result<(Descriptor, Content)> {
        let form = match self.forms.get(name) {
            Some(form) => form.clone(),
            None => self.form(name)?,
        };
        self.forms.insert(name.to_owned(), form.clone());
        let plain = |size| Descriptor::new(MediaType::OCI_LAYER, diff_id.0, size);
        match form {
            Form::Plain(size) => Ok((plain(size), Content::File(name.to_owned()))),
            Form::Packed(layer) => Ok((*layer, Content::File(name.to_owned()))),
            Form::Other(found, size) if found == diff_id.0 => Ok((plain(size), Content::Packed(name.to_owned()))),
            Form::Other(found, _) => {
                let reason = format!("its digest is {found} where the configuration says {diff_id}");
                Err(corrupt("layer", self.files, name, reason))
            }
        }
    }

    /// The digest of a layer's file once it is decompressed.
    pub(super) fn diff_id(&mut self, name: &str) -> Result<DiffId> {
        if let Some(id) = self.ids.get(name) {
            return Ok(*id);
        }
        let (_, reader) = self.files.open_file(name)?.ok_or_else(|| missing(self.files, name))?;
        let id = DiffId(self.plain_digest(name, reader)?.0);
        self.ids.insert(name.to_owned(), id);
        Ok(id)
    }

    fn form(&self, name: &str) -> Result<Form> {
        let (size, mut reader) = self.files.open_file(name)?.ok_or_else(|| missing(self.files, name))?;
        let mut first = Vec::new();
        let read = Read::by_ref(&mut reader).take(Compression::PREFIX as u64).read_to_end(&mut first);
        read.map_err(Error::io("read", self.subject(name)))?;
        let compression = Compression::of(&first);
        let whole = Cursor::new(first).chain(reader);
        let media_type = match compression {
            Compression::None => return Ok(Form::Plain(size)),
            Compression::Gzip => MediaType::OCI_LAYER_GZIP,
            Compression::Zstd => MediaType::OCI_LAYER_ZSTD,
            Compression::Bzip2 | Compression::Xz => {
                let (found, size) = self.plain_digest(name, whole)?;
                return Ok(Form::Other(found, size));
            }
        };
        let (found, size) = digest(whole, &self.subject(name), self.cancel)?;
        Ok(Form::Packed(Box::new(Descriptor::new(media_type, found, size))))
    }

    fn plain_digest(&self, name: &str, packed: impl Read + Send) -> Result<(Digest, u64)> {
        digest(unpack(packed, Limits::default(), self.cancel)?, &self.subject(name), self.cancel)
    }

    fn subject(&self, name: &str) -> String {
        format!("{name} in {}", self.files.place())
    }
}
