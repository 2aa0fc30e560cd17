//! Wildcards on bytes: Go's `filepath.Match`, as COPY and ADD sources take them, and the same with `**` for ignore files.
//! Knows nothing of files.
use crate::error::{Error, ErrorKind};
use crate::span::Span;
use crate::unicode::{self, decode};

/// Whether `pattern` matches the whole of `name`: `*` and `?` stop at `/`, `[a-z]`, `[^a]`, `\` escapes.
/// A malformed pattern is an error whatever the name.
pub fn matches(pattern: &[u8], name: &[u8]) -> Result<bool, Error> {
    let malformed = || Error::new(ErrorKind::Pattern(unicode::lossy(pattern).into_owned()), Span::default());
    Glob::parse(pattern, Stars::Single).map(|glob| glob.matches(name)).ok_or_else(malformed)
}

/// Whether `**` has a meaning of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stars {
    Single,
    Double,
}

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// `?`: a character but `/`.
    One,
    Class(Class),
    /// `*`: any characters but `/`.
    Star,
    /// `**/`: nothing, or anything through a `/`. As in BuildKit it does not match a newline.
    Levels,
    /// `**` at the end: anything. As in BuildKit it does not match a newline.
    Rest,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Class {
    fn holds(&self, c: char) -> bool {
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != self.negated
    }
}

/// What a search looks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// The name is matched to its end.
    Whole,
    /// Something that begins with the name and goes on may match.
    Beyond,
}

impl Glob {
    /// `None` is a malformed pattern.
    pub(crate) fn parse(pattern: &[u8], stars: Stars) -> Option<Glob> {
        let (mut tokens, mut rest) = (Vec::with_capacity(pattern.len()), pattern);
        while let Some((first, tail)) = rest.split_first() {
            rest = tail;
            tokens.push(match first {
                b'*' if stars == Stars::Double && tail.starts_with(b"*") => {
                    rest = tail[1..].strip_prefix(b"/").unwrap_or(&tail[1..]);
                    if rest.is_empty() { Token::Rest } else { Token::Levels }
                }
                b'*' => Token::Star,
                b'?' => Token::One,
                b'[' => Token::Class(class(&mut rest)?),
                b'\\' => {
                    let (escaped, tail) = tail.split_first()?;
                    rest = tail;
                    Token::Byte(*escaped)
                }
                plain => Token::Byte(*plain),
            });
        }
        Some(Glob { tokens })
    }

    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        self.search(name, Goal::Whole)
    }

    /// Whether a longer name that begins with `start` may match.
    pub(crate) fn may_match_beyond(&self, start: &[u8]) -> bool {
        self.search(start, Goal::Beyond)
    }

    /// Tries the ways to match one by one; what was tried from a star is not tried again, so the time is bounded
    /// by pattern times name.
    fn search(&self, name: &[u8], goal: Goal) -> bool {
        let mut tried = Tried::new(self.tokens.len(), name.len());
        let mut open = vec![(0, 0)];
        while let Some((token, at)) = open.pop() {
            if self.follow(name, goal, (token, at), (&mut open, &mut tried)) {
                return true;
            }
        }
        false
    }

    /// Goes on from a token and a place until it fails, leaving other ways in `open`.
    fn follow(
        &self,
        name: &[u8],
        goal: Goal,
        (mut token, mut at): (usize, usize),
        (open, tried): (&mut Vec<(usize, usize)>, &mut Tried),
    ) -> bool {
        while let Some(wanted) = self.tokens.get(token) {
            let next = decode(&name[at..]);
            match (wanted, next) {
                (_, None) if goal == Goal::Beyond => return true,
                (Token::Star | Token::Rest | Token::Levels, _) if !tried.first(token, at) => return false,
                (Token::Star, Some((c, width))) if c != '/' => open.push((token, at + width)),
                (Token::Rest, Some((c, width))) if c != '\n' => open.push((token, at + width)),
                (Token::Levels, Some(_)) => open.extend(behind_slash(name, at).map(|at| (token, at))),
                (Token::Star | Token::Rest | Token::Levels, _) => {}
                (Token::Byte(b), _) if name.get(at) == Some(b) => at += 1,
                (Token::One, Some((c, width))) if c != '/' => at += width,
                (Token::Class(class), Some((c, width))) if class.holds(c) => at += width,
                _ => return false,
            }
            token += 1;
        }
        goal == Goal::Whole && at == name.len()
    }
}

/// The place behind the next slash, unless a newline comes first.
fn behind_slash(name: &[u8], at: usize) -> Option<usize> {
    let stop = name[at..].iter().position(|b| matches!(b, b'/' | b'\n'))?;
    (name[at + stop] == b'/').then_some(at + stop + 1)
}

/// Which pairs of token and place were tried.
struct Tried {
    bits: Vec<u64>,
    width: usize,
    tokens: usize,
}

impl Tried {
    fn new(tokens: usize, name: usize) -> Self {
        Tried { bits: Vec::new(), width: name + 1, tokens }
    }

    /// Notes the pair; whether it is new. The table is made when the first star is met.
    fn first(&mut self, token: usize, at: usize) -> bool {
        if self.bits.is_empty() {
            self.bits = vec![0; (self.tokens * self.width).div_ceil(64)];
        }
        let index = token * self.width + at;
        let (word, bit) = (&mut self.bits[index / 64], 1_u64 << (index % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

/// Reads a class behind its `[`.
fn class(rest: &mut &[u8]) -> Option<Class> {
    let negated = rest.starts_with(b"^");
    if negated {
        *rest = &rest[1..];
    }
    let mut ranges = Vec::new();
    loop {
        if let Some(tail) = rest.strip_prefix(b"]").filter(|_| !ranges.is_empty()) {
            *rest = tail;
            return Some(Class { negated, ranges });
        }
        let low = class_char(rest)?;
        let high = match rest.strip_prefix(b"-") {
            Some(tail) => {
                *rest = tail;
                class_char(rest)?
            }
            None => low,
        };
        ranges.push((low, high));
    }
}

/// One end of a range; something must follow it.
fn class_char(rest: &mut &[u8]) -> Option<char> {
    if matches!(rest.first(), Some(b'-' | b']')) {
        return None;
    }
    let plain = rest.strip_prefix(b"\\").unwrap_or(rest);
    let (c, width) = decode(plain)?;
    if c == char::REPLACEMENT_CHARACTER && width == 1 {
        return None;
    }
    *rest = &plain[width..];
    (!rest.is_empty()).then_some(c)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_stop_at_slashes_and_malformed_patterns_are_refused() {
        for (pattern, name, expected) in [
            ("*.rs", "main.rs", Some(true)),
            ("*.rs", "src/main.rs", Some(false)),
            ("src/**/x", "src/a/x", Some(true)),
            ("src/**/x", "src/x", Some(false)),
            ("[!-~]?", "aü", Some(true)),
            ("[^/]", "/", Some(false)),
            ("\\[x]", "[x]", Some(true)),
            ("*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Some(false)),
            ("[", "", None),
            ("x\\", "y", None),
            ("[z-]", "z", None),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()).ok(), expected, "{pattern} {name}");
        }
    }
}
