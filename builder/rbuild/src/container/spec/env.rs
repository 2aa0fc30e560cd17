//! `-e`/`--env` and the files of `--env-file`.

use super::usage;
use crate::error::Result;

/// What the command line says of one variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It has this value.
    Set(String, String),
    /// The image's value is taken away: `-e NAME` of a variable that rbuild itself does not have.
    Unset(String),
}

/// One `-e`: `NAME=VALUE`, or `NAME` for the value it has where rbuild was started.
pub(crate) fn flag(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Change> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, env(text)),
    };
    if name.is_empty() {
        return Err(usage(format!("-e {text:?} names no variable: write NAME=VALUE or NAME")));
    }
    if text.contains('\0') {
        return Err(usage(format!("-e {text:?} has a NUL byte in it")));
    }
    Ok(match value {
        Some(value) => Change::Set(name.to_owned(), value),
        None => Change::Unset(name.to_owned()),
    })
}

/// The lines of an env file: `NAME=VALUE`, taken as they are without quoting, `NAME` for the value rbuild has (left
/// out where it has none), `#` comments, empty lines.
pub(crate) fn file(name: &str, text: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Change>> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut changes = Vec::new();
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let here = || format!("env file {name}, line {}", number + 1);
        let line = std::str::from_utf8(line).map_err(|_| usage(format!("{}: not UTF-8", here())))?.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (variable, value) = match line.split_once('=') {
            Some((variable, value)) => (variable, Some(value.to_owned())),
            None => (line.trim_end(), env(line.trim_end())),
        };
        if variable.is_empty() {
            return Err(usage(format!("{}: no variable name before the equals sign", here())));
        }
        if variable.contains(char::is_whitespace) {
            return Err(usage(format!("{}: variable {variable:?} has white space in its name", here())));
        }
        changes.extend(value.map(|value| Change::Set(variable.to_owned(), value)));
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    fn world(name: &str) -> Option<String> {
        (name == "HERE").then(|| "it is".to_owned())
    }

    #[test]
    fn flags() {
        check(
            |text| flag(text, &world),
            &[
                ("A=b", "Set(\"A\", \"b\")"),
                ("A=", "Set(\"A\", \"\")"),
                ("A=b=c \"d\"", "Set(\"A\", \"b=c \\\"d\\\"\")"),
                ("HERE", "Set(\"HERE\", \"it is\")"),
                ("GONE", "Unset(\"GONE\")"),
                ("a b=c", "Set(\"a b\", \"c\")"),
                ("=x", "-e \"=x\" names no variable: write NAME=VALUE or NAME"),
                ("", "-e \"\" names no variable: write NAME=VALUE or NAME"),
                ("A=\0", "-e \"A=\\0\" has a NUL byte in it"),
            ],
        );
    }

    #[test]
    fn files() {
        check(
            |text| file("f", text.as_bytes(), &world),
            &[
                ("", "[]"),
                (
                    "\u{feff}A=1\r\n\n# note\n  B= 2 \nHERE\nGONE\nC='q' # no comment\n",
                    "[Set(\"A\", \"1\"), Set(\"B\", \" 2 \"), Set(\"HERE\", \"it is\"), Set(\"C\", \"'q' # no comment\")]",
                ),
                ("A=1\n=2", "env file f, line 2: no variable name before the equals sign"),
                ("A B=1", "env file f, line 1: variable \"A B\" has white space in its name"),
                ("A =1", "env file f, line 1: variable \"A \" has white space in its name"),
            ],
        );
        let error = file("f", b"A=1\nB=\xff\n", &world).unwrap_err();
        assert_eq!(error.to_string(), "env file f, line 2: not UTF-8");
    }
}
