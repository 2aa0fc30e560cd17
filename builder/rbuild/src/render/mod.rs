//! Text for people and scripts, in docker's forms: tables, templates, sizes, times. Pure: values in, text out.

pub mod findings;
pub mod human;
mod list;
mod table;
mod template;
mod tree;
mod visible;

pub use list::{Column, Listing};
pub use table::{align, align_by};
pub use template::{Problem, Template};
pub use tree::Tree;
pub(crate) use visible::printable;
pub use visible::visible;
