//! Which system calls a container may make: Docker's default profile as data, and its compiler to classic BPF.
//!
//! A [`Profile`] is rules by system call *name*; [`compile`] turns it, for one machine and one set of capabilities,
//! into the instructions that the kernel runs before every call. Everything here is pure: nothing is read from the
//! machine and nothing is installed; that is `sys.rs`.
//!
//! ```text
//! docker.rs, json.rs    profile.rs    resolve.rs                        compile.rs, assemble.rs
//! rules by name      →  Profile    →  listing.rs (numbers), ranges.rs →  instructions
//!                                     from numbers.rs, multiplex.rs
//! ```

mod arch;
mod assemble;
mod compile;
mod docker;
mod error;
mod json;
mod listing;
mod multiplex;
mod numbers;
mod profile;
mod ranges;
mod resolve;

pub use arch::{Arch, ArchSet};
pub use assemble::SockFilter;
pub use compile::compile;
pub use error::Error;
pub use profile::{Action, ArgTest, Compare, Family, Profile, Rule, When};
pub use resolve::Conditions;

#[cfg(test)]
mod tests;
