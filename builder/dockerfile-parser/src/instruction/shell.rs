//! `SHELL`.
