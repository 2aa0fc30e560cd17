//! How a report looks: cut to the width of the terminal, in colour where there is one, and with nothing in it that could
//! move a cursor. Knows no error.

use crate::render::human::ellipsis;
use crate::render::visible;
use rbuild_graph::redact;
use std::ops::Range;
use unicode_width::UnicodeWidthChar;

/// What is said, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report(Vec<Line>);

/// One line, by what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Where in which file.
    Place(String),
    /// A line of the file: its number or blanks, its text, and the columns that are marked, from 0.
    Source(String, String, Option<Range<usize>>),
    /// As it is.
    Text(String),
    /// What is wrong.
    Error(String),
    /// What that comes from.
    Because(String),
    /// What may help.
    Hint(String),
}

/// What shows a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// How many columns a line of a file may take, with its number.
    pub columns: usize,
    /// Whether there are colours.
    pub color: bool,
}

impl Look {
    /// A file or a pipe.
    pub const PLAIN: Self = Self { columns: 160, color: false };

    fn paint(self, style: &str, text: &str) -> String {
        if self.color && !text.is_empty() { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

const RED: &str = "1;31";
const BLUE: &str = "1;34";
const CYAN: &str = "36";

/// How many characters of a message are shown: one may quote a file that is no Dockerfile at all.
const MOST: usize = 4000;

impl Report {
    pub(super) fn put(&mut self, line: Line) {
        self.0.push(line);
    }

    /// The text to show.
    pub fn on(&self, look: Look) -> String {
        self.0.iter().map(|line| line.on(look)).collect()
    }
}

impl Line {
    fn on(&self, look: Look) -> String {
        match self {
            Self::Place(text) => format!("{}\n", look.paint(BLUE, &safe(text))),
            Self::Text(text) => format!("{}\n", safe(text)),
            Self::Error(text) => format!("{} {}\n", look.paint(RED, "ERROR:"), safe(text)),
            Self::Because(text) => format!("  because: {}\n", safe(text)),
            Self::Hint(text) => format!("  {} {}\n", look.paint(CYAN, "hint:"), safe(text)),
            Self::Source(number, text, marks) => source(look, number, text, marks.clone()),
        }
    }
}

/// Text of others as it may be shown, on several lines where it has them.
fn safe(text: &str) -> String {
    let text = ellipsis(text, MOST);
    redact(&text).chars().map(|char| if char == '\n' { char } else { visible(char) }).collect()
}

/// A line of a file and the carets below it; of a long one the part around the carets.
fn source(look: Look, number: &str, text: &str, marks: Option<Range<usize>>) -> String {
    let room = look.columns.saturating_sub(number.len() + 3).max(20);
    let cut = Cut::of(text, room, marks.clone().unwrap_or_default());
    let mut out = format!("{} {}\n", look.paint(BLUE, &format!("{number} |")), cut.text);
    if let Some(marks) = marks {
        let start = (marks.start + cut.before).saturating_sub(cut.dropped);
        let end = (marks.end + cut.before).saturating_sub(cut.dropped).min(room).max(start + 1);
        let (blank, carets) = (" ".repeat(start), "^".repeat(end - start));
        let gutter = format!("{:1$} |", "", number.len());
        out.push_str(&format!("{} {blank}{}\n", look.paint(BLUE, &gutter), look.paint(RED, &carets)));
    }
    out
}

/// The part of a line that is shown.
struct Cut {
    text: String,
    /// Columns left out at the front.
    dropped: usize,
    /// Columns that stand for them.
    before: usize,
}

impl Cut {
    fn of(text: &str, room: usize, marks: Range<usize>) -> Self {
        let width: usize = text.chars().map(columns).sum();
        if width <= room {
            return Self { text: text.to_owned(), dropped: 0, before: 0 };
        }
        // The carets begin in the first third, unless the line begins or ends there anyway.
        let wanted = if marks.end < room { 0 } else { marks.start.saturating_sub(room / 3).min(width - room + 1) };
        let (mut dropped, mut taken) = (0, 0);
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next_if(|_| dropped < wanted) {
            dropped += columns(char);
        }
        let before = usize::from(dropped > 0);
        let mut out = "…".repeat(before);
        if before + width - dropped <= room {
            out.extend(chars);
            return Self { text: out, dropped, before };
        }
        while let Some(char) = chars.next_if(|char| before + taken + columns(*char) < room) {
            taken += columns(char);
            out.push(char);
        }
        out.push('…');
        Self { text: out, dropped, before }
    }
}

/// How many columns a character takes.
fn columns(char: char) -> usize {
    char.width().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(columns: usize, text: &str, marks: Range<usize>) -> String {
        let mut report = Report::default();
        report.put(Line::Source("1".to_owned(), text.to_owned(), Some(marks)));
        report.on(Look { columns, color: false })
    }

    #[test]
    fn a_long_line_is_cut_around_the_carets() {
        assert_eq!(shown(30, "short", 0..5), "1 | short\n  | ^^^^^\n");
        let long = format!("{}HERE{}", "a".repeat(40), "b".repeat(40));
        let end = format!("{}HERE", "a".repeat(40));
        assert_eq!(shown(34, &long, 40..44), "1 | …aaaaaaaaaaHEREbbbbbbbbbbbbbb…\n  |            ^^^^\n");
        assert_eq!(shown(34, &long, 0..3), format!("1 | {}…\n  | ^^^\n", "a".repeat(29)));
        assert_eq!(shown(34, &end, 40..44), format!("1 | …{}HERE\n  | {}^^^^\n", "a".repeat(25), " ".repeat(26)));
        assert_eq!(shown(34, &long, 0..84).lines().nth(1), Some(&*format!("  | {}", "^".repeat(30))));
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let long = format!("{}HERE", "値".repeat(40));
        assert_eq!(shown(34, &long, 80..84), format!("1 | …{}HERE\n  | {}^^^^\n", "値".repeat(12), " ".repeat(25)));
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        let mut report = Report::default();
        report.put(Line::Error("a \x1b[31m\u{202E}b".to_owned()));
        assert_eq!(report.on(Look::PLAIN), "ERROR: a \u{FFFD}[31m\u{FFFD}b\n");
        assert!(report.on(Look { color: true, ..Look::PLAIN }).starts_with("\x1b[1;31mERROR:\x1b[0m a \u{FFFD}"));
    }
}
