//! Which driver writes a kept place, written down beside it: no other one could read what is there. Knows no driver.

use super::workspace::FILES;
use crate::error::{Error, Result};
use crate::root_dir::RootDir;
use std::io::{Read, Write};
use std::path::Path;

const DRIVER: &[u8] = b"driver";
const NEW: &[u8] = b"driver.new";
const LONGEST: u64 = 64;

/// The name of the driver that a kept place belongs to; none while nothing was prepared there.
pub fn kept_by(place: &Path) -> Result<Option<String>> {
    driver_of(&RootDir::open(place)?)
}

/// Takes the place for a driver, or refuses it if it is another's.
pub(super) fn claim(root: &RootDir, place: &Path, driver: &str) -> Result<()> {
    check(root, place, driver)?;
    if root.stat(DRIVER).is_err() {
        root.remove_tree(NEW)?;
        let mark = root.create_file(NEW, 0o600)?.write_all(driver.as_bytes());
        mark.map_err(Error::io("write", place.display()))?;
        root.rename(NEW, DRIVER)?;
    }
    Ok(())
}

/// Refuses the place if it is another driver's.
pub(super) fn check(root: &RootDir, place: &Path, driver: &str) -> Result<()> {
    if let Some(owner) = driver_of(root)?.filter(|owner| owner != driver) {
        let reason =
            format!("the storage driver {owner} keeps it, and {driver} cannot read that: use --storage-driver {owner}");
        return Err(Error::Refused { what: "container layer", subject: place.display().to_string(), reason });
    }
    Ok(())
}

fn driver_of(root: &RootDir) -> Result<Option<String>> {
    let file = match root.open_file(DRIVER) {
        Err(error) if error.is_not_found() => return Ok(of_the_first_days(root)),
        file => file?,
    };
    let mut name = String::new();
    file.take(LONGEST).read_to_string(&mut name).map_err(Error::io("read", "the name of a storage driver"))?;
    Ok(Some(name))
}

/// Places were not marked while there were two drivers; one of them makes a directory to work in.
fn of_the_first_days(root: &RootDir) -> Option<String> {
    root.stat(FILES.as_bytes()).ok()?;
    let driver = if root.stat(b"work").is_ok() { "overlay" } else { "copy" };
    Some(driver.to_owned())
}
