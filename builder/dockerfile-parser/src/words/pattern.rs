//! Shell patterns of `${x#p}`, `${x%p}`, `${x/p/r}`: `*`, `?` and escapes, where neither wildcard matches a newline.
//! Knows nothing of variables.
use super::WordError;

/// How much a `*` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greed {
    Shortest,
    Longest,
}

/// What one place of a pattern matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Atom {
    Char(char),
    Any,
}

impl Atom {
    fn takes(self, c: char) -> bool {
        match self {
            Atom::Char(own) => own == c,
            Atom::Any => c != '\n',
        }
    }
}

/// Runs of atoms between the stars.
pub(super) struct Pattern {
    segments: Vec<Vec<Atom>>,
    greed: Greed,
}

impl Pattern {
    /// Only `\*`, `\?`, `\\` are escapes; `\}` and `\/` stand for the character alone, as both end a word.
    pub(super) fn parse(pattern: &str, greed: Greed) -> Result<Self, WordError> {
        let bad = || WordError::Pattern(pattern.to_owned());
        let mut segments = vec![Vec::new()];
        let mut chars = pattern.strip_prefix('\u{FEFF}').unwrap_or(pattern).chars();
        while let Some(c) = chars.next() {
            let atom = match c {
                '*' => {
                    segments.push(Vec::new());
                    continue;
                }
                '?' => Atom::Any,
                '\\' => match chars.next().ok_or_else(bad)? {
                    escaped @ ('}' | '/' | '*' | '?' | '\\') => Atom::Char(escaped),
                    _ => return Err(bad()),
                },
                plain => Atom::Char(plain),
            };
            if let Some(segment) = segments.last_mut() {
                segment.push(atom);
            }
        }
        Ok(Pattern { segments, greed })
    }

    /// `value` without what matches at its front.
    pub(super) fn trim_prefix(&self, value: &str) -> String {
        let chars: Vec<char> = value.chars().collect();
        let end = self.match_at(&chars, 0).unwrap_or(0);
        chars[end..].iter().collect()
    }

    /// `value` with the leftmost match replaced, literally.
    pub(super) fn replace_first(&self, value: &str, replacement: &str) -> String {
        let chars: Vec<char> = value.chars().collect();
        match self.find(&chars, 0) {
            Some((start, end)) => {
                chars[..start].iter().chain(&replacement.chars().collect::<Vec<_>>()).chain(&chars[end..]).collect()
            }
            None => value.to_owned(),
        }
    }

    /// `value` with every match replaced. As in BuildKit (Go's regexp) `$0` and `${0}` in the replacement are the match,
    /// any other `$name` is empty and `$$` is a dollar sign.
    pub(super) fn replace_all(&self, value: &str, replacement: &str) -> String {
        let chars: Vec<char> = value.chars().collect();
        let (mut out, mut copied, mut from) = (String::new(), 0, 0);
        while let Some((start, end)) = (from <= chars.len()).then(|| self.find(&chars, from)).flatten() {
            out.extend(&chars[copied..start]);
            if end > copied || start == 0 {
                out.push_str(&fill(replacement, &chars[start..end]));
            }
            copied = end;
            from = end.max(from + 1);
        }
        out.extend(&chars[copied.min(chars.len())..]);
        out
    }

    fn find(&self, chars: &[char], from: usize) -> Option<(usize, usize)> {
        (from..=chars.len()).find_map(|start| self.match_at(chars, start).map(|end| (start, end)))
    }

    /// Where the preferred match that starts at `start` ends.
    fn match_at(&self, chars: &[char], start: usize) -> Option<usize> {
        let (first, rest) = self.segments.split_first()?;
        let at = segment_at(first, chars, start)?;
        match self.greed {
            Greed::Shortest => shortest(rest, chars, at),
            Greed::Longest => longest(rest, chars, at),
        }
    }
}

fn segment_at(segment: &[Atom], chars: &[char], at: usize) -> Option<usize> {
    let window = chars.get(at..at + segment.len())?;
    let fits = segment.iter().zip(window).all(|(atom, c)| atom.takes(*c));
    fits.then_some(at + segment.len())
}

/// Every star takes as little as it can: the earliest place of each segment is the best one for those that follow.
fn shortest(segments: &[Vec<Atom>], chars: &[char], mut at: usize) -> Option<usize> {
    for segment in segments {
        at = (at..=line_end(chars, at)).find_map(|place| segment_at(segment, chars, place))?;
    }
    Some(at)
}

/// Every star, from the left, takes as much as lets the rest still match.
fn longest(segments: &[Vec<Atom>], chars: &[char], mut at: usize) -> Option<usize> {
    for (index, segment) in segments.iter().enumerate() {
        let rest = &segments[index + 1..];
        let fits = |place| segment_at(segment, chars, place).filter(|end| shortest(rest, chars, *end).is_some());
        at = (at..=line_end(chars, at)).rev().find_map(fits)?;
    }
    Some(at)
}

fn line_end(chars: &[char], at: usize) -> usize {
    chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |length| at + length)
}

/// A Go regexp replacement template for an expression without groups.
fn fill(template: &str, matched: &[char]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else if let Some((name, tail)) = group_name(after) {
            if name.bytes().all(|b| b == b'0') && name.len() == 1 {
                out.extend(matched);
            }
            rest = tail;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// `name` or `{name}` at the front and what follows it.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let braced = text.strip_prefix('{');
    let body = braced.unwrap_or(text);
    let end = body.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(body.len());
    let (name, tail) = body.split_at(end);
    let tail = if braced.is_some() { tail.strip_prefix('}')? } else { tail };
    (!name.is_empty()).then_some((name, tail))
}

/// The pattern that matches the reversed text; an escape stays in front of what it escapes.
pub(super) fn reversed(pattern: &str) -> String {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pieces.push((c, if c == '\\' { chars.next() } else { None }));
    }
    let mut out = String::with_capacity(pattern.len());
    for (c, escaped) in pieces.into_iter().rev() {
        out.push(c);
        out.extend(escaped);
    }
    out
}
