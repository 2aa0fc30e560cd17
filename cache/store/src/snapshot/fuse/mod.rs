//! The driver for kernels that mount no overlays here but have FUSE: snapshots and drafts in the layout of overlayfs,
//! which the program fuse-overlayfs shows. Slower than any other driver to work in, quicker than copying to begin.

mod mount;
mod relink;

pub use mount::FuseOverlay;

use super::changes::{Changes, Comparison, Tree, find};
use super::choose::{Driver, Opened, Traits, Wish};
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

fn traits(_: &Wish<'_>) -> Traits {
    vec![("Mount Program", mount::version())]
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

    fn look(&self, stack: &[StackLayer], place: &Path, cancel: &Cancel) -> Result<Option<Draft>> {
        Ok(self.inner.look(stack, place, cancel)?.map(by_program))
    }

    fn prepare(&self, stack: &[StackLayer], place: Place<'_>, cancel: &Cancel) -> Result<Draft> {
        let draft = by_program(self.inner.prepare(stack, place, cancel)?);
        if let (Rootfs::Fuse(overlay), Storage::Kept) = (&draft.rootfs, &draft.storage) {
            relink(overlay, self.inner.marks(), &view(stack))?;
        }
        Ok(draft)
    }

    fn changes(&self, draft: &Draft, base: &View, cancel: &Cancel) -> Result<Changes> {
        let marks = self.inner.marks();
        let tree = match &draft.rootfs {
            Rootfs::Fuse(overlay) => {
                // What is kept may be written to at this moment.
                if matches!(draft.storage, Storage::Temporary(_)) {
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

/// The same draft, to be mounted by the program.
fn by_program(draft: Draft) -> Draft {
    let rootfs = match draft.rootfs {
        Rootfs::Overlay { lowers, upper, work, .. } => Rootfs::Fuse(FuseOverlay { lowers, upper, work }),
        other => other,
    };
    Draft { rootfs, ..draft }
}

fn failed(reason: impl Into<String>) -> Error {
    Error::Refused { what: "fuse-overlayfs", subject: "mount".to_owned(), reason: reason.into() }
}
