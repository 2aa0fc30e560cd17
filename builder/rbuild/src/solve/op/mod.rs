//! One file an operation: what it is keyed by and how it is done.

pub mod context;
pub mod copy;
pub mod fetch;
pub mod git;
pub mod image;
pub mod merge;
pub mod mkdir;
pub mod run;
