//! One pattern of an ignore file, compiled. Knows nothing of the patterns around it.
use super::clean;
use crate::error::{Error, ErrorKind};
use crate::glob::{Glob, Stars};
use crate::span::Text;
use crate::unicode;

/// One pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Line number in its file, from 1.
    pub line: u32,
    /// Begins with `!`: what matches is not ignored after all.
    pub exclusion: bool,
    /// The cleaned pattern without `!`.
    pub text: Vec<u8>,
    form: Form,
}

/// How a pattern is matched; most need no search.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// No wildcards.
    Exact,
    /// `text**`: whatever begins with this.
    Prefix(Vec<u8>),
    /// `**text`: whatever ends with this, or is it but for a leading slash.
    Suffix(Vec<u8>),
    Glob(Glob),
}

impl Pattern {
    /// `None` when there is nothing but blanks.
    pub(super) fn parse(written: &Text, line: u32) -> Result<Option<Pattern>, Error> {
        let inner = &written.bytes[unicode::trimmed(&written.bytes)];
        if inner.is_empty() {
            return Ok(None);
        }
        let cleaned = clean(inner);
        let (exclusion, text) = cleaned.strip_prefix(b"!").map_or((false, &cleaned[..]), |rest| (true, rest));
        if exclusion && text.is_empty() {
            return Err(Error::new(ErrorKind::LoneExclamation, written.span));
        }
        let form = Form::parse(text)
            .ok_or_else(|| Error::new(ErrorKind::Pattern(unicode::lossy(text).into_owned()), written.span))?;
        Ok(Some(Pattern { line, exclusion, text: text.to_vec(), form }))
    }

    /// Whether this very path matches; its parents are not considered.
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        match &self.form {
            Form::Exact => path == self.text,
            Form::Prefix(prefix) => path.starts_with(prefix),
            Form::Suffix(suffix) => path.ends_with(suffix) || suffix.strip_prefix(b"/") == Some(path),
            Form::Glob(glob) => glob.matches(path),
        }
    }

    /// Whether something in the directory `dir`, at any depth, may match.
    pub(super) fn may_match_below(&self, dir: &[u8]) -> bool {
        let start = [dir, b"/"].concat();
        match &self.form {
            Form::Exact => self.text.starts_with(&start),
            Form::Prefix(prefix) => prefix.starts_with(&start) || start.starts_with(prefix),
            Form::Suffix(_) => true,
            Form::Glob(glob) => glob.may_match_beyond(&start),
        }
    }
}

impl Form {
    fn parse(text: &[u8]) -> Option<Form> {
        Glob::parse(text, Stars::Single)?;
        if is_plain(text) {
            return Some(Form::Exact);
        }
        if let Some(suffix) = text.strip_prefix(b"**").filter(|suffix| is_plain(suffix)) {
            return Some(Form::Suffix(suffix.to_vec()));
        }
        if let Some(prefix) = text.strip_suffix(b"**").filter(|prefix| is_plain(prefix)) {
            return Some(Form::Prefix(prefix.to_vec()));
        }
        Glob::parse(text, Stars::Double).map(Form::Glob)
    }
}

fn is_plain(text: &[u8]) -> bool {
    !text.iter().any(|b| b"*?[]\\".contains(b))
}
