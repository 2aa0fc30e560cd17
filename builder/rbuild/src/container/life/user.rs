//! Who runs in a container: names are those of the rootfs's own passwd and group, as they are now.

use crate::error::{Error, Result};
use rbuild_runner::users::{Account, find_group, parse_group, parse_passwd, resolve};
use rbuild_store::RootDir;
use std::io::Read;

/// The user that `spec` names, its home, and its groups with those that are added.
pub(crate) fn account(rootfs: &RootDir, spec: &str, added: &[String]) -> Result<Account> {
    let passwd = parse_passwd(&read(rootfs, "etc/passwd")?);
    let group = parse_group(&read(rootfs, "etc/group")?);
    let mut account = resolve(spec.as_bytes(), &passwd, &group)?;
    for name in added {
        account.user.groups.push(find_group(name.as_bytes(), &group)?);
    }
    account.user.groups.sort_unstable();
    account.user.groups.dedup();
    Ok(account)
}

/// A file of the rootfs; empty where there is none.
fn read(rootfs: &RootDir, path: &str) -> Result<Vec<u8>> {
    const MOST: u64 = 16 << 20;
    let file = match rootfs.open_file(path.as_bytes()) {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        other => other?,
    };
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text).map_err(Error::io("read", path))?;
    Ok(text)
}
