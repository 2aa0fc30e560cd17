//! The rootfs of a container that is about to run, for reading. To mount an overlay and let go of it takes longer than
//! all else that a container needs, so the whole of it is opened for who asks for it alone; a file at a plain path is
//! found among the layers without that.

use super::view;
use crate::error::{Error, Result};
use rbuild_store::snapshot::{Draft, Rootfs};
use rbuild_store::{FileKind, RootDir};
use std::cell::OnceCell;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The rootfs of a draft.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    draft: &'a Draft,
    whole: OnceCell<RootDir>,
}

/// Where a file is.
enum Place {
    /// Here.
    Found(File),
    /// Nowhere.
    Nowhere,
    /// Only the whole rootfs can tell: links are on the way, or marks.
    Unclear,
}

impl<'a> Seen<'a> {
    /// That of the draft; opens nothing yet.
    pub(crate) const fn new(draft: &'a Draft) -> Self {
        Self { draft, whole: OnceCell::new() }
    }

    /// All of it.
    pub(crate) fn whole(&self) -> Result<&RootDir> {
        if self.whole.get().is_none() {
            drop(self.whole.set(view::view(self.draft)?));
        }
        self.whole.get().ok_or_else(|| Error::Step("the rootfs is not open".to_owned()))
    }

    /// The file `name` in the directory `parent` of its top, at most `most` bytes of it; empty where there is none.
    pub(crate) fn read(&self, parent: &str, name: &str, most: u64) -> Result<Vec<u8>> {
        let path = format!("{parent}/{name}");
        let file = match self.find(parent, &path)? {
            Place::Found(file) => file,
            Place::Nowhere => return Ok(Vec::new()),
            Place::Unclear => match self.whole()?.open_file(path.as_bytes()) {
                Err(error) if error.is_not_found() => return Ok(Vec::new()),
                other => other?,
            },
        };
        let mut text = Vec::new();
        file.take(most).read_to_end(&mut text).map_err(Error::io("read", path))?;
        Ok(text)
    }

    /// Looks into one layer after the other, topmost first, as overlayfs does.
    fn find(&self, parent: &str, path: &str) -> Result<Place> {
        let Rootfs::Overlay { lowers, upper, userxattr, .. } = self.draft.rootfs() else { return Ok(Place::Unclear) };
        let opaque: &[u8] = if *userxattr { b"user.overlay.opaque" } else { b"trusted.overlay.opaque" };
        for layer in std::iter::once(upper).chain(lowers) {
            if let Some(place) = in_layer(layer, (parent, path), opaque)? {
                return Ok(place);
            }
        }
        Ok(Place::Nowhere)
    }
}

/// What one layer says; nothing where it leaves it to those below.
fn in_layer(layer: &Path, (parent, path): (&str, &str), opaque: &[u8]) -> Result<Option<Place>> {
    let root = RootDir::open(layer)?;
    let directory = match root.stat(parent.as_bytes()) {
        Err(error) if error.is_not_found() => return Ok(None),
        other => other?,
    };
    if !directory.is_dir() || root.get_xattr(parent.as_bytes(), opaque)?.is_some() {
        return Ok(Some(Place::Unclear));
    }
    match root.stat(path.as_bytes()) {
        Err(error) if error.is_not_found() => Ok(None),
        other => match other?.kind {
            FileKind::File => Ok(Some(Place::Found(root.open_file(path.as_bytes())?))),
            _ => Ok(Some(Place::Unclear)),
        },
    }
}
