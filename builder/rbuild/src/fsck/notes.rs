//! What killed processes left, which goes by itself with the next that writes. No finding.

use super::blobs::files;
use crate::error::Result;
use rbuild_store::{Bucket, Store};

/// A line for each kind.
pub(super) fn notes(store: &Store) -> Result<Vec<String>> {
    let unfinished = files(&store.dir(Bucket::Tmp))?.len();
    let text = || format!("{unfinished} unfinished files: of those at work, or of killed ones, whose go by themselves");
    Ok((unfinished > 0).then(text).into_iter().collect())
}
