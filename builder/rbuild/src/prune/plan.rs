//! What goes and what stays, decided and measured before anything is touched. Knows why; removes nothing.

use super::cache::{Part, parts};
use super::fate::{Fate, fates, goes, stays};
use super::mark::familiar;
use super::measure::{Drafted, Measured, measured};
use super::{Cache, Class, Fits, Mark, Owner, Target, Thing, Wish};
use crate::container::Entry;
use crate::error::Result;
use crate::image::Listed;
use rbuild_oci::Timestamp;
use rbuild_records::LocalBackend;
use rbuild_store::{Group, LOCAL, Store, VolumeDriver};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What of the images is to go.
#[derive(Clone, Copy)]
pub struct Images<'a> {
    /// Also those that have a name.
    pub all: bool,
    /// Only these.
    pub fits: Fits<'a, Listed>,
}

/// What is to be done, and what not.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What goes.
    pub go: Vec<Thing>,
    /// What stays, as far as somebody may ask for it.
    pub stay: Vec<Thing>,
    /// The bytes of what counts as build cache and stays.
    pub kept: u64,
    pub(super) mark: Mark,
}

impl Plan {
    /// The bytes of what goes.
    pub fn bytes(&self) -> u64 {
        self.go.iter().map(|thing| thing.bytes).sum()
    }

    /// All containers of the store.
    pub fn containers(&self) -> impl Iterator<Item = &Entry> {
        self.mark.owners().iter().filter_map(|owner| match owner {
            Owner::Container(entry) => Some(&**entry),
            _ => None,
        })
    }
}

/// What a wish comes to at that time; what was used since `busy` somebody at work may rely on.
pub fn plan(store: &Store, wish: &Wish<'_>, busy: Option<Timestamp>) -> Result<Plan> {
    let mark = Mark::of(store)?;
    let fates = fates(wish, &mark);
    let mut draft = Draft { store, mark: &mark, fates: &fates, busy, drafted: Drafted::default() };
    draft.containers();
    draft.volumes(wish)?;
    let groups = draft.images(wish.cache, store.groups()?);
    draft.cache(wish.cache, groups)?;
    let Measured { go, stay, kept } = measured(store, draft.drafted, wish.cache)?;
    Ok(Plan { go, stay, kept, mark })
}

struct Draft<'a> {
    store: &'a Store,
    mark: &'a Mark,
    fates: &'a [Fate],
    busy: Option<Timestamp>,
    drafted: Drafted,
}

