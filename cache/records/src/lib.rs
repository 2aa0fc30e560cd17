//! THE BUILD CACHE. What a step's inputs hash to, and what came out of it last time, near and far.
//!
//! A [`CacheKey`] is the SHA-256 of a [`Recipe`]: everything that can change a step's result and nothing else. A
//! [`Record`] is found by that key and says which layer the step made. Knows no Dockerfile, no process, and holds no
//! path of any machine.

mod backend;
pub mod depot;
mod distant;
mod error;
mod key;
mod local;
mod memory;
pub mod mounts;
mod parcel;
mod record;
pub mod testing;
mod tiered;
mod trail;

pub use backend::CacheBackend;
pub use distant::{Distant, Found};
pub use error::{Error, Result};
pub use key::{CacheKey, Part, Recipe};
pub use local::LocalBackend;
pub use memory::MemoryBackend;
pub use parcel::{Carried, Parcel};
pub use record::{Output, Record};
pub use tiered::Tiered;
pub use trail::{StepName, Trace, Trail};
