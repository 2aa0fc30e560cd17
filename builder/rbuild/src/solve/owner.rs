//! Whose files are: `user[:group]` by name or number, names from the image's own passwd and group. Touches no file system:
//! those two are read from the layers.

use crate::error::{Error, Result};
use crate::solve::{Stack, Work};
use rbuild_runner::users::{GroupEntry, PasswdEntry, parse_group, parse_passwd};
use rbuild_store::layer::{Follow, Node, View};
use std::io::Read;

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
    pub fn of(work: &Work<'_>, stack: &Stack, view: &View) -> Result<Self> {
        let read = |path: &[u8]| read(work, stack, view, path);
        Ok(Self { passwd: parse_passwd(&read(b"etc/passwd")?), group: parse_group(&read(b"etc/group")?) })
    }
}

/// The most that is read of a file of accounts, in bytes.
const LIMIT: u64 = 10 << 20;

/// A file of accounts: as the layers' indexes carry it, or, where links lead elsewhere, from its layer.
fn read(work: &Work<'_>, stack: &Stack, view: &View, path: &[u8]) -> Result<Vec<u8>> {
    if let Some(body) = view.read_small(path) {
        return Ok(body.to_vec());
    }
    let found = view.resolve(path, Follow::All).ok().and_then(|resolved| resolved.found);
    let Some(file) = found.and_then(|found| view.file(found)) else { return Ok(Vec::new()) };
    let (Some(storey), Node::File(_)) = (stack.storeys().get(file.layer), &file.entry.node) else {
        return Ok(Vec::new());
    };
    let mut body = Vec::new();
    let layers = work.ctx.store.layers();
    let source = layers.read_file(&storey.layer.diff_id, file.entry)?;
    source.take(LIMIT).read_to_end(&mut body).map_err(Error::io("read", String::from_utf8_lossy(path)))?;
    Ok(body)
}

/// The ids of an owner as `--chown` writes it; a user without a group has the group of the same number, or of its
/// passwd entry where it is named. None for no owner.
pub fn resolve(owner: Option<&str>, accounts: &dyn Fn() -> Result<Accounts>) -> Result<Option<(u32, u32)>> {
    let Some(text) = owner.filter(|text| !text.is_empty()) else { return Ok(None) };
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    let accounts = accounts()?;
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
