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

    /// The refusal of `user[:group]`, one of which is not there, with the nearest that is.
    pub fn refuse(&self, owner: &str) -> Error {
        let (user, group) = owner.split_once(':').unwrap_or((owner, ""));
        let is_user = |entry: &PasswdEntry| entry.name == user.as_bytes() || Some(entry.uid) == user.parse().ok();
        if self.passwd.iter().any(is_user) { self.no_group(group) } else { self.no_user(user) }
    }

    fn no_user(&self, name: &str) -> Error {
        let hint = nearest(name, self.passwd.iter().map(|entry| &entry.name));
        Error::UnknownAccount { what: "user", name: name.to_owned(), file: "/etc/passwd", hint }
    }

    fn no_group(&self, name: &str) -> Error {
        let hint = nearest(name, self.group.iter().map(|entry| &entry.name));
        Error::UnknownAccount { what: "group", name: name.to_owned(), file: "/etc/group", hint }
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
            let entry = accounts.passwd.iter().find(find).ok_or_else(|| accounts.no_user(user))?;
            (entry.uid, entry.gid)
        }
    };
    let gid = match group.parse::<u32>() {
        _ if group.is_empty() => own,
        Ok(gid) => gid,
        Err(_) => {
            let find = |entry: &&GroupEntry| entry.name == group.as_bytes();
            accounts.group.iter().find(find).ok_or_else(|| accounts.no_group(group))?.gid
        }
    };
    Ok(Some((uid, gid)))
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a Vec<u8>>) -> Option<String> {
    let known: Vec<_> = known.map(|name| String::from_utf8_lossy(name)).collect();
    let near = dockerfile_parser::did_you_mean(name, known.iter().map(|name| &**name))?;
    Some(format!("did you mean {near}?"))
}
