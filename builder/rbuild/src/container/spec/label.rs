//! `--label NAME[=VALUE]`.

use super::usage;
use crate::error::Result;

/// One label; without a value it is empty.
pub(crate) fn parse(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    if name.is_empty() {
        return Err(usage(format!("--label {text:?} has no name: write NAME=VALUE")));
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn every_form() {
        check(
            parse,
            &[
                ("a=b", "(\"a\", \"b\")"),
                ("a=b=c", "(\"a\", \"b=c\")"),
                ("a", "(\"a\", \"\")"),
                ("=b", "--label \"=b\" has no name: write NAME=VALUE"),
            ],
        );
    }
}
