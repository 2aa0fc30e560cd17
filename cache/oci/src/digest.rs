//! Content digests and the three ids built from them. Knows SHA-256 only: the OCI specification lets registries offer
//! others, none of which is in use; they are refused by name.

use crate::error::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

/// The SHA-256 of some bytes, written `sha256:<64 hex>` (OCI image specification, "Digests").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest from its 32 raw bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hexadecimal characters without the algorithm: the name of a blob in an OCI layout.
    pub fn hex(&self) -> String {
        let mut out = String::with_capacity(64);
        for byte in self.0 {
            for nibble in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
            }
        }
        out
    }

    /// The first 12 hexadecimal characters, as people read ids.
    pub fn short(&self) -> String {
        let mut hex = self.hex();
        hex.truncate(12);
        hex
    }

    /// A digest from its 64 lower-case hexadecimal characters.
    pub fn from_hex(hex: &str) -> Result<Self> {
        let wrong = |rule| Error::Invalid { what: "digest", text: hex.to_owned(), rule };
        if hex.len() != 64 {
            return Err(wrong("a SHA-256 has 64 hexadecimal characters"));
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let (Some(high), Some(low)) = (nibble(pair[0]), nibble(pair[1])) else {
                return Err(wrong("only 0-9 and a-f may stand in it"));
            };
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

const fn nibble(char: u8) -> Option<u8> {
    match char {
        b'0'..=b'9' => Some(char - b'0'),
        b'a'..=b'f' => Some(char - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("sha256", hex)) => Self::from_hex(hex),
            Some(_) => Err(Error::Invalid {
                what: "digest",
                text: text.to_owned(),
                rule: "only the algorithm sha256 is supported",
            }),
            None => Err(Error::Invalid {
                what: "digest",
                text: text.to_owned(),
                rule: "it is written sha256:<64 hexadecimal characters>",
            }),
        }
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A digest being made from bytes that arrive piece by piece.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken in.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

macro_rules! digest_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Digest);

        impl $name {
            /// The digest this id is made of.
            pub const fn digest(&self) -> &Digest {
                &self.0
            }

            /// The 64 hexadecimal characters of the digest.
            pub fn hex(&self) -> String {
                self.0.hex()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                text.parse().map(Self)
            }
        }
    };
}

digest_newtype!(
    /// The digest of a layer's uncompressed tarball.
    DiffId
);
digest_newtype!(
    /// Names a stack of layers by what is in it (OCI image specification, "Layer ChainID").
    ChainId
);
digest_newtype!(
    /// The digest of an image's configuration: what `docker images` shows as IMAGE ID.
    ImageId
);

impl ChainId {
    /// The id of the stack that `layer` on top of `parent` makes.
    pub fn extend(parent: Option<&Self>, layer: &DiffId) -> Self {
        match parent {
            None => Self(layer.0),
            Some(below) => Self(Digest::of(format!("{below} {layer}").as_bytes())),
        }
    }

    /// The id of a whole stack, lowest layer first; none for no layers.
    pub fn of_layers<'a>(layers: impl IntoIterator<Item = &'a DiffId>) -> Option<Self> {
        layers.into_iter().fold(None, |below, layer| Some(Self::extend(below.as_ref(), layer)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips() {
        let digest = Digest::of(b"");
        let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse::<Digest>().unwrap(), digest);
        assert_eq!(digest.short(), "e3b0c44298fc");
    }

    #[test]
    fn wrong_text_is_refused_with_the_rule() {
        for (text, rule) in [
            ("e3b0", "it is written"),
            ("sha512:00", "only the algorithm"),
            ("sha256:00", "64 hexadecimal"),
            ("sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", "only 0-9"),
        ] {
            assert!(text.parse::<Digest>().unwrap_err().to_string().contains(rule), "{text}");
        }
    }

    #[test]
    fn a_chain_of_one_is_its_layer() {
        let (a, b) = (DiffId(Digest::of(b"a")), DiffId(Digest::of(b"b")));
        assert_eq!(ChainId::of_layers([&a]), Some(ChainId(a.0)));
        let expected = Digest::of(format!("{a} {b}").as_bytes());
        assert_eq!(ChainId::of_layers([&a, &b]), Some(ChainId(expected)));
        assert_eq!(ChainId::of_layers([]), None);
    }
}
