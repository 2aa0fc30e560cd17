//! A step of a build that is over, looked at again: what it was made from, and why another cache would not have it. Knows no
//! build.

use super::compare::Side;
use super::diary::Noted;
use super::listing::Listing;
use super::trail::{known, why};
use super::why::Why;
use crate::error::Result;
use rbuild_oci::Descriptor;
use rbuild_records::CacheBackend;
use rbuild_store::Store;

/// What a step was made from, as far as this machine still knows; none of one that has no key.
pub fn side(cache: &dyn CacheBackend, store: &Store, noted: &Noted) -> Result<Option<Side>> {
    let (Some(key), Some(names)) = (noted.key, &noted.names) else { return Ok(None) };
    if let Some(trace) = known(cache, names).traces().iter().find(|trace| trace.recipe.key() == key) {
        let read = |list: &Descriptor| store.document(&list.digest).ok().flatten();
        let files = trace.files.as_ref().and_then(read).and_then(|bytes| Listing::unpack(&bytes));
        let (recipe, text, base) = (trace.recipe.clone(), trace.text.clone(), trace.base.clone());
        return Ok(Some(Side { recipe, text, base, files }));
    }
    let text = noted.name.split_once("] ").map_or(&*noted.name, |(_, text)| text).to_owned();
    Ok(cache.get(&key)?.map(|record| Side { recipe: record.recipe, text, base: None, files: None }))
}

/// Why a step that was made from `side` is not found in a cache; none where it is.
pub fn elsewhere(cache: &dyn CacheBackend, noted: &Noted, side: &Side) -> Result<Option<Why>> {
    if cache.get(&side.recipe.key())?.is_some() {
        return Ok(None);
    }
    let names = noted.names.as_ref().map_or(&[][..], |names| &names[..]);
    let read = |list: &Descriptor| cache.files(list).ok().flatten();
    Ok(Some(why(&known(cache, names), side, None, &read)))
}
