//! How much each thing takes, and how much of the build cache fits into what is to be kept. Decides nothing else.
//!
//! Sizes are what the disk gives back: things that stay are added up first, then those that may go, the last used first,
//! each with what it takes beyond all before it.

use super::{Cache, Class, Target, Thing};
use crate::container::Containers;
use crate::error::Result;
use rbuild_store::{Bucket, Store, Usage};

/// What may go, each with how many layers it stands on, and what stays; sizes are not known yet.
#[derive(Default)]
pub(super) struct Drafted {
    pub(super) go: Vec<(Thing, usize)>,
    pub(super) stay: Vec<Thing>,
}

/// What goes, what stays, and the bytes of what counts as build cache and stays.
pub(super) struct Measured {
    pub(super) go: Vec<Thing>,
    pub(super) stay: Vec<Thing>,
    pub(super) kept: u64,
}

/// All with their sizes; of the build cache the last used stays up to what is to be kept.
pub(super) fn measured(store: &Store, mut draft: Drafted, cache: Option<Cache<'_>>) -> Result<Measured> {
    let mut usage = Usage::default();
    let counts = |thing: &Thing| {
        thing.class == Class::Cache || thing.class == Class::Image && cache.is_some_and(|cache| cache.nameless)
    };
    // A container may share data with the layers that it began with.
    draft.stay.sort_by_key(|thing| std::cmp::Reverse(thing.class));
    let mut kept = 0;
    for thing in &mut draft.stay {
        measure(store, &mut usage, thing)?;
        kept += if thing.class == Class::Cache { thing.bytes } else { 0 };
    }
    draft.go.sort_by(|(a, deep), (b, deeper)| (b.used, deep).cmp(&(a.used, deeper)));
    let mut total = kept;
    for (thing, _) in &mut draft.go {
        measure(store, &mut usage, thing)?;
        total += if counts(thing) { thing.bytes } else { 0 };
    }
    let keep = cache.and_then(|cache| cache.keep);
    let rest = keep.map(|keep| if total <= keep.limit { u64::MAX } else { keep.rest });
    let (mut go, mut full) = (Vec::new(), false);
    for (mut thing, _) in draft.go {
        let fits = rest.is_some_and(|rest| kept + thing.bytes <= rest);
        full |= counts(&thing) && !fits;
        if counts(&thing) && !full {
            kept += thing.bytes;
            "it is within what is kept".clone_into(&mut thing.why);
            draft.stay.push(thing);
        } else {
            go.push(thing);
        }
    }
    go.sort_by_key(|thing| thing.class);
    Ok(Measured { go, stay: draft.stay, kept })
}

fn measure(store: &Store, usage: &mut Usage, thing: &mut Thing) -> Result<()> {
    for (group, bytes) in &mut thing.groups {
        *bytes = group.paths.iter().map(|path| usage.add(path)).sum::<rbuild_store::Result<u64>>()?;
    }
    let own = match &thing.target {
        Target::Container(id) => usage.add(&Containers::new(store).dir(id))?,
        Target::Volume(name) => usage.add(&store.dir(Bucket::Volumes).join(name))?,
        Target::Owner(..) | Target::Files => 0,
    };
    thing.bytes = own + thing.groups.iter().map(|(_, bytes)| bytes).sum::<u64>();
    Ok(())
}
