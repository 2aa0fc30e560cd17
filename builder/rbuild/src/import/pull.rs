//! An image of a registry as it is to be kept. Knows no command line.

use super::blobs::{Blobs, damaged, required_document};
use super::budget::Budget;
use super::found::{Found, of_document};
use super::keep::Kept;
use super::layout::{DEPTH, Layout};
use super::local::Nearest;
use super::remote::Remote;
use super::source;
use crate::error::Result;
use rbuild_oci::{Descriptor, Digest, Index, Platform, Reference};
use rbuild_registry::{Client, Error, select};
use rbuild_store::Store;
use std::sync::Arc;

/// What a registry has under a name.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// The digest that the name stands for there: of an index, where there are several platforms.
    pub digest: Digest,
    /// The image for the platform that was asked for, or those of all.
    pub kept: Kept,
}

/// Which of the images behind a name are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The one that serves this machine best; where there is only one image it is taken as it is.
    Native,
    /// The one for this platform.
    Only(Platform),
    /// All of an index, as it is.
    All,
}

/// Asks a registry for an image; its layers are read when it is kept. Documents that the store has are not asked for.
pub fn pull(client: &Client, reference: &Reference, choice: &Choice, store: &Store) -> Result<Pulled> {
    let top = client.resolve(reference)?;
    let remote: Arc<dyn Blobs> = Arc::new(Remote::new(client, reference, store));
    let blobs: Arc<dyn Blobs> = Arc::new(Nearest::new(store, &remote));
    let kept = match choice {
        Choice::All => all(&blobs, reference, &top)?,
        Choice::Native => Kept::one(one(&blobs, reference, &top, &Platform::native())?),
        Choice::Only(platform) => {
            let found = one(&blobs, reference, &top, platform)?;
            let own = found.platform().filter(|own| !top.media_type.is_index() && !own.serves(platform));
            match own {
                Some(own) => return Err(no_platform(reference, platform, own).into()),
                None => Kept::one(found),
            }
        }
    };
    Ok(Pulled { digest: top.digest, kept })
}

/// The manifest for a platform behind a descriptor, through indexes of indexes. Without an index it is the descriptor.
pub(super) fn descend(
    blobs: &dyn Blobs,
    reference: &Reference,
    top: &Descriptor,
    platform: &Platform,
) -> Result<Descriptor> {
    let mut at = top.clone();
    for _ in 0..DEPTH {
        if !at.media_type.is_index() {
            return Ok(at);
        }
        let bytes = required_document(blobs, &at)?;
        let index = Index::from_json(&bytes).map_err(|error| of_document(blobs, &at, &error))?;
        at = select(reference, &index, platform)?.clone();
    }
    Err(damaged(blobs, top, "indexes are nested too deeply"))
}

fn one(blobs: &Arc<dyn Blobs>, reference: &Reference, top: &Descriptor, platform: &Platform) -> Result<Found> {
    Found::read(blobs, &descend(&**blobs, reference, top, platform)?)
}

fn all(blobs: &Arc<dyn Blobs>, reference: &Reference, top: &Descriptor) -> Result<Kept> {
    let layout = Layout::of(blobs.clone(), Index::oci(vec![top.clone()]));
    let none = || {
        let (subject, reason) = (reference.familiar(), format!("its index {} has no image", top.digest));
        rbuild_store::Error::Refused { what: "image", subject, reason }
    };
    let mut budget = Budget::of(reference.familiar());
    Ok(source::kept(&layout, top, None, &mut budget)?.ok_or_else(none)?)
}

fn no_platform(reference: &Reference, wanted: &Platform, own: Platform) -> Error {
    Error::NoPlatform { subject: reference.familiar(), wanted: Box::new(wanted.clone()), offered: vec![own] }
}
