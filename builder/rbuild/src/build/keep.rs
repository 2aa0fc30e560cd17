//! Hop 8: what was built is kept, and the tags are set once all that they need is on the disk. Knows no step.

use super::Built;
use crate::assemble::Image;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::request::BuildRequest;
use rbuild_oci::{DiffId, ImageId};
use rbuild_store::Store;
use rbuild_store::content::ContentStore;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// What is kept of a build.
pub(super) struct Kept {
    /// The files that a tag rests on.
    needed: Vec<PathBuf>,
    /// Whether all layers are here.
    pub(super) is_whole: bool,
    /// Whether layers came from elsewhere for it.
    pub(super) layers_came: bool,
}

/// Sets the tags; whether any of these points elsewhere than before. No tag is set on an image with a layer that is
/// neither here nor known to be elsewhere.
pub(super) fn name(ctx: Ctx<'_>, request: &BuildRequest, built: &Built, kept: &Kept) -> Result<bool> {
    if !kept.is_whole && !request.tags.is_empty() {
        let storeys = built.images.iter().flat_map(|(_, stack)| stack.storeys());
        for id in storeys.map(|storey| storey.layer.diff_id) {
            if ctx.store.layers().known(&id)?.is_none() {
                // One that was lost meanwhile is told as that.
                ctx.store.layers().bring(&[id])?;
                return Err(nowhere(&id));
            }
        }
    }
    let sync = || rbuild_store::durable::sync_batch([kept.needed.clone(), ctx.written.take_written()].concat());
    let tags: Vec<_> = request.tags.iter().map(|tag| (tag.clone(), built.top.clone())).collect();
    let refs = ctx.store.refs();
    let known = tags.iter().map(|(tag, top)| Ok(refs.get(tag)?.is_some_and(|tag| tag.descriptor == *top)));
    let is_news = known.collect::<Result<Vec<_>>>()?.contains(&false);
    if is_news {
        sync()?;
        refs.set(&tags, ctx.clock.now())?;
        return Ok(true);
    }
    if kept.layers_came {
        sync()?;
    }
    if (kept.layers_came || ctx.wrote.load(Ordering::Relaxed)) && !refs.are_listed(&tags)? {
        refs.refresh()?;
    }
    Ok(false)
}

/// The failure of a layer that is not here and of which nothing says where it is.
pub(super) fn nowhere(layer: &DiffId) -> Error {
    let (layer, place) = (layer.to_string(), "anywhere".to_owned());
    let reason = "nothing says where it is".to_owned();
    let hint = "build again with --no-cache".to_owned();
    rbuild_store::Error::Far { layer, place, reason, hint }.into()
}

/// Keeps manifests, configurations and the index.
pub(super) fn documents(store: &Store, built: &Built) -> Result<Kept> {
    let (mut needed, mut is_whole) = (Vec::new(), true);
    for (image, stack) in &built.images {
        for bytes in [&image.config_bytes, &image.manifest_bytes] {
            store.put_document(bytes)?;
        }
        let rows = keep_rows(store, image)?.into_iter().map(|row| row.0);
        needed.extend(rows.chain([image.manifest.digest]).map(|digest| store.blob_path(&digest)));
        for storey in stack.storeys() {
            // An index that was lost is made again when it is asked for; of a layer that is elsewhere there is a note.
            let layer = &storey.layer.diff_id;
            is_whole = is_whole && store.layers().has(layer)?;
            let parts = [store.blob_path(&layer.0), store.layer_index_path(layer)];
            needed.extend(parts.into_iter().filter(|path| path.exists()));
            needed.extend(store.layers().far_note(layer));
        }
    }
    if let Some(index) = &built.index {
        needed.push(store.blob_path(&store.put_document(index)?));
    }
    Ok(Kept { needed, is_whole, layers_came: false })
}

/// Keeps the images that end at each line of an image's history; the ids of them all, the image's own last.
fn keep_rows(store: &Store, image: &Image) -> Result<Vec<ImageId>> {
    let histories = store.history();
    if let Some(rows) = histories.get(&image.id)? {
        let content = store.content();
        if rows.iter().try_fold(true, |all, row| Ok::<_, Error>(all && content.has(&row.0)?))? {
            return Ok(rows);
        }
    }
    let mut rows = Vec::new();
    for earlier in image.earlier() {
        let earlier = earlier?;
        store.put_document(&earlier.config_bytes)?;
        rows.push(earlier.id);
    }
    rows.push(image.id);
    histories.put(&image.id, &rows)?;
    Ok(rows)
}
