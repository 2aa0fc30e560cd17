//! How an ordinary user gets ids of their own: one user namespace, entered once, in which every container starts.
//! Knows no container.

mod detect;
mod map;
mod spawn;

pub use detect::IdMapPlan;
pub use map::{Fidelity, IdMap, Range, RawMap, parse_subids};
pub use spawn::{Inside, spawn_beside, spawn_inside};
