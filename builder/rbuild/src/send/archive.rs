//! Images into an archive: the tarball of an image layout, for docker with a `manifest.json` in it. Its bytes follow from
//! the images and their order. Knows no store.

use super::contents::{Contents, DockerImage};
use super::pour::pour;
use super::tarball::{Fill, Tarball};
use super::{Open, Placed, Sink};
use crate::error::Result;
use rbuild_oci::{Cancel, Canceled, Descriptor, Digest, Index, Reference};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whom an archive is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveForm {
    /// `docker load` and all that read image layouts.
    Docker,
    /// Those that read image layouts.
    Oci,
}

/// An archive on its way. It appears under its name once it is finished; a blob has to come before the next one begins,
/// so send them one at a time for the same bytes each time.
#[derive(Debug)]
pub struct Archive {
    form: ArchiveForm,
    name: String,
    cancel: Cancel,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// None once something went wrong within a file.
    tarball: Option<Tarball>,
    written: BTreeSet<Digest>,
    contents: Contents,
}

impl Archive {
    /// A new archive at `dest`; `-` is standard output. `tag` is what an image without a name is called in it.
    pub fn create(dest: &Path, form: ArchiveForm, tag: Option<String>, cancel: &Cancel) -> Result<Self> {
        let tarball = Some(Tarball::layout(dest, cancel)?);
        let state = State { tarball, written: BTreeSet::new(), contents: Contents::new(tag) };
        Ok(Self { form, name: dest.display().to_string(), cancel: cancel.clone(), state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Writes a file among the blobs unless it is there.
    fn put(&mut self, blob: &Descriptor, fill: Box<Fill<'_>>) -> Result<Placed> {
        if self.written.contains(&blob.digest) {
            return Ok(Placed::Existed);
        }
        let mut tarball = self.tarball.take().ok_or(Canceled)?;
        tarball.file(&format!("blobs/sha256/{}", blob.digest.hex()), 0o444, blob.size, fill)?;
        self.tarball = Some(tarball);
        self.written.insert(blob.digest);
        Ok(Placed::Sent)
    }
}

impl Sink for Archive {
    fn place(&self) -> String {
        self.name.clone()
    }

    fn blob(&self, blob: &Descriptor, open: &Open<'_>) -> Result<Placed> {
        self.lock().put(blob, Box::new(|out, to| pour(blob, open, out, to, &self.cancel)))
    }

    fn document(&self, document: &Descriptor, bytes: &[u8]) -> Result<()> {
        let mut state = self.lock();
        let open = || Ok(Box::new(bytes) as Box<dyn std::io::Read + Send>);
        state.put(document, Box::new(|out, to| pour(document, &open, out, to, &self.cancel)))?;
        state.contents.document(document, bytes)
    }

    fn name(&self, document: &Descriptor, _: &[u8], name: &Reference) -> Result<()> {
        self.lock().contents.name(document, name);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let State { tarball, contents, .. } = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut documents = Vec::new();
        if self.form == ArchiveForm::Docker {
            documents.push(("manifest.json", DockerImage::list(&contents.docker_images()?)?));
        }
        tarball.ok_or(Canceled)?.finish(&Index::oci(contents.entries()), &documents)
    }
}
