//! `rbuild save`: images of the store into an archive, or into a directory.

use super::globals::Globals;
use super::signals::cancel_on_signal;
use crate::error::{Error, Result};
use crate::image;
use crate::import::{Local, Outside, Part};
use crate::send::{Archive, ArchiveForm, AsTheyAre, LayoutDir, Sink, TransportDir, Walk};
use clap::{Args, ValueEnum};
use rbuild_oci::{Cancel, Descriptor, Reference};
use rbuild_store::Store;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Write images into an archive
#[derive(Args, Clone, Debug)]
pub struct SaveArgs {
    /// Image, by name or id; several go into one archive
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    /// File to write, or the directory of a format that is one [default: standard output]
    #[arg(short, long, value_name = "PATH", default_value = "-", hide_default_value = true)]
    pub output: PathBuf,
    /// What to write; the first is an OCI layout, too
    #[arg(long, value_name = "FORMAT", default_value = "docker-archive")]
    pub format: SaveFormat,
    /// Only the image for this platform, `os/arch[/variant]` [default: all that there are]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// Accepted for podman's sake: nothing is printed
    #[arg(short, long)]
    pub quiet: bool,
}

/// What images are saved as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SaveFormat {
    /// A tarball for `docker load`, which is an OCI image layout, too
    DockerArchive,
    /// The tarball of an OCI image layout
    OciArchive,
    /// An OCI image layout in a directory
    OciDir,
    /// One image in a directory, as the transport `dir:` has it
    DockerDir,
}

impl SaveFormat {
    /// Where images go in that form; `tag` is what a nameless one is called there.
    pub(super) fn open(self, path: &Path, tag: Option<String>, cancel: &Cancel) -> Result<Box<dyn Sink>> {
        Ok(match self {
            Self::DockerArchive => Box::new(Archive::create(path, ArchiveForm::Docker, tag, cancel)?),
            Self::OciArchive => Box::new(Archive::create(path, ArchiveForm::Oci, tag, cancel)?),
            Self::OciDir => Box::new(LayoutDir::open(path, tag, cancel)?),
            Self::DockerDir => Box::new(TransportDir::open(path, cancel)?),
        })
    }

    /// How many blobs may be written at once; an archive has one end.
    pub(super) const fn at_once(self) -> usize {
        match self {
            Self::DockerArchive | Self::OciArchive => 1,
            Self::OciDir | Self::DockerDir => 4,
        }
    }
}

/// Writes the images.
pub fn run(args: &SaveArgs, globals: &Globals) -> Result<ExitCode> {
    let cancel = Cancel::new();
    let store = globals.store_until(&cancel)?;
    let _watch = cancel_on_signal(&cancel)?;
    save(args, &store, &cancel)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the images as they lie in the store: every digest stays.
pub fn save(args: &SaveArgs, store: &Store, cancel: &Cancel) -> Result<()> {
    let platform = args.platform.as_deref().map(str::parse).transpose()?;
    let part = platform.map_or(Part::All, Part::Platform);
    let mut images: Vec<(Descriptor, Option<Reference>)> = Vec::new();
    for text in &args.images {
        let (target, name) = image::target(store, text)?;
        let outside = Outside { blobs: Arc::new(Local::new(store)), targets: vec![target] };
        images.push((outside.part(&part)?, name));
    }
    let to = args.format.open(&args.output, None, cancel)?;
    let (from, at_once) = (Local::new(store), args.format.at_once());
    let walk = Walk { from: &from, to: &*to, repack: &AsTheyAre, at_once, cancel, told: &|_, _, _| () };
    let send = || images.iter().try_for_each(|(target, name)| walk.send(target, name.as_slice()).map(drop));
    send().or_else(|error| cancel.check().map_err(Error::from).and(Err(error)))?;
    to.finish()
}
