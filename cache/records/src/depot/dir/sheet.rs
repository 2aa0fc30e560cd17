//! A document as a file: a first line of digests, its own and those of the blobs that it speaks of, then the document
//! itself. Knows no directory.

use crate::depot::DOCUMENT_LIMIT;
use rbuild_oci::{Descriptor, Digest};
use std::io::{self, BufRead, BufReader, Read};

/// The most bytes of a first line: ten thousand blobs.
const LINE_LIMIT: u64 = 1 << 20;

/// The file of a document.
pub(super) fn encode(document: &[u8], blobs: &[Descriptor]) -> Vec<u8> {
    let digests = std::iter::once(Digest::of(document)).chain(blobs.iter().map(|blob| blob.digest));
    let words: Vec<String> = digests.map(|digest| digest.to_string()).collect();
    [words.join(" ").as_bytes(), b"\n", document].concat()
}

/// The document of a file.
pub(super) fn document(file: impl Read) -> io::Result<Vec<u8>> {
    let mut reader = BufReader::new(file);
    let (own, _) = first_line(&mut reader)?;
    let mut bytes = Vec::new();
    reader.take(DOCUMENT_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > DOCUMENT_LIMIT {
        return Err(damaged(format!("it has more than {DOCUMENT_LIMIT} bytes")));
    }
    let found = Digest::of(&bytes);
    if found == own { Ok(bytes) } else { Err(damaged(format!("its digest is {found}, not {own}"))) }
}

/// The blobs that the document of a file speaks of.
pub(super) fn blobs(file: impl Read) -> io::Result<Vec<Digest>> {
    first_line(&mut BufReader::new(file)).map(|(_, blobs)| blobs)
}

fn first_line(reader: &mut impl BufRead) -> io::Result<(Digest, Vec<Digest>)> {
    let mut line = String::new();
    reader.take(LINE_LIMIT).read_line(&mut line)?;
    let digests: Result<Vec<Digest>, _> = line.trim_end_matches('\n').split(' ').map(str::parse).collect();
    match digests.as_deref() {
        Ok([own, blobs @ ..]) if line.ends_with('\n') => Ok((*own, blobs.to_vec())),
        _ => Err(damaged("it does not begin with a line of digests")),
    }
}

fn damaged(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_read() {
        let blob = Descriptor::of("text/plain", b"blob");
        let file = encode(b"two\nlines", std::slice::from_ref(&blob));
        assert_eq!(document(&file[..]).unwrap(), b"two\nlines");
        assert_eq!(blobs(&file[..]).unwrap(), [blob.digest]);
        assert_eq!(document(&encode(b"", &[])[..]).unwrap(), b"");
    }

    #[test]
    fn what_is_damaged_or_foreign_is_no_document() {
        let file = encode(b"document", &[]);
        for (wrong, why) in [
            (&b""[..], "a line of digests"),
            (b"{\"a\":1}", "a line of digests"),
            (&[0xff; 99], "UTF-8"),
            (&file[..70], "a line of digests"),
            (&file[..file.len() - 1], "its digest is"),
            (&[&file[..], b"!"].concat(), "its digest is"),
        ] {
            let error = document(wrong).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
        let large = vec![b' '; DOCUMENT_LIMIT as usize + 1];
        assert!(document(&encode(&large, &[])[..]).unwrap_err().to_string().contains("more than"));
        assert!(blobs(&vec![b' '; 2 << 20][..]).is_err());
    }
}
