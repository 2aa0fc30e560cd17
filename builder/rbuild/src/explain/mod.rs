//! Why a step was not found in the cache: what differs from the nearest earlier time that it was executed. `compare` is
//! pure; `trail` finds that time among records; `listing` is how the files that went in are remembered. `diary` is what is kept of a build's steps. Knows no sink.

mod compare;
mod diary;
mod elsewhere;
mod files;
mod listing;
mod text;
mod trail;
mod why;

pub use compare::{Side, compare};
pub use diary::{Diary, Noted, Outcome, REFERENCE, table};
pub use elsewhere::{elsewhere, side};
pub use files::{Change, FileChange};
pub use listing::{Gathering, Listed, Listing};
pub use trail::{Footing, Missed, known, names, why};
pub use why::{Difference, Why};
