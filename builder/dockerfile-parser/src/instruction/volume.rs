//! `VOLUME`.
