//! What a template consists of. `at` is always the byte in the text where the thing begins.

use serde_json::Value;

/// A piece of a template.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Text as it is.
    Text(String),
    /// A pipeline whose value is printed, unless it only sets a variable.
    Print(Pipeline),
    /// `if`, `with` or `range` … `else` … `end`.
    Branch { kind: BranchKind, pipeline: Pipeline, body: Vec<Self>, otherwise: Vec<Self> },
    /// `template`: another template's nodes, with this value for dot; without one, nothing.
    Call { at: usize, name: String, pipeline: Option<Pipeline> },
    /// `break`.
    Break,
    /// `continue`.
    Continue,
}

/// What a branch does with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BranchKind {
    /// Runs the body if it is true.
    If,
    /// The same with the value as dot.
    With,
    /// Runs the body for each element, as dot.
    Range,
}

/// Commands, each of which gets the value of the one before as its last argument.
#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    pub(super) at: usize,
    /// The variables that take its value: one, or two in `range`.
    pub(super) variables: Vec<String>,
    /// Whether the variables are new (`:=`) or there already (`=`).
    pub(super) declares: bool,
    pub(super) commands: Vec<Command>,
}

/// A value, or a function or field and its arguments.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) words: Vec<Word>,
}

/// An operand and the fields looked up in it.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) at: usize,
    pub(super) operand: Operand,
    pub(super) fields: Vec<String>,
}

/// The beginning of a word.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// `.`
    Dot,
    /// `$name`; `$` is the whole value.
    Variable(String),
    /// A function by its name.
    Function(String),
    /// A constant.
    Literal(Value),
    /// `( … )`
    Pipeline(Box<Pipeline>),
}
