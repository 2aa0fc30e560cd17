//! Cuts a template into text and the tokens of its actions; trims the text beside `{{-` and `-}}`. Knows no grammar.

use super::{Fault, Result};
use serde_json::Value;

/// A token, and the byte where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
    /// Whether it follows the token before without a space.
    pub(super) glued: bool,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Text outside actions.
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// `.`
    Dot,
    /// `.name`
    Field(String),
    /// `$name`, without the dollar sign.
    Variable(String),
    /// A keyword or function.
    Word(String),
    /// A constant.
    Literal(Value),
    /// One of `|`, `(`, `)`, `,`, `=`, `:=`.
    Sign(&'static str),
}

/// All tokens of a template.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new() };
    let mut trim = false;
    while lexer.at < text.len() {
        trim = lexer.piece(trim)?;
    }
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
}

const SIGNS: [&str; 6] = [":=", "|", "(", ")", ",", "="];

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let glued = self.at > 0 && !self.text[..self.at].ends_with([' ', '\t', '\r', '\n']);
        self.tokens.push(Token { at: self.at, kind, glued });
        self.at += length;
    }

    /// The text up to the next action, and that action. Says whether the text behind it is trimmed.
    fn piece(&mut self, trim_start: bool) -> Result<bool> {
        let length = self.rest().find("{{").unwrap_or(self.rest().len());
        let action = &self.rest()[length..];
        let trim_end = action.strip_prefix("{{-").is_some_and(|rest| rest.starts_with(is_space));
        let mut kept = &self.rest()[..length];
        if trim_start {
            kept = kept.trim_start_matches(is_space);
        }
        if trim_end {
            kept = kept.trim_end_matches(is_space);
        }
        let (kept, ends) = (kept.to_owned(), action.is_empty());
        if !kept.is_empty() {
            self.push(Kind::Text(kept), 0);
        }
        self.at += length;
        if ends {
            return Ok(false);
        }
        let opened = self.at;
        let open = if trim_end { 3 } else { 2 };
        let inside = &self.text[opened + open..];
        let blank = inside.len() - inside.trim_start_matches(is_space).len();
        if inside[blank..].starts_with("/*") {
            return self.comment(opened, opened + open + blank);
        }
        self.push(Kind::Open, open);
        self.action(opened)
    }

    /// Skips a comment, which is an action of its own.
    fn comment(&mut self, opened: usize, start: usize) -> Result<bool> {
        let Some(length) = self.text[start..].find("*/") else {
            return Err(Fault::new(opened, "a comment is not closed by */"));
        };
        self.at = start + length + 2;
        let rest = self.rest();
        let blank = rest.len() - rest.trim_start_matches(is_space).len();
        let (trim, close) = if blank > 0 && rest[blank..].starts_with("-}}") { (true, blank + 3) } else { (false, 2) };
        if !trim && !rest.starts_with("}}") {
            return Err(Fault::new(self.at, "a comment must end right before }}"));
        }
        self.at += close;
        Ok(trim)
    }

    /// The tokens of an action and its end. Says whether the text behind it is trimmed.
    fn action(&mut self, opened: usize) -> Result<bool> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches(is_space).len();
            self.at += blank;
            let rest = self.rest();
            if blank > 0 && rest.starts_with("-}}") {
                self.push(Kind::Close, 3);
                return Ok(true);
            }
            if rest.starts_with("}}") {
                self.push(Kind::Close, 2);
                return Ok(false);
            }
            if rest.is_empty() || rest.starts_with("{{") {
                return Err(Fault::new(opened, "an action is not closed by }}"));
            }
            self.token()?;
        }
    }

    fn token(&mut self) -> Result<()> {
        let rest = self.rest();
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            self.push(Kind::Sign(sign), sign.len());
            return Ok(());
        }
        let name = |from: usize| name_length(&rest[from..]);
        let word = |from: usize, length: usize| rest[from..from + length].to_owned();
        match rest.as_bytes()[0] {
            b'.' if name(1) > 0 => self.push(Kind::Field(word(1, name(1))), 1 + name(1)),
            b'.' if rest[1..].starts_with(|next: char| next.is_ascii_digit()) => return self.number(),
            b'.' => self.push(Kind::Dot, 1),
            b'$' => self.push(Kind::Variable(word(1, name(1))), 1 + name(1)),
            b'"' | b'`' | b'\'' => return self.quoted(),
            b'0'..=b'9' | b'+' | b'-' => return self.number(),
            _ if name(0) > 0 => match &rest[..name(0)] {
                "true" => self.push(Kind::Literal(true.into()), 4),
                "false" => self.push(Kind::Literal(false.into()), 5),
                "nil" => self.push(Kind::Literal(Value::Null), 3),
                _ => self.push(Kind::Word(word(0, name(0))), name(0)),
            },
            _ => {
                let unknown = rest.chars().next().unwrap_or_default();
                return Err(Fault::new(self.at, format!("unexpected {unknown:?}")));
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Result<()> {
        let rest = self.rest();
        let part = |byte: u8| byte.is_ascii_alphanumeric() || b"._".contains(&byte);
        let signed = usize::from(rest.starts_with(['+', '-']));
        let mut length = signed + rest[signed..].bytes().take_while(|byte| part(*byte)).count();
        if rest[..length].ends_with(['e', 'E']) && rest[length..].starts_with(['+', '-']) && !rest.contains("0x") {
            length += 1 + rest[length + 1..].bytes().take_while(u8::is_ascii_digit).count();
        }
        let text = rest[..length].to_owned();
        let value = number(&text).ok_or_else(|| Fault::new(self.at, format!("{text:?} is not a number")))?;
        self.push(Kind::Literal(value), length);
        Ok(())
    }

    fn quoted(&mut self) -> Result<()> {
        let rest = self.rest();
        let quote = rest.as_bytes()[0];
        let (value, length) = match quote {
            b'`' => rest[1..].find('`').map(|end| (rest[1..=end].to_owned(), end + 2)),
            _ => unquote(&rest[1..], char::from(quote)).map(|(text, length)| (text, length + 1)),
        }
        .ok_or_else(|| Fault::new(self.at, "a string is not closed, or has a wrong escape"))?;
        let literal = if quote == b'\'' {
            let mut chars = value.chars();
            match (chars.next(), chars.next()) {
                (Some(only), None) => Value::from(u32::from(only)),
                _ => return Err(Fault::new(self.at, "a constant in '' is one character; use \"\" for text")),
            }
        } else {
            Value::String(value)
        };
        self.push(Kind::Literal(literal), length);
        Ok(())
    }
}

const fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\r' | '\n')
}

