//! `LABEL`.
