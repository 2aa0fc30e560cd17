//! The driver for ZFS: each snapshot is a dataset, and a draft is a clone of it, whatever its size. Datasets are mounted
//! in one place of the home, and a link leads there from where the tree is expected; what no link leads to any more is
//! destroyed by the next sweep. Knows datasets, not how `zfs` is called.
//!
//! ```text
//! DATASET/rbuild-HASH/NAME        a dataset; HASH is that of the home's path
//! HOME/trees/NAME                 where it is mounted
//! HOME/CHAIN HEX/fs               a link to that
//! HOME/dataset                    a link that says DATASET/rbuild-HASH
//! ```

mod command;
mod orphans;

use super::choose::{Driver, Opened, Traits, Wish};
use super::filesystem;
use super::home::Home;
use super::whole::{BlindSpots, Trees, Whole};
use crate::error::{Error, Result, if_there};
use crate::layer::OpaqueXattr;
use crate::root_dir::RootDir;
use command::{PLACE, zfs};
use rbuild_oci::{Cancel, Digest, Timestamp};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The zfs driver.
pub(super) const DRIVER: Driver =
    Driver { name: NAME, aliases: &[], works: "clones of ZFS datasets work here", open, traits };

const NAME: &str = "zfs";
const TREES: &str = "trees";
/// A link of the home that holds the name of the dataset above all others.
const PARENT: &str = "dataset";

fn open(wish: &Wish<'_>) -> Result<Opened> {
    let home = Home::open(wish.bucket, NAME, wish.id_map)?;
    let dataset = match usable(wish)? {
        Ok(dataset) => dataset,
        Err(reason) => return Ok(Err(reason)),
    };
    let datasets = Datasets::new(&dataset, &home);
    Ok(Ok(Box::new(Whole::new(NAME, home, wish.ownership, datasets))))
}

/// Destroys the datasets of all homes in the bucket that nothing leads to any more.
pub(crate) fn sweep_all(bucket: &Path) -> Result<()> {
    let place = bucket.join(NAME);
    let listed = if_there(std::fs::read_dir(&place)).map_err(Error::io("list", place.display()))?;
    for entry in listed.into_iter().flatten() {
        let id_map = entry.map_err(Error::io("list", place.display()))?.file_name();
        let home = Home::open(bucket, NAME, &id_map.to_string_lossy())?;
        if let Ok(parent) = std::fs::read_link(home.path().join(PARENT)) {
            let datasets = Datasets { parent: parent.to_string_lossy().into_owned(), trees: home.path().join(TREES) };
            orphans::destroy(&datasets, &home)?;
        }
    }
    Ok(())
}

/// The dataset to work in, or why there is none. Changes nothing.
fn usable(wish: &Wish<'_>) -> Result<std::result::Result<String, String>> {
    if wish.marks != OpaqueXattr::Trusted {
        return Ok(Err("only the machine's root can mount datasets".to_owned()));
    }
    let named = wish.dataset.map(str::to_owned);
    let Some(dataset) = named.map_or_else(|| filesystem::dataset_of(wish.bucket), |named| Ok(Some(named)))? else {
        let kind = filesystem::name_of(wish.bucket)?;
        return Ok(Err(format!("the store is on {kind}, and --storage-opt zfs.fsname names no dataset")));
    };
    Ok(match zfs(&["list", "-H", "-t", "filesystem", "-o", "name", &dataset]) {
        Ok(_) => Ok(dataset),
        Err(error) => Err(error.to_string()),
    })
}

fn traits(wish: &Wish<'_>) -> Traits {
    let Ok(Ok(dataset)) = usable(wish) else { return Vec::new() };
    let values = zfs(&["get", "-H", "-o", "value", "used,available,compression", &dataset]).unwrap_or_default();
    let pool = dataset.split('/').next().unwrap_or_default().to_owned();
    let names = ["Space Used By Parent", "Space Available", "Compression"];
    let values = names.into_iter().zip(values.lines().map(str::to_owned));
    [("Zpool", pool), ("Parent Dataset", dataset)].into_iter().chain(values).collect()
}

/// The datasets of one home.
#[derive(Debug)]
struct Datasets {
    /// The dataset above them.
    parent: String,
    /// Where they are mounted.
    trees: PathBuf,
}

impl Datasets {
    fn new(dataset: &str, home: &Home) -> Self {
        let hash = Digest::of(home.path().as_os_str().as_bytes());
        Self { parent: format!("{dataset}/rbuild-{}", hash.short()), trees: home.path().join(TREES) }
    }

