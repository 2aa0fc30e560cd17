//! Names of containers and volumes: which are valid, and one for who gives none. PURE: randomness is handed in.

use super::words::{ADJECTIVES, NOUNS};
use crate::error::{Error, Result};

/// A container's name as given, Docker's leading slash taken off.
pub(crate) fn parse(text: &str) -> Result<String> {
    let name = text.strip_prefix('/').unwrap_or(text);
    if is_valid(name) {
        return Ok(name.to_owned());
    }
    Err(Error::Usage(format!(
        "--name {text:?} is not valid: it takes letters, digits, _ . and -, at least two, a letter or digit first"
    )))
}

/// Refuses what is no name of a volume.
pub(crate) fn check_volume(name: &str) -> Result<()> {
    if is_valid(name) {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "-v: {name} is no name of a volume: it takes letters, digits, _ . and -, at least two, a letter or digit first; \
         a path of the host begins with / or ./"
    )))
}

/// `adjective_noun` from eight random bytes; from the second attempt on with a number behind it.
pub(crate) fn random(bytes: [u8; 8], attempt: u32) -> String {
    let number = u64::from_le_bytes(bytes);
    let adjective = ADJECTIVES[(number % ADJECTIVES.len() as u64) as usize];
    let noun = NOUNS[((number >> 24) % NOUNS.len() as u64) as usize];
    if attempt == 0 { format!("{adjective}_{noun}") } else { format!("{adjective}_{noun}{}", (number >> 48) % 1000) }
}

/// Whether a container or a volume may have that name.
pub(crate) fn is_valid(name: &str) -> bool {
    let other = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    name.len() >= 2 && name.len() <= 255 && name.as_bytes()[0].is_ascii_alphanumeric() && name.bytes().all(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, expected) in [("web", "web"), ("/web", "web"), ("a1_.-", "a1_.-"), ("0b", "0b")] {
            assert_eq!(parse(text).unwrap(), expected);
        }
        for text in ["", "/", "a", "_a", "-ab", "a b", "a/b", "//ab", "é1", "ab:1"] {
            let tail = "is not valid: it takes letters, digits, _ . and -, at least two, a letter or digit first";
            assert_eq!(parse(text).unwrap_err().to_string(), format!("--name {text:?} {tail}"));
        }
        assert!(parse(&"a".repeat(256)).is_err());
    }

    #[test]
    fn random_names_are_valid() {
        for seed in 0..2_000u64 {
            let bytes = (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_le_bytes();
            for attempt in 0..2 {
                let name = random(bytes, attempt);
                assert_eq!(parse(&name).unwrap(), name);
                assert_eq!(name.matches('_').count(), 1);
            }
        }
    }
}
