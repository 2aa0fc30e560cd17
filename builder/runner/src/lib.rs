//! Under construction in this commit; the map is in README.md.

pub mod seccomp;
