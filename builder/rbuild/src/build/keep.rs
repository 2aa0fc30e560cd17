//! Hop 8: what was built is kept, and the tags are set once all that they need is on the disk. Knows no step.

use super::Built;
use crate::assemble::Image;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::request::BuildRequest;
use rbuild_oci::ImageId;
use rbuild_store::Store;
use rbuild_store::content::ContentStore;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// Keeps the images' documents and sets the tags; whether any of these points elsewhere than before.
pub(super) fn keep(ctx: Ctx<'_>, request: &BuildRequest, built: &Built) -> Result<bool> {
    let needed = keep_documents(ctx.store, built)?;
    let tags: Vec<_> = request.tags.iter().map(|tag| (tag.clone(), built.top.clone())).collect();
    let refs = ctx.store.refs();
    let known = tags.iter().map(|(tag, top)| Ok(refs.get(tag)?.is_some_and(|tag| tag.descriptor == *top)));
    let is_news = known.collect::<Result<Vec<_>>>()?.contains(&false);
    if is_news {
        rbuild_store::durable::sync_batch([needed, ctx.written.take_written()].concat())?;
        refs.set(&tags, ctx.clock.now())?;
    } else if ctx.wrote.load(Ordering::Relaxed) && !refs.are_listed(&tags)? {
        refs.refresh()?;
    }
    Ok(is_news)
}

/// Keeps manifests, configurations and the index; the files that a tag rests on.
fn keep_documents(store: &Store, built: &Built) -> Result<Vec<PathBuf>> {
    let mut needed = Vec::new();
    for (image, stack) in &built.images {
        for bytes in [&image.config_bytes, &image.manifest_bytes] {
            store.put_document(bytes)?;
        }
        let rows = keep_rows(store, image)?.into_iter().map(|row| row.0);
        needed.extend(rows.chain([image.manifest.digest]).map(|digest| store.blob_path(&digest)));
        for storey in stack.storeys() {
            // An index that was lost is made again when it is asked for; of a layer that is elsewhere there is a note.
            let layer = &storey.layer.diff_id;
            let parts = [store.blob_path(&layer.0), store.layer_index_path(layer)];
            needed.extend(parts.into_iter().filter(|path| path.exists()));
            needed.extend(store.layers().far_note(layer));
        }
    }
    if let Some(index) = &built.index {
        needed.push(store.blob_path(&store.put_document(index)?));
    }
    Ok(needed)
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
    for earlier in image.earlier()? {
        store.put_document(&earlier.config_bytes)?;
        rows.push(earlier.id);
    }
    rows.push(image.id);
    histories.put(&image.id, &rows)?;
    Ok(rows)
}
