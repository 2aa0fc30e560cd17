//! The files of a container: what it changed, taken out, put in, made an image of. Starts nothing; whether the
//! container runs makes no difference but where it is said.

mod commit;
mod copy;
mod diff;
mod export;
mod layer;
mod size;
mod still;
mod strip;

pub use commit::{Commit, commit};
pub use copy::{Copying, Outside};
pub use diff::{Change, diff};
pub use export::export;
pub use size::size;
