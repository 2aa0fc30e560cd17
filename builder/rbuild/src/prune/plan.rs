//! What goes and what stays, decided and measured before anything is touched. Knows why; removes nothing.
//!
//! Sizes are what the disk gives back: things that stay are added up first, then those that may go, the last used first,
//! each with what it takes beyond all before it.

use super::cache::{Part, parts};
use super::mark::familiar;
use super::{Cache, Class, Fits, Mark, Owner, Target, Thing, Wish};
use crate::container::{Containers, Entry};
use crate::error::Result;
use crate::image::Listed;
use rbuild_oci::Timestamp;
use rbuild_records::LocalBackend;
use rbuild_store::{Group, LOCAL, Store, Usage, VolumeDriver};
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
    let mut draft = Draft { store, mark: &mark, fates: &fates, busy, go: Vec::new(), stay: Vec::new() };
    draft.containers();
    draft.volumes(wish)?;
    let groups = draft.images(wish.cache, store.groups()?);
    draft.cache(wish.cache, groups)?;
    let Measured { go, stay, kept } = draft.measured(wish.cache)?;
    Ok(Plan { go, stay, kept, mark })
}

/// What becomes of an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Goes(String),
    Stays(String),
}

impl Fate {
    const fn goes(&self) -> bool {
        matches!(self, Self::Goes(_))
    }

    fn why(&self) -> String {
        let (Self::Goes(why) | Self::Stays(why)) = self;
        why.clone()
    }
}

fn goes(why: &str) -> Fate {
    Fate::Goes(why.to_owned())
}

fn stays(why: impl Into<String>) -> Fate {
    Fate::Stays(why.into())
}

/// What becomes of each owner: of containers first, as images stay for those that stay.
fn fates(wish: &Wish<'_>, mark: &Mark) -> Vec<Fate> {
    let containers = mark.owners().iter().map(|owner| match owner {
        Owner::Container(entry) if entry.state.is_running() => stays("it runs"),
        Owner::Container(entry) => match wish.containers {
            Some(fits) if fits(entry) => goes("it does not run"),
            Some(_) => stays("the filter leaves it out"),
            None => stays("containers stay"),
        },
        Owner::Failed(_) if wish.cache.is_some_and(|cache| cache.all) => goes("all of the build cache is to go"),
        Owner::Failed(_) => stays("it can be entered with `rbuild debug`"),
        Owner::Image(_) => stays(""),
    });
    let mut fates: Vec<Fate> = containers.collect();
    let mut users = BTreeMap::new();
    for (owner, fate) in mark.owners().iter().zip(&fates) {
        if let (Owner::Container(entry), false) = (owner, fate.goes()) {
            users.extend(entry.config.images().map(|image| (image.id, &entry.config.name)));
        }
    }
    for (owner, fate) in mark.owners().iter().zip(&mut fates) {
        if let Owner::Image(listed) = owner {
            let user = users.get(&listed.image.id);
            *fate = user.map_or_else(|| image(wish, listed), |name| stays(format!("container {name} uses it")));
        }
    }
    whole_tags(mark, fates)
}

/// What becomes of an image that no container uses.
fn image(wish: &Wish<'_>, listed: &Listed) -> Fate {
    let nameless = listed.tags.is_empty();
    match (wish.images, wish.cache) {
        (Some(images), _) if (images.all || nameless) && !(images.fits)(listed) => stays("the filter leaves it out"),
        (Some(_), _) if nameless => goes("it has no name, and no container uses it"),
        (Some(images), _) if images.all => goes("no container uses it"),
        (_, Some(cache)) if cache.nameless && nameless => goes("it has no name, and no container uses it"),
        _ if nameless => stays("images stay"),
        _ => stays("it has a name"),
    }
}

