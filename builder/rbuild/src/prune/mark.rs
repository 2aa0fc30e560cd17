//! Who needs what: images, containers and the states of failed steps, and the digests that each of them rests on. Reads
//! the store only; what nobody needs is the build cache.

use crate::container::{Containers, Entry};
use crate::error::{Error, Result};
use crate::failed::{self, Kept};
use crate::image::{self, Listed, Reach};
use rbuild_oci::{Digest, Reference};
use rbuild_store::Store;
use std::collections::{BTreeMap, BTreeSet};

/// Something that needs content of the store.
#[derive(Clone, Debug)]
pub enum Owner {
    /// A container.
    Container(Box<Entry>),
    /// An image, with a name or without.
    Image(Box<Listed>),
    /// The state that a step failed in.
    Failed(Box<Kept>),
}

/// All owners, and what each of them needs.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    owners: Vec<Owner>,
    needs: BTreeMap<Digest, Vec<usize>>,
    leaning: BTreeMap<Digest, BTreeSet<Digest>>,
}

impl Mark {
    /// That of a store at this moment.
    pub fn of(store: &Store) -> Result<Self> {
        const TRIES: usize = 10;
        // An image that another process removes while it is read is read no more.
        for _ in 1..TRIES {
            match Self::once(store) {
                Err(Error::Store(error)) if error.is_not_found() => {}
                other => return other,
            }
        }
        Self::once(store)
    }

    fn once(store: &Store) -> Result<Self> {
        // What needs something is not thereby used.
        let store = &store.onlooker();
        let containers = Containers::new(store).all()?.into_iter().map(|entry| Owner::Container(Box::new(entry)));
        let images = image::list(store)?.into_iter().map(|listed| Owner::Image(Box::new(listed)));
        let failed = failed::all(store)?.into_iter().map(|kept| Owner::Failed(Box::new(kept)));
        let leaning = store.leaning_snapshots()?;
        let mut mark =
            Self { leaning, owners: containers.chain(images).chain(failed).collect(), needs: BTreeMap::new() };
        for (at, owner) in mark.owners.iter().enumerate() {
            for digest in owner.reach(store)?.with_leaning(&mark.leaning).digests() {
                mark.needs.entry(*digest).or_default().push(at);
            }
        }
        Ok(mark)
    }

    /// All owners: containers, then images, then the states of failed steps.
    pub fn owners(&self) -> &[Owner] {
        &self.owners
    }

    /// What snapshots lie over, by their names.
    pub const fn leaning(&self) -> &BTreeMap<Digest, BTreeSet<Digest>> {
        &self.leaning
    }

    /// The owners that need a digest, by their places in [`Self::owners`].
    pub fn needing(&self, digest: &Digest) -> &[usize] {
        self.needs.get(digest).map(Vec::as_slice).unwrap_or_default()
    }

    /// The owner that needs a digest and is known best: an image with a name, if there is one.
    pub fn first(&self, digest: &Digest) -> Option<&Owner> {
        let named = |owner: &&Owner| matches!(owner, Owner::Image(listed) if !listed.tags.is_empty());
        let mut owners = self.needing(digest).iter().map(|at| &self.owners[*at]);
        owners.clone().find(named).or_else(|| owners.next())
    }

    /// What is needed once some owners are gone.
    pub fn without(&self, gone: impl Fn(&Owner) -> bool) -> BTreeSet<Digest> {
        let stays: Vec<bool> = self.owners.iter().map(|owner| !gone(owner)).collect();
        let needed = self.needs.iter().filter(|(_, owners)| owners.iter().any(|at| stays[*at]));
        needed.map(|(digest, _)| *digest).collect()
    }
}

impl Owner {
    /// What it is and what it is called, as in `image app:latest`.
    pub fn name(&self) -> String {
        match self {
            Self::Container(entry) => format!("container {}", entry.config.name),
            Self::Failed(kept) => format!("the failed build {}", kept.build),
            Self::Image(listed) => match listed.tags.first() {
                Some(tag) => format!("image {}", familiar(&tag.reference)),
                None => format!("image {}", listed.image.id.0.short()),
            },
        }
    }

    /// All that it rests on.
    fn reach(&self, store: &Store) -> Result<Reach> {
        let mut reach = Reach::default();
        match self {
            Self::Image(listed) => {
                for tag in &listed.tags {
                    reach.add_target(store, &tag.descriptor)?;
                }
                reach.add_image(store, &listed.image.id)?;
            }
            Self::Container(entry) => {
                for image in entry.config.images() {
                    reach.add_image(store, &image.id)?;
                    reach.add_layers(&image.layers);
                }
            }
            Self::Failed(kept) => kept.failed.stacks().for_each(|layers| reach.add_layers(&layers)),
        }
        Ok(reach)
    }
}

/// A full name as people write it.
pub(crate) fn familiar(reference: &str) -> String {
    reference.parse::<Reference>().map_or_else(|_| reference.to_owned(), |parsed| parsed.familiar())
}
