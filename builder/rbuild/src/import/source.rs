//! What `load` is given: a layout, an archive or what `dir:` wrote, in a directory, a file or a stream; and the images in
//! it as they are to be kept. Knows no command line.

use super::archive::{self, Saved};
use super::blobs::{Blobs, damaged, document, missing, required_document};
use super::budget::Budget;
use super::dir;
use super::files::Files;
use super::found::Found;
use super::keep::Kept;
use super::layout::{DEPTH, Layout, name};
use super::platform::list;
use super::spool::spool;
use super::unpack::unpack;
use crate::error::{Error, Result};
use rbuild_oci::{
    Annotations, Cancel, Descriptor, Digest, Index, Manifest, MediaType, Platform, Reference, to_canonical_json,
};
use rbuild_store::Store;
use rbuild_store::layer::{Compression, Limits};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// An image as it is to be kept, with its names.
#[derive(Clone, Debug)]
pub struct Offered {
    /// The image.
    pub kept: Kept,
    /// Its names.
    pub names: Vec<Reference>,
}

/// The files of a directory, or of a tarball of any compression; what has to be decompressed goes to a file of the store
/// that nobody else sees.
pub fn open(path: &Path, store: &Store, cancel: &Cancel) -> Result<Files> {
    if path.is_dir() {
        return Files::open(path);
    }
    if is_plain(path)? {
        return Files::open(path);
    }
    let name = path.display().to_string();
    open_stream(File::open(path).map_err(Error::io("open", &name))?, name, store, cancel)
}

/// Whether there is a file at `path` that is not compressed.
pub(super) fn is_plain(path: &Path) -> Result<bool> {
    let open = || Error::io("open", path.display());
    // A pipe can be opened but once.
    if !fs::metadata(path).map_err(open())?.is_file() {
        return Ok(false);
    }
    let mut file = File::open(path).map_err(open())?;
    Ok(compression(&mut file).map_err(Error::io("read", path.display()))? == Compression::None)
}

/// The files of a tarball of any compression in a stream that people know as `name`.
pub fn open_stream(stream: impl Read + Send, name: String, store: &Store, cancel: &Cancel) -> Result<Files> {
    let file = spool(unpack(stream, Limits::default(), cancel)?, &name, store, cancel)?;
    Files::archive(name, file)
}

/// What the files of an image, or of several, are.
#[derive(Debug)]
pub enum Opened {
    /// A layout, or a directory of `dir:` as one.
    Layout(Layout),
    /// A docker archive.
    Saved(Vec<Saved>),
}

/// Finds out what these files are; anything else than images is an error.
pub fn read(files: Files, cancel: &Cancel) -> Result<Opened> {
    let place = files.place();
    let nothing = || nothing(&place);
    if files.has("index.json")? {
        return Layout::open(files)?.map(Opened::Layout).ok_or_else(nothing);
    }
    if dir::is_dir(&files)? {
        return dir::open(files).map(Opened::Layout);
    }
    archive::images(files, cancel)?.map(Opened::Saved).ok_or_else(nothing)
}

/// The images in a layout, docker archive or directory of `dir:`; of those for several platforms only the wanted one, if
/// one is wanted.
pub fn offers(files: Files, platform: Option<&Platform>, cancel: &Cancel) -> Result<Vec<Offered>> {
    let saved = match read(files, cancel)? {
        Opened::Layout(layout) => {
            let offered = of_layout(&layout, platform)?;
            return if offered.is_empty() { Err(none_of(&layout, platform)?) } else { Ok(offered) };
        }
        Opened::Saved(saved) => saved,
    };
    let offered = |saved: Saved| -> Result<Offered> {
        let names = saved.names.iter().map(|name| Ok(name.parse()?)).collect::<Result<_>>()?;
        Ok(Offered { kept: Kept::one(saved.found), names })
    };
    let wanted =
        |saved: &Saved| platform.is_none_or(|wanted| saved.found.platform().is_none_or(|own| own.serves(wanted)));
    saved.into_iter().filter(wanted).map(offered).collect()
}

fn none_of(layout: &Layout, platform: Option<&Platform>) -> Result<Error> {
    let entries: Vec<Descriptor> = layout.entries().cloned().collect();
    let path = platform.map_or_else(|| "an image".to_owned(), |platform| format!("an image for {platform}"));
    let place = format!("{}, which has {}", layout.blobs().place(), list(&layout.offers(&entries)?));
    Ok(Error::NotFound { path, place, hint: None })
}

fn nothing(place: &str) -> Error {
    Error::Usage(format!(
        "{place} is neither an OCI image layout nor a docker archive: it has no index.json and no manifest.json; the \
         tarball of a root file system is for `rbuild import`"
    ))
}

fn compression(file: &mut File) -> io::Result<Compression> {
    let mut first = Vec::new();
    Read::by_ref(file).take(Compression::PREFIX as u64).read_to_end(&mut first)?;
    Ok(Compression::of(&first))
}

