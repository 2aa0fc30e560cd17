//! Texts made safe for another language: Go's quotes, HTML, JavaScript, the query of a URL. Knows no value.

use std::fmt::Write;

/// In double quotes, as Go writes it; beyond ASCII nothing is shown as it is where `ascii` says so.
pub(super) fn quoted(text: &str, ascii: bool) -> String {
    let mut out = String::from("\"");
    text.chars().for_each(|char| push(&mut out, char, '"', ascii));
    out + "\""
}

/// A character in single quotes.
pub(super) fn quoted_char(char: char, ascii: bool) -> String {
    let mut out = String::from("'");
    push(&mut out, char, '\'', ascii);
    out + "'"
}

/// In backquotes; none where these cannot hold it.
pub(super) fn raw(text: &str) -> Option<String> {
    let fits = |char: char| char == '\t' || char != '`' && char != '\u{feff}' && !char.is_control();
    text.chars().all(fits).then(|| format!("`{text}`"))
}

fn push(out: &mut String, char: char, quote: char, ascii: bool) {
    let code = u32::from(char);
    let known = "\x07\x08\x0c\n\r\t\x0b".find(char).map(|at| &"abfnrtv"[at..=at]);
    let _ = match known {
        _ if char == quote || char == '\\' => write!(out, "\\{char}"),
        Some(letter) => write!(out, "\\{letter}"),
        None if is_shown(char) && (!ascii || char.is_ascii()) => write!(out, "{char}"),
        None if code < 0x80 => write!(out, "\\x{code:02x}"),
        None if code < 0x1_0000 => write!(out, "\\u{code:04x}"),
        None => write!(out, "\\U{code:08x}"),
    };
}

/// Whether people see it: of all blanks only the space counts.
fn is_shown(char: char) -> bool {
    char == ' ' || !(char.is_control() || char.is_whitespace() || is_format(char))
}

/// Marks that are seen by their effect only, and what nobody has a picture of.
fn is_format(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{e000}'..='\u{f8ff}' | '\u{fff9}'..='\u{fffb}' | '\u{f0000}'..)
}

/// As text of HTML.
pub(super) fn html(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, char| {
        match char {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            other => out.push(other),
        }
        out
    })
}

/// As what stands between the quotes of a text of JavaScript.
pub(super) fn js(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, char| {
        let _ = match char {
            '\\' | '\'' | '"' => write!(out, "\\{char}"),
            '<' | '>' | '&' | '=' => write!(out, "\\u{:04X}", u32::from(char)),
            other if is_shown(other) => write!(out, "{other}"),
            other => write!(out, "\\u{:04X}", u32::from(other)),
        };
        out
    })
}

/// As a part of a query.
pub(super) fn query(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let _ = match byte {
            b' ' => write!(out, "+"),
            b'-' | b'_' | b'.' | b'~' => write!(out, "{}", char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => write!(out, "{}", char::from(byte)),
            byte => write!(out, "%{byte:02X}"),
        };
        out
    })
}

/// JSON that may stand in JavaScript: two line ends there are none in JSON.
pub(super) fn json(text: &str) -> String {
    text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}
