//! `ONBUILD trigger`. Knows nothing of the builds that trigger it.
use super::{Instruction, Kind, by_example, no_flags, shown};
use crate::error::{Error, ErrorKind};
use crate::span::Text;
use crate::tree::{Args, Node};
use crate::{heredoc, unicode};

/// An instruction kept for the images built on this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onbuild {
    /// The text that goes into the image's config: continuation lines joined, heredocs rebuilt.
    pub trigger: Text,
    /// The trigger as understood here. A trigger that does not stand is still stored: it fails when it runs.
    pub inner: Result<Box<Instruction>, Box<Error>>,
}

pub(super) fn parse(node: &Node) -> Result<Kind, Error> {
    let Args::Trigger(trigger) = &node.args else {
        return Err(by_example(node, ErrorKind::AtLeastOneArgument(shown(node))));
    };
    no_flags(node)?;
    let keyword = unicode::lower(&trigger.keyword.bytes).to_ascii_uppercase();
    if matches!(&keyword[..], "ONBUILD" | "FROM" | "MAINTAINER") {
        return Err(Error::new(ErrorKind::OnbuildTrigger(keyword), trigger.keyword.span));
    }
    let inner = Node {
        first_line: node.first_line,
        last_line: node.last_line,
        heredocs: node.heredocs.clone(),
        ..Node::clone(trigger)
    };
    let inner = Instruction::typed(&inner).map(Box::new).map_err(Box::new);
    let text = heredoc::rebuilt(behind_keyword(&node.original.bytes), &node.heredocs);
    Ok(Kind::Onbuild(Onbuild { trigger: Text::new(text, trigger.span), inner }))
}

/// The line without `ONBUILD` and the blanks around it; blanks at the end stay, as in BuildKit.
fn behind_keyword(line: &[u8]) -> &[u8] {
    let is_blank = |b: &u8| matches!(b, b'\t' | b'\n' | 0x0C | b'\r' | b' ');
    let unindented = &line[line.iter().take_while(|b| is_blank(b)).count()..];
    match unindented.split_at_checked("ONBUILD".len()) {
        Some((keyword, rest)) if keyword.eq_ignore_ascii_case(b"ONBUILD") => {
            &rest[rest.iter().take_while(|b| is_blank(b)).count()..]
        }
        _ => line,
    }
}
