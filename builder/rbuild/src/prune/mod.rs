//! What of the store may go, how much of the disk that gives back, and why; and taking it away. Knows images, containers,
//! volumes and the build cache; prints nothing.
//!
//! The floors, each using those below: `act` and `cap` (which remove), `space` (which tells), `plan`, `measure`,
//! `cache` and `fate`, `mark`.

mod act;
mod cache;
mod cap;
mod fate;
mod mark;
mod measure;
mod plan;
mod space;
#[cfg(test)]
mod tests;

pub use act::{Done, carry_out, refuse_read_only};
pub use cap::{Before, Trimmed, keep_within};
pub(crate) use mark::familiar;
pub use mark::{Mark, Owner};
pub use plan::{Images, Plan, plan};
pub use space::{Space, Tally, space};

use crate::container::{ContainerId, Entry};
use crate::image::Listed;
use rbuild_oci::Timestamp;
use rbuild_store::{Group, Volume};

/// Whether a thing is meant.
pub type Fits<'a, T> = &'a dyn Fn(&T) -> bool;

/// What is to go, class by class; a class that is not named stays.
#[derive(Clone, Copy, Default)]
pub struct Wish<'a> {
    /// Of the containers that do not run.
    pub containers: Option<Fits<'a, Entry>>,
    /// Of the volumes of the driver `local` that no container mounts.
    pub volumes: Option<Fits<'a, Volume>>,
    /// Of the images that no container uses.
    pub images: Option<Images<'a>>,
    /// Of the build cache.
    pub cache: Option<Cache<'a>>,
}

/// What of the build cache is to go.
#[derive(Clone, Copy)]
pub struct Cache<'a> {
    /// Also the records of steps whose layers images have, and the states of failed steps.
    pub all: bool,
    /// Only what was not used since then.
    pub until: Option<Timestamp>,
    /// Only these.
    pub fits: Fits<'a, Thing>,
    /// What was used last stays up to this size.
    pub keep: Option<Keep>,
    /// Whether images without a name count as build cache.
    pub nameless: bool,
}

/// How much stays, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Nothing goes while all of it takes no more than this.
    pub limit: u64,
    /// How much stays otherwise.
    pub rest: u64,
}

/// What a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A container.
    Container,
    /// A volume.
    Volume,
    /// An image.
    Image,
    /// A part of the build cache.
    Cache,
}

/// A thing that may go or stay as a whole.
#[derive(Clone, Debug)]
pub struct Thing {
    /// What it is.
    pub class: Class,
    /// The same more closely, in docker's words for parts of the build cache: `regular`, `source.local` …
    pub kind: &'static str,
    /// Its id, or its name.
    pub id: String,
    /// What a person knows it by: its name, or what made it.
    pub what: String,
    /// When it was made, where that is known.
    pub created: Option<Timestamp>,
    /// When it was last used, as far as that is known.
    pub used: Timestamp,
    /// What comes free when it goes with all things that were used longer ago, in bytes.
    pub bytes: u64,
    /// Why it goes or stays.
    pub why: String,
    /// Files of the store that go with it, and the bytes of each group.
    groups: Vec<(Group, u64)>,
    target: Target,
}

/// What has to be done beside removing files.
#[derive(Clone, Debug)]
enum Target {
    Container(ContainerId),
    Volume(String),
    /// An image or the state of a failed step: an owner by its place in the mark.
    Owner(usize, Option<Box<Listed>>),
    Files,
}
