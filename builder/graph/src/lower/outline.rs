//! A Dockerfile by stages. Knows nothing of what they mean.

use crate::error::{Error, ErrorKind, Result};
use dockerfile_parser::instruction::{ArgItem, From};
use dockerfile_parser::{Dockerfile, Instruction, Kind, Span};

/// The ARGs before the first FROM, and the stages.
pub(super) struct Outline<'a> {
    /// The escape token.
    pub(super) escape: u8,
    /// ARGs before the first FROM.
    pub(super) globals: Vec<(&'a Instruction, &'a [ArgItem])>,
    /// At least one.
    pub(super) sections: Vec<Section<'a>>,
}

/// A FROM and what follows it.
pub(super) struct Section<'a> {
    /// The FROM.
    pub(super) head: &'a Instruction,
    /// The FROM, typed.
    pub(super) from: &'a From,
    /// All up to the next FROM.
    pub(super) body: &'a [Instruction],
}

impl<'a> Outline<'a> {
    /// Cuts the file at each FROM.
    pub(super) fn of(file: &'a Dockerfile) -> Result<Self> {
        let mut globals = Vec::new();
        let mut sections: Vec<Section<'a>> = Vec::new();
        let mut rest = file.instructions.as_slice();
        while let [first, tail @ ..] = rest {
            let length = tail.iter().position(|next| matches!(next.kind, Kind::From(_))).unwrap_or(tail.len());
            match &first.kind {
                Kind::From(from) => {
                    let (body, after) = tail.split_at(length);
                    sections.push(Section { head: first, from, body });
                    rest = after;
                    continue;
                }
                Kind::Arg(items) => globals.push((first, items.as_slice())),
                _ => {}
            }
            rest = tail;
        }
        if sections.is_empty() {
            let end = file.instructions.last().map_or(0, |last| last.span.end);
            return Err(Error::at(Span { start: end, end }, ErrorKind::NoStages).with_hint("as in FROM debian:12"));
        }
        Ok(Self { escape: file.directives.escape_token(), globals, sections })
    }

    /// The name of the last stage.
    pub(super) fn last_name(&self) -> Option<String> {
        let name = self.sections.last()?.from.name.as_ref()?;
        Some(name.to_str_lossy().into_owned())
    }
}
