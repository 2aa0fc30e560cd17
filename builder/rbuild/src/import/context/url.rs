//! What a URL gives as a context: the files of a tarball, or a Dockerfile and nothing else. Knows no repository.

use super::{Brought, unusable};
use crate::download::{Body, Download};
use crate::error::{Error, Result};
use crate::reach::Reach;
use crate::request::{ContextPlace, LIMIT, limited};
use crate::solve::Shown;
use crate::tree::{ArchiveTree, DownloadTree};
use rbuild_graph::FetchOp;
use rbuild_registry::Address;
use rbuild_store::layer::{Compression, FileData, is_archive};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// What the only file is called where the URL gives no tarball, as in BuildKit.
const FILE: &str = "context";

/// Bytes that tell what a download is.
const PREFIX: u64 = 512;

/// Brings it, from the store where the server says that it has not changed.
pub(super) fn bring(reach: &Reach<'_>, url: &str) -> Result<(Brought, Shown)> {
    let (name, body) = download(reach, url, u64::MAX)?;
    let path = reach.store.blob_path(&body.digest);
    let served = (body.mtime != 0).then_some(body.mtime);
    if is_archive(open(&path)?)? {
        let tree = ArchiveTree::open(&name, open(&path)?, reach.store, reach.cancel)?;
        let time = served.or_else(|| tree.time());
        return Ok((Brought::new(ContextPlace::Tree(Arc::new(tree)), time), Shown::Done));
    }
    let mut first = Vec::new();
    open(&path)?.take(PREFIX).read_to_end(&mut first).map_err(Error::io("read", path.display()))?;
    if Compression::of(&first) != Compression::None {
        return Err(unusable(&name, "it is compressed, but what is in it is no tarball"));
    }
    if is_page(&first) {
        return Err(unusable(&name, "it is a web page; the address of a git repository ends in .git"));
    }
    let data = FileData { digest: body.digest, ..FileData::unread(body.size) };
    let tree = DownloadTree::new(FILE, data, body.mtime, reach.store.content());
    let brought = Brought { only: Some(FILE), ..Brought::new(ContextPlace::Tree(Arc::new(tree)), served) };
    Ok((brought, Shown::Done))
}

/// The time of what a URL gives: that which it is locked to or the server says, else that of the youngest file in a tarball.
pub(super) fn time(reach: &Reach<'_>, fetch: &FetchOp) -> Result<(Option<i64>, Shown)> {
    let address = address(&fetch.url)?;
    let (body, was_asked) = Download::new(reach, &address).wanted(fetch.checksum)?;
    let shown = if was_asked { Shown::Done } else { Shown::Cached };
    let (path, served) = (reach.store.blob_path(&body.digest), fetch.modified.unwrap_or(body.mtime));
    if served != 0 || !is_archive(open(&path)?)? {
        return Ok(((served != 0).then_some(served), shown));
    }
    let tree = ArchiveTree::open(&address.to_string(), open(&path)?, reach.store, reach.cancel)?;
    Ok((tree.time(), shown))
}

/// The text that a URL gives.
pub(super) fn text(reach: &Reach<'_>, url: &str) -> Result<(Vec<u8>, Shown)> {
    let (name, body) = download(reach, url, LIMIT)?;
    let bytes = limited(open(&reach.store.blob_path(&body.digest))?).map_err(Error::io("read", &name))?;
    if is_page(&bytes) {
        return Err(Error::Step(format!("{name} is a web page, not a Dockerfile")));
    }
    Ok((bytes, Shown::Done))
}

/// Whether these are the first bytes of an HTML document, which no Dockerfile begins with.
fn is_page(first: &[u8]) -> bool {
    let text = first.trim_ascii_start().to_ascii_lowercase();
    text.starts_with(b"<!doctype") || text.starts_with(b"<html")
}

/// What is there now, of so many bytes at most, and the address without what opens doors.
fn download(reach: &Reach<'_>, url: &str, most: u64) -> Result<(String, Body)> {
    let address = address(url)?;
    reach.begin();
    let download = Download::new(reach, &address).at_most(most);
    let body = download.get(download.known()?)?;
    Ok((address.to_string(), body))
}

fn address(url: &str) -> Result<Address> {
    Address::parse(url).ok_or_else(|| unusable(url, "it is not of the form http(s)://HOST/PATH"))
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(Error::io("open", path.display()))
}
