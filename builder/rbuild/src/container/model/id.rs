//! Ids of containers and anonymous volumes: 64 hexadecimal digits drawn at random.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The id of a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerId(String);

impl ContainerId {
    /// One that nobody has.
    pub(crate) fn draw() -> Result<Self> {
        let mut hex = String::with_capacity(LENGTH);
        for _ in 0..LENGTH / 16 {
            hex.push_str(&format!("{:016x}", u64::from_ne_bytes(random()?)));
        }
        Ok(Self(hex))
    }

    /// The id that `text` is, whole.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (text.len() == LENGTH && digits).then(|| Self(text.to_owned()))
    }

    /// All digits.
    pub fn hex(&self) -> &str {
        &self.0
    }

    /// The first twelve digits.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

/// Eight random bytes.
pub(crate) fn random() -> Result<[u8; 8]> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(Error::io("draw", "random bytes"))?;
    Ok(bytes)
}

const LENGTH: usize = 64;

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ContainerId {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is no id of a container"))
    }
}

impl From<ContainerId> for String {
    fn from(id: ContainerId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_ids_are_ids() {
        let (one, other) = (ContainerId::draw().unwrap(), ContainerId::draw().unwrap());
        assert_ne!(one, other);
        assert_eq!(ContainerId::parse(one.hex()), Some(one.clone()));
        assert!(one.hex().starts_with(one.short()) && one.short().len() == 12);
        for text in ["", "ab", &"g".repeat(64), &"A".repeat(64), &"a".repeat(65)] {
            assert_eq!(ContainerId::parse(text), None);
        }
    }
}
