//! The names that people give images. Knows no store.

use crate::error::{Error, Result};
use rbuild_oci::Reference;

/// An image's own id and digest begin with it.
const ALGORITHM: &str = "sha256";

/// A name for an image of the store. One with a digest is [`Error::Usage`], for that follows from the content alone, and
/// so is one that would be read as a digest.
pub fn new_name(text: &str) -> Result<Reference> {
    let name: Reference = text.parse()?;
    if name.digest().is_some() {
        return Err(Error::Usage(format!("{text:?} has a digest, which only the content gives: write NAME[:TAG]")));
    }
    if name.familiar_name() == ALGORITHM {
        return Err(Error::Usage(format!("{text:?} would be read as the digest of an image: choose another name")));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_digest() {
        assert_eq!(new_name("app:1").unwrap().familiar(), "app:1");
        assert_eq!(new_name("me/sha256:1").unwrap().familiar(), "me/sha256:1");
        let digest = format!("app@sha256:{}", "ab".repeat(32));
        for (text, expected) in [
            (digest.as_str(), "write NAME[:TAG]"),
            ("sha256:abc", "choose another name"),
            ("sha256", "choose another name"),
            ("A", "A"),
        ] {
            let said = new_name(text).unwrap_err().to_string();
            assert!(said.contains(expected), "{text}: {said}");
        }
    }
}
