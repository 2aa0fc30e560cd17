//! An image where a transport has it: in a registry, in files, in the store. Reads what it takes to find it, and brings
//! nothing here. Knows no command line.

use super::archive::Saved;
use super::direct::Direct;
use super::files::Files;
use super::layout::Layout;
use super::source::{self, Opened};
use super::{Blobs, Local, required_document};
use crate::args::Endpoint;
use crate::error::{Error, Result};
use crate::image;
use rbuild_oci::{Cancel, Descriptor, Manifest, Platform, Reference};
use rbuild_registry::Client;
use rbuild_store::Store;
use std::path::Path;
use std::sync::Arc;

/// An image outside, found but not read.
#[derive(Clone, Debug)]
pub struct Outside {
    /// Where its content is.
    pub blobs: Arc<dyn Blobs>,
    /// Its manifests or indexes; several are one image for several platforms each.
    pub targets: Vec<Descriptor>,
}

/// The ways to where images are.
#[derive(Clone, Copy)]
pub struct Ways<'a> {
    /// To registries.
    pub client: &'a Client,
    /// To the store, where it is needed: by its own images, and for the room to decompress an archive.
    pub store: &'a dyn Fn() -> Result<Store>,
    /// The request to stop.
    pub cancel: &'a Cancel,
}

impl Ways<'_> {
    /// Finds the image at a place.
    pub fn find(&self, place: &Endpoint) -> Result<Outside> {
        match place {
            Endpoint::Registry(reference) => {
                let targets = vec![self.client.resolve(reference)?];
                Ok(Outside { blobs: Arc::new(Direct::new(self.client, reference)), targets })
            }
            Endpoint::Store(name) => {
                let store = (self.store)()?;
                let targets = vec![image::target(&store, name)?.0];
                Ok(Outside { blobs: Arc::new(Local::new(&store)), targets })
            }
            Endpoint::Layout(path, tag) => self.in_files(Files::open(path)?, tag.as_deref()),
            Endpoint::LayoutArchive(path, tag) => self.in_files(self.archive(path)?, tag.as_deref()),
            Endpoint::DockerArchive(path, name) => {
                let name = name.as_ref().map(Reference::familiar);
                self.in_files(self.archive(path)?, name.as_deref())
            }
            Endpoint::Directory(path) => self.in_files(Files::open(path)?, None),
        }
    }

    /// The files of an archive; only where they are compressed is the store asked for room.
    fn archive(&self, path: &Path) -> Result<Files> {
        if source::is_plain(path)? { Files::open(path) } else { source::open(path, &(self.store)()?, self.cancel) }
    }

    fn in_files(&self, files: Files, name: Option<&str>) -> Result<Outside> {
        self.cancel.check()?;
        let place = files.place();
        match source::read(files, self.cancel)? {
            Opened::Layout(layout) => {
                let targets = layout.entries_of(name)?;
                Ok(Outside { blobs: layout.blobs().clone(), targets })
            }
            Opened::Saved(saved) => one_of(saved, name, &place),
        }
    }
}

/// The image of that name, or the only one.
fn one_of(saved: Vec<Saved>, name: Option<&str>, place: &str) -> Result<Outside> {
    let all: Vec<String> = saved.iter().flat_map(|image| image.names.iter().cloned()).collect();
    let wanted = |image: &Saved| name.is_none_or(|name| image.names.iter().any(|own| same(own, name)));
    let mut found: Vec<Saved> = saved.into_iter().filter(wanted).collect();
    match (found.pop(), found.is_empty()) {
        (Some(Saved { found, .. }), true) => Ok(Outside { targets: vec![found.descriptor], blobs: found.blobs }),
        (Some(_), false) => {
            Err(Error::Usage(format!("{place} has several images: name one of them: {}", all.join(", "))))
        }
        (None, _) => {
            let path = name.unwrap_or("an image").to_owned();
            Err(Error::NotFound { path, place: format!("{place}, which has {}", all.join(", ")), hint: None })
        }
    }
}

fn same(own: &str, wanted: &str) -> bool {
    own == wanted || own.parse::<Reference>().ok().is_some_and(|own| wanted.parse().ok() == Some(own))
}

/// Which part of an image is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    All,
    /// The image for that platform.
    Platform(Platform),
    /// The image for this machine, or the only one whatever it is for.
    Here,
}

impl Outside {
    /// The manifest or index that is wanted of it.
    pub fn part(&self, part: &Part) -> Result<Descriptor> {
        let chosen = match (part, &self.targets[..]) {
            (Part::All, [only]) => only.clone(),
            (Part::All, _) => {
                let reason =
                    format!("{} has one image for each platform and no index: use --platform", self.blobs.place());
                return Err(Error::Usage(reason));
            }
            (Part::Here, [only]) if !only.media_type.is_index() => only.clone(),
            (Part::Here, targets) => Layout::choose(&self.blobs, targets, &Platform::native())?,
            (Part::Platform(platform), targets) => Layout::choose(&self.blobs, targets, platform)?,
        };
        Ok(Descriptor::new(chosen.media_type, chosen.digest, chosen.size))
    }

    /// The layers of all images behind a manifest or an index of it.
    pub fn layers(&self, target: &Descriptor) -> Result<Vec<Descriptor>> {
        let mut layers = Vec::new();
        for manifest in Layout::manifests(&self.blobs, target)? {
            layers.extend(Manifest::from_json(&required_document(&*self.blobs, &manifest)?)?.layers);
        }
        Ok(layers)
    }
}
