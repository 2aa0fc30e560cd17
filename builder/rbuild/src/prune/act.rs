//! Takes away what a wish comes to: containers, volumes and tags first, then the files that nobody needs any more. What
//! came to be needed meanwhile stays. Decides nothing.

use super::mark::familiar;
use super::plan::{Plan, plan_to_follow};
use super::{Class, Owner, Target, Thing, Wish};
use crate::container::Containers;
use crate::error::{Error, Result};
use crate::failed;
use crate::image::Listed;
use rbuild_oci::{Cancel, Digest};
use rbuild_store::{Group, Store, Sweep, Tag, VolumeDriver};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// The ids of containers.
    pub containers: Vec<String>,
    /// The names of volumes.
    pub volumes: Vec<String>,
    /// Of images, docker's lines: `untagged: NAME` and `deleted: DIGEST`.
    pub images: Vec<String>,
    /// The ids of parts of the build cache.
    pub cache: Vec<String>,
    /// The bytes that came free, class by class.
    pub bytes: BTreeMap<Class, u64>,
}

/// Carries out a wish.
pub fn carry_out(store: &Store, wish: &Wish<'_>, volumes: &dyn VolumeDriver, cancel: &Cancel) -> Result<Done> {
    refuse_read_only(store)?;
    let sweep = store.sweep(cancel)?;
    let plan = plan_to_follow(store, wish, Some(sweep.horizon()))?;
    follow(store, plan, sweep, volumes)
}

/// Says that nothing can be removed from a store that cannot be written to.
pub fn refuse_read_only(store: &Store) -> Result<()> {
    rustix::fs::access(store.root(), rustix::fs::Access::WRITE_OK)
        .map_err(rbuild_store::Error::io("remove anything from", store.root().display()))
        .map_err(Error::Store)
}

/// Does what a plan says that was made after the sweep began.
pub(super) fn follow(store: &Store, plan: Plan, sweep: Sweep, volumes: &dyn VolumeDriver) -> Result<Done> {
    let mut work = Work { store, plan, sweep, gone: BTreeSet::new(), removed: BTreeSet::new(), done: Done::default() };
    work.containers(volumes)?;
    work.volumes(volumes)?;
    let listed = work.owners()?;
    work.files()?;
    if !listed {
        store.refs().refresh()?;
    }
    Ok(work.done)
}

struct Work<'a> {
    store: &'a Store,
    plan: Plan,
    sweep: Sweep,
    /// The owners that are really gone.
    gone: BTreeSet<usize>,
    /// The files that are gone, of each group the first.
    removed: BTreeSet<PathBuf>,
    done: Done,
}

