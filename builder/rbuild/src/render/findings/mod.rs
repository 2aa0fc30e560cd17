//! What a check found, for people and for programs: one file a form. Pure: values in, text out; finds nothing itself.

mod json;
mod sarif;
mod text;

use dockerfile_parser::lint::Finding;
use dockerfile_parser::{Source, Span};

pub use json::{object, ranges};

/// What a check came to.
#[derive(Debug)]
pub struct Report<'a> {
    /// The name of the Dockerfile.
    pub file: &'a str,
    /// Its bytes.
    pub source: Source<'a>,
    /// What was found, in the order of the file.
    pub findings: Vec<&'a Finding>,
    /// Why it ended before its time, where it did.
    pub error: Option<Failure>,
}

/// An error, and what it points at.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Option<Span>,
}

impl Report<'_> {
    /// For people, as docker prints it.
    pub fn text(&self) -> String {
        text::text(self)
    }

    /// As docker's `--call=check,format=json`.
    pub fn json(&self) -> String {
        json::json(self)
    }

    /// SARIF 2.1.0.
    pub fn sarif(&self) -> String {
        sarif::sarif(self)
    }
}
