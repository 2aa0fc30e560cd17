//! One pass over a word: quotes, escapes, `$name`. Braces are read in `substitute`.
//! Knows nothing of who asks.
use super::{Env, Options, Quotes, WordError};
use crate::unicode;
use std::collections::BTreeSet;

/// Words nest (`${a:-${b}}`) at most this deep, so that hostile input cannot exhaust the stack.
pub(super) const MAX_DEPTH: usize = 100;

/// Reads one word.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    pub(super) options: Options,
    env: &'a Env<'a>,
    depth: usize,
    /// The word under construction. As in BuildKit a nested `${x:-word}` starts it anew.
    partial: String,
    pub(super) used: BTreeSet<String>,
    pub(super) unmatched: BTreeSet<String>,
}

/// What one run yields: the text as a whole and split at blanks.
#[derive(Default)]
pub(super) struct Run {
    pub(super) value: String,
    pub(super) words: Vec<String>,
    in_word: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(word: &'a [u8], options: Options, env: &'a Env<'a>) -> Self {
        let bytes = word.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(word);
        let (used, unmatched) = (BTreeSet::new(), BTreeSet::new());
        Lexer { bytes, at: 0, options, env, depth: 0, partial: String::new(), used, unmatched }
    }

    /// Reads to the end.
    pub(super) fn run(&mut self) -> Result<Run, WordError> {
        self.until(None, self.options.raw_escapes)
    }

