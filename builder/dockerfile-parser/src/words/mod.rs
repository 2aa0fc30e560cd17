//! Words: quote removal, `$variables` and word splitting as BuildKit's shell lexer does them.
//! Knows nothing of instructions or of where variables come from.
mod lex;
mod pattern;
mod substitute;

use std::collections::BTreeSet;

/// Looks a variable up; `None` is unset.
pub type Env<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// How quotes, escapes and unset variables are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The escape token: `\` or a backtick.
    pub escape: u8,
    /// What becomes of quotes.
    pub quotes: Quotes,
    /// Keep escape tokens in the result.
    pub raw_escapes: bool,
    /// Keep references to unset variables as written instead of making them empty.
    pub keep_unset: bool,
}

/// What becomes of `'` and `"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    /// They group and vanish.
    Remove,
    /// They group and stay.
    Keep,
    /// They are characters like any other.
    Ignore,
}

impl Options {
    /// The usual treatment: quotes and escapes vanish, unset variables are empty.
    pub fn new(escape: u8) -> Self {
        Options { escape, quotes: Quotes::Remove, raw_escapes: false, keep_unset: false }
    }
}

/// A word after expansion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The value.
    pub value: String,
    /// Variables that were looked up and are set.
    pub used: BTreeSet<String>,
    /// Variables that were looked up and are not set.
    pub unmatched: BTreeSet<String>,
}

/// Words after expansion and splitting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The words, none of them empty.
    pub words: Vec<String>,
    /// Variables that were looked up and are set.
    pub used: BTreeSet<String>,
    /// Variables that were looked up and are not set.
    pub unmatched: BTreeSet<String>,
}

/// Why a word cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WordError {
    /// A quote is never closed.
    #[error("unclosed {0} quote")]
    UnclosedQuote(&'static str),
    /// `${` without `}`, `${x/` without `/`.
    #[error("missing '{0}' in ${{…}}")]
    Missing(char),
    /// `${}`, `${{`, `${:`.
    #[error("bad substitution")]
    BadSubstitution,
    /// `${x^}`, `${x:=w}`, `${x:#p}`.
    #[error("unsupported modifier {0:?} in ${{…}}")]
    Modifier(String),
    /// `${x?}` or `${x:?}` failed; the message is the author's, or says unset or empty.
    #[error("{name}: {message}")]
    Required {
        /// The variable.
        name: String,
        /// The message to show.
        message: String,
    },
    /// A pattern with an escape other than `\*`, `\?`, `\\`.
    #[error("invalid pattern {0:?}")]
    Pattern(String),
    /// `${a:-${b:-…}}` nested too deeply.
    #[error("${{…}} nested more than {0} deep")]
    TooDeep(usize),
}

/// Expands one word, as for ENV, WORKDIR, COPY paths: blanks stay, quotes vanish.
pub fn expand(word: &[u8], escape: u8, env: &Env<'_>) -> Result<Expanded, WordError> {
    expand_with(word, Options::new(escape), env)
}

/// Expands and splits at unquoted blanks, also those that came out of variables: as for EXPOSE.
pub fn expand_words(word: &[u8], escape: u8, env: &Env<'_>) -> Result<Split, WordError> {
    split_with(word, Options::new(escape), env)
}

/// Removes quotes and escapes and leaves `$variables` as they are written.
pub fn unquote(word: &[u8], escape: u8) -> Result<String, WordError> {
    let options = Options { keep_unset: true, ..Options::new(escape) };
    Ok(expand_with(word, options, &|_| None)?.value)
}

/// Expands the content of an inline file of COPY or ADD: the escape token is `\`, quotes are left alone.
pub fn expand_heredoc(content: &[u8], env: &Env<'_>) -> Result<Expanded, WordError> {
    expand_with(content, Options { quotes: Quotes::Ignore, ..Options::new(b'\\') }, env)
}

/// Expands one word with given options.
pub fn expand_with(word: &[u8], options: Options, env: &Env<'_>) -> Result<Expanded, WordError> {
    let mut lexer = lex::Lexer::new(word, options, env);
    let value = lexer.run()?.value;
    Ok(Expanded { value, used: lexer.used, unmatched: lexer.unmatched })
}

/// Expands and splits with given options.
pub fn split_with(word: &[u8], options: Options, env: &Env<'_>) -> Result<Split, WordError> {
    let mut lexer = lex::Lexer::new(word, options, env);
    let words = lexer.run()?.words;
    Ok(Split { words, used: lexer.used, unmatched: lexer.unmatched })
}
