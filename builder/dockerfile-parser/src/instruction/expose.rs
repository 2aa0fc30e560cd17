//! `EXPOSE`.
