//! Keys of Ed25519 as openssl writes them: PEM of a PKCS#8 private key, or of a public key (RFC 8410). Knows no envelope.

use crate::error::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rbuild_oci::Digest;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A private key that documents are signed with.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: TrustedKey,
    caution: Option<String>,
}

/// A public key whose signatures are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    key: [u8; 32],
    id: String,
}

/// What stands before the 32 bytes of a public key: a SubjectPublicKeyInfo of the algorithm 1.3.101.112.
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The most bytes of a file of keys.
const FILE_LIMIT: u64 = 64 << 10;

const MAKE: &str = "openssl genpkey -algorithm ed25519 makes a key";

impl SigningKey {
    /// The key in a file.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |reason: String| Error::Key { path: path.display().to_string(), reason };
        let (text, mode) = read_file(path)?;
        let blocks = pem(&text).map_err(wrong)?;
        let [(label, der)] = &blocks[..] else {
            return Err(wrong(format!("it holds {} keys, not one; {MAKE}", blocks.len())));
        };
        match label.as_str() {
            "PRIVATE KEY" => {}
            "PUBLIC KEY" => return Err(wrong("it is a public key; a signature needs the private one".to_owned())),
            "ENCRYPTED PRIVATE KEY" => {
                return Err(wrong("it needs a passphrase; openssl pkey -in OLD -out NEW writes it without".to_owned()));
            }
            other => return Err(wrong(format!("it holds {other:?}, not \"PRIVATE KEY\"; {MAKE}"))),
        }
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der);
        let pair = pair.map_err(|error| wrong(format!("it is no private key of Ed25519 ({error}); {MAKE}")))?;
        let public = pair.public_key().as_ref();
        let key = public.try_into().map_err(|_| wrong(format!("its public half has {} bytes", public.len())))?;
        let public = TrustedKey { key, id: id_of(public) };
        let caution = (mode & 0o077 != 0).then(|| {
            let place = path.display();
            format!("the private key {place} may be used by others than its owner (mode {mode:04o}); chmod 600 {place}")
        });
        Ok(Self { pair, public, caution })
    }

    /// The SHA-256 of the public key's DER, which names the key.
    pub fn id(&self) -> &str {
        self.public.id()
    }

    /// Its public half, which believes what it signs.
    pub const fn trusted(&self) -> &TrustedKey {
        &self.public
    }

    /// What its owner should know of the file it is from.
    pub fn caution(&self) -> Option<&str> {
        self.caution.as_deref()
    }

    /// The signature of that message.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id())
    }
}

impl TrustedKey {
    /// All keys in a file, one at least.
    pub fn read(path: &Path) -> Result<Vec<Self>> {
        let wrong = |reason: String| Error::Key { path: path.display().to_string(), reason };
        let (text, _) = read_file(path)?;
        let blocks = pem(&text).map_err(wrong)?;
        if blocks.is_empty() {
            return Err(wrong("there is no key in it; openssl pkey -in PRIVATE -pubout writes one".to_owned()));
        }
        blocks.iter().map(|(label, der)| Self::of(label, der).map_err(wrong)).collect()
    }

    fn of(label: &str, der: &[u8]) -> std::result::Result<Self, String> {
        let hint = "openssl pkey -in PRIVATE -pubout writes the public one";
        if label != "PUBLIC KEY" {
            return Err(format!("it holds {label:?}, not \"PUBLIC KEY\"; {hint}"));
        }
        let key = der.strip_prefix(&PUBLIC_PREFIX).and_then(|key| key.try_into().ok());
        let key: [u8; 32] = key.ok_or_else(|| format!("it is no public key of Ed25519; {MAKE}, {hint}"))?;
        Ok(Self { key, id: id_of(&key) })
    }

    /// The SHA-256 of the key's DER, which names it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether that signature of the message is this key's.
    pub(super) fn fits(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.key).verify(message, signature).is_ok()
    }
}

fn id_of(public: &[u8]) -> String {
    Digest::of(&[&PUBLIC_PREFIX, public].concat()).to_string()
}

/// The text of a file, and its permissions.
fn read_file(path: &Path) -> Result<(String, u32)> {
    let read = || -> io::Result<(String, u32)> {
        let file = File::open(path)?;
        let mode = file.metadata()?.permissions().mode() & 0o777;
        let mut text = String::new();
        file.take(FILE_LIMIT).read_to_string(&mut text)?;
        Ok((text, mode))
    };
    read().map_err(|error| Error::Key { path: path.display().to_string(), reason: error.to_string() })
}

/// The blocks of a PEM file (RFC 7468), each with its label.
fn pem(text: &str) -> std::result::Result<Vec<(String, Vec<u8>)>, String> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, begun)) = rest.split_once("-----BEGIN ") {
        let (label, body) = begun.split_once("-----").ok_or("its first line never ends")?;
        let (body, after) =
            body.split_once(&format!("-----END {label}-----")).ok_or_else(|| format!("{label:?} never ends"))?;
        let body: String = body.split_whitespace().collect();
        blocks
            .push((label.to_owned(), STANDARD.decode(body).map_err(|error| format!("{label:?} is no PEM: {error}"))?));
        rest = after;
    }
    Ok(blocks)
}
