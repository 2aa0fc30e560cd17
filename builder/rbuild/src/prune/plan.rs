//! What goes and what stays, decided and measured before anything is touched. Knows why; removes nothing.

use super::cache::{Part, parts};
use super::fate::{BUSY, Fate, Times, fates, goes, stays};
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

/// What a wish comes to at that time, with the sizes of all that stays; what was used since `busy` somebody at work may
/// rely on.
pub fn plan(store: &Store, wish: &Wish<'_>, busy: Option<Timestamp>) -> Result<Plan> {
    let mark = Mark::of(store)?;
    draw(store, wish, busy, mark, store.groups()?)
}

/// The same where nobody asks for what stays: where only containers or volumes are to go, nothing else is measured than
/// what these may share data with.
pub(super) fn plan_to_follow(store: &Store, wish: &Wish<'_>, busy: Option<Timestamp>) -> Result<Plan> {
    if wish.images.is_some() || wish.cache.is_some() {
        return plan(store, wish, busy);
    }
    let mark = Mark::of(store)?;
    let goes = |at: &usize| match (&mark.owners()[*at], wish.containers) {
        (Owner::Container(entry), Some(fits)) => !entry.state.is_running() && fits(entry),
        _ => false,
    };
    let shared = |group: &Group| group.digest().is_some_and(|digest| mark.needing(&digest).iter().any(goes));
    let groups = if (0..mark.owners().len()).any(|at| goes(&at)) { store.groups()? } else { Vec::new() };
    let groups = groups.into_iter().filter(shared).collect();
    draw(store, wish, busy, mark, groups)
}

fn draw(store: &Store, wish: &Wish<'_>, busy: Option<Timestamp>, mark: Mark, groups: Vec<Group>) -> Result<Plan> {
    let times = Times { now: std::time::SystemTime::now().into(), busy, used: used(&mark, &groups) };
    let fates = fates(wish, &mark, &times);
    let mut draft = Draft { store, mark: &mark, fates: &fates, times: &times, drafted: Drafted::default() };
    draft.containers();
    draft.volumes(wish)?;
    let groups = draft.images(wish.cache, groups);
    draft.cache(wish.cache, groups)?;
    let Measured { go, stay, kept } = measured(store, draft.drafted, wish.cache)?;
    Ok(Plan { go, stay, kept, mark })
}

struct Draft<'a> {
    store: &'a Store,
    mark: &'a Mark,
    fates: &'a [Fate],
    times: &'a Times,
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
        let used = &self.times.used;
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
            let of_cache = cache.filter(|_| fate.goes() && thing.class == Class::Cache);
            let left_out = of_cache.and_then(|cache| left_out(cache, &thing));
            let goes = fate.goes() && left_out.is_none();
            thing.why = left_out.map_or(thing.why, str::to_owned);
            self.put(goes, thing, 0);
        }
        rest
    }

    fn is_container(&self, at: usize) -> bool {
        matches!(self.mark.owners()[at], Owner::Container(_))
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

    fn cache(&mut self, cache: Option<Cache<'_>>, groups: Vec<Group>) -> Result<()> {
        let records: BTreeMap<PathBuf, _> = LocalBackend::of(self.store).list()?.into_iter().collect();
        let failed: BTreeSet<&str> = self
            .mark
            .owners()
            .iter()
            .filter_map(|owner| if let Owner::Failed(kept) = owner { Some(&*kept.build) } else { None })
            .collect();
        for Part { mut thing, depth, needed } in parts(self.store, self.mark, groups, &records) {
            let busy = thing.groups.first().is_some_and(|(group, _)| self.times.is_busy(group.used));
            let stays = match cache {
                None => Some("the build cache stays".to_owned()),
                Some(_) if failed.contains(&*thing.id) => Some("the state of its failed step is kept".to_owned()),
                Some(cache) => needed.filter(|_| !cache.all),
            };
            let stays = stays.or_else(|| busy.then(|| BUSY.to_owned()));
            let stays = stays.or_else(|| left_out(cache?, &thing).map(str::to_owned));
            let goes = stays.is_none();
            thing.why = stays.unwrap_or(thing.why);
            self.put(goes, thing, depth);
        }
        Ok(())
    }
}

/// When images and states were last used: when the document was that they are called by.
fn used(mark: &Mark, groups: &[Group]) -> BTreeMap<usize, Timestamp> {
    let times: BTreeMap<_, Timestamp> = groups.iter().filter_map(|group| Some((group.digest()?, group.used))).collect();
    let of = |(at, owner): (usize, &Owner)| match owner {
        Owner::Image(listed) => Some((at, times.get(&listed.image.id.0).copied().unwrap_or_default())),
        Owner::Failed(kept) => Some((at, kept.failed.when)),
        Owner::Container(_) => None,
    };
    mark.owners().iter().enumerate().filter_map(of).collect()
}

/// Why a part of the build cache is not meant, if so.
fn left_out(cache: Cache<'_>, thing: &Thing) -> Option<&'static str> {
    if !(cache.fits)(thing) {
        return Some("the filter leaves it out");
    }
    cache.until.is_some_and(|until| thing.used >= until).then_some("it was used since then")
}
