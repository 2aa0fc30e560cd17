//! The driver for btrfs: each snapshot is a subvolume, and a draft begins as a snapshot of it, whatever its size. Knows
//! no mount. A subvolume is removed as a whole; where that is not allowed, as a directory is.

use super::choose::{Driver, Opened, Wish};
use super::clone::{Data, clone_tree_as};
use super::filesystem;
use super::home::Home;
use super::whole::{Trees, Whole};
use crate::error::{Error, Result};
use crate::layer::{LayerIndex, split_path};
use crate::root_dir::{BTRFS, Dir, RootDir, may_be_subvolume};
use rbuild_oci::{Cancel, Timestamp};
use std::path::Path;

/// The btrfs driver.
pub(super) const DRIVER: Driver =
    Driver { name: NAME, aliases: &[], works: "snapshots of subvolumes work here", open, traits: |_| Vec::new() };

const NAME: &str = "btrfs";

fn open(wish: &Wish<'_>) -> Result<Opened> {
    let home = Home::open(wish.bucket, NAME, wish.id_map)?;
    if filesystem::magic(wish.bucket)? != BTRFS {
        return Ok(Err(format!("the store is on {}", filesystem::name_of(wish.bucket)?)));
    }
    if let Some(reason) = probe(&home)? {
        return Ok(Err(reason));
    }
    Ok(Ok(Box::new(Whole::new(NAME, home, wish.ownership, Subvolumes))))
}

/// Why subvolumes are of no use here. Makes and removes some in the home.
fn probe(home: &Home) -> Result<Option<String>> {
    let workspace = home.bare_workspace()?;
    let root = RootDir::open(workspace.path())?;
    let top = root.top();
    let tried = || {
        top.create_subvolume(b"one")?;
        top.snapshot_subvolume(&top.open_dir(b"one")?, b"two")
    };
    if let Err(error) = tried() {
        return Ok(Some(format!("subvolumes cannot be made here: {error}")));
    }
    Ok(top.destroy_subvolume(b"two").err().map(|error| {
        format!("subvolumes cannot be removed here unless btrfs is mounted with user_subvol_rm_allowed: {error}")
    }))
}

#[derive(Debug)]
struct Subvolumes;

impl Trees for Subvolumes {
    fn make(&self, path: &Path) -> Result<()> {
        let (parent, name) = split(path)?;
        parent.top().create_subvolume(name)?;
        parent.chmod(name, 0o755)?;
        parent.set_times(name, Timestamp::default())
    }

    fn copy(&self, from: &Path, path: &Path, cancel: &Cancel) -> Result<()> {
        let (source, (parent, name)) = (RootDir::open(from)?, split(path)?);
        if may_be_subvolume(&source.top().stat(b".")?) {
            return parent.top().snapshot_subvolume(source.top(), name);
        }
        // The store was copied here by other means, which do not know subvolumes.
        self.make(path)?;
        clone_tree_as(Data::Any, &source, &RootDir::open(path)?, cancel)
    }

    /// A snapshot of the tree would show the subvolumes in it as empty.
    fn plain(&self, root: &RootDir, layer: &LayerIndex) -> Result<()> {
        let directories = layer.entries().iter().filter(|entry| entry.node.is_directory() && !entry.path.is_empty());
        for entry in directories {
            let (parent, name) = split_path(&entry.path);
            let parent = root.open_dir(parent)?;
            if may_be_subvolume(&parent.stat(name)?) {
                flatten(&parent, name)?;
            }
        }
        Ok(())
    }
}

/// Puts a directory with the same in it in the place of a subvolume.
fn flatten(parent: &Dir, name: &[u8]) -> Result<()> {
    /// Nothing that a layer holds is called like this.
    const ASIDE: &[u8] = b".wh..rbuild";
    parent.rename(name, parent, ASIDE)?;
    parent.mkdir(name, 0o700)?;
    let root = |name| Ok::<_, Error>(RootDir::of(parent.open_dir(name)?));
    clone_tree_as(Data::Any, &root(ASIDE)?, &root(name)?, &Cancel::default())?;
    parent.remove_tree(ASIDE)
}

fn split(path: &Path) -> Result<(RootDir, &[u8])> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::io("make a subvolume at", path.display())(rustix::io::Errno::INVAL));
    };
    Ok((RootDir::open(parent)?, name.as_encoded_bytes()))
}
