//! Repositories: what a reference points at, its commit brought here once, its files laid out. All of it is done by the
//! program `git`, cut off from this machine's and user's settings. Knows neither builds nor destinations.
//!
//! ```text
//! git.v1/repositories/<digest of the remote>[-sha256]   one bare repository a remote, of the commits asked for
//!        checkouts/<commit>-<digest of what was asked>/files   as they are added; never changed
//!        locks/<digest of the remote>                   held by who changes any of these
//!        known_hosts                                    keys of ssh servers, as they were first seen
//! ```

mod access;
mod bring;
mod checkout;
mod command;
mod find;
mod mirror;
mod settings;

pub use access::Access;
pub use bring::{Arrival, Checkout, bring, commit};
pub use checkout::{Wanted, checkout};
pub use command::{Git, Outcome, Place};
pub use find::{Found, ask, pinned};
pub use mirror::Mirror;
