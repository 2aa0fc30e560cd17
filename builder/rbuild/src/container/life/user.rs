//! Who runs in a container: names are those of the rootfs's own passwd and group, as they are now.

use crate::error::{Error, Result};
use rbuild_runner::users::{Account, find_group, parse_group, parse_passwd, resolve};
use rbuild_store::RootDir;
use std::io::Read;

/// As much as is read of a list of accounts, in bytes.
pub(crate) const MOST: u64 = 16 << 20;

/// The user that `spec` names, its home, and its groups with those that are added; `read` gives a file of /etc, empty
/// where there is none.
pub(crate) fn account(read: &dyn Fn(&str) -> Result<Vec<u8>>, spec: &str, added: &[String]) -> Result<Account> {
    let passwd = parse_passwd(&read("passwd")?);
    let group = parse_group(&read("group")?);
    let mut account = resolve(spec.as_bytes(), &passwd, &group)?;
    for name in added {
        account.user.groups.push(find_group(name.as_bytes(), &group)?);
    }
    account.user.groups.sort_unstable();
    account.user.groups.dedup();
    Ok(account)
}

/// A file of /etc in a rootfs; empty where there is none.
pub(crate) fn read(rootfs: &RootDir, name: &str) -> Result<Vec<u8>> {
    let path = format!("etc/{name}");
    let file = match rootfs.open_file(path.as_bytes()) {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        other => other?,
    };
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text).map_err(Error::io("read", path))?;
    Ok(text)
}
