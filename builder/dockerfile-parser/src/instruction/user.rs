//! `USER`.
