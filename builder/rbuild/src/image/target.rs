//! What goes out under a name or an id: a manifest or an index of the store. Knows no place outside.

use super::{find, find_id, media_type};
use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, Reference};
use rbuild_store::Store;
use rbuild_store::content::ContentStore;

/// What `text` means, and the name that it is known by if it is one. The image of an id that nothing was written down of
/// but its configuration gets its manifest here.
pub fn target(store: &Store, text: &str) -> Result<(Descriptor, Option<Reference>)> {
    if let Ok(reference) = text.parse::<Reference>()
        && let Some(tag) = store.refs().get(&reference)?
    {
        return Ok((tag.descriptor, Some(reference)));
    }
    let image = find(store, text, None)?;
    let reference = text.parse::<Reference>().ok().and_then(|reference| reference.digest().copied());
    let whole = reference.or(find_id(store, text)?) == Some(image.target.digest);
    let found = if whole { &image.target } else { &image.descriptor };
    if !store.content().has(&found.digest)? {
        store.lease()?;
        image.settle(store)?;
    }
    let missing = || Error::Store(rbuild_store::Error::Missing { what: "document", subject: found.digest.to_string() });
    let bytes = store.document(&found.digest)?.ok_or_else(missing)?;
    let media_type = media_type(&bytes).unwrap_or_else(|| found.media_type.clone());
    Ok((Descriptor::new(media_type, found.digest, found.size), None))
}
