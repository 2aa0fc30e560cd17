//! The tests of every storage driver: a history of steps, each done through the kernel, packed, committed and compared
//! with a fresh unpacking. A new driver gets them by one call of `conformance`.

mod deep;
mod disks;
mod drivers;
mod keeping;
mod marks;
mod namespaces;
mod siblings;
mod speed;
mod steps;
mod tree;

use super::{Changes, Draft, LayerSource, Place, Rootfs, Snapshotter, StackLayer, pack, view};
use crate::error::{Error, Result};
use crate::layer::{Entry, LayerIndex, LayerWriter, Node, Packed, Tarball};
use crate::root_dir::RootDir;
use rbuild_oci::{Cancel, ChainId, DiffId};
use rustix::fd::{AsRawFd, OwnedFd};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use steps::{STEPS, Step};

/// Times of the steps' files become this.
pub(super) const EPOCH: i64 = 1_000_000_000;

/// Tarballs in memory, with their indexes.
#[derive(Default)]
pub(super) struct Layers(Mutex<BTreeMap<DiffId, (Vec<u8>, LayerIndex)>>);

impl LayerSource for Layers {
    fn open(&self, layer: &DiffId) -> Result<(Box<dyn Tarball>, LayerIndex)> {
        let known = self.0.lock().unwrap();
        let missing = || Error::Missing { what: "layer", subject: layer.to_string() };
        let (tarball, index) = known.get(layer).ok_or_else(missing)?.clone();
        Ok((Box::new(tarball), index))
    }

    fn index_here(&self, layer: &DiffId) -> Result<Option<LayerIndex>> {
        Ok(self.0.lock().unwrap().get(layer).map(|(_, index)| index.clone()))
    }
}

/// A driver with a stack that grows.
pub(super) struct Build<'a> {
    pub(super) driver: &'a dyn Snapshotter,
    pub(super) layers: &'a Layers,
    pub(super) stack: Vec<StackLayer>,
    pub(super) clamp: Option<i64>,
}

/// A place where a step works: the root directory as the step sees it.
pub(super) struct World {
    pub(super) root: RootDir,
    /// A path to it, for what `RootDir` does not do.
    pub(super) path: PathBuf,
    /// Whether owners can be changed.
    pub(super) has_owners: bool,
    /// Whether devices can be made.
    pub(super) has_devices: bool,
    _mount: Option<OwnedFd>,
}

impl<'a> Build<'a> {
    pub(super) fn new(driver: &'a dyn Snapshotter, layers: &'a Layers, clamp: Option<i64>) -> Self {
        Self { driver, layers, stack: Vec::new(), clamp }
    }

    /// Does a step, commits it, and says what it changed.
    pub(super) fn step(&mut self, act: impl FnOnce(&World)) -> Changes {
        let cancel = Cancel::default();
        self.driver.ensure(&self.stack, self.layers, &cancel).unwrap();
        let draft = self.driver.prepare(&self.stack, Place::Temporary, &cancel).unwrap();
        act(&World::enter(draft.rootfs()));
        let changes = self.driver.changes(&draft, &view(&self.stack), &cancel).unwrap();
        if !changes.entries.is_empty() {
            self.push(draft, changes.entries.clone());
        }
        changes
    }

    fn push(&mut self, draft: Draft, entries: Vec<Entry>) {
        let writer = LayerWriter::new(Vec::new(), self.clamp, Cancel::default());
        let Packed { out, diff_id: diff, index, .. } = pack(&draft, entries, writer).unwrap();
        self.layers.0.lock().unwrap().insert(diff, (out, index.clone()));
        let chain = ChainId::extend(self.stack.last().map(|layer| &layer.chain), &diff);
        self.driver.commit(draft, &chain, &index).unwrap();
        self.stack.push(StackLayer { chain, diff, index: Arc::new(index) });
    }

    /// What the topmost snapshot looks like on disk.
    pub(super) fn snapshot(&self) -> Vec<String> {
        let top = self.stack.last().unwrap();
        tree::dump(&RootDir::open(&self.driver.home().files(&top.chain)).unwrap())
    }
}