/// A tag of several images goes with all of them only.
fn whole_tags(mark: &Mark, mut fates: Vec<Fate>) -> Vec<Fate> {
    loop {
        let mut kept: BTreeSet<&str> = BTreeSet::new();
        for (owner, fate) in mark.owners().iter().zip(&fates) {
            if let (Owner::Image(listed), false) = (owner, fate.goes()) {
                kept.extend(listed.tags.iter().map(|tag| &*tag.reference));
            }
        }
        let mut changed = false;
        for (owner, fate) in mark.owners().iter().zip(&mut fates) {
            let Owner::Image(listed) = owner else { continue };
            if let Some(tag) = listed.tags.iter().find(|tag| fate.goes() && kept.contains(&*tag.reference)) {
                *fate = stays(format!("{} is also an image that stays", familiar(&tag.reference)));
                changed = true;
            }
        }
        if !changed {
            return fates;
        }
    }
}

struct Measured {
    go: Vec<Thing>,
    stay: Vec<Thing>,
    kept: u64,
}

struct Draft<'a> {
    store: &'a Store,
    mark: &'a Mark,
    fates: &'a [Fate],
    busy: Option<Timestamp>,
    go: Vec<(Thing, usize)>,
    stay: Vec<Thing>,
}

impl Draft<'_> {
    fn put(&mut self, goes: bool, thing: Thing, depth: usize) {
        if goes { self.go.push((thing, depth)) } else { self.stay.push(thing) }
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
                    if let Some(thing) = self.stay.iter_mut().find(own) {
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
                thing.why = BUSY.to_owned();
            } else if fate.goes() && late {
                thing.why = LATE.to_owned();
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

    /// All with their sizes; of the build cache the last used stays up to what is to be kept.
    fn measured(mut self, cache: Option<Cache<'_>>) -> Result<Measured> {
        let mut usage = Usage::default();
        let counts = |thing: &Thing| {
            thing.class == Class::Cache || thing.class == Class::Image && cache.is_some_and(|cache| cache.nameless)
        };
        // A container may share data with the layers that it began with.
        self.stay.sort_by_key(|thing| std::cmp::Reverse(thing.class));
        let mut kept = 0;
        for thing in &mut self.stay {
            measure(self.store, &mut usage, thing)?;
            kept += if thing.class == Class::Cache { thing.bytes } else { 0 };
        }
        self.go.sort_by(|(a, deep), (b, deeper)| (b.used, deep).cmp(&(a.used, deeper)));
        let mut total = kept;
        for (thing, _) in &mut self.go {
            measure(self.store, &mut usage, thing)?;
            total += if counts(thing) { thing.bytes } else { 0 };
        }
        let keep = cache.and_then(|cache| cache.keep);
        let rest = keep.map(|keep| if total <= keep.limit { u64::MAX } else { keep.rest });
        let (mut go, mut full) = (Vec::new(), false);
        for (mut thing, _) in self.go {
            let fits = rest.is_some_and(|rest| kept + thing.bytes <= rest);
            full |= counts(&thing) && !fits;
            if counts(&thing) && !full {
                kept += thing.bytes;
                thing.why = "it is within what is kept".to_owned();
                self.stay.push(thing);
            } else {
                go.push(thing);
            }
        }
        go.sort_by_key(|thing| thing.class);
        Ok(Measured { go, stay: self.stay, kept })
    }
}

const BUSY: &str = "another rbuild at work may use it";
const LATE: &str = "it was used since then";

fn measure(store: &Store, usage: &mut Usage, thing: &mut Thing) -> Result<()> {
    for (group, bytes) in &mut thing.groups {
        *bytes = group.paths.iter().map(|path| usage.add(path)).sum::<rbuild_store::Result<u64>>()?;
    }
    let own = match &thing.target {
        Target::Container(id) => usage.add(&Containers::new(store).dir(id))?,
        Target::Volume(name) => usage.add(&store.dir(rbuild_store::Bucket::Volumes).join(name))?,
        Target::Owner(..) | Target::Files => 0,
    };
    thing.bytes = own + thing.groups.iter().map(|(_, bytes)| bytes).sum::<u64>();
    Ok(())
}
