//! The driver for kernels that mount no overlays here but have FUSE: snapshots and drafts in the layout of overlayfs,
//! which the program fuse-overlayfs shows. Slower than any other driver to work in, quicker than copying to begin.

mod mount;
mod relink;

pub use mount::FuseOverlay;

use super::changes::{Changes, Comparison, Tree, find};
use super::choose::{Driver, Opened, Wish};
use super::draft::{Draft, Place, Rootfs, Storage};
use super::home::Home;
use super::overlay::Overlay;
use super::{LayerSource, Snapshotter, StackLayer, view};
use crate::error::{Error, Result};
use crate::layer::{LayerIndex, View};
use crate::root_dir::RootDir;
use rbuild_oci::{Cancel, ChainId};
use relink::relink;
use std::os::fd::AsRawFd;
use std::path::Path;

/// The fuse-overlayfs driver.
pub(super) const DRIVER: Driver =
    Driver { name: NAME, aliases: &["fuse"], works: "the program fuse-overlayfs mounts overlays here", open, traits };

const NAME: &str = "fuse-overlayfs";

fn open(wish: &Wish<'_>) -> Result<Opened> {
    let driver = FuseOverlayfs { inner: Overlay::open(NAME, wish)? };
    Ok(match probe(&driver)? {
        Some(reason) => Err(reason),
        None => Ok(Box::new(driver)),
    })
}

fn traits(_: &Wish<'_>) -> Result<Vec<(&'static str, String)>> {
    Ok(vec![("Mount Program", mount::version()?)])
}

/// Why it does not work. Makes and removes a directory in the home.
fn probe(driver: &FuseOverlayfs) -> Result<Option<String>> {
    if let Some(reason) = mount::missing() {
        return Ok(Some(reason));
    }
    let workspace = driver.home().workspace()?;
    let [lower, work] = [workspace.make("lower")?, workspace.make("work")?];
    RootDir::open(&lower)?.create_file(b"file", 0o600)?;
    let overlay = FuseOverlay { lowers: vec![lower], upper: workspace.files(), work };
    let tried = overlay.mount().and_then(|mounted| {
        let path = format!("/proc/self/fd/{}", mounted.as_raw_fd());
        RootDir::open(path.as_ref())?.remove(b"file")
    });
    Ok(tried.err().map(|error| error.to_string()))
}

#[derive(Debug)]
struct FuseOverlayfs {
    inner: Overlay,
}

impl Snapshotter for FuseOverlayfs {
    fn home(&self) -> &Home {
        self.inner.home()
    }

    fn ensure(&self, stack: &[StackLayer], source: &dyn LayerSource, cancel: &Cancel) -> Result<()> {
        self.inner.ensure(stack, source, cancel)
    }

    fn prepare(&self, stack: &[StackLayer], place: Place<'_>, cancel: &Cancel) -> Result<Draft> {
        let draft = self.inner.prepare(stack, place, cancel)?;
        let rootfs = match draft.rootfs {
            Rootfs::Overlay { lowers, upper, work, .. } => {
                let overlay = FuseOverlay { lowers, upper, work };
                if matches!(draft.storage, Storage::Kept) {
                    relink(&overlay, self.inner.marks(), &view(stack))?;
                }
                Rootfs::Fuse(overlay)
            }
            other => other,
        };
        Ok(Draft { rootfs, ..draft })
    }

    fn look(&self, stack: &[StackLayer], place: &Path, cancel: &Cancel) -> Result<Option<Draft>> {
        let fuse = |draft: Draft| match draft.rootfs {
            Rootfs::Overlay { lowers, upper, work, .. } => {
                Draft { rootfs: Rootfs::Fuse(FuseOverlay { lowers, upper, work }), ..draft }
            }
            rootfs => Draft { rootfs, ..draft },
        };
        Ok(self.inner.look(stack, place, cancel)?.map(fuse))
    }

    fn changes(&self, draft: &Draft, base: &View, cancel: &Cancel) -> Result<Changes> {
        let marks = self.inner.marks();
        let tree = match &draft.rootfs {
            Rootfs::Fuse(overlay) => {
                if !matches!(draft.storage, Storage::Looked) {
                    relink(overlay, marks, base)?;
                }
                Tree::FuseUpper(marks)
            }
            _ => Tree::Whole(None),
        };
        find(Comparison { root: &draft.root()?, tree, ownership: self.inner.ownership(), base, cancel })
    }

    fn commit(&self, draft: Draft, chain: &ChainId, layer: &LayerIndex) -> Result<()> {
        self.inner.commit(draft, chain, layer)
    }
}

fn failed(reason: impl Into<String>) -> Error {
    Error::Refused { what: "fuse-overlayfs", subject: "mount".to_owned(), reason: reason.into() }
}
