//! Of a certificate (RFC 5280, in DER) what people want to know: whose it is, who signed it, until when. Pure; verifies
//! nothing, and takes any bytes.

use rbuild_oci::Timestamp;
use std::fmt;

/// What a certificate says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    /// Whose it is.
    subject: String,
    /// Who signed it.
    issuer: String,
    /// The last moment of its life.
    pub(super) until: Timestamp,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT: u8 = 0x06;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The names that are shown, best first: common name, organisation.
const NAMES: [&[u8]; 2] = [&[0x55, 0x04, 0x03], &[0x55, 0x04, 0x0a]];

impl Certificate {
    /// Reads the fields that are wanted; none where the bytes are no certificate.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let mut outer = Der(der);
        let mut certificate = Der(outer.take(SEQUENCE)?);
        let mut fields = Der(certificate.take(SEQUENCE)?);
        if fields.peek() == Some(VERSION) {
            fields.next()?;
        }
        // The serial number and the algorithm of the signature.
        fields.next()?;
        fields.next()?;
        let issuer = name(fields.take(SEQUENCE)?);
        let mut validity = Der(fields.take(SEQUENCE)?);
        validity.next()?;
        let until = time(validity.next()?)?;
        let subject = name(fields.take(SEQUENCE)?);
        Some(Self { subject, issuer, until })
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signer = if self.issuer == self.subject { "itself" } else { &self.issuer };
        let until = self.until.to_string();
        let day = until.split('T').next().unwrap_or_default();
        write!(f, "of {}, signed by {signer}, until {day}", self.subject)
    }
}

/// Values one behind the other: a tag, a length, so many bytes.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = (bytes.len() <= 4).then(|| bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))?;
            (length, rest)
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    /// The next value, if it has that tag.
    fn take(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next().filter(|(tag, _)| *tag == wanted).map(|(_, value)| value)
    }
}

/// A distinguished name as people read it.
fn name(bytes: &[u8]) -> String {
    let mut found: [Option<String>; 2] = [None, None];
    let mut sets = Der(bytes);
    while let Some(set) = sets.take(SET) {
        let pair = Der(set).take(SEQUENCE).and_then(|pair| {
            let mut pair = Der(pair);
            Some((pair.take(OBJECT)?, pair.next()?.1))
        });
        if let Some((kind, text)) = pair
            && let Some(at) = NAMES.iter().position(|name| *name == kind)
        {
            let text = String::from_utf8_lossy(text);
            found[at] = Some(text.chars().filter(|char| !char.is_control()).take(100).collect());
        }
    }
    found.into_iter().flatten().next().unwrap_or_else(|| "nobody by name".to_owned())
}

/// `YYMMDDHHMMSSZ` of the years from 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn time((tag, bytes): (u8, &[u8])) -> Option<Timestamp> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii())?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            (format!("{}{year}", if year < "50" { "20" } else { "19" }), rest)
        }
        GENERALIZED_TIME => text.split_at_checked(4).map(|(year, rest)| (year.to_owned(), rest))?,
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2);
    let (month, day, hour, minute, second) = (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value of that tag.
    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let length = u8::try_from(body.len()).unwrap();
        let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
        [head, body].concat()
    }

    fn named(kind: u8, text: &str) -> Vec<u8> {
        let pair = der(SEQUENCE, &[&der(OBJECT, &[&[0x55, 0x04, kind]]), &der(0x0c, &[text.as_bytes()])]);
        der(SET, &[&pair])
    }

    fn certificate(until: &[u8]) -> Vec<u8> {
        let (serial, algorithm, begin) = (der(0x02, &[&[1]]), der(SEQUENCE, &[]), der(UTC_TIME, &[b"200101000000Z"]));
        let issuer = der(SEQUENCE, &[&named(0x0a, "Lab")]);
        let subject = der(SEQUENCE, &[&named(0x0a, "Lab"), &named(0x03, "r.example\u{1b}")]);
        let version = der(VERSION, &[&der(0x02, &[&[2]])]);
        let validity = der(SEQUENCE, &[&begin, until]);
        der(SEQUENCE, &[&der(SEQUENCE, &[&version, &serial, &algorithm, &issuer, &validity, &subject])])
    }

    #[test]
    fn names_and_the_end_are_read() {
        for (until, day) in [
            (der(UTC_TIME, &[b"261123120000Z"]), "2026-11-23"),
            (der(UTC_TIME, &[b"700101000000Z"]), "1970-01-01"),
            (der(GENERALIZED_TIME, &[b"20510101000000Z"]), "2051-01-01"),
        ] {
            let read = Certificate::read(&certificate(&until)).unwrap();
            assert_eq!(read.to_string(), format!("of r.example, signed by Lab, until {day}"));
        }
    }

    #[test]
    fn bytes_that_are_none_give_nothing() {
        let whole = certificate(&der(UTC_TIME, &[b"261123120000Z"]));
        for end in 0..whole.len() {
            assert_eq!(Certificate::read(&whole[..end]), None);
        }
        for wrong in [&b"261123"[..], b"26112312000", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
            assert_eq!(Certificate::read(&certificate(&der(UTC_TIME, &[wrong]))), None);
        }
        assert_eq!(Certificate::read(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(Certificate::read(&[SEQUENCE, 0xff]), None);
    }
}