    /// Reads to an unquoted `stop`, which is consumed; `None` is the end.
    pub(super) fn until(&mut self, stop: Option<char>, raw_escapes: bool) -> Result<Run, WordError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(WordError::TooDeep(MAX_DEPTH));
        }
        let outer = std::mem::replace(&mut self.options.raw_escapes, raw_escapes);
        let run = self.read(stop);
        self.options.raw_escapes = outer;
        self.depth -= 1;
        run
    }

    fn read(&mut self, stop: Option<char>) -> Result<Run, WordError> {
        self.partial.clear();
        let mut run = Run::default();
        while let Some(c) = self.peek() {
            if Some(c) == stop {
                self.next();
                return Ok(self.close(run));
            }
            match c {
                '$' => {
                    let text = self.dollar()?;
                    run.value.push_str(&text);
                    text.chars().for_each(|c| self.add(&mut run, c));
                }
                '\'' | '"' if self.options.quotes != Quotes::Ignore => {
                    let text = if c == '"' { self.double_quote()? } else { self.single_quote()? };
                    self.add_raw(&mut run, &text);
                }
                '<' => {
                    let text = self.angle();
                    self.add_raw(&mut run, &text);
                }
                _ => self.plain(&mut run, c),
            }
        }
        match stop {
            Some(stop) => Err(WordError::Missing(stop)),
            None => Ok(self.close(run)),
        }
    }

    /// One character outside quotes, or an escape token with what it escapes.
    fn plain(&mut self, run: &mut Run, c: char) {
        self.next();
        if c != char::from(self.options.escape) {
            run.value.push(c);
            self.add(run, c);
            return;
        }
        if self.options.raw_escapes {
            self.add_raw(run, c.encode_utf8(&mut [0; 4]));
        }
        if let Some(escaped) = self.next() {
            self.add_raw(run, escaped.encode_utf8(&mut [0; 4]));
        }
    }

    fn single_quote(&mut self) -> Result<String, WordError> {
        let mut out = String::new();
        self.quote(&mut out);
        loop {
            match self.peek() {
                None => return Err(WordError::UnclosedQuote("single")),
                Some('\'') => {
                    self.quote(&mut out);
                    return Ok(out);
                }
                Some(c) => out.push(c),
            }
            self.next();
        }
    }

    fn double_quote(&mut self) -> Result<String, WordError> {
        let mut out = String::new();
        self.quote(&mut out);
        loop {
            match self.peek() {
                None => return Err(WordError::UnclosedQuote("double")),
                Some('"') => {
                    self.quote(&mut out);
                    return Ok(out);
                }
                Some('$') => out.push_str(&self.dollar()?),
                Some(c) => self.double_quoted(&mut out, c),
            }
        }
    }

    /// One character inside double quotes: the escape token escapes only `"`, `$` and itself.
    fn double_quoted(&mut self, out: &mut String, c: char) {
        self.next();
        let escape = char::from(self.options.escape);
        if c != escape {
            out.push(c);
            return;
        }
        if self.options.raw_escapes {
            out.push(c);
        }
        match self.peek() {
            None => {}
            Some(escaped) if escaped == '"' || escaped == '$' || escaped == escape => {
                self.next();
                out.push(escaped);
            }
            Some(_) => out.push(c),
        }
    }

    /// Consumes a quote, keeping it where quotes are kept.
    fn quote(&mut self, out: &mut String) {
        if let Some(c) = self.next()
            && self.options.quotes == Quotes::Keep
        {
            out.push(c);
        }
    }

    /// `<`, or `<<` with the blanks that follow: they belong to a heredoc's word.
    fn angle(&mut self) -> String {
        self.next();
        if self.peek() != Some('<') {
            return "<".to_owned();
        }
        self.next();
        let mut out = "<<".to_owned();
        while let Some(c @ ('\t' | '\r' | ' ')) = self.peek() {
            out.push(c);
            self.next();
        }
        out
    }

    fn dollar(&mut self) -> Result<String, WordError> {
        self.next();
        if self.peek() == Some('{') {
            self.next();
            return self.braces();
        }
        let name = self.name();
        if name.is_empty() {
            return Ok("$".to_owned());
        }
        match self.lookup(&name) {
            None if self.options.keep_unset => Ok(format!("${name}")),
            value => Ok(value.unwrap_or_default()),
        }
    }

    /// A name, a number or a special parameter; empty when none stands here.
    pub(super) fn name(&mut self) -> String {
        let mut name = String::new();
        match self.peek() {
            Some(c) if c.is_ascii_digit() => self.take_while(&mut name, |c| c.is_ascii_digit()),
            Some(c) if "@*#?-$!".contains(c) => {
                self.next();
                name.push(c);
            }
            _ => self.take_while(&mut name, |c| c == '_' || c.is_ascii_digit() || c.is_alphabetic()),
        }
        name
    }

    fn take_while(&mut self, out: &mut String, accept: fn(char) -> bool) {
        while let Some(c) = self.peek().filter(|c| accept(*c)) {
            out.push(c);
            self.next();
        }
    }

    /// The variable's value, its name noted as used or unmatched.
    pub(super) fn lookup(&mut self, name: &str) -> Option<String> {
        let value = (self.env)(name);
        let names = if value.is_some() { &mut self.used } else { &mut self.unmatched };
        if !names.contains(name) {
            names.insert(name.to_owned());
        }
        value
    }

    pub(super) fn peek(&self) -> Option<char> {
        unicode::decode(&self.bytes[self.at..]).map(|(c, _)| c)
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let (c, width) = unicode::decode(&self.bytes[self.at..])?;
        self.at += width;
        Some(c)
    }

    /// A character that may end a word.
    fn add(&mut self, run: &mut Run, c: char) {
        if !c.is_whitespace() {
            self.partial.push(c);
            run.in_word = true;
        } else if run.in_word && !self.partial.is_empty() {
            run.words.push(std::mem::take(&mut self.partial));
            run.in_word = false;
        }
    }

    /// Text that belongs to the word whatever it holds.
    fn add_raw(&mut self, run: &mut Run, text: &str) {
        run.value.push_str(text);
        self.partial.push_str(text);
        run.in_word = true;
    }

    fn close(&mut self, mut run: Run) -> Run {
        if !self.partial.is_empty() {
            run.words.push(std::mem::take(&mut self.partial));
        }
        run
    }
}
