//! What a rule found and where. Knows no rule.
use super::Rule;
use crate::instruction::Instruction;
use crate::span::Span;
use crate::tree::Node;
use std::cmp::Ordering;

/// Something a rule found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// What was found, in one line.
    pub message: String,
    /// Where; none where the command line is what is odd.
    pub place: Option<Place>,
}

/// Lines of a Dockerfile, and the bytes in them that matter most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The first line of the instruction, from 1.
    pub first_line: u32,
    /// Its last line.
    pub last_line: u32,
    /// The word at fault, or the whole instruction.
    pub span: Span,
}

impl Place {
    /// A node of the syntax layer as a whole.
    pub fn of_node(node: &Node) -> Self {
        Self { first_line: node.first_line, last_line: node.last_line, span: node.span }
    }

    /// An instruction as a whole.
    pub fn of(instruction: &Instruction) -> Self {
        Self { first_line: instruction.first_line, last_line: instruction.last_line, span: instruction.span }
    }

    /// A word of what is here; a word without bytes is the whole.
    #[must_use]
    pub fn word(self, span: Span) -> Self {
        if span.is_empty() { self } else { Self { span, ..self } }
    }
}

impl Finding {
    /// Findings go by place, those without one first; what two rules say of one place goes by the rules' names.
    fn order(&self) -> (Option<Place>, &str, &str) {
        (self.place, self.rule.name, &self.message)
    }
}

impl PartialEq for Finding {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Finding {}

impl PartialOrd for Finding {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Finding {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}
