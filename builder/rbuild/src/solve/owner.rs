//! Whose files are: `user[:group]` by name or number, names from the image's own passwd and group, wherever links lead to
//! them. Knows no instruction.

use super::Work;
use crate::error::{Error, Result};
use crate::stack::Stack;
use rbuild_runner::users::{GroupEntry, PasswdEntry, parse_group, parse_passwd};
use rbuild_store::Store;
use rbuild_store::layer::{Follow, View};
use std::borrow::Cow;
use std::io::Read;

/// The most that is read of passwd and group, in bytes.
const LIMIT: u64 = 10 << 20;

/// The accounts of an image.
#[derive(Debug, Default)]
pub struct Accounts {
    /// Users.
    pub passwd: Vec<PasswdEntry>,
    /// Groups.
    pub group: Vec<GroupEntry>,
}

impl Accounts {
    /// The accounts of a stack, of which `view` is the view; none where it has no such files.
    pub fn of(store: &Store, stack: &Stack, view: &View) -> Result<Self> {
        let passwd = parse_passwd(&read(store, stack, view, b"etc/passwd")?);
        Ok(Self { passwd, group: parse_group(&read(store, stack, view, b"etc/group")?) })
    }

    /// The ids of a user, or of the group of the same number.
    fn user(&self, text: &str) -> Option<(u32, u32)> {
        let named =
            || self.passwd.iter().find(|entry| entry.name == text.as_bytes()).map(|entry| (entry.uid, entry.gid));
        number(text).map(|id| (id, id)).or_else(named)
    }

    fn group(&self, text: &str) -> Option<u32> {
        let named = || self.group.iter().find(|entry| entry.name == text.as_bytes()).map(|entry| entry.gid);
        number(text).or_else(named)
    }

    /// The refusal of `user[:group]`, one of which is not there, with the nearest that is.
    pub fn refuse(&self, owner: &str) -> Error {
        let (user, group) = owner.split_once(':').unwrap_or((owner, ""));
        let is_of_group = !group.is_empty() && self.user(user).is_some();
        if is_of_group { self.no_group(group) } else { self.no_user(user) }
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
/// passwd entry where it is named. As in BuildKit a name that the image does not know means root, of which the user is
/// warned; on nothing at all it is an error. None for no owner.
pub fn resolve(work: &Work<'_>, owner: Option<&str>, stack: &Stack, view: &View) -> Result<Option<(u32, u32)>> {
    let Some(text) = owner.filter(|text| !text.is_empty()) else { return Ok(None) };
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    let accounts = Accounts::of(work.ctx.store, stack, view)?;
    let unknown = |missing: Error, instead: &str| {
        if stack.storeys().is_empty() {
            return Err(missing);
        }
        let near = if let Error::UnknownAccount { hint: Some(hint), .. } = &missing { hint } else { "" };
        let near = if near.is_empty() { String::new() } else { format!(" ({near})") };
        work.ctx.events.warning(&format!("{missing}, so {instead}{near}"));
        Ok(())
    };
    let (uid, own) = match accounts.user(user) {
        Some(ids) => ids,
        None if user.is_empty() => (0, 0),
        None => unknown(accounts.no_user(user), "the files are root's").map(|()| (0, 0))?,
    };
    let gid = match accounts.group(group) {
        Some(gid) => gid,
        None if group.is_empty() => own,
        None => unknown(accounts.no_group(group), "they have the user's own group").map(|()| own)?,
    };
    Ok(Some((uid, gid)))
}

/// A numeric id; root has its number in every image.
fn number(text: &str) -> Option<u32> {
    if text == "root" { Some(0) } else { text.parse().ok() }
}

fn read<'a>(store: &Store, stack: &Stack, view: &'a View, path: &[u8]) -> Result<Cow<'a, [u8]>> {
    if let Some(body) = view.read_small(path) {
        return Ok(Cow::Borrowed(body));
    }
    let found = view.resolve(path, Follow::All).ok().and_then(|resolved| resolved.found);
    let Some(file) = found.and_then(|found| view.file(found)) else { return Ok(Cow::default()) };
    let mut body = Vec::new();
    let mut reader = store.layers().read_file(&stack.diff_ids()[file.layer], file.entry)?.take(LIMIT);
    reader.read_to_end(&mut body).map_err(Error::io("read", rbuild_store::layer::show_path(&file.entry.path)))?;
    Ok(Cow::Owned(body))
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a Vec<u8>>) -> Option<String> {
    let known: Vec<_> = known.map(|name| String::from_utf8_lossy(name)).collect();
    let near = dockerfile_parser::did_you_mean(name, known.iter().map(|name| &**name))?;
    Some(format!("did you mean {near}?"))
}
