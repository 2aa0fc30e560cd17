//! What becomes of containers, images and the states of failed steps, and why. Knows no file.

use super::mark::familiar;
use super::{Mark, Owner, Wish};
use crate::failed;
use crate::image::Listed;
use rbuild_oci::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Goes(String),
    Stays(String),
}

impl Fate {
    pub(super) const fn goes(&self) -> bool {
        matches!(self, Self::Goes(_))
    }

    pub(super) fn why(&self) -> String {
        let (Self::Goes(why) | Self::Stays(why)) = self;
        why.clone()
    }
}

pub(super) fn goes(why: &str) -> Fate {
    Fate::Goes(why.to_owned())
}

pub(super) fn stays(why: impl Into<String>) -> Fate {
    Fate::Stays(why.into())
}

/// When owners were used.
pub(super) struct Times {
    /// The time at which it is decided.
    pub(super) now: Timestamp,
    /// What was used since then somebody at work may rely on.
    pub(super) busy: Option<Timestamp>,
    /// When images and states of failed steps were last used, by their places in the mark.
    pub(super) used: BTreeMap<usize, Timestamp>,
}

impl Times {
    pub(super) fn is_busy(&self, used: Timestamp) -> bool {
        self.busy.is_some_and(|busy| used >= busy)
    }
}

/// Why something stays that somebody at work may use.
pub(super) const BUSY: &str = "another rbuild at work may use it";

/// What becomes of each owner: of containers first, as images stay for those that stay.
pub(super) fn fates(wish: &Wish<'_>, mark: &Mark, times: &Times) -> Vec<Fate> {
    // The youngest first.
    let states = mark.owners().iter().filter_map(|owner| match owner {
        Owner::Failed(kept) => Some(kept),
        _ => None,
    });
    let over = states.enumerate().filter(|(at, kept)| failed::is_over(*at, kept, times.now));
    let over: BTreeSet<&str> = over.map(|(_, kept)| &*kept.build).collect();
    let containers = mark.owners().iter().map(|owner| match owner {
        Owner::Container(entry) if entry.state.is_running() => stays("it runs"),
        Owner::Container(entry) => match wish.containers {
            Some(fits) if fits(entry) => goes("it does not run"),
            Some(_) => stays("the filter leaves it out"),
            None => stays("containers stay"),
        },
        Owner::Failed(_) if wish.cache.is_some_and(|cache| cache.all) => goes("all of the build cache is to go"),
        Owner::Failed(kept) if wish.cache.is_some() && over.contains(&*kept.build) => {
            goes("it has been kept long enough")
        }
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
    for (at, used) in &times.used {
        if fates[*at].goes() && times.is_busy(*used) {
            fates[*at] = stays(BUSY);
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
