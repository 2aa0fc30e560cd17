//! Layers against the real kernel, GNU tar and Python's tarfile: round trips, whiteouts in both styles, hostile
//! tarballs, foreign dialects. Most of it needs root, as owners and devices do; without it that is skipped loudly.

mod dialects;
mod fixture;
mod hostile;
mod round_trip;
mod writer;
