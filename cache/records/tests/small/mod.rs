//! Small documents and blobs that are told apart by a text, shared by the tests of depots.

use rbuild_oci::{Descriptor, Digest, MediaType};
use rbuild_records::depot::{Depot, Kind, Name};
use std::io::{Cursor, Read};

pub(crate) fn name(text: &str) -> Name {
    Name::new(Kind::Record, Digest::of(text.as_bytes()))
}

pub(crate) fn blob(text: &str) -> Descriptor {
    Descriptor::of(MediaType::OCI_LAYER, text.as_bytes())
}

/// A document that speaks of a blob, with it.
pub(crate) fn put(depot: &dyn Depot, text: &str) {
    let open = || Ok(Box::new(Cursor::new(text.to_owned())) as Box<dyn Read + Send>);
    depot.put(&blob(text), &open).unwrap();
    depot.put_document(&name(text), text.as_bytes(), &[blob(text)]).unwrap();
}
