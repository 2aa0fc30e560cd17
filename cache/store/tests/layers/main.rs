//! Layers against the real kernel, GNU tar and Python's tarfile: round trips, whiteouts in both styles, hostile
//! tarballs, foreign dialects. Most of it needs root, as owners and devices do; without it that is skipped loudly.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a helper of a test may fail as the test may

mod dialects;
mod fixture;
mod golden;
mod hostile;
mod ordinary;
mod round_trip;
mod taking_in;
mod writer;
