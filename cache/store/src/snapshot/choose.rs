//! Which storage driver: the one asked for, else the best that works here. The list of drivers is in this file.

use super::copy::Copy;
use super::overlay::Overlay;
use super::{Snapshotter, probe};
use crate::error::{Error, Result};
use crate::layer::{OpaqueXattr, Ownership};
use std::path::Path;

/// What is asked of a storage driver.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The store's bucket of snapshots.
    pub bucket: &'a Path,
    /// What tells this process's map of ids from others, as in "root" or "subids-100000"; one component.
    pub id_map: &'a str,
    /// The driver by name or alias; none for the best that works.
    pub driver: Option<&'a str>,
    /// Which marks overlayfs may set here: trusted for the machine's root, user in a user namespace.
    pub marks: OpaqueXattr,
    /// Whether owners can be set here.
    pub ownership: Ownership,
}

/// A storage driver and why it is this one.
pub struct Chosen {
    /// The driver.
    pub driver: Box<dyn Snapshotter>,
    /// Its name.
    pub name: &'static str,
    /// A sentence for people.
    pub why: String,
}

/// Chooses a driver. Tries what has to be tried inside the bucket (some 0.1 ms; what it makes there it removes again),
/// and sweeps what killed processes left: so call it only when there is work to do.
///
/// To be called in the namespaces in which the driver will be used.
pub fn choose(wish: Wish<'_>) -> Result<Chosen> {
    let chosen = match wish.driver.map(|name| (name, Name::of(name))) {
        None => best(wish),
        Some((asked, Name::Overlay)) => by_overlay(wish)?.map_err(|reason| refused(asked, reason)),
        Some((asked, Name::Copy)) => by_copy(wish, format!("{asked} was asked for")),
        Some((asked, Name::Refused(reason))) => Err(refused(asked, reason.to_owned())),
    }?;
    chosen.driver.home().sweep()?;
    Ok(chosen)
}

/// Refuses a name that no driver has, and says which there are; tries nothing.
pub fn known_driver(name: &str) -> Result<()> {
    match Name::of(name) {
        Name::Refused(reason) => Err(refused(name, reason.to_owned())),
        Name::Overlay | Name::Copy => Ok(()),
    }
}

enum Name {
    Overlay,
    Copy,
    Refused(&'static str),
}

impl Name {
    fn of(name: &str) -> Self {
        match name {
            "overlay" | "overlay2" | "overlayfs" => Self::Overlay,
            "copy" | "vfs" | "native" => Self::Copy,
            "aufs" => {
                Self::Refused("aufs never was in Linux and is gone from Docker since 24.0: overlay does the same")
            }
            "devicemapper" => {
                Self::Refused("device mapper needs a pool of its own and is gone from Docker since 25.0: use overlay")
            }
            "btrfs" | "zfs" => Self::Refused(
                "there is no driver for its subvolumes; on btrfs, copy shares data between copies by itself",
            ),
            "fuse-overlayfs" => {
                Self::Refused("the kernel's own overlay needs no FUSE; where it is not allowed, use copy")
            }
            _ => Self::Refused("there are overlay (also called overlay2) and copy (also called vfs)"),
        }
    }
}

fn best(wish: Wish<'_>) -> Result<Chosen> {
    match by_overlay(wish)? {
        Ok(chosen) => Ok(chosen),
        Err(reason) => by_copy(wish, reason),
    }
}

/// The overlay driver, or the reason why it does not work.
fn by_overlay(wish: Wish<'_>) -> Result<std::result::Result<Chosen, String>> {
    let driver = Overlay::open(wish.bucket, wish.id_map, wish.marks, wish.ownership)?;
    if let Some(reason) = probe::overlay(driver.home(), wish.marks)? {
        return Ok(Err(reason));
    }
    let why = match wish.driver {
        Some(asked) => format!("{asked} was asked for, and the kernel mounts overlays here"),
        None => "the kernel mounts overlays here".to_owned(),
    };
    Ok(Ok(Chosen { driver: Box::new(driver), name: Overlay::NAME, why }))
}

fn by_copy(wish: Wish<'_>, why: String) -> Result<Chosen> {
    let driver = Copy::open(wish.bucket, wish.id_map, wish.ownership)?;
    Ok(Chosen { driver: Box::new(driver), name: Copy::NAME, why })
}

fn refused(driver: &str, reason: String) -> Error {
    Error::Refused { what: "storage driver", subject: driver.to_owned(), reason }
}

impl std::fmt::Debug for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.why)
    }
}
