//! ADD of a URL: a download, which its checksum may make needless. Knows no destination.

use crate::download::{Body, Download};
use crate::error::{Error, Result};
use crate::solve::{Shown, Value, Work};
use crate::tree::DownloadTree;
use rbuild_graph::FetchOp;
use rbuild_registry::Address;
use rbuild_store::layer::FileData;
use std::sync::Arc;

/// The file, from the store where it is known to be the same as at its address.
pub fn solve(work: &Work<'_>, op: &FetchOp) -> Result<(Value, Shown)> {
    let Some(address) = Address::parse(&op.url) else {
        return Err(Error::Step("a URL to add is not of the form http(s)://HOST/PATH".to_owned()));
    };
    let name = work.vertex.place.to_string();
    let reach = work.reach(&name);
    let download = Download::new(&reach, &address);
    let known = download.known()?;
    if let (Some(wanted), Some(body)) = (&op.checksum, &known)
        && body.digest == *wanted
    {
        return Ok((tree(work, op, body), Shown::Cached));
    }
    if known.is_none() {
        (reach.ready)()?;
    }
    reach.begin();
    let body = download.get(known)?;
    match op.checksum {
        Some(wanted) if wanted != body.digest => {
            let (address, found) = (address.to_string(), Box::new(body.digest));
            Err(Error::OtherContent { address, found, wanted: Box::new(wanted) })
        }
        _ => Ok((tree(work, op, &body), Shown::Done)),
    }
}

fn tree(work: &Work<'_>, op: &FetchOp, body: &Body) -> Value {
    let data = FileData { digest: body.digest, ..FileData::unread(body.size) };
    Value::Tree(Arc::new(DownloadTree::new(&op.name, data, body.mtime, work.ctx.store.content())))
}
