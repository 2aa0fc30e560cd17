//! DSSE envelopes: a payload, its type, and signatures over both. Knows no depot and no key file.

use super::key::{SigningKey, TrustedKey};
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

/// An envelope as it travels: DSSE 1.0, "Envelope".
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
struct Signature {
    /// A hint only: it is not signed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    keyid: String,
    sig: String,
}

/// What is signed of a document: its name too, so that it counts under no other.
#[derive(Serialize, Deserialize)]
pub(super) struct Payload {
    pub(super) name: String,
    pub(super) document: String,
}

const PAYLOAD_TYPE: &str = "application/vnd.rbuild.cache.v1+json";

/// The most signatures of an envelope that are looked at.
const SIGNATURES: usize = 16;

/// The most characters of a foreign key's id that are shown.
const SHOWN: usize = 80;

impl Envelope {
    /// The envelope in these bytes, where they are one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// A payload, signed.
    pub(super) fn seal(payload: &Payload, key: &SigningKey) -> serde_json::Result<Vec<u8>> {
        let body = serde_json::to_vec(payload)?;
        let sig = encode(&key.sign(&signed(PAYLOAD_TYPE, &body)));
        let signatures = vec![Signature { keyid: key.id().to_owned(), sig }];
        serde_json::to_vec(&Self { payload: encode(&body), payload_type: PAYLOAD_TYPE.to_owned(), signatures })
    }

    /// The payload, if there are no keys or one of them signed it; or why it is not believed.
    pub(super) fn open(&self, keys: &[TrustedKey]) -> Result<Payload, String> {
        let body = decode(&self.payload).ok_or("its payload is no base64")?;
        if !keys.is_empty() {
            self.verify(&signed(&self.payload_type, &body), keys)?;
        }
        if self.payload_type != PAYLOAD_TYPE {
            return Err(format!("its payload is {:?}", shown(&self.payload_type)));
        }
        serde_json::from_slice(&body).map_err(|error| format!("its payload cannot be read: {error}"))
    }

    fn verify(&self, message: &[u8], keys: &[TrustedKey]) -> Result<(), String> {
        let signatures = || self.signatures.iter().take(SIGNATURES);
        let fits = |signature: &Signature| {
            decode(&signature.sig).is_some_and(|bytes| keys.iter().any(|key| key.fits(message, &bytes)))
        };
        if signatures().any(fits) {
            return Ok(());
        }
        match signatures().find(|signature| keys.iter().any(|key| key.id() == signature.keyid)) {
            Some(signature) => Err(format!("the signature of the key {} does not fit it", signature.keyid)),
            None if self.signatures.is_empty() => Err(UNSIGNED.to_owned()),
            None => {
                let ids: Vec<String> = signatures().map(|signature| shown(&signature.keyid)).collect();
                Err(format!("it is signed with the key {}, which is not trusted", ids.join(", ")))
            }
        }
    }
}

/// Why a document without a signature is not believed.
pub(super) const UNSIGNED: &str = "it is not signed";

/// What a signature is of: DSSE's pre-authentication encoding.
fn signed(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), body.len());
    [head.as_bytes(), body].concat()
}

fn encode(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Either alphabet is valid, padded or not.
fn decode(text: &str) -> Option<Vec<u8>> {
    let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, lenient).decode(text).ok()
}

/// Text of others, fit for a message.
fn shown(text: &str) -> String {
    match text {
        "" => "of no name".to_owned(),
        text => text.chars().filter(|char| !char.is_control()).take(SHOWN).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_what_the_specification_says() {
        let expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
        assert_eq!(signed("http://example.com/HelloWorld", b"hello world"), expected);
    }

    #[test]
    fn either_alphabet_is_read() {
        for text in ["-_8=", "-_8", "+/8=", "+/8"] {
            assert_eq!(decode(text).unwrap(), [0xfb, 0xff], "{text}");
        }
        assert_eq!(decode("-/8="), None);
    }
}
