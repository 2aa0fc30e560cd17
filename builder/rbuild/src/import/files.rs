//! Named files in a directory or in an uncompressed tarball: what layouts and docker archives are made of. Knows no
//! image.

use super::blobs::Blobs;
use super::members::{Member, members};
use crate::error::{Error, Result};
use rbuild_oci::Descriptor;
use rbuild_store::Store;
use rustix::fs::OFlags;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A set of named files. As [`Blobs`] it is an OCI image layout: content lies at `blobs/sha256/<hex>`.
#[derive(Debug)]
pub struct Files {
    name: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Directory(PathBuf),
    Archive { file: File, members: BTreeMap<String, Member> },
}

impl Files {
    /// The files of a directory, or of an uncompressed tarball.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let is_directory = fs::metadata(path).map_err(Error::io("open", &name))?.is_dir();
        if is_directory {
            return Ok(Self { name, place: Place::Directory(path.to_owned()) });
        }
        Self::archive(name.clone(), File::open(path).map_err(Error::io("open", name))?)
    }

    /// The files of an uncompressed tarball, which people know as `name`.
    pub fn archive(name: String, file: File) -> Result<Self> {
        let members = members(&file, &name)?;
        Ok(Self { name, place: Place::Archive { file, members } })
    }

    /// Whether there is a file of that name.
    pub fn has(&self, name: &str) -> Result<bool> {
        Ok(self.open_file(name)?.is_some())
    }

    /// Opens a file and says how large it is; nothing where there is none of that name. Names that lead elsewhere
    /// (absolute ones, `..`) name nothing.
    pub fn open_file(&self, name: &str) -> Result<Option<(u64, Box<dyn Read + Send + '_>)>> {
        if name.is_empty() || name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Ok(None);
        }
        match &self.place {
            Place::Directory(directory) => open_below(directory, name),
            Place::Archive { file, members } => Ok(members.get(name).map(|member| {
                let reader = Slice { file, at: member.offset, end: member.offset + member.size };
                (member.size, Box::new(reader) as Box<dyn Read + Send>)
            })),
        }
    }

    /// The whole of a small file; nothing where there is none of that name.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some((size, reader)) = self.open_file(name)? else { return Ok(None) };
        let io = |source: io::Error| Error::io("read", format!("{name} in {}", self.name))(source);
        if size > Store::DOCUMENT_LIMIT {
            return Err(io(io::Error::other(format!("a document of {size} bytes is more than is read"))));
        }
        let mut bytes = Vec::with_capacity(size as usize);
        reader.take(Store::DOCUMENT_LIMIT).read_to_end(&mut bytes).map_err(io)?;
        Ok(Some(bytes))
    }
}

impl Blobs for Files {
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>> {
        let found = self.open_file(&format!("blobs/sha256/{}", blob.digest.hex()))?;
        Ok(found.map(|(_, reader)| reader))
    }

    fn place(&self) -> String {
        self.name.clone()
    }
}

fn open_below(directory: &Path, name: &str) -> Result<Option<(u64, Box<dyn Read + Send + 'static>)>> {
    let path = directory.join(name);
    let io = |source| Error::io("open", path.display())(source);
    // A pipe in its place is not waited for.
    let flags = OFlags::NONBLOCK.bits() as i32;
    match OpenOptions::new().read(true).custom_flags(flags).open(&path) {
        Ok(file) => {
            let metadata = file.metadata().map_err(io)?;
            Ok(metadata.is_file().then(|| (metadata.len(), Box::new(file) as Box<dyn Read + Send>)))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(io(error)),
    }
}

/// A part of a file, read without moving the file's own position, so that several threads may.
struct Slice<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Slice<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = (self.end - self.at).min(buffer.len() as u64) as usize;
        let count = self.file.read_at(&mut buffer[..wanted], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}