/// The length of the name that the text begins with, in bytes.
fn name_length(text: &str) -> usize {
    let other =
        |(at, char): &(usize, char)| !(*char == '_' || char.is_alphabetic() || *at > 0 && char.is_alphanumeric());
    text.char_indices().find(other).map_or(text.len(), |(at, _)| at)
}

/// A number in Go's notations.
fn number(text: &str) -> Option<Value> {
    let plain = text.replace('_', "");
    let digits = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let (sign, float_sign) = if plain.starts_with('-') { (-1, -1.0) } else { (1, 1.0) };
    let lower = digits.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            return Some(Value::from(sign * i64::from_str_radix(digits, radix).ok()?));
        }
    }
    if let Ok(integer) = digits.parse::<i64>() {
        let octal = digits.len() > 1 && digits.starts_with('0');
        let integer = if octal { i64::from_str_radix(digits, 8).ok()? } else { integer };
        return Some(Value::from(sign * integer));
    }
    let is_fraction = digits.contains(['.', 'e', 'E']);
    (is_fraction && digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')).then_some(())?;
    Some(Value::from(float_sign * digits.parse::<f64>().ok().filter(|float| float.is_finite())?))
}

/// The text up to the closing quote, escapes resolved, and its length with that quote.
fn unquote(text: &str, quote: char) -> Option<(String, usize)> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '\n' => return None,
            char if char == quote => return Some((out, at + 1)),
            '\\' => out.push(escape(&mut chars)?),
            other => out.push(other),
        }
    }
    None
}

/// The character that an escape stands for.
fn escape(chars: &mut std::str::CharIndices<'_>) -> Option<char> {
    let (_, kind) = chars.next()?;
    let mut digits = |count: usize, radix: u32, start: u32| {
        let code = (0..count)
            .try_fold(start, |code, _| code.checked_mul(radix)?.checked_add(chars.next()?.1.to_digit(radix)?));
        code.and_then(char::from_u32)
    };
    Some(match kind {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'v' => '\x0b',
        '\\' | '"' | '\'' => kind,
        // Beyond ASCII these are bytes, and a text here is made of characters.
        'x' => digits(2, 16, 0).filter(char::is_ascii)?,
        'u' => digits(4, 16, 0)?,
        'U' => digits(8, 16, 0)?,
        '0'..='3' => digits(2, 8, kind.to_digit(8)?).filter(char::is_ascii)?,
        _ => return None,
    })
}
