//! Keys that let go of a container, as docker writes them: `ctrl-p,ctrl-q`, `ctrl-@`, `a`. Reads no terminal.

use super::usage;
use crate::error::Result;

/// Docker's.
const DEFAULT: [u8; 2] = [0x10, 0x11];

/// The bytes that the keys send, one after another; the usual ones where nothing is given.
pub(crate) fn parse(text: Option<&str>) -> Result<Vec<u8>> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(DEFAULT.to_vec()),
        Some(text) => text.split(',').map(|key| byte(key).ok_or_else(|| unknown(text, key))).collect(),
    }
}

fn byte(key: &str) -> Option<u8> {
    let single = |text: &str| <[u8; 1]>::try_from(text.as_bytes()).ok().map(|[byte]| byte).filter(u8::is_ascii);
    match key.strip_prefix("ctrl-") {
        None => single(key),
        Some(with) => match single(with)? {
            letter @ (b'a'..=b'z' | b'A'..=b'Z' | b'@' | b'[' | b'\\' | b']' | b'^' | b'_') => Some(letter & 0x1f),
            _ => None,
        },
    }
}

fn unknown(text: &str, key: &str) -> crate::error::Error {
    usage(format!(
        "--detach-keys {text:?}: {key:?} is no key: give single characters and ctrl-a to ctrl-z, ctrl-@, ctrl-[, ctrl-\\, ctrl-], ctrl-^ or ctrl-_, separated by commas"
    ))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn keys() {
        for (text, bytes) in [
            (None, &[16, 17][..]),
            (Some(""), &[16, 17]),
            (Some("ctrl-a"), &[1]),
            (Some("ctrl-Z,q"), &[26, b'q']),
            (Some("ctrl-@,ctrl-_,ctrl-\\"), &[0, 31, 28]),
        ] {
            assert_eq!(parse(text).unwrap(), bytes, "{text:?}");
        }
        for text in ["ctrl-", "ab", "ctrl-1", "a,,b", "é", "alt-x"] {
            assert!(parse(Some(text)).is_err(), "{text}");
        }
    }
}