/// The images that a layout lists, each content once.
fn of_layout(layout: &Layout, platform: Option<&Platform>) -> Result<Vec<Offered>> {
    let mut entries: BTreeMap<_, (Descriptor, Vec<Reference>)> = BTreeMap::new();
    let mut order = Vec::new();
    for entry in layout.entries() {
        let plain = Descriptor { annotations: Annotations::new(), ..entry.clone() };
        let (_, names) = entries.entry(entry.digest).or_insert_with(|| {
            order.push(entry.digest);
            (plain, Vec::new())
        });
        names.extend(full_name(entry));
    }
    let (mut offered, mut budget) = (Vec::new(), Budget::of(layout.blobs().place()));
    for digest in order {
        let Some((entry, mut names)) = entries.remove(&digest) else { continue };
        names.sort();
        names.dedup();
        if let Some(kept) = kept(layout, &entry, platform, &mut budget)? {
            offered.push(Offered { kept, names });
        }
    }
    Ok(offered)
}

/// The whole name of an entry; none where it has only a tag of nothing.
fn full_name(entry: &Descriptor) -> Option<Reference> {
    name(entry).filter(|name| name.contains([':', '/']))?.parse().ok()
}

/// The manifest or index behind `target` as it is to be kept, all of it.
pub fn whole(blobs: &Arc<dyn Blobs>, target: &Descriptor) -> Result<Kept> {
    let layout = Layout::of(blobs.clone(), Index::oci(vec![target.clone()]));
    let mut budget = Budget::of(blobs.place());
    kept(&layout, target, None, &mut budget)?.ok_or_else(|| missing(&**blobs, target))
}

/// An entry as it is to be kept: an index as it is if all of it is here and wanted, else what is left of it.
pub(super) fn kept(
    layout: &Layout,
    entry: &Descriptor,
    platform: Option<&Platform>,
    budget: &mut Budget,
) -> Result<Option<Kept>> {
    let blobs = layout.blobs();
    let offers = layout.offers(std::slice::from_ref(entry))?;
    let serves = |(own, _): &&(Option<Platform>, Descriptor)| match (own, platform) {
        (Some(own), Some(wanted)) => own.serves(wanted),
        _ => true,
    };
    let wanted: Vec<_> = offers.iter().filter(serves).collect();
    let all = wanted.len() == offers.len();
    // What is listed twice is read once.
    let mut seen = BTreeSet::new();
    let wanted = wanted.into_iter().filter(|(_, manifest)| seen.insert(manifest.digest));
    let read = wanted.map(|(_, manifest)| {
        let found = Found::read(blobs, manifest)?;
        budget.keep((found.manifest_bytes.len() + found.config_bytes.len()) as u64)?;
        Ok(found)
    });
    let images = read.collect::<Result<Vec<_>>>()?;
    let mut kept = match (images.len(), entry.media_type.is_index()) {
        (0, _) => return Ok(None),
        (_, false) => return Ok(images.into_iter().next().map(Kept::one)),
        (count, true) => {
            let mut parts = Parts { whole: all, ..Parts::default() };
            parts.add(&**blobs, entry, DEPTH, budget)?;
            if parts.whole {
                Kept { target: entry.clone(), indexes: parts.indexes, more: parts.more, images }
            } else if count == 1 {
                return Ok(images.into_iter().next().map(Kept::one));
            } else {
                of_some(images)?
            }
        }
    };
    kept.target.platform = None;
    Ok(Some(kept))
}

/// Several images under an index of our own.
fn of_some(images: Vec<Found>) -> Result<Kept> {
    let manifest = |found: &Found| Descriptor { platform: found.platform(), ..found.descriptor.clone() };
    let bytes = to_canonical_json(&Index::oci(images.iter().map(manifest).collect()))?;
    let target = Descriptor::of(MediaType::OCI_INDEX, &bytes);
    Ok(Kept { target, indexes: vec![bytes], more: Vec::new(), images })
}

/// What an index consists of besides images: indexes, statements about images, and what is no image at all.
#[derive(Default)]
struct Parts {
    indexes: Vec<Vec<u8>>,
    more: Vec<Descriptor>,
    /// Whether nothing is missing.
    whole: bool,
    /// What was read.
    seen: BTreeSet<Digest>,
}

impl Parts {
    /// Adds what an index names, through `depth` indexes more, each document once.
    fn add(&mut self, blobs: &dyn Blobs, index: &Descriptor, depth: usize, budget: &mut Budget) -> Result<()> {
        let bytes = required_document(blobs, index)?;
        budget.keep(bytes.len() as u64)?;
        let entries = Index::from_json(&bytes)?.manifests;
        budget.look(entries.len(), "entries")?;
        for entry in entries {
            if !self.seen.insert(entry.digest) {
                continue;
            }
            if entry.media_type.is_index() && depth == 0 {
                return Err(damaged(blobs, &entry, "indexes are nested too deeply"));
            }
            let Some(document) = document(blobs, &entry)? else {
                self.whole = false;
                continue;
            };
            if entry.media_type.is_index() {
                self.add(blobs, &entry, depth - 1, budget)?;
            } else if entry.media_type.is_manifest() {
                self.add_manifest(entry, &document, budget)?;
            }
        }
        self.indexes.push(bytes);
        Ok(())
    }

    /// Adds a statement; an image is none.
    fn add_manifest(&mut self, entry: Descriptor, document: &[u8], budget: &mut Budget) -> Result<()> {
        let statement = Manifest::from_json(document)?;
        if entry.is_attestation() || !statement.config.media_type.is_config() {
            budget.keep(document.len() as u64)?;
            self.more.extend([entry, statement.config].into_iter().chain(statement.layers));
        }
        Ok(())
    }
}
