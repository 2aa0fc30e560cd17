//! Bytes as Go sees them: a byte that is not UTF-8 counts as one U+FFFD. Knows nothing of the language.
use std::borrow::Cow;

/// The first character of `bytes` and its width in bytes; an invalid byte is U+FFFD of width 1.
pub(crate) fn decode(bytes: &[u8]) -> Option<(char, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((char::from(first), 1));
    }
    let width = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return Some((char::REPLACEMENT_CHARACTER, 1)),
    };
    let decoded = bytes.get(..width).and_then(|head| std::str::from_utf8(head).ok()).and_then(|s| s.chars().next());
    Some(decoded.map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, width)))
}

/// Appends a character as UTF-8.
pub(crate) fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The bytes as a string, one U+FFFD per invalid byte.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(bytes.len()), bytes);
    while let Some((c, width)) = decode(rest) {
        out.push(c);
        rest = &rest[width..];
    }
    Cow::Owned(out)
}

/// Number of leading bytes that are Unicode blanks.
pub(crate) fn leading_blanks(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some((c, width)) = decode(&bytes[at..]) {
        if !c.is_whitespace() {
            break;
        }
        at += width;
    }
    at
}

/// `bytes` without leading and trailing Unicode blanks, as a range.
pub(crate) fn trimmed(bytes: &[u8]) -> std::ops::Range<usize> {
    let start = leading_blanks(bytes);
    let mut end = bytes.len();
    while end > start {
        let (c, width) = last(&bytes[start..end]);
        if !c.is_whitespace() {
            break;
        }
        end -= width;
    }
    start..end
}

/// The last character and its width; an invalid byte is U+FFFD of width 1.
fn last(bytes: &[u8]) -> (char, usize) {
    for width in 1..=bytes.len().min(4) {
        let tail = &bytes[bytes.len() - width..];
        if let Some((c, used)) = decode(tail)
            && used == width
            && (width > 1 || c != char::REPLACEMENT_CHARACTER)
        {
            return (c, width);
        }
    }
    (char::REPLACEMENT_CHARACTER, 1)
}

/// Lower case where it matters to the language: ASCII and the two characters whose lower case is ASCII.
pub(crate) fn lower(bytes: &[u8]) -> String {
    let fold = |c: char| match c {
        '\u{212A}' => 'k',
        '\u{130}' => 'i',
        other => other.to_ascii_lowercase(),
    };
    lossy(bytes).chars().map(fold).collect()
}
