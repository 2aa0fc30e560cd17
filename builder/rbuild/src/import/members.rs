//! Where each file of an uncompressed tarball lies in it. An archive that could be read in two ways, that leads out of
//! itself or that ends too early is refused here. Knows no image.

use crate::error::{Error, Result};
use rbuild_store::Error as Cause;
use std::collections::BTreeMap;
use std::fs::File;

/// A regular file of an archive: where its data is, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// Where it begins.
    pub(super) offset: u64,
    /// How long it is.
    pub(super) size: u64,
}

/// All regular files of a tarball by clean name; links stand for what they point to. People know it as `name`.
pub(super) fn members(file: &File, name: &str) -> Result<BTreeMap<String, Member>> {
    let io = || Error::io("read the archive", name);
    let end = file.metadata().map_err(io())?.len();
    let mut found = Found { archive: name, end, members: BTreeMap::new(), links: BTreeMap::new() };
    let mut tarball = tar::Archive::new(file);
    for entry in tarball.entries_with_seek().map_err(io())? {
        let entry = entry.map_err(io())?;
        let member = text(&entry.path_bytes());
        match entry.header().entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                found.file(&member, Member { offset: entry.raw_file_position(), size: entry.size() })?;
            }
            kind @ (tar::EntryType::Symlink | tar::EntryType::Link) => {
                found.link(&member, kind.is_symlink(), &text(&entry.link_name_bytes().unwrap_or_default()))?;
            }
            _ => {}
        }
    }
    Ok(found.settle())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What was found in an archive so far.
struct Found<'a> {
    archive: &'a str,
    /// How long the archive is.
    end: u64,
    members: BTreeMap<String, Member>,
    /// Names of links and of what they point to.
    links: BTreeMap<String, String>,
}

impl Found<'_> {
    fn file(&mut self, name: &str, member: Member) -> Result<()> {
        if member.offset.checked_add(member.size).is_none_or(|end| end > self.end) {
            return Err(self.corrupt(format!("it ends before {name} does: it was cut off")));
        }
        let clean = self.new_name(name)?;
        self.members.insert(clean, member);
        Ok(())
    }

    fn link(&mut self, name: &str, is_symlink: bool, target: &str) -> Result<()> {
        let clean_name = self.new_name(name)?;
        let base = if is_symlink { clean_name.rsplit_once('/').map_or("", |(parent, _)| parent) } else { "" };
        let base = if target.starts_with('/') { "" } else { base };
        let out = || self.refused(format!("{name} links to {target}, which is not in it"));
        let target = clean(base, target).ok_or_else(out)?;
        self.links.insert(clean_name, target);
        Ok(())
    }

    fn new_name(&self, name: &str) -> Result<String> {
        let clean = clean("", name).ok_or_else(|| self.refused(format!("the name {name} leads out of it")))?;
        if self.members.contains_key(&clean) || self.links.contains_key(&clean) {
            return Err(self.refused(format!("it has two files called {clean}")));
        }
        Ok(clean)
    }

    /// The files with what links stand for. A link may point to a link; docker's point to files, so few rounds settle
    /// all there are.
    fn settle(self) -> BTreeMap<String, Member> {
        let Self { mut members, links, .. } = self;
        for _ in 0..8 {
            for (name, target) in &links {
                if let Some(member) = members.get(target).copied() {
                    members.insert(name.clone(), member);
                }
            }
        }
        members
    }

    fn refused(&self, reason: String) -> Error {
        Cause::Refused { what: "archive", subject: self.archive.to_owned(), reason }.into()
    }

    fn corrupt(&self, reason: String) -> Error {
        Cause::Corrupt { what: "archive", subject: self.archive.to_owned(), reason }.into()
    }
}

/// The path of `name` seen from `base`, without `.`, `..` and doubled slashes; none if it leaves the archive.
fn clean(base: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
