//! Blobs coming in, whole or in pieces. Knows no login and no fault.

use super::api::missing;
use super::registry::{Held, Manners, Shared};
use super::wire::{Call, Reply};
use rbuild_oci::Digest;
use std::sync::Arc;

/// The answer to a call for `/v2/NAME/blobs/uploads/…`.
pub(super) fn answer(held: &mut Held, manners: &Manners, repository: String, call: &Call) -> Reply {
    match call.method.as_str() {
        "POST" => begin(held, manners, repository, call),
        "PATCH" if manners.whole_only => Reply::status(405),
        "PATCH" => take_piece(held, manners, call),
        "PUT" => finish(held, repository, call),
        "GET" => match held.uploads.get(&call.path) {
            Some(kept) => progress(204, kept.len(), call),
            None => missing("BLOB_UPLOAD_UNKNOWN"),
        },
        _ => Reply::status(405),
    }
}

/// Keeps what came in of a piece before its connection broke.
pub(super) fn keep_part(shared: &Shared, call: &Call) {
    if let Some(upload) = shared.held().uploads.get_mut(&call.path) {
        upload.extend(&call.body);
    }
}

fn begin(held: &mut Held, manners: &Manners, repository: String, call: &Call) -> Reply {
    let mount = call.query.get("mount").and_then(|text| text.parse::<Digest>().ok()).zip(call.query.get("from"));
    if let Some((digest, from)) = mount
        && let Some(bytes) = held.blobs.get(&(from.clone(), digest)).cloned()
    {
        held.blobs.insert((repository, digest), bytes);
        return Reply::status(201);
    }
    let path = format!("/v2/{repository}/blobs/uploads/{}", held.uploads.len() + 1);
    held.uploads.insert(path.clone(), Vec::new());
    let host = manners.uploads_at.as_deref().unwrap_or_default();
    let reply = Reply::status(202).with("Location", format!("{host}{path}?state=x"));
    match manners.least {
        Some(least) => reply.with("OCI-Chunk-Min-Length", least.to_string()),
        None => reply,
    }
}

fn take_piece(held: &mut Held, manners: &Manners, call: &Call) -> Reply {
    let Some(kept) = held.uploads.get_mut(&call.path) else { return missing("BLOB_UPLOAD_UNKNOWN") };
    let follows = call.header("content-range").starts_with(&format!("{}-", kept.len()));
    if !follows || call.query.get("state").map(String::as_str) != Some("x") {
        return progress(416, kept.len(), call);
    }
    if !(kept.len() as u64).is_multiple_of(manners.least.unwrap_or(1)) {
        return Reply::json(416, r#"{"errors":[{"code":"SIZE_INVALID","message":"the piece before was too small"}]}"#);
    }
    kept.extend(&call.body);
    progress(202, kept.len(), call)
}

fn progress(status: u16, count: usize, call: &Call) -> Reply {
    let range = format!("0-{}", count.saturating_sub(1));
    Reply::status(status).with("Range", range).with("Location", format!("{}?state=x", call.path))
}

fn finish(held: &mut Held, repository: String, call: &Call) -> Reply {
    let mut bytes = held.uploads.get(&call.path).cloned().unwrap_or_default();
    bytes.extend(&call.body);
    let digest = Digest::of(&bytes);
    if call.query.get("digest") != Some(&digest.to_string()) {
        return Reply::json(400, r#"{"errors":[{"code":"DIGEST_INVALID","message":"digest invalid"}]}"#);
    }
    held.blobs.insert((repository, digest), Arc::new(bytes));
    Reply::status(201).with("Docker-Content-Digest", digest.to_string())
}
