//! Who `USER` means: the rules of Docker over `/etc/passwd` and `/etc/group` (passwd(5), group(5)). PURE: opens no file.

use crate::container::User;
use crate::error::{Error, Result};

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswdEntry {
    /// Login name.
    pub name: Vec<u8>,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Home directory.
    pub home: Vec<u8>,
}

/// A line of `/etc/group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupEntry {
    /// Group name.
    pub name: Vec<u8>,
    /// Group id.
    pub gid: u32,
    /// Login names of its members.
    pub members: Vec<Vec<u8>>,
}

/// A user with the home directory that `HOME` gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Numeric identity.
    pub user: User,
    /// Home directory; `/` for a user without an entry.
    pub home: Vec<u8>,
}

/// Resolves `user`, `uid`, `user:group`, … against the two files. Empty means user 0. A number needs no entry; a name
/// does, but for `root` where both parts are numbers or `root`. Supplementary groups come from `group` for a user with an
/// entry, unless the spec names a group itself.
pub fn resolve(spec: &[u8], passwd: &[PasswdEntry], group: &[GroupEntry]) -> Result<Account> {
    let (user_part, group_part) = split(spec);
    if let (Some(uid), Some(gid)) = (number_or_root(user_part), number_or_root(group_part)) {
        let home =
            passwd.iter().find(|entry| entry.uid == uid).map_or_else(|| b"/".to_vec(), |entry| entry.home.clone());
        return Ok(Account { user: User { uid, gid, groups: Vec::new() }, home });
    }
    let entry = find_user(user_part, passwd);
    let mut account = match entry {
        Some(entry) => {
            Account { user: User { uid: entry.uid, gid: entry.gid, groups: Vec::new() }, home: entry.home.clone() }
        }
        None => Account {
            user: User { uid: number_or(user_part, "user", "passwd")?, gid: 0, groups: Vec::new() },
            home: b"/".to_vec(),
        },
    };
    if group_part.is_empty() {
        if let Some(entry) = entry {
            account.user.groups = memberships(&entry.name, group);
        }
    } else {
        account.user.gid = find_group(group_part, group)?;
    }
    Ok(account)
}

/// Reads `/etc/passwd`; lines that are comments or malformed are passed over, as the C library does.
pub fn parse_passwd(text: &[u8]) -> Vec<PasswdEntry> {
    records(text)
        .filter_map(|fields| {
            Some(PasswdEntry {
                name: fields.first()?.to_vec(),
                uid: number(fields.get(2)?)?,
                gid: number(fields.get(3)?)?,
                home: fields.get(5).map_or_else(Vec::new, |home| home.to_vec()),
            })
        })
        .collect()
}

/// Reads `/etc/group`, likewise.
pub fn parse_group(text: &[u8]) -> Vec<GroupEntry> {
    records(text)
        .filter_map(|fields| {
            let members = fields.get(3).copied().unwrap_or_default();
            Some(GroupEntry {
                name: fields.first()?.to_vec(),
                gid: number(fields.get(2)?)?,
                members: members.split(|&b| b == b',').filter(|m| !m.is_empty()).map(<[u8]>::to_vec).collect(),
            })
        })
        .collect()
}

fn records(text: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    text.split(|&b| b == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .map(|line| line.split(|&b| b == b':').collect())
}

fn split(spec: &[u8]) -> (&[u8], &[u8]) {
    match spec.iter().position(|&b| b == b':') {
        Some(at) => (&spec[..at], &spec[at + 1..]),
        None => (spec, b""),
    }
}

/// The first entry whose name is `part`, or whose number it is; user 0's for an empty one.
fn find_user<'a>(part: &[u8], passwd: &'a [PasswdEntry]) -> Option<&'a PasswdEntry> {
    let uid = if part.is_empty() { Some(0) } else { number(part) };
    passwd.iter().find(|entry| entry.name == part || Some(entry.uid) == uid)
}

/// The number of the group that `part` names, or that it is.
pub fn find_group(part: &[u8], group: &[GroupEntry]) -> Result<u32> {
    let gid = number(part);
    match group.iter().find(|entry| entry.name == part || Some(entry.gid) == gid) {
        Some(entry) => Ok(entry.gid),
        None => number_or(part, "group", "group"),
    }
}

fn memberships(name: &[u8], group: &[GroupEntry]) -> Vec<u32> {
    let mut gids: Vec<u32> =
        group.iter().filter(|entry| entry.members.iter().any(|m| m == name)).map(|entry| entry.gid).collect();
    gids.sort_unstable();
    gids.dedup();
    gids
}

fn number_or(part: &[u8], kind: &str, file: &str) -> Result<u32> {
    if part.is_empty() {
        return Ok(0);
    }
    number(part).ok_or_else(|| {
        let name = String::from_utf8_lossy(part);
        Error::User(format!("unable to find {kind} {name}: no matching entries in {file} file"))
    })
}

fn number_or_root(text: &[u8]) -> Option<u32> {
    if text == b"root" { Some(0) } else { number(text) }
}

/// An id: decimal, at most 2³¹ − 1, as Docker bounds it.
fn number(text: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(text).ok().filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok().filter(|&id| i32::try_from(id).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n# note\nbroken\napp:x:1234:1235:App:/home/app:/bin/sh\n\
        1234:x:7:8::/odd:\nnobody:x:65534:65534::/:/bin/false\n";
    const GROUP: &[u8] = b"root:x:0:\nstaff:x:50:\nextra:x:2345:app,other\napp:x:1235:app\nempty:x:9:\n";

    fn show(spec: &str) -> String {
        match resolve(spec.as_bytes(), &parse_passwd(PASSWD), &parse_group(GROUP)) {
            Ok(a) => {
                format!("{}:{} {:?} {}", a.user.uid, a.user.gid, a.user.groups, String::from_utf8_lossy(&a.home))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_form_resolves_as_docker_does() {
        for (spec, expected) in [
            ("", "0:0 [] /root"),
            ("root", "0:0 [] /root"),
            ("0", "0:0 [] /root"),
            ("app", "1234:1235 [1235, 2345] /home/app"),
            ("1234", "1234:1235 [1235, 2345] /home/app"),
            ("app:staff", "1234:50 [] /home/app"),
            ("app:", "1234:1235 [1235, 2345] /home/app"),
            ("1234:77", "1234:77 [] /home/app"),
            ("4321", "4321:0 [] /"),
            ("4321:staff", "4321:50 [] /"),
            (":50", "0:50 [] /root"),
            ("ghost", "unable to find user ghost: no matching entries in passwd file"),
            ("app:ghosts", "unable to find group ghosts: no matching entries in group file"),
            ("99999999999", "unable to find user 99999999999: no matching entries in passwd file"),
            ("+5", "unable to find user +5: no matching entries in passwd file"),
        ] {
            assert_eq!(show(spec), expected, "USER {spec:?}");
        }
    }

    #[test]
    fn without_files_only_numbers_resolve() {
        assert_eq!(resolve(b"5:6", &[], &[]).unwrap().user, User { uid: 5, gid: 6, groups: vec![] });
        assert!(resolve(b"root", &[], &[]).is_err());
        assert_eq!(resolve(b"root:root", &[], &[]).unwrap().user, User::default());
        assert_eq!(resolve(b"root:7", &[], &[]).unwrap().user, User { uid: 0, gid: 7, groups: vec![] });
        assert_eq!(resolve(b"", &[], &[]).unwrap().home, b"/");
    }
}