impl Draft<'_> {
    fn put(&mut self, goes: bool, thing: Thing, depth: usize) {
        if goes { self.drafted.go.push((thing, depth)) } else { self.drafted.stay.push(thing) }
    }

    fn containers(&mut self) {
        for (at, (owner, fate)) in self.mark.owners().iter().zip(self.fates).enumerate() {
            let Owner::Container(entry) = owner else { continue };
            let config = &entry.config;
            let target = Target::Container(config.id.clone());
            let (id, what) = (config.id.hex().to_owned(), config.name.clone());
            let thing = Thing { id, what, ..self.of_owner(Class::Container, "container", at, target) };
            let thing = Thing { created: Some(config.created), used: config.created, ..thing };
            self.put(fate.goes(), thing, 0);
        }
    }

    fn volumes(&mut self, wish: &Wish<'_>) -> Result<()> {
        let Some(fits) = wish.volumes else { return Ok(()) };
        let containers = self.mark.owners().iter().zip(self.fates).filter(|(_, fate)| !fate.goes());
        let staying: Vec<_> = containers
            .filter_map(|(owner, _)| if let Owner::Container(entry) = owner { Some(entry) } else { None })
            .collect();
        for volume in self.store.volumes().list()?.into_iter().filter(|volume| volume.driver == LOCAL) {
            let user = staying.iter().find(|entry| entry.config.uses_volume(&volume.name));
            let fate = match user {
                Some(entry) => stays(format!("container {} mounts it", entry.config.name)),
                None if fits(&volume) => goes("no container mounts it"),
                None => stays("it has a name, or the filter leaves it out"),
            };
            let thing = Thing {
                class: Class::Volume,
                kind: "volume",
                id: volume.name.clone(),
                what: volume.name.clone(),
                created: Some(volume.created_at),
                used: volume.created_at,
                bytes: 0,
                why: fate.why(),
                groups: Vec::new(),
                target: Target::Volume(volume.name),
            };
            self.put(fate.goes(), thing, 0);
        }
        Ok(())
    }

    /// Gives each image and kept state what it needs, the last used first; what no owner needs is given back.
    fn images(&mut self, cache: Option<Cache<'_>>, groups: Vec<Group>) -> Vec<Group> {
        let mut owned: BTreeMap<usize, Vec<Group>> = BTreeMap::new();
        let used = self.used(&groups);
        let mut rest = Vec::new();
        for group in groups {
            let owners = group.digest().map(|digest| self.mark.needing(&digest)).unwrap_or_default();
            // What only a container needs that goes is a part of the build cache.
            let owners = owners.iter().filter(|at| !(self.is_container(**at) && self.fates[**at].goes()));
            match owners.max_by_key(|at| (!self.fates[**at].goes(), !self.is_container(**at), used.get(at))) {
                Some(at) => owned.entry(*at).or_default().push(group),
                None => rest.push(group),
            }
        }
        for (at, owner) in self.mark.owners().iter().enumerate() {
            let fate = &self.fates[at];
            let groups = owned.remove(&at).unwrap_or_default().into_iter().map(|group| (group, 0)).collect();
            let used = used.get(&at).copied().unwrap_or_default();
            let mut thing = match owner {
                Owner::Container(entry) => {
                    // The layers of one whose image has no name and no id any more.
                    let own = |thing: &&mut Thing| thing.class == Class::Container && thing.id == entry.config.id.hex();
                    if let Some(thing) = self.drafted.stay.iter_mut().find(own) {
                        thing.groups = groups;
                    }
                    continue;
                }
                Owner::Image(listed) => self.of_image(at, listed),
                Owner::Failed(kept) => {
                    let thing = self.of_owner(Class::Cache, "internal", at, Target::Owner(at, None));
                    Thing { id: kept.build.clone(), what: "the state in which a step failed".to_owned(), ..thing }
                }
            };
            thing = Thing { used, groups, ..thing };
            let busy = self.is_busy(used);
            let late =
                cache.and_then(|cache| cache.until).is_some_and(|until| thing.class == Class::Cache && used >= until);
            if fate.goes() && busy {
                BUSY.clone_into(&mut thing.why);
            } else if fate.goes() && late {
                LATE.clone_into(&mut thing.why);
            }
            self.put(fate.goes() && !busy && !late, thing, 0);
        }
        rest
    }

    fn is_container(&self, at: usize) -> bool {
        matches!(self.mark.owners()[at], Owner::Container(_))
    }

    /// When images and states were last used: when the document was that they are called by.
    fn used(&self, groups: &[Group]) -> BTreeMap<usize, Timestamp> {
        let times: BTreeMap<_, Timestamp> =
            groups.iter().filter_map(|group| Some((group.digest()?, group.used))).collect();
        let of = |(at, owner): (usize, &Owner)| match owner {
            Owner::Image(listed) => Some((at, times.get(&listed.image.id.0).copied().unwrap_or_default())),
            Owner::Failed(kept) => Some((at, kept.failed.when)),
            Owner::Container(_) => None,
        };
        self.mark.owners().iter().enumerate().filter_map(of).collect()
    }

    fn of_image(&self, at: usize, listed: &Listed) -> Thing {
        let target = Target::Owner(at, Some(Box::new(listed.clone())));
        let names: Vec<String> = listed.tags.iter().map(|tag| familiar(&tag.reference)).collect();
        let what = if names.is_empty() { "<none>".to_owned() } else { names.join(", ") };
        let (id, created) = (listed.image.id.0.hex(), listed.image.config.created);
        Thing { id, what, created, ..self.of_owner(Class::Image, "image", at, target) }
    }

    fn of_owner(&self, class: Class, kind: &'static str, at: usize, target: Target) -> Thing {
        let (id, what) = (String::new(), String::new());
        let (created, used, why) = (None, Timestamp::default(), self.fates[at].why());
        Thing { class, kind, id, what, created, used, bytes: 0, why, groups: Vec::new(), target }
    }

    fn is_busy(&self, used: Timestamp) -> bool {
        self.busy.is_some_and(|busy| used >= busy)
    }

    fn cache(&mut self, cache: Option<Cache<'_>>, groups: Vec<Group>) -> Result<()> {
        let records: BTreeMap<PathBuf, _> = LocalBackend::of(self.store).list()?.into_iter().collect();
        let failed: BTreeSet<&str> = self
            .mark
            .owners()
            .iter()
            .filter_map(|owner| if let Owner::Failed(kept) = owner { Some(&*kept.build) } else { None })
            .collect();
        for Part { mut thing, depth, needed } in parts(self.store, self.mark, groups, &records) {
            let busy = thing.groups.first().is_some_and(|(group, _)| self.is_busy(group.used));
            let stays = match cache {
                None => Some("the build cache stays".to_owned()),
                Some(_) if failed.contains(&*thing.id) => Some("the state of its failed step is kept".to_owned()),
                Some(cache) => needed.filter(|_| !cache.all),
            };
            let stays = stays.or_else(|| busy.then(|| BUSY.to_owned())).or_else(|| {
                let cache = cache?;
                let late = cache.until.is_some_and(|until| thing.used >= until);
                let out = !(cache.fits)(&thing);
                out.then(|| "the filter leaves it out".to_owned()).or_else(|| late.then(|| LATE.to_owned()))
            });
            let goes = stays.is_none();
            thing.why = stays.unwrap_or(thing.why);
            self.put(goes, thing, depth);
        }
        Ok(())
    }
}

const BUSY: &str = "another rbuild at work may use it";
const LATE: &str = "it was used since then";
