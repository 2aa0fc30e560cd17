//! `WORKDIR`.
