//! One test suite for every depot.

use crate::depot::{Depot, Kind, Name};
use crate::error::Result;
use rbuild_oci::{Descriptor, Digest, MediaType};
use std::io::Cursor;

/// Everything a depot promises; returns what does not hold. It must be empty.
pub fn conformance(depot: &dyn Depot) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            wrong.push(format!("{depot}: {what}"));
        }
    };
    let body: &[u8] = b"the content of a blob";
    let blob = Descriptor::of(MediaType::OCI_LAYER, body);
    let (one, two) = (Name::new(Kind::Record, Digest::of(b"1")), Name::new(Kind::Mount, Digest::of(b"1")));
    check(!depot.has(&one)? && depot.document(&one)?.is_none(), "an empty one has no document");
    let mut poured = Vec::new();
    check(!depot.pour(&blob, &mut poured)? && poured.is_empty(), "an empty one has no blob");
    let open = |bytes: &'static [u8]| move || Ok(Box::new(Cursor::new(bytes)) as Box<dyn std::io::Read + Send>);
    check(depot.put(&blob, &open(b"the content of a blod")).is_err(), "wrong content is refused");
    check(depot.put(&blob, &open(b"short")).is_err(), "short content is refused");
    check(!depot.pour(&blob, &mut Vec::new())?, "what was refused is not there");
    check(depot.put(&blob, &open(body))?, "a new blob is written");
    check(!depot.put(&blob, &open(body))?, "one that is there is not written again");
    check(depot.pour(&blob, &mut poured)? && poured == body, "what was put is poured");
    depot.put_document(&one, b"{\"a\":1}", std::slice::from_ref(&blob))?;
    check(depot.has(&one)?, "a document that was put is there");
    check(depot.document(&one)?.as_deref() == Some(b"{\"a\":1}"), "a document reads as it was put");
    check(!depot.has(&two)? && depot.document(&two)?.is_none(), "another kind of the same digest is another name");
    depot.put_document(&two, b"{\"b\":1}", &[])?;
    depot.put_document(&two, b"{\"b\":2}", &[])?;
    check(depot.document(&two)?.as_deref() == Some(b"{\"b\":2}"), "the last document of a name counts");
    Ok(wrong)
}
