//! Where everything lies: a store is a directory that is an OCI image layout and holds further buckets beside it, each
//! with a version in its name.
//!
//! ```text
//! ROOT/oci-layout, index.json, blobs/sha256/<digest>    what other tools read
//!      refs.v1/<registry>/<repository>/:<tag>           tags: the truth behind index.json
//!      index.v1/<diff id>                               layer indexes
//!      encoded.v1/<diff id>.<encoding>                  layers as they were compressed for push or export
//!      encoded.v1/<diff id>.origin.json                 the blob that a layer from elsewhere came in
//!      encoded.v1/<diff id>.far.json                    where a layer is that may not be here
//!      snapshots.v1/<driver>/<id map>/<chain id>        unpacked layers
//!      records.v1, steps.v1, files.v1, git.v1           build cache and what was before, stat caches, repositories
//!      mounts.v1/<name>, <name>.lock, <name>.note       cache mounts, who uses them, what they were when they travelled
//!      builds.v1, containers.v1, volumes.v1             logs and state, containers, named volumes
//!      leases.v1, tmp.v1                                who is at work; what is not finished
//! ```
//!
//! An entry of blobs, index, encoded or snapshots begins with the 64 hexadecimal characters of the digest it lives
//! for. What stays how long (removal is [`crate::Sweep`]'s, and happens when somebody prunes, when an image is removed, and
//! after a build that had work to do, once the build cache is larger than it may be: then what was used longest ago goes):
//!
//! | | |
//! |---|---|
//! | refs, containers, volumes | user data: until the user removes it |
//! | blobs, index, encoded, snapshots | as long as an image or a container needs the digest; else it is build cache (base images and layers of other stages, downloads), which goes 30 days after a build that had work to do last used it, or sooner |
//! | records | build cache: as long as what they lead to is here |
//! | git, files, steps, builds | build cache: 30 days after they were last used, or written, or sooner |
//! | states of failed steps in builds | the five youngest, for seven days at most; what they need stays as long |
//! | mounts | build cache: until it is larger than it may be, or somebody prunes it |
//! | leases, tmp | as long as their process lives |
//!
//! Knows no bucket's content.

use crate::beside::Helpers;
use crate::error::{Error, Result};
use crate::far::{Bring, Distance};
use crate::lease::Lease;
use crate::root_dir::{Meta, RootDir};
use crate::tmp::{TmpDir, TmpFile};
use rbuild_oci::{ChainId, DiffId, Digest};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// For how long the state of a failed step is kept, in seconds.
pub const FAILED_AGE: i64 = 7 * 86_400;
/// How many states of failed steps are kept.
pub const FAILED_MOST: usize = 5;

/// A part of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    /// Tags.
    Refs,
    /// Layer indexes.
    Index,
    /// Compressed layers.
    Encoded,
    /// Unpacked layers.
    Snapshots,
    /// Records of the build cache.
    Records,
    /// The latest results of steps by what those are called.
    Steps,
    /// Stat caches of contexts.
    Files,
    /// Cache mounts.
    Mounts,
    /// Git repositories.
    Git,
    /// Logs and state of builds.
    Builds,
    /// Containers of `rbuild run`.
    Containers,
    /// Named volumes.
    Volumes,
    /// Who is at work.
    Leases,
    /// What is not finished yet, and what is on its way out.
    Tmp,
}

impl Bucket {
    /// All buckets.
    pub const ALL: [Self; 14] = [
        Self::Refs,
        Self::Index,
        Self::Encoded,
        Self::Snapshots,
        Self::Records,
        Self::Steps,
        Self::Files,
        Self::Mounts,
        Self::Git,
        Self::Builds,
        Self::Containers,
        Self::Volumes,
        Self::Leases,
        Self::Tmp,
    ];

    /// The name of its directory, version and all: `refs.v1`. A change of its format is a new version.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refs => "refs.v1",
            Self::Index => "index.v1",
            Self::Encoded => "encoded.v1",
            Self::Snapshots => "snapshots.v1",
            Self::Records => "records.v1",
            Self::Steps => "steps.v1",
            Self::Files => "files.v1",
            Self::Mounts => "mounts.v1",
            Self::Git => "git.v1",
            Self::Builds => "builds.v1",
            Self::Containers => "containers.v1",
            Self::Volumes => "volumes.v1",
            Self::Leases => "leases.v1",
            Self::Tmp => "tmp.v1",
        }
    }

    /// Whether it holds what the user made and cannot be made again.
    pub const fn is_user_data(self) -> bool {
        matches!(self, Self::Refs | Self::Volumes | Self::Containers)
    }
}

