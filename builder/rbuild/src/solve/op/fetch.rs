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
    let (body, was_asked) = Download::new(&reach, &address).wanted(op.checksum)?;
    Ok((tree(work, op, &body), if was_asked { Shown::Done } else { Shown::Cached }))
}

fn tree(work: &Work<'_>, op: &FetchOp, body: &Body) -> Value {
    let data = FileData { digest: body.digest, ..FileData::unread(body.size) };
    Value::Tree(Arc::new(DownloadTree::new(
        &op.name,
        data,
        op.modified.unwrap_or(body.mtime),
        work.ctx.store.content(),
    )))
}
