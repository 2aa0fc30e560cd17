//! Lists of `key=value`, as in `--secret`, `--mount` and `--output`. Knows no key.

use crate::error::{Error, Result};

/// Splits a specification of comma-separated `key=value` fields, each given once; quotes as in CSV. Keys come in lower
/// case.
pub(crate) fn fields(what: &str, text: &str) -> Result<Vec<(String, String)>> {
    let fields = raw_fields(what, text)?;
    Ok(fields.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), value)).collect())
}

/// The same, where some keys may be given again; errors show `shown` instead of the text.
pub(crate) fn repeated_fields(
    (what, shown): (&str, &str),
    text: &str,
    again: &[&str],
) -> Result<Vec<(String, String)>> {
    let fields = split((what, shown), text, again)?;
    Ok(fields.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), value)).collect())
}

/// The same with keys as they are written.
pub(crate) fn raw_fields(what: &str, text: &str) -> Result<Vec<(String, String)>> {
    split((what, text), text, &[])
}

fn split((what, shown): (&str, &str), text: &str, again: &[&str]) -> Result<Vec<(String, String)>> {
    let wrong = |why: String| Error::Usage(format!("{what} {shown:?} {why}"));
    let mut fields: Vec<(String, String)> = Vec::new();
    for field in split_csv(text).ok_or_else(|| wrong("has a double quote without its other".to_owned()))? {
        let (key, value) = field.split_once('=').unwrap_or((&field, ""));
        let key = key.trim();
        if key.is_empty() {
            return Err(wrong("has an empty field".to_owned()));
        }
        let once = !again.iter().any(|name| name.eq_ignore_ascii_case(key));
        if once && fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(key)) {
            return Err(wrong(format!("has {key} twice")));
        }
        fields.push((key.to_owned(), value.to_owned()));
    }
    Ok(fields)
}

fn split_csv(text: &str) -> Option<Vec<String>> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    for char in text.chars() {
        match char {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
    (!quoted).then_some(fields)
}