/// An open store; clones are cheap and share one lease. Any number of processes may use one store at once.
#[derive(Clone, Debug)]
pub struct Store {
    root: Arc<Path>,
    pub(crate) lease: Arc<Lease>,
    /// Held while a layer is compressed, which takes all processors and its share of memory.
    pub(crate) compressing: Arc<Mutex<()>>,
    pub(crate) helpers: Arc<Helpers>,
    /// How the compressed layers look that this process made.
    pub(crate) made: Arc<Mutex<BTreeMap<PathBuf, Meta>>>,
    /// What brings layers that are not here; none where nobody does.
    pub(crate) bring: Option<Arc<dyn Bring>>,
    pub(crate) distance: Arc<Distance>,
}

impl Store {
    /// Opens the store at `root`, making it (mode 0700) if there is none. Opening one that is complete writes nothing.
    /// Refused untouched: a directory of something else, the image layout of another tool, and a store with user data
    /// of a newer version than this one knows.
    pub fn open(root: &Path) -> Result<Self> {
        let root = std::path::absolute(root).map_err(Error::io("find", root.display()))?;
        let (lease, compressing, helpers, made, distance) = Default::default();
        let store = Self { root: root.into(), lease, compressing, helpers, made, bring: None, distance };
        let present = match names(&store.root) {
            Err(error) if error.is_not_found() => BTreeSet::new(),
            other => other?,
        };
        store.refuse_newer(&present)?;
        if present.contains(LAYOUT) {
            store.check_layout(&present)?;
        } else {
            store.refuse_foreign(&present)?;
        }
        store.complete(&present)?;
        Ok(store)
    }

    /// This store as one who relies on nothing sees it: what is looked up through it is not kept for that, and nothing
    /// comes here for it.
    #[must_use]
    pub fn onlooker(&self) -> Self {
        Self { lease: Arc::default(), bring: None, ..self.clone() }
    }

    /// This store for its helpers, which do not wait for each other.
    pub(crate) fn without_helpers(&self) -> Self {
        Self { helpers: Arc::default(), ..self.clone() }
    }

    /// The directory of the whole store, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of a bucket.
    pub fn dir(&self, bucket: Bucket) -> PathBuf {
        self.root.join(bucket.name())
    }

    /// The directory of all blobs.
    pub fn blobs(&self) -> PathBuf {
        self.root.join(BLOBS)
    }

