//! AWS Signature Version 4 in the `Authorization` header. PURE: time and credentials are inputs. Knows no S3.

use rbuild_oci::Digest;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Credentials. They are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The access key's id.
    pub id: String,
    /// The secret access key.
    pub secret: String,
    /// The token that temporary credentials come with.
    pub session: Option<String>,
}

/// A request as far as it is signed.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// The path, percent-encoded.
    pub(super) path: &'a str,
    /// The query as [`query`] writes it.
    pub(super) query: &'a str,
    /// The headers that are signed, in lower case and in order.
    pub(super) headers: &'a [(&'static str, String)],
    /// The SHA-256 of the body, in hexadecimal.
    pub(super) payload: &'a str,
}

/// The `Authorization` header of a request to `service`, made at `time`: `20130524T000000Z`.
pub(super) fn authorization(request: &Request<'_>, login: &Login, region: &str, service: &str, time: &str) -> String {
    let day = &time[..time.len().min(8)];
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let canonical = Digest::of(canonical(request).as_bytes()).hex();
    let mut key = hmac(format!("AWS4{}", login.secret).as_bytes(), day.as_bytes());
    for part in [region, service, "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{canonical}");
    let signature = Digest::from_bytes(hmac(&key, text.as_bytes())).hex();
    let (id, signed) = (&login.id, names(request));
    format!("AWS4-HMAC-SHA256 Credential={id}/{scope},SignedHeaders={signed},Signature={signature}")
}

/// A query in the order and the encoding that signatures want.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let mut all: Vec<_> = pairs.iter().map(|(name, value)| (encode(name, ""), encode(value, ""))).collect();
    all.sort();
    all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Text with everything as `%XX` but letters, digits, `-._~` and what is in `kept`.
pub(super) fn encode(text: &str, kept: &str) -> String {
    let encode = |byte: u8| match char::from(byte) {
        char if char.is_ascii_alphanumeric() || "-._~".contains(char) || kept.contains(char) => char.to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn canonical(request: &Request<'_>) -> String {
    let headers: String =
        request.headers.iter().map(|(name, value)| [name, ":", value.trim(), "\n"].concat()).collect();
    let Request { method, path, query, payload, .. } = request;
    format!("{method}\n{path}\n{query}\n{headers}\n{}\n{payload}", names(request))
}

fn names(request: &Request<'_>) -> String {
    request.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
}

/// HMAC-SHA-256 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "20130524T000000Z";

    /// The signature of a request of AWS' published examples ("Signature Calculations for the Authorization Header").
    fn signature(method: &str, path: &str, query: &str, further: &[(&'static str, &str)], body: &[u8]) -> String {
        let payload = Digest::of(body).hex();
        let own =
            [("host", "examplebucket.s3.amazonaws.com"), ("x-amz-content-sha256", &payload), ("x-amz-date", TIME)];
        let mut headers: Vec<_> = own.iter().chain(further).map(|(name, value)| (*name, (*value).to_owned())).collect();
        headers.sort();
        let login = Login {
            id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            session: None,
        };
        let request = Request { method, path, query, headers: &headers, payload: &payload };
        authorization(&request, &login, "us-east-1", "s3", TIME)
    }

    #[test]
    fn requests_are_signed_as_aws_publishes_it() {
        assert_eq!(
            signature("GET", "/test.txt", "", &[("range", "bytes=0-9")], b""),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,\
             Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        let further = [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
        let path = format!("/{}", encode("test$file.text", "/"));
        for (given, expected) in [
            (
                signature("PUT", &path, "", &further, b"Welcome to Amazon S3."),
                "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
            ),
            (
                signature("GET", "/", &query(&[("lifecycle", "")]), &[], b""),
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ),
            (
                signature("GET", "/", &query(&[("prefix", "J"), ("max-keys", "2")]), &[], b""),
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ] {
            assert!(given.ends_with(&format!("Signature={expected}")), "{given}");
        }
    }

    #[test]
    fn keys_longer_than_a_block_are_hashed() {
        // RFC 4231, test case 6.
        let mac = hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(Digest::from_bytes(mac).hex(), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn names_are_encoded_once() {
        assert_eq!(encode("a b/ü+%~", "/"), "a%20b/%C3%BC%2B%25~");
        let login = Login { id: "id".into(), secret: "hunter2".into(), session: Some("hunter3".into()) };
        assert!(!format!("{login:?}").contains("hunter"));
    }
}
