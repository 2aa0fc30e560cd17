//! Takes away what two builds left in the store that nobody else needs: their layers, unpacked layers, documents and cache
//! mounts. Base images and downloads stay, as after any build.

use crate::build::{Built, StepMade};
use crate::error::{Error, Result};
use crate::events::{Event, Sink};
use crate::prune::{Mark, Owner};
use rbuild_oci::{Cancel, Digest};
use rbuild_store::content::ContentStore;
use rbuild_store::{Group, Store, Sweep, if_there, lock_of};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What was in the store before, and which documents of steps there are since.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    before: Arc<BTreeSet<Digest>>,
    documents: Arc<Mutex<BTreeSet<Digest>>>,
    mounts: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Trace {
    /// From now on.
    pub fn begin(store: &Store) -> Result<Self> {
        let before = store.onlooker().content().list()?.into_iter().collect();
        Ok(Self { before: Arc::new(before), ..Self::default() })
    }
}

impl Trace {
    /// A step left that document.
    pub(super) fn note(&self, document: Option<Digest>) {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner).extend(document);
    }

    /// A cache mount of these builds is there.
    pub(super) fn mount(&self, place: &Path) {
        self.mounts.lock().unwrap_or_else(PoisonError::into_inner).insert(place.to_owned());
    }
}

impl Sink for Trace {
    fn event(&self, event: &Event<'_>) {
        let image = match event {
            Event::Cached { image, .. } | Event::Done { image, .. } => *image,
            Event::Image { image, .. } => Some(*image),
            _ => None,
        };
        self.note(image.map(|image| image.0));
    }
}

/// Removes what came since then of these builds. What another process may rely on stays, as build cache.
pub fn clear(store: &Store, trace: &Trace, builds: &[Built], cancel: &Cancel) -> Result<()> {
    store.release();
    let mut documents = trace.documents.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut content = BTreeSet::new();
    for built in builds {
        documents.insert(built.top.digest);
        for (image, _) in &built.images {
            documents.extend([image.id.0, image.manifest.digest]);
            for earlier in image.earlier() {
                documents.insert(earlier?.id.0);
            }
        }
        let own = built.steps.iter().filter(|step| !step.is_base).flat_map(StepMade::own);
        for storey in own.filter(|storey| !trace.before.contains(&storey.layer.diff_id.0)) {
            content.extend([storey.layer.diff_id.0, storey.chain.0]);
        }
    }
    documents.retain(|digest| !trace.before.contains(digest));
    let mut sweep = store.sweep(cancel)?;
    let mark = Mark::of(store)?;
    let needed = mark.without(|owner| match owner {
        Owner::Image(listed) => listed.tags.is_empty() && documents.contains(&listed.image.id.0),
        Owner::Container(_) | Owner::Failed(_) => false,
    });
    sweep.remove(&documents, &needed)?;
    sweep.remove(&content, &needed)?;
    mounts(store, trace, &mut sweep)
}

/// Removes the cache mounts, and the locks that nobody else ever looks at.
fn mounts(store: &Store, trace: &Trace, sweep: &mut Sweep) -> Result<()> {
    let mounts = trace.mounts.lock().unwrap_or_else(PoisonError::into_inner);
    if mounts.is_empty() {
        return Ok(());
    }
    let is_own = |group: &Group| group.paths.first().is_some_and(|path| mounts.contains(path));
    let swept = sweep.discard(store.groups()?.into_iter().filter(is_own).collect())?;
    for lock in swept.gone.iter().filter_map(|group| group.paths.first()).map(|path| lock_of(path)) {
        if_there(fs::remove_file(&lock)).map_err(Error::io("remove", lock.display()))?;
    }
    Ok(())
}
