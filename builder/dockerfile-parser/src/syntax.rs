//! The syntax layer: walks the input line by line and puts instructions together.
//! Knows which keywords take heredocs, and nothing else of them.
use crate::directives::Reader;
use crate::error::{Error, ErrorKind};
use crate::heredoc;
use crate::lines::{self, Lines, Logical};
use crate::span::{Span, Text};
use crate::split;
use crate::tree::{Args, Blank, Node, Tree};
use crate::unicode;
use std::ops::Range;

/// Splits a whole file into instructions without looking at their meaning.
pub fn syntax(input: &[u8]) -> Result<Tree, Error> {
    if u32::try_from(input.len()).is_err() {
        return Err(Error::new(ErrorKind::TooLarge(input.len()), Span::default()));
    }
    if let Some(span) = lines::too_long(input) {
        return Err(Error::new(ErrorKind::LineTooLong, span).with_hint("split it with continuation lines"));
    }
    let mut parser = Parser::new(input);
    while let Some(line) = parser.lines.next() {
        parser.line(line)?;
    }
    if parser.nodes.is_empty() {
        let error = Error::new(ErrorKind::NoInstructions, Span::new(input.len(), input.len()));
        return Err(error.with_hint("begin with FROM and a base image"));
    }
    Ok(Tree { directives: parser.reader.directives, nodes: parser.nodes })
}

struct Parser<'a> {
    input: &'a [u8],
    lines: Lines<'a>,
    reader: Reader,
    comments: Vec<Text>,
    nodes: Vec<Node>,
}

impl<'a> Parser<'a> {
    fn new(input: &'a [u8]) -> Self {
        let (reader, comments, nodes) = (Reader::default(), Vec::new(), Vec::new());
        Parser { input, lines: Lines::new(input), reader, comments, nodes }
    }

    /// A line that begins something: a directive, a comment, or an instruction with all that belongs to it.
    fn line(&mut self, line: Range<usize>) -> Result<(), Error> {
        let mark = line.start == 0 && self.input.starts_with(b"\xEF\xBB\xBF");
        let line = line.start + if mark { 3 } else { 0 }..line.end;
        let body = lines::without_indent(self.input, lines::without_newline(self.input, line.clone()));
        let is_directive = self.reader.line(self.input, body.clone())?;
        if self.input[body.clone()].starts_with(b"#") {
            if !is_directive {
                self.comment(line);
            }
            return Ok(());
        }
        if body.is_empty() {
            return Ok(());
        }
        self.instruction(body)
    }

    /// As BuildKit does, the first byte of the line is dropped, be it `#` or a blank before it.
    fn comment(&mut self, line: Range<usize>) {
        let rest = line.start + 1..line.end;
        let inner = unicode::trimmed(&self.input[rest.clone()]);
        if inner.is_empty() {
            self.comments.clear();
        } else {
            let span = Span::new(rest.start + inner.start, rest.start + inner.end);
            self.comments.push(Text::new(&self.input[rest][inner], span));
        }
    }

    fn instruction(&mut self, first: Range<usize>) -> Result<(), Error> {
        let first_line = self.lines.number;
        let (logical, blank) = self.join(first);
        let mut node = split::instruction(&logical, self.reader.directives.escape_token())?;
        node.blank = blank.map(|span| Blank { span, last_line: self.lines.number });
        if takes_heredocs(&node) && logical.bytes.windows(2).any(|pair| pair == b"<<") {
            for (word, place) in heredoc::on_line(&logical)? {
                node.heredocs.push(heredoc::read_body(word, place, self.input, &mut self.lines)?);
            }
        }
        node.first_line = first_line;
        node.last_line = self.lines.number;
        if !node.heredocs.is_empty() {
            let end = lines::without_newline(self.input, 0..self.lines.offset()).end;
            node.span = node.span.to(Span::new(end, end));
        }
        node.comments = std::mem::take(&mut self.comments);
        self.nodes.push(node);
        Ok(())
    }

    /// Joins continuation lines; also gives the first blank line between them.
    fn join(&mut self, first: Range<usize>) -> (Logical, Option<Span>) {
        let escape = self.reader.directives.escape_token();
        let (mut logical, mut blank) = (Logical::default(), None);
        let mut more = lines::continued(self.input, first.clone(), escape);
        logical.push(self.input, more.clone().unwrap_or(first));
        while more.is_some() {
            let Some(line) = self.lines.next() else { break };
            let body = lines::without_newline(self.input, line.clone());
            if lines::is_comment(&self.input[body.clone()]) {
                continue;
            }
            if lines::without_indent(self.input, body.clone()).is_empty() {
                blank = blank.or(Some(Span::new(line.start, line.end)));
                continue;
            }
            more = lines::continued(self.input, body.clone(), escape);
            logical.push(self.input, more.clone().unwrap_or(body));
        }
        (logical, blank)
    }
}

/// RUN, COPY, ADD and an ONBUILD of these, unless in JSON form.
fn takes_heredocs(node: &Node) -> bool {
    if let Args::Trigger(inner) = &node.args {
        return !matches!(inner.args, Args::Trigger(_)) && takes_heredocs(inner);
    }
    let keyword = unicode::lower(&node.keyword.bytes);
    matches!(&keyword[..], "run" | "copy" | "add") && !node.is_json()
}