impl Work<'_> {
    fn containers(&mut self, volumes: &dyn VolumeDriver) -> Result<()> {
        let containers = Containers::new(self.store);
        for thing in &self.plan.go {
            let Target::Container(id) = &thing.target else { continue };
            let Some(held) = containers.hold(id)? else { continue };
            containers.remove_alone(held, volumes)?;
            self.done.containers.push(thing.id.clone());
            *self.done.bytes.entry(Class::Container).or_default() += thing.bytes;
        }
        let is_gone = |owner: &Owner| matches!(owner, Owner::Container(entry) if self.done.containers.iter().any(|id| id == entry.config.id.hex()));
        let owners = self.plan.mark.owners().iter().enumerate();
        self.gone.extend(owners.filter(|(_, owner)| is_gone(owner)).map(|(at, _)| at));
        Ok(())
    }

    fn volumes(&mut self, volumes: &dyn VolumeDriver) -> Result<()> {
        for thing in &self.plan.go {
            let Target::Volume(name) = &thing.target else { continue };
            match Containers::new(self.store).remove_volume(name, volumes) {
                // A container that was made meanwhile.
                Err(Error::VolumeInUse { .. }) | Ok(None) => {}
                removed => {
                    removed?.unwrap_or_default().finish()?;
                    self.done.volumes.push(name.clone());
                    *self.done.bytes.entry(Class::Volume).or_default() += thing.bytes;
                }
            }
        }
        Ok(())
    }

    /// Takes the names from images, and gives up states of failed steps; then the images' own documents go, so that one
    /// that stays stays whole. False if the disk is too full to list the tags that are left.
    fn owners(&mut self) -> Result<bool> {
        let images: Vec<(usize, Box<Listed>)> = self.plan.go.iter().filter_map(image).collect();
        let mut tags: Vec<Tag> = images.iter().flat_map(|(_, listed)| listed.tags.clone()).collect();
        tags.sort_by(|a, b| a.reference.cmp(&b.reference));
        tags.dedup_by(|a, b| a.reference == b.reference);
        let listed = tags.is_empty() || self.store.refs().remove_all(&tags)?;
        let groups = self.plan.go.iter().flat_map(|thing| &thing.groups);
        let contents: BTreeMap<Digest, &Group> =
            groups.filter_map(|(group, _)| Some((group.digest()?, group))).collect();
        let (mut documents, mut by_id) = (Vec::new(), BTreeMap::new());
        for thing in &self.plan.go {
            match &thing.target {
                Target::Owner(at, Some(listed)) => {
                    by_id.insert(listed.image.id.0, *at);
                    // Of images of one tag, any may have the documents of all.
                    match contents.get(&listed.image.id.0) {
                        Some(group) => documents.push((*group).clone()),
                        // An image that stays keeps it, or it is not here.
                        None => drop(self.gone.insert(*at)),
                    }
                }
                Target::Owner(at, None) => {
                    failed::forget(self.store, &thing.id)?;
                    self.gone.insert(*at);
                }
                _ => {}
            }
        }
        let swept = self.sweep.discard(documents)?;
        self.gone.extend(swept.gone.iter().filter_map(|group| by_id.get(&group.digest()?)));
        self.done.images.extend(tags.iter().map(|tag| format!("untagged: {}", familiar(&tag.reference))));
        self.tell(&swept.gone);
        Ok(listed)
    }

    /// Removes the files of all that goes and that nobody needs who stays.
    fn files(&mut self) -> Result<()> {
        let mark = &self.plan.mark;
        let free = |group: &Group| {
            let owners = group.digest().map(|digest| mark.needing(&digest)).unwrap_or_default();
            owners.iter().all(|at| self.gone.contains(at))
        };
        let is_there = |group: &Group| group.paths.first().is_some_and(|path| !self.removed.contains(path));
        let groups = self.plan.go.iter().flat_map(|thing| &thing.groups).map(|(group, _)| group);
        let (content, caches): (Vec<Group>, Vec<Group>) =
            groups.filter(|group| is_there(group) && free(group)).cloned().partition(|group| group.digest().is_some());
        // What a container needs that was not removed, say.
        let firsts = self.plan.go.iter().filter_map(|thing| thing.groups.first()).map(|(group, _)| group);
        let mut kept: BTreeSet<PathBuf> =
            firsts.filter(|group| is_there(group) && !free(group)).flat_map(|group| group.paths.clone()).collect();
        // A record goes once what it leads to is gone.
        let swept = self.sweep.discard(content)?;
        kept.extend(swept.kept.iter().flat_map(|group| group.paths.clone()));
        self.tell(&swept.gone);
        let stays = |thing: &Thing| {
            thing.groups.first().is_some_and(|(group, _)| group.paths.iter().any(|path| kept.contains(path)))
        };
        let of_kept: BTreeSet<PathBuf> = self
            .plan
            .go
            .iter()
            .filter(|thing| stays(thing))
            .flat_map(|thing| thing.groups.iter().flat_map(|(group, _)| group.paths.clone()))
            .collect();
        let caches = caches.into_iter().filter(|group| !group.paths.iter().any(|path| of_kept.contains(path)));
        let swept = self.sweep.discard(caches.collect())?;
        self.tell(&swept.gone);
        Ok(())
    }

    /// Notes what is gone with its bytes.
    fn tell(&mut self, gone: &[Group]) {
        let gone: BTreeSet<&PathBuf> = gone.iter().filter_map(|group| group.paths.first()).collect();
        let mut lines = Vec::new();
        for thing in &self.plan.go {
            let is_gone = |group: &Group| group.paths.first().is_some_and(|path| gone.contains(path));
            let bytes: u64 = thing.groups.iter().filter(|(group, _)| is_gone(group)).map(|(_, bytes)| bytes).sum();
            *self.done.bytes.entry(thing.class).or_default() += bytes;
            match &thing.target {
                Target::Owner(_, Some(listed)) => {
                    let layers = listed.image.config.rootfs.diff_ids.iter().rev().map(|layer| layer.0);
                    let shown: Vec<Digest> = std::iter::once(listed.image.id.0).chain(layers).collect();
                    let here = |digest: &&Digest| {
                        let is_its = |(group, _): &&(Group, u64)| group.digest() == Some(**digest);
                        thing.groups.iter().find(is_its).is_some_and(|(group, _)| is_gone(group))
                    };
                    lines.extend(shown.iter().filter(here).map(|digest| format!("deleted: {digest}")));
                }
                _ if thing.class == Class::Cache && thing.groups.first().is_some_and(|(group, _)| is_gone(group)) => {
                    self.done.cache.push(thing.id.clone());
                }
                _ => {}
            }
        }
        self.done.images.extend(lines);
        self.removed.extend(gone.into_iter().cloned());
    }
}

fn image(thing: &Thing) -> Option<(usize, Box<Listed>)> {
    match &thing.target {
        Target::Owner(at, Some(listed)) => Some((*at, listed.clone())),
        _ => None,
    }
}
