//! How much of the disk each class of things takes, and how much of that would come free. Removes nothing.

use super::plan::{Images, Plan, plan};
use super::{Cache, Class, Mark, Owner, Target, Thing, Wish};
use crate::error::Result;
use crate::image::{Listed, Reach};
use rbuild_oci::ImageId;
use rbuild_store::{Store, Usage};
use std::collections::{BTreeMap, BTreeSet};

/// The sum of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many things.
    pub total: usize,
    /// How many of them are in use.
    pub active: usize,
    /// What they take, in bytes.
    pub bytes: u64,
    /// What would come free of that without those that are in use, in bytes.
    pub reclaimable: u64,
}

/// What the store takes of the disk.
#[derive(Clone, Debug)]
pub struct Space {
    /// What may go and what stays, each thing with its size.
    pub plan: Plan,
    /// Images, containers, volumes and the build cache; together all that the store takes.
    pub tallies: BTreeMap<Class, Tally>,
    /// What each image itself needs, without the others of its tag; by its place in the mark.
    own: BTreeMap<usize, Reach>,
}

/// What an image takes.
#[derive(Clone, Debug)]
pub struct OfImage<'a> {
    /// The image.
    pub listed: &'a Listed,
    /// What it has in common with other images, in bytes.
    pub shared: u64,
    /// What it alone needs, in bytes.
    pub unique: u64,
    /// How many containers use it.
    pub containers: usize,
}

/// Measures the whole store.
pub fn space(store: &Store) -> Result<Space> {
    let wish = Wish {
        containers: None,
        volumes: Some(&|_| true),
        images: Some(Images { all: true, fits: &|_| true }),
        cache: Some(Cache { all: false, until: None, fits: &|_| true, keep: None, nameless: false }),
    };
    let plan = plan(store, &wish, store.leased_since()?)?;
    let mut tallies: BTreeMap<Class, Tally> = BTreeMap::new();
    for class in [Class::Container, Class::Volume, Class::Image, Class::Cache] {
        tallies.insert(class, Tally::default());
    }
    let used: BTreeSet<ImageId> =
        plan.containers().flat_map(|entry| entry.config.images().map(|image| image.id)).collect();
    for (thing, goes) in plan.go.iter().map(|thing| (thing, true)).chain(plan.stay.iter().map(|thing| (thing, false))) {
        let tally = tallies.entry(thing.class).or_default();
        let idle = match &thing.target {
            Target::Container(id) => plan.containers().any(|entry| entry.config.id == *id && !entry.state.is_running()),
            Target::Owner(_, Some(listed)) => !used.contains(&listed.image.id),
            _ => goes,
        };
        tally.total += 1;
        tally.active += usize::from(!idle);
        tally.bytes += thing.bytes;
        tally.reclaimable += if idle { thing.bytes } else { 0 };
    }
    // Tags, leases, what is not finished, and the directories around all.
    let known: u64 = tallies.values().map(|tally| tally.bytes).sum();
    let rest = Usage::default().add(store.root())?.saturating_sub(known);
    tallies.entry(Class::Cache).or_default().bytes += rest;
    let own = own(store, &plan.mark)?;
    Ok(Space { plan, tallies, own })
}

fn own(store: &Store, mark: &Mark) -> Result<BTreeMap<usize, Reach>> {
    // What is measured is not thereby used.
    let (store, mut own) = (store.onlooker(), BTreeMap::new());
    for (at, owner) in mark.owners().iter().enumerate() {
        if let Owner::Image(listed) = owner {
            let mut reach = Reach::default();
            reach.add_target(&store, &listed.image.descriptor)?;
            reach.add_image(&store, &listed.image.id)?;
            own.insert(at, reach.with_leaning(mark.leaning()));
        }
    }
    Ok(own)
}

impl Space {
    /// What each image takes, youngest first.
    pub fn images(&self) -> Vec<OfImage<'_>> {
        let things = || self.plan.go.iter().chain(&self.plan.stay);
        let groups = things().flat_map(|thing| &thing.groups);
        let sizes: Vec<_> = groups.filter_map(|(group, bytes)| Some((group.digest()?, *bytes))).collect();
        let mark = &self.plan.mark;
        let mut shares: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
        for (digest, bytes) in sizes {
            let needs = |at: &&usize| self.own.get(*at).is_some_and(|reach| reach.digests().contains(&digest));
            let owners: Vec<usize> = mark.needing(&digest).iter().filter(needs).copied().collect();
            for at in &owners {
                let (shared, unique) = shares.entry(*at).or_default();
                if owners.len() > 1 { *shared += bytes } else { *unique += bytes }
            }
        }
        let mut images = Vec::new();
        for (at, owner) in mark.owners().iter().enumerate() {
            let Owner::Image(listed) = owner else { continue };
            let (shared, unique) = shares.get(&at).copied().unwrap_or_default();
            let uses = |image: ImageId| image == listed.image.id;
            let containers = self.plan.containers().filter(|entry| entry.config.images().any(|image| uses(image.id)));
            images.push(OfImage { listed, shared, unique, containers: containers.count() });
        }
        images
    }

    /// The things of a class, those that may go first.
    pub fn things(&self, class: Class) -> impl Iterator<Item = (&Thing, bool)> {
        let go = self.plan.go.iter().map(|thing| (thing, true));
        go.chain(self.plan.stay.iter().map(|thing| (thing, false))).filter(move |(thing, _)| thing.class == class)
    }
}
