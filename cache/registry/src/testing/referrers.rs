//! What refers to a manifest, listed in pages. Knows no login and no fault.

use super::registry::Held;
use super::wire::{Call, Reply};
use rbuild_oci::{Descriptor, Digest, Index, Manifest, MediaType, to_canonical_json};

/// The entries of a page.
const PAGE: usize = 2;

/// The subject of a manifest, where it has one.
pub(super) fn subject(manifest: &[u8]) -> Option<Digest> {
    Some(Manifest::from_json(manifest).ok()?.subject?.digest)
}

/// The answer to a call for `/v2/NAME/referrers/DIGEST`, whose query says how many entries were given before.
pub(super) fn answer(held: &Held, repository: &str, name: &str, call: &Call) -> Reply {
    let own = held.manifests.iter().filter(|((repository_, name), _)| repository_ == repository && name.contains(':'));
    let about = own.filter(|(_, (_, bytes))| subject(bytes).is_some_and(|subject| subject.to_string() == name));
    let all: Vec<Descriptor> = about.filter_map(|(_, (descriptor, bytes))| described(descriptor, bytes)).collect();
    let first: usize = call.query.get("last").and_then(|text| text.parse().ok()).unwrap_or(0);
    let page: Vec<Descriptor> = all.iter().skip(first).take(PAGE).cloned().collect();
    let body = to_canonical_json(&Index::oci(page)).unwrap_or_default();
    let reply = Reply { body, ..Reply::status(200) }.with("Content-Type", MediaType::OCI_INDEX);
    if all.len() <= first + PAGE {
        return reply;
    }
    reply.with("Link", format!("<{}?last={}>; rel=\"next\"", call.path, first + PAGE))
}

fn described(descriptor: &Descriptor, bytes: &[u8]) -> Option<Descriptor> {
    let Manifest { artifact_type, annotations, .. } = Manifest::from_json(bytes).ok()?;
    Some(Descriptor { artifact_type, annotations, ..descriptor.clone() })
}
