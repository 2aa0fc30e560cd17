//! Whose files are: `user[:group]` by name or number, names from the image's own passwd and group. Opens no file.

use crate::error::{Error, Result};
use rbuild_runner::users::{GroupEntry, PasswdEntry, parse_group, parse_passwd};
use rbuild_store::layer::View;

/// The accounts of an image.
#[derive(Debug, Default)]
pub struct Accounts {
    /// Users.
    pub passwd: Vec<PasswdEntry>,
    /// Groups.
    pub group: Vec<GroupEntry>,
}

impl Accounts {
    /// The accounts of a stack; none where it has no such files.
    pub fn of(view: &View) -> Self {
        let read = |path: &[u8]| view.read_small(path).unwrap_or_default();
        Self { passwd: parse_passwd(read(b"etc/passwd")), group: parse_group(read(b"etc/group")) }
    }
}

/// The ids of an owner as `--chown` writes it; a user without a group has the group of the same number, or of its
/// passwd entry where it is named. None for no owner.
pub fn resolve(owner: Option<&str>, view: &View) -> Result<Option<(u32, u32)>> {
    let Some(text) = owner.filter(|text| !text.is_empty()) else { return Ok(None) };
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    let accounts = Accounts::of(view);
    let (uid, own) = match user.parse::<u32>() {
        _ if user.is_empty() => (0, 0),
        Ok(uid) => (uid, uid),
        Err(_) => {
            let find = |entry: &&PasswdEntry| entry.name == user.as_bytes();
            let entry = accounts.passwd.iter().find(find).ok_or_else(|| unknown("user", user, "passwd"))?;
            (entry.uid, entry.gid)
        }
    };
    let gid = match group.parse::<u32>() {
        _ if group.is_empty() => own,
        Ok(gid) => gid,
        Err(_) => {
            let find = |entry: &&GroupEntry| entry.name == group.as_bytes();
            accounts.group.iter().find(find).ok_or_else(|| unknown("group", group, "group"))?.gid
        }
    };
    Ok(Some((uid, gid)))
}

fn unknown(what: &str, name: &str, file: &str) -> Error {
    Error::Step(format!("unable to find {what} {name:?}: no such entry in /etc/{file} of the image"))
}
