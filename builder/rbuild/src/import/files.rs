//! Named files in a directory or in an uncompressed tarball: what layouts and docker archives are made of. Knows no
//! image.

use super::blobs::Blobs;
use crate::error::{Error, Result};
use rbuild_oci::Descriptor;
use rbuild_store::{Store, if_there};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
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

/// A regular file of an archive: where its data is.
#[derive(Clone, Copy, Debug)]
struct Member {
    offset: u64,
    size: u64,
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
        let members = members(&file).map_err(Error::io("read the archive", &name))?;
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
    let Some(file) = if_there(File::open(&path)).map_err(io)? else { return Ok(None) };
    let metadata = file.metadata().map_err(io)?;
    Ok(metadata.is_file().then(|| (metadata.len(), Box::new(file) as Box<dyn Read + Send>)))
}

/// All regular files of a tarball by clean name; links stand for what they point to, later members replace earlier.
fn members(file: &File) -> io::Result<BTreeMap<String, Member>> {
    let mut members = BTreeMap::new();
    let mut links = Vec::new();
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        let name = clean("", &String::from_utf8_lossy(&entry.path_bytes()));
        match entry.header().entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                members.insert(name, Member { offset: entry.raw_file_position(), size: entry.size() });
            }
            kind @ (tar::EntryType::Symlink | tar::EntryType::Link) => {
                let target = entry.link_name_bytes().unwrap_or_default();
                let base = if kind.is_symlink() { name.rsplit_once('/').map_or("", |(parent, _)| parent) } else { "" };
                links.push((name.clone(), clean(base, &String::from_utf8_lossy(&target))));
            }
            _ => {}
        }
    }
    // A link may point to a link; docker's point to files, so few rounds settle all there are.
    for _ in 0..8 {
        for (name, target) in &links {
            if let Some(member) = members.get(target).copied() {
                members.insert(name.clone(), member);
            }
        }
    }
    Ok(members)
}

/// The path of `name` seen from `base`, without `.`, `..` and doubled slashes; it never leaves the archive.
fn clean(base: &str, name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
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
