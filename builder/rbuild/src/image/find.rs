//! Which image a name, an id or the beginning of an id means.

use super::{StoredImage, document, list};
use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, Digest, ImageId, Index, MediaType, Platform, Reference};
use rbuild_store::Store;
use rbuild_store::content::ContentStore;
use serde_json::Value;
use std::io::Read;

/// The image that `text` means: a name, the id of an image or of a line of a history, the digest of a manifest or index,
/// or an unambiguous beginning of one of these. Of several platforms it is the wanted one; where none is wanted, this
/// machine's, else the first that is here.
pub fn find(store: &Store, text: &str, platform: Option<&Platform>) -> Result<StoredImage> {
    if let Ok(reference) = text.parse::<Reference>()
        && let Some(image) = by_name(store, &reference, platform)?
    {
        return Ok(image);
    }
    let digest = find_id(store, text)?.ok_or_else(|| no_image(store, text))?;
    by_digest(store, &digest, platform)?.ok_or_else(|| no_image(store, text))
}

/// The digest that an id or the beginning of one means, with or without `sha256:`; none if nothing here begins so.
pub fn find_id(store: &Store, text: &str) -> Result<Option<Digest>> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    if hex.is_empty() || hex.len() > 64 || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(None);
    }
    let mut found = Vec::new();
    for digest in store.content().list()?.into_iter().filter(|digest| digest.hex().starts_with(hex)) {
        if kind(store, &digest)?.is_some() {
            found.push(digest);
        }
    }
    match found[..] {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        _ => {
            let ids: Vec<String> = found.iter().map(Digest::short).collect();
            Err(Error::Usage(format!("{text} is ambiguous: it begins {}", ids.join(", "))))
        }
    }
}

fn by_name(store: &Store, reference: &Reference, platform: Option<&Platform>) -> Result<Option<StoredImage>> {
    if let Some(tag) = store.refs().get(reference)? {
        return of_target(store, &tag.descriptor, platform).map(Some);
    }
    match reference.digest() {
        Some(digest) if store.content().has(digest)? => by_digest(store, digest, platform),
        _ => Ok(None),
    }
}

fn by_digest(store: &Store, digest: &Digest, platform: Option<&Platform>) -> Result<Option<StoredImage>> {
    let Some((kind, size)) = kind(store, digest)? else { return Ok(None) };
    match kind {
        Kind::Index => of_target(store, &Descriptor::new(MediaType::OCI_INDEX, *digest, size), platform).map(Some),
        Kind::Manifest => {
            of_target(store, &Descriptor::new(MediaType::OCI_MANIFEST, *digest, size), platform).map(Some)
        }
        Kind::Config => {
            let listed = list(store)?.into_iter().find(|listed| listed.image.id == ImageId(*digest));
            match listed {
                Some(listed) => Ok(Some(listed.image)),
                None => StoredImage::of_config(store, &document(store, digest)?).map(Some),
            }
        }
    }
}

/// The image for a platform behind a manifest or an index: the wanted one, as with [`find`].
fn of_target(store: &Store, target: &Descriptor, platform: Option<&Platform>) -> Result<StoredImage> {
    if !target.media_type.is_index() {
        return StoredImage::read(store, target, target);
    }
    let here = manifests(store, target)?;
    let serves = |wanted: &Platform| {
        Platform::best(here.iter().filter_map(|manifest| Some((manifest.platform.as_ref()?, manifest))), wanted)
    };
    let chosen = match platform {
        Some(wanted) => serves(wanted),
        None => serves(&Platform::native()).or(here.first()),
    };
    let chosen = chosen.ok_or_else(|| Error::NotFound {
        path: platform.map_or_else(|| "an image".to_owned(), |platform| format!("an image for {platform}")),
        place: format!("{}, whose images here are for {}", target.digest, platforms(&here)),
        hint: None,
    })?;
    StoredImage::read(store, target, chosen)
}

/// The image that [`find`] gives, where it runs on the platform that is wanted: an image that stands alone under its name
/// may be for another one. One that does not say what it is for runs on any.
pub fn find_for(store: &Store, text: &str, platform: Option<&Platform>) -> Result<StoredImage> {
    let image = find(store, text, platform)?;
    refuse_other(store, &image, platform).map(|()| image)
}

/// The image for a platform behind a manifest or an index; of a manifest its own, where it runs there.
pub fn of_target_for(store: &Store, target: &Descriptor, platform: &Platform) -> Result<StoredImage> {
    let image = of_target(store, target, Some(platform))?;
    refuse_other(store, &image, Some(platform)).map(|()| image)
}

/// Of an image of several platforms the index says what it is for, else its own configuration.
fn refuse_other(store: &Store, image: &StoredImage, platform: Option<&Platform>) -> Result<()> {
    let Some(wanted) = platform else { return Ok(()) };
    let listed = manifests(store, &image.target)?.into_iter().find(|entry| entry.digest == image.descriptor.digest);
    let own = listed.and_then(|entry| entry.platform).unwrap_or_else(|| image.config.platform());
    if own.architecture.is_empty() || Platform::best([(&own, ())], wanted).is_some() {
        return Ok(());
    }
    let place = format!("{}, which is for {own}", image.descriptor.digest);
    Err(Error::NotFound { path: format!("an image for {wanted}"), place, hint: None })
}

/// The manifests of images behind an index, those that are here.
pub(super) fn manifests(store: &Store, target: &Descriptor) -> Result<Vec<Descriptor>> {
    if !target.media_type.is_index() {
        return Ok(vec![target.clone()]);
    }
    let mut found = Vec::new();
    for entry in Index::from_json(&document(store, &target.digest)?)?.manifests {
        let known = entry.media_type.is_manifest_or_index();
        if known && !entry.is_attestation() && store.content().has(&entry.digest)? {
            found.extend(manifests(store, &entry)?);
        }
    }
    Ok(found)
}

fn platforms(manifests: &[Descriptor]) -> String {
    let names = manifests.iter().filter_map(|manifest| manifest.platform.as_ref().map(ToString::to_string));
    let names: Vec<String> = names.collect();
    if names.is_empty() { "no platform".to_owned() } else { names.join(", ") }
}

/// What a document is.
#[derive(Clone, Copy)]
enum Kind {
    Index,
    Manifest,
    Config,
}

/// What kind of document a blob is, and its size; none for anything else.
fn kind(store: &Store, digest: &Digest) -> Result<Option<(Kind, u64)>> {
    let Some(size) = store.content().size(digest)? else { return Ok(None) };
    if size > Store::DOCUMENT_LIMIT || !begins_as_json(store, digest)? {
        return Ok(None);
    }
    let Ok(Value::Object(map)) = serde_json::from_slice(&document(store, digest)?) else { return Ok(None) };
    let kind = match () {
        () if map.contains_key("manifests") => Kind::Index,
        () if map.contains_key("layers") && map.contains_key("config") => Kind::Manifest,
        () if map.contains_key("rootfs") => Kind::Config,
        () => return Ok(None),
    };
    Ok(Some((kind, size)))
}

fn begins_as_json(store: &Store, digest: &Digest) -> Result<bool> {
    let Some(mut blob) = store.content().open(digest)? else { return Ok(false) };
    let mut first = [0];
    let read = blob.read(&mut first).map_err(Error::io("read", digest))?;
    Ok(read == 1 && first == *b"{")
}

fn no_image(store: &Store, text: &str) -> Error {
    let hint = Some("`rbuild images` lists what there is".to_owned());
    Error::NotFound { path: format!("image {text}"), place: format!("the store {}", store.root().display()), hint }
}