impl World {
    pub(super) fn enter(rootfs: &Rootfs) -> Self {
        let (path, mount) = match rootfs {
            Rootfs::Directory(path) => (path.clone(), None),
            Rootfs::Overlay { lowers, upper, work, userxattr } => {
                let mount = mount(lowers, upper, work, *userxattr);
                (by_descriptor(&mount), Some(mount))
            }
            Rootfs::Fuse(overlay) => {
                let mount = overlay.mount().unwrap();
                (by_descriptor(&mount), Some(mount))
            }
        };
        let has_owners = namespaces::ids() > 1;
        let has_devices = namespaces::is_machine_root();
        Self { root: RootDir::open(&path).unwrap(), path, has_owners, has_devices, _mount: mount }
    }
}

fn by_descriptor(mount: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", mount.as_raw_fd()))
}

/// A mount that is attached nowhere, made as a runner makes it.
fn mount(lowers: &[PathBuf], upper: &Path, work: &Path, userxattr: bool) -> OwnedFd {
    use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag};
    use rustix::mount::{fsconfig_set_string, fsmount, fsopen};
    let overlay = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).unwrap();
    for lower in lowers {
        fsconfig_set_string(&overlay, "lowerdir+", lower.as_path()).expect("lowerdir+ needs Linux 6.8");
    }
    fsconfig_set_string(&overlay, "upperdir", upper).unwrap();
    fsconfig_set_string(&overlay, "workdir", work).unwrap();
    for (option, value) in [("redirect_dir", "nofollow"), ("metacopy", "off"), ("index", "off"), ("xino", "off")] {
        fsconfig_set_string(&overlay, option, value).unwrap();
    }
    if userxattr {
        fsconfig_set_flag(&overlay, "userxattr").unwrap();
    }
    fsconfig_set_flag(&overlay, "volatile").unwrap();
    fsconfig_create(&overlay).unwrap();
    fsmount(&overlay, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty()).unwrap()
}

/// What every driver must do. `fresh` is the same driver in another place. Gives the layers, for comparison between
/// drivers.
pub(super) fn conformance(driver: &dyn Snapshotter, fresh: &dyn Snapshotter) -> Vec<(&'static str, DiffId)> {
    history(driver, fresh, None);
    history(driver, fresh, Some(EPOCH))
}

fn history(driver: &dyn Snapshotter, fresh: &dyn Snapshotter, clamp: Option<i64>) -> Vec<(&'static str, DiffId)> {
    let layers = Layers::default();
    let mut build = Build::new(driver, &layers, clamp);
    let mut made = Vec::new();
    for Step { name, act, changes } in STEPS {
        let height = build.stack.len();
        let found = words(&build.step(act).entries);
        let expected = changes(namespaces::ids() > 1, namespaces::is_machine_root());
        if let (Some(_), Some(expected)) = (clamp, expected.filter(|_| !is_excused(driver, name))) {
            assert_eq!(found, expected, "step {name}");
        }
        if build.stack.len() > height {
            fresh.ensure(&build.stack, &layers, &Cancel::default()).unwrap();
            let unpacked = Build { driver: fresh, layers: &layers, stack: build.stack.clone(), clamp };
            tree::assert_same(&build.snapshot(), &unpacked.snapshot(), name);
            made.extend(build.stack.last().map(|layer| (*name, layer.diff)));
        }
    }
    made
}

/// fuse-overlayfs gives a directory a new time when a file of a lower layer in it is first written to.
fn is_excused(driver: &dyn Snapshotter, step: &str) -> bool {
    step == "copied up, not changed" && driver.home().path().ends_with("fuse-overlayfs/test")
}

/// Entries as words: `d/` a directory, `d/=` an opaque one, `-f` a whiteout, `l>f` a hard link.
pub(super) fn words(entries: &[Entry]) -> String {
    let word = |entry: &Entry| {
        let path = String::from_utf8_lossy(&entry.path).into_owned();
        match &entry.node {
            Node::Directory { opaque: true, .. } => format!("{path}/="),
            Node::Directory { .. } => format!("{path}/"),
            Node::HardLink { target } => format!("{path}>{}", String::from_utf8_lossy(target)),
            Node::Whiteout => format!("-{path}"),
            _ => path,
        }
    };
    entries.iter().map(word).collect::<Vec<_>>().join(" ")
}
