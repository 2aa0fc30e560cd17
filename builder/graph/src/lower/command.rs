//! One instruction of a stage, be it written there or triggered by the base, and the names it takes files from.
//! Knows nothing of what the names stand for.

use dockerfile_parser::lint::{self, Place};
use dockerfile_parser::{Instruction, Kind, Span, Text};
use std::borrow::Cow;

/// An instruction to be carried out in a stage.
pub(super) struct Command<'a> {
    /// What it says.
    pub(super) instruction: Cow<'a, Instruction>,
    /// Where it stands.
    pub(super) site: Site,
}

/// Where an instruction stands in the Dockerfile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    /// The whole instruction; for a trigger, the FROM that fires it.
    pub(super) span: Span,
    /// Its first line, from 1.
    pub(super) line: u32,
    /// Its last line.
    pub(super) last_line: u32,
    /// Whether it is a trigger: then spans within it are of another text.
    pub(super) triggered: bool,
}

impl Site {
    fn at(instruction: &Instruction, triggered: bool) -> Self {
        let Instruction { span, first_line, last_line, .. } = *instruction;
        Self { span, line: first_line, last_line, triggered }
    }

    /// The place of a word of the instruction.
    pub(super) fn of(&self, word: &Text) -> Span {
        if self.triggered || word.span.is_empty() { self.span } else { word.span }
    }

    /// The same for the linter.
    pub(super) fn place(&self, word: &Text) -> Place {
        Place { first_line: self.line, last_line: self.last_line, span: self.of(word) }
    }
}

/// A name that an instruction takes files from.
pub(super) struct Taken<'a> {
    /// The name as written.
    pub(super) name: &'a Text,
    /// Whether it may be a stage's number: in COPY, not in a mount.
    pub(super) numbered: bool,
}

impl<'a> Command<'a> {
    /// An instruction as it is written in the stage.
    pub(super) fn written(instruction: &'a Instruction) -> Self {
        Self { instruction: Cow::Borrowed(instruction), site: Site::at(instruction, false) }
    }

    /// A trigger fired by `from`.
    pub(super) fn triggered(instruction: Instruction, from: &Instruction) -> Self {
        Self { instruction: Cow::Owned(instruction), site: Site::at(from, true) }
    }

    /// Where the linter sees a word of it.
    pub(super) fn seen_at(&self, word: &Text) -> lint::Site<'_> {
        lint::Site { place: Some(self.site.place(word)), comments: &self.instruction.comments }
    }

    /// The names it takes files from.
    pub(super) fn taken(&self) -> Vec<Taken<'_>> {
        match &self.instruction.kind {
            Kind::Copy(copy) => copy.from.iter().map(|name| Taken { name, numbered: true }).collect(),
            Kind::Run(run) => {
                let names = run.mounts.iter().filter_map(|mount| mount.from()).filter(|name| !name.is_empty());
                names.map(|name| Taken { name, numbered: false }).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether it is counted and shown as a step.
    pub(super) fn is_step(&self) -> bool {
        matches!(self.instruction.kind, Kind::Add(_) | Kind::Copy(_) | Kind::Run(_) | Kind::Workdir(_))
    }
}
