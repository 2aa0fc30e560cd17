//! Go templates (the language of Go's `text/template`) over JSON values: what `--format` takes. Knows no command.
//!
//! `lex` cuts the text into tokens, `parse` makes nodes of them, `eval` walks the nodes over a value with the functions
//! of `call`. Left out: the function `call`, and imaginary numbers. More is allowed than in Go: whole numbers are
//! compared with fractions, and of nothing there are fields, a length, and parts: Go knows the type of what is missing.

mod call;
mod escape;
mod eval;
mod float;
mod lex;
mod limits;
mod node;
mod parse;
mod printf;
mod show;

use eval::{Functions, Scope, World};
use limits::{LARGEST, Limits};
use node::Node;
use serde_json::Value;
use std::fmt;

/// A parsed template.
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    nodes: Vec<Node>,
    defined: parse::Defined,
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template:{}:{}: {}", self.line, self.column, self.message)
    }
}

/// The result within this module: what is wrong, and at which byte.
type Result<T> = std::result::Result<T, Fault>;

/// What is wrong at a byte of the text.
#[derive(Debug)]
struct Fault {
    at: usize,
    message: String,
}

impl Fault {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    fn in_text(self, text: &str) -> Problem {
        let before = text.get(..self.at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        Problem { line, column: before[line_start..].chars().count() + 1, message: self.message }
    }
}

impl Template {
    /// Parses a template.
    pub fn parse(text: &str) -> std::result::Result<Self, Problem> {
        let parsed = lex::tokens(text).and_then(|tokens| parse::parse(&tokens));
        let (nodes, defined) = parsed.map_err(|fault| fault.in_text(text))?;
        Ok(Self { text: text.to_owned(), nodes, defined })
    }

    /// The text for a value. A field that the value itself lacks is an error; a key missing further in prints as
    /// `<no value>`, as Go's maps do.
    pub fn render(&self, value: &Value) -> std::result::Result<String, Problem> {
        self.run(value, Functions::All)
    }

    /// The text for column headings by field: as [`Template::render`], but functions that change a text leave it alone.
    pub fn render_heading(&self, headings: &Value) -> std::result::Result<String, Problem> {
        self.run(headings, Functions::Heading)
    }

    fn run(&self, value: &Value, functions: Functions) -> std::result::Result<String, Problem> {
        let limits = Limits::default();
        let world = World { functions, defined: &self.defined, limits: &limits };
        Scope::new(value, &world).run(&self.nodes).map_err(|fault| fault.in_text(&self.text))
    }
}

#[cfg(test)]
mod tests;
