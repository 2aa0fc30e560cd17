//! Which boot the machine is in: what of another one was not synced may be torn, and its processes are gone. Knows nothing of
//! what is kept by it.

use crate::error::{Error, Result};
use std::sync::OnceLock;

/// The id of this boot (random(4)), read once in the life of a process.
pub fn boot_id() -> Result<&'static str> {
    const FILE: &str = "/proc/sys/kernel/random/boot_id";
    static ID: OnceLock<String> = OnceLock::new();
    if let Some(id) = ID.get() {
        return Ok(id);
    }
    let text = std::fs::read_to_string(FILE).map_err(Error::io("read", FILE))?;
    Ok(ID.get_or_init(|| text.trim_end().to_owned()))
}