    /// Where the blob of that digest is, or would be.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join(BLOBS).join(digest.hex())
    }

    /// Where the index of a layer is, or would be.
    pub fn layer_index_path(&self, layer: &DiffId) -> PathBuf {
        self.dir(Bucket::Index).join(layer.hex())
    }

    /// Where a compressed form of a layer is, or would be; `encoding` tells codec, level and library version apart and
    /// has no `/`.
    pub fn encoded_path(&self, layer: &DiffId, encoding: &str) -> PathBuf {
        self.dir(Bucket::Encoded).join(format!("{}.{encoding}", layer.hex()))
    }

    /// The directory of the snapshots that a storage driver made under one id mapping; neither name has a `/`.
    pub fn snapshots(&self, driver: &str, id_map: &str) -> PathBuf {
        self.dir(Bucket::Snapshots).join(driver).join(id_map)
    }

    /// Where the snapshot of a stack of layers is, or would be.
    pub fn snapshot_path(&self, driver: &str, id_map: &str, chain: &ChainId) -> PathBuf {
        self.snapshots(driver, id_map).join(chain.hex())
    }

    /// A new empty file in tmp; it is gone when dropped, unless it was moved to its place.
    pub fn tmp_file(&self) -> Result<TmpFile> {
        self.hold()?;
        TmpFile::new(&self.dir(Bucket::Tmp))
    }

    /// A new empty directory in tmp (mode 0700); it is gone when dropped, unless it was moved to its place.
    pub fn tmp_dir(&self) -> Result<TmpDir> {
        self.hold()?;
        TmpDir::new(&self.dir(Bucket::Tmp))
    }

    /// Moves a directory of the store to tmp; it is gone when what is returned is dropped.
    pub fn discard(&self, path: &Path) -> Result<TmpDir> {
        self.hold()?;
        TmpDir::of(&self.dir(Bucket::Tmp), path)
    }

    fn refuse_newer(&self, present: &BTreeSet<String>) -> Result<()> {
        for bucket in Bucket::ALL.into_iter().filter(|bucket| bucket.is_user_data()) {
            let newer = present.iter().find(|name| is_newer(name, bucket.name()));
            if let Some(found) = newer.cloned() {
                let subject = self.root.display().to_string();
                return Err(Error::Newer { subject, found, known: bucket.name() });
            }
        }
        Ok(())
    }

    fn refuse_foreign(&self, present: &BTreeSet<String>) -> Result<()> {
        let ours = |name: &str| {
            name.starts_with('.') || [INDEX, "blobs", "lost+found"].contains(&name) || bucket_named(name).is_some()
        };
        match present.iter().find(|name| !ours(name)) {
            None => Ok(()),
            Some(name) => Err(self.refused(format!("it holds {name} and is no store: give an empty or new directory"))),
        }
    }

    fn check_layout(&self, present: &BTreeSet<String>) -> Result<()> {
        let path = self.root.join(LAYOUT);
        let bytes = fs::read(&path).map_err(Error::io("read", path.display()))?;
        let version = serde_json::from_slice::<serde_json::Value>(&bytes)
            .ok()
            .and_then(|layout| Some(layout.get("imageLayoutVersion")?.as_str()?.to_owned()));
        match version {
            Some(version) if version.starts_with("1.") => {}
            Some(version) => return Err(self.refused(format!("its image layout has the unknown version {version}"))),
            None => return Err(self.refused("its oci-layout names no version".to_owned())),
        }
        let other_tool = !present.contains(Bucket::Refs.name()) && !self.index_is_empty();
        if other_tool {
            return Err(self.refused(
                "it is the image layout of another tool: give another directory, and `rbuild load` its images"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    fn index_is_empty(&self) -> bool {
        let Ok(bytes) = fs::read(self.root.join(INDEX)) else { return true };
        rbuild_oci::Index::from_json(&bytes).is_ok_and(|index| index.manifests.is_empty())
    }

    fn refused(&self, reason: String) -> Error {
        Error::Refused { what: "store", subject: self.root.display().to_string(), reason }
    }

    /// Makes what is missing, also where its first maker was killed half-way. The layout file comes first: who sees it without a bucket knows that a store is being
    /// made, here or by another process.
    fn complete(&self, present: &BTreeSet<String>) -> Result<()> {
        if present.is_empty() {
            make_dirs(&self.root, 0o700)?;
        }
        let tmp = self.dir(Bucket::Tmp);
        for (name, text) in [(LAYOUT, r#"{"imageLayoutVersion":"1.0.0"}"#), (INDEX, EMPTY_INDEX)] {
            if !present.contains(name) {
                make_dirs(&tmp, 0o755)?;
                TmpFile::new(&tmp)?.filled(text.as_bytes())?.persist_new(&self.root.join(name))?;
            }
        }
        // Who made the store may have been killed between one directory and the next.
        if !self.blobs().is_dir() {
            make_dirs(&self.blobs(), 0o755)?;
        }
        for bucket in Bucket::ALL.into_iter().filter(|bucket| !present.contains(bucket.name())) {
            make_dirs(&self.dir(bucket), 0o755)?;
        }
        Ok(())
    }
}

const LAYOUT: &str = "oci-layout";
pub(crate) const INDEX: &str = "index.json";
const BLOBS: &str = "blobs/sha256";
const EMPTY_INDEX: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// The file in a bucket that those who change it lock.
pub(crate) const LOCK: &str = ".lock";

fn names(dir: &Path) -> Result<BTreeSet<String>> {
    let entries = RootDir::list_at(dir)?;
    Ok(entries.iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned()).collect())
}

pub(crate) fn make_dirs(path: &Path, mode: u32) -> Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(Error::io("create directory", path.display()))
}

fn bucket_named(name: &str) -> Option<Bucket> {
    let stem = name.split_once(".v")?.0;
    Bucket::ALL.into_iter().find(|bucket| bucket.name().split_once(".v").is_some_and(|(own, _)| own == stem))
}

/// Whether `name` is the bucket `known` in a later version.
fn is_newer(name: &str, known: &str) -> bool {
    let (Some((stem, version)), Some((own, ours))) = (name.split_once(".v"), known.split_once(".v")) else {
        return false;
    };
    let number = |text: &str| text.parse::<u32>().ok();
    stem == own && number(version).is_some_and(|version| Some(version) > number(ours))
}
