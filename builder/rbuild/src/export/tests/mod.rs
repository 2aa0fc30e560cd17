//! Exports of small images, read back by the programs that users read them with.

mod files;
mod fixture;
mod image;
mod refusal;
mod tools;
