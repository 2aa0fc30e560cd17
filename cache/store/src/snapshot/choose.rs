//! Which storage driver: the one asked for, else the best that works here. The list of drivers is in this file.

use super::{Snapshotter, btrfs, copy, filesystem, fuse, overlay, reflink, zfs};
use crate::error::{Error, Result};
use crate::layer::{OpaqueXattr, Ownership};
use std::path::Path;

/// The drivers, best first. The one behind copying, which always works, has to be asked for: its program mixes up the
/// names of a file that has several.
pub(super) const DRIVERS: [Driver; 6] =
    [overlay::DRIVER, btrfs::DRIVER, zfs::DRIVER, reflink::DRIVER, copy::DRIVER, fuse::DRIVER];

/// Names of drivers that docker had, and what does their work.
const GONE: [(&str, &str); 5] = [
    ("aufs", "aufs never was in Linux and is gone from Docker since 24.0: overlay does the same"),
    (
        "devicemapper",
        "device mapper needs a pool of its own and is gone from Docker since 25.0: overlay works on any disk, and reflink \
         shares blocks on XFS and btrfs as its thin snapshots did",
    ),
    ("stargz", "layers are fetched whole: use overlay"),
    ("windowsfilter", "it is for containers of Windows: use overlay"),
    ("lcow", "it is for Linux containers on Windows and is gone from Docker since 23.0: use overlay"),
];

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
    /// The dataset below which zfs keeps snapshots; none for the one that the store is in.
    pub dataset: Option<&'a str>,
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

/// A driver as the list knows it.
pub(super) struct Driver {
    /// Its name, also that of its directory.
    pub(super) name: &'static str,
    /// Names of other programs' drivers that do the same.
    pub(super) aliases: &'static [&'static str],
    /// What is true where it works.
    pub(super) works: &'static str,
    /// Opens it. Tries what has to be tried inside the bucket, and leaves nothing there.
    pub(super) open: fn(&Wish<'_>) -> Result<Opened>,
    /// What is worth telling of it, in docker's words where docker has some.
    pub(super) traits: fn(&Wish<'_>) -> Traits,
}

/// Names and values.
pub(super) type Traits = Vec<(&'static str, String)>;

/// A driver, or why it does not work here.
pub(super) type Opened = std::result::Result<Box<dyn Snapshotter>, String>;

/// Chooses a driver. Tries what has to be tried inside the bucket (some 0.1 ms where overlay works; what it makes there
/// it removes again), and sweeps what killed processes left: so call it only when there is work to do.
///
/// To be called in the namespaces in which the driver will be used.
pub fn choose(wish: Wish<'_>) -> Result<Chosen> {
    let chosen = match wish.driver {
        None => best(&wish),
        Some(asked) => by_name(&wish, asked),
    }?;
    chosen.driver.sweep()?;
    Ok(chosen)
}

/// Refuses a name that no driver has, and says which there are; tries nothing.
pub fn known_driver(name: &str) -> Result<()> {
    find(name).map(drop)
}

/// What is worth telling of a driver and its place, as pairs of a name and a value: docker's lines first, then why each
/// of the others is not the one. Tries them all.
pub fn describe(wish: Wish<'_>, chosen: &Chosen) -> Result<Vec<(String, String)>> {
    let kind = filesystem::name_of(wish.bucket)?;
    let mut lines = vec![
        ("Backing Filesystem".to_owned(), kind),
        ("Supports d_type".to_owned(), filesystem::tells_types(wish.bucket)?.to_string()),
    ];
    for driver in DRIVERS.iter().filter(|driver| driver.name == chosen.name) {
        lines.extend((driver.traits)(&wish).into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
    lines.push(("Chosen because".to_owned(), chosen.why.clone()));
    for driver in DRIVERS.iter().filter(|driver| driver.name != chosen.name) {
        let why_not = match (driver.open)(&wish)? {
            Ok(_) => format!("{}, but {} was taken", driver.works, chosen.name),
            Err(reason) => reason,
        };
        lines.push((format!("Not {}", driver.name), why_not));
    }
    Ok(lines)
}

fn best(wish: &Wish<'_>) -> Result<Chosen> {
    let mut reasons = Vec::new();
    for driver in &DRIVERS {
        match (driver.open)(wish)? {
            Ok(opened) => {
                let why = [vec![driver.works.to_owned()], reasons].concat().join("; ");
                return Ok(Chosen { driver: opened, name: driver.name, why });
            }
            Err(reason) => reasons.push(format!("{} does not work: {reason}", driver.name)),
        }
    }
    Err(refused("of any kind", reasons.join("; ")))
}

fn by_name(wish: &Wish<'_>, asked: &str) -> Result<Chosen> {
    let driver = find(asked)?;
    let opened = (driver.open)(wish)?.map_err(|reason| refused(asked, reason))?;
    let why = format!("{asked} was asked for, and {}", driver.works);
    Ok(Chosen { driver: opened, name: driver.name, why })
}

fn find(name: &str) -> Result<&'static Driver> {
    const ALL: &[Driver] = &DRIVERS;
    if let Some(driver) = ALL.iter().find(|driver| driver.name == name || driver.aliases.contains(&name)) {
        return Ok(driver);
    }
    let gone = GONE.iter().find(|(gone, _)| *gone == name);
    Err(refused(name, gone.map_or_else(|| format!("there are {}", names()), |(_, reason)| (*reason).to_owned())))
}

/// All names: "overlay (also called overlay2), btrfs …".
fn names() -> String {
    let name = |driver: &Driver| match driver.aliases {
        [] => driver.name.to_owned(),
        aliases => format!("{} (also called {})", driver.name, aliases.join(", ")),
    };
    DRIVERS.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn refused(driver: &str, reason: String) -> Error {
    Error::Refused { what: "storage driver", subject: driver.to_owned(), reason }
}

impl std::fmt::Debug for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.why)
    }
}