    fn dataset(&self, name: &str) -> String {
        format!("{}/{name}", self.parent)
    }

    /// The name of the dataset that a tree is.
    fn name_of(&self, tree: &Path) -> Result<String> {
        let target = std::fs::read_link(tree).map_err(Error::io("read link", tree.display()))?;
        match target.file_name().and_then(|name| name.to_str()) {
            Some(name) if target.parent() == Some(&self.trees) => Ok(name.to_owned()),
            _ => Err(Error::Corrupt {
                what: "snapshot",
                subject: tree.display().to_string(),
                reason: "it leads to no dataset of this store".to_owned(),
            }),
        }
    }

    /// A new name, with a link to where its dataset will be. The link comes first: a dataset without one is swept.
    fn link(&self, path: &Path) -> Result<String> {
        let mut random = [0; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
            .map_err(Error::io("draw a name for", path.display()))?;
        let name = format!("{:016x}", u64::from_ne_bytes(random));
        std::os::unix::fs::symlink(self.trees.join(&name), path).map_err(Error::io("create link", path.display()))?;
        Ok(name)
    }

    /// Options of a new dataset, which is mounted by name only.
    fn options(&self, name: &str, path: &Path) -> [String; 6] {
        let mount = format!("mountpoint={}", self.trees.join(name).display());
        let place = format!("{PLACE}={}", path.parent().unwrap_or(path).display());
        ["-o".to_owned(), "canmount=noauto".to_owned(), "-o".to_owned(), mount, "-o".to_owned(), place]
    }

    fn make_parent(&self) -> Result<()> {
        let link = self.trees.with_file_name(PARENT);
        match rustix::fs::symlink(&self.parent, &link) {
            Err(rustix::io::Errno::EXIST) => {}
            made => made.map_err(Error::io("create link", link.display()))?,
        }
        if zfs(&["list", "-H", &self.parent]).is_ok() {
            return Ok(());
        }
        let plain = ["create", "-o", "canmount=off", "-o", "mountpoint=none"];
        let with_attributes = ["-o", "xattr=sa", "-o", "acltype=posixacl", &self.parent];
        let made = zfs(&[&plain[..], &with_attributes].concat());
        // ZFS without these properties keeps attributes in its own way. Another process may have been faster.
        made.or_else(|_| zfs(&[&plain[..], &[&*self.parent]].concat()))
            .or_else(|_| zfs(&["list", "-H", &self.parent]))
            .map(drop)
    }

    /// Mounts a dataset where it is not mounted yet, by a new boot or by how old `zfs` is.
    fn mount(&self, name: &str) -> Result<()> {
        let device = |path: &Path| std::fs::metadata(path).map(|meta| meta.dev()).ok();
        let is_mounted =
            device(&self.trees.join(name)).is_some_and(|found| device(&self.trees).is_some_and(|home| home != found));
        if is_mounted { Ok(()) } else { zfs(&["mount", &self.dataset(name)]).map(drop) }
    }
}

impl Trees for Datasets {
    fn make(&self, path: &Path) -> Result<()> {
        self.make_parent()?;
        let name = self.link(path)?;
        let options = self.options(&name, path);
        let words: Vec<&str> = ["create"].into_iter().chain(options.iter().map(String::as_str)).collect();
        zfs(&[&words[..], &[&*self.dataset(&name)]].concat())?;
        self.mount(&name)?;
        let root = RootDir::open(path)?;
        root.top().chmod(b".", 0o755)?;
        root.top().set_times(b".", Timestamp::default())
    }

    fn copy(&self, from: &Path, path: &Path, _: &Cancel) -> Result<()> {
        let (source, name) = (self.name_of(from)?, self.link(path)?);
        let snapshot = format!("{}@{name}", self.dataset(&source));
        zfs(&["snapshot", &snapshot])?;
        let options = self.options(&name, path);
        let words: Vec<&str> = ["clone"].into_iter().chain(options.iter().map(String::as_str)).collect();
        let cloned = zfs(&[&words[..], &[&*snapshot, &*self.dataset(&name)]].concat());
        // It goes with its last clone.
        zfs(&["destroy", "-d", &snapshot])?;
        cloned?;
        self.mount(&name)
    }

    fn wake(&self, path: &Path) -> Result<()> {
        self.mount(&self.name_of(path)?)
    }

    /// zfs-fuse, and ZFS of old, stamp no file whose attributes change.
    fn blind_spots(&self) -> BlindSpots {
        BlindSpots::Attributes
    }

    fn sweep(&self, home: &Home) -> Result<()> {
        orphans::destroy(self, home)
    }
}
