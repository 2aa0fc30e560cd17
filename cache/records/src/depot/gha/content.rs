//! An entry's content, in and out of the signed addresses that the service gives: block blobs of Azure Storage. Knows no
//! key and no token.

use crate::depot::line::{Line, Parts, in_parts};
use rbuild_oci::{Cancel, Descriptor};
use rbuild_registry::{Address, Answer, Call, Content, Error, Open, Result, Source, Verb, Web};

/// The version of Azure's API that requests are written in: it takes blocks of more than 4 MiB.
const VERSION: &str = "2020-10-02";

/// The most of a refusal that is read, in bytes.
const REFUSAL: u64 = 64 << 10;

/// Sends a blob; no part of it counts before all of it is right.
pub(super) fn send(line: &Line, to: &Address, blob: &Descriptor, open: &Open<'_>) -> Result<()> {
    let subject = blob.digest.to_string();
    let Some(parts) = Parts::of(blob.size) else {
        return line.persist(|| whole(line, to, blob, open));
    };
    let blocks = in_parts(blob, parts, open, &line.cancel, &|number, bytes| {
        // All of a blob's blocks have names of one length, in base64: these characters stand for themselves.
        let name = format!("block{number:07}");
        let block = with_query(to, &format!("comp=block&blockid={name}"), &subject)?;
        line.persist(|| put(&line.steady, block.clone(), &[], Content::Bytes(bytes.to_vec()), &subject))?;
        Ok(name)
    })?;
    let names: String = blocks.iter().map(|name| format!("<Latest>{name}</Latest>")).collect();
    let list = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{names}</BlockList>");
    let address = with_query(to, "comp=blocklist", &subject)?;
    line.persist(|| put(&line.steady, address.clone(), &[], Content::Bytes(list.clone().into_bytes()), &subject))
}

/// Sends a document.
pub(super) fn send_bytes(line: &Line, to: &Address, bytes: &[u8], subject: &str) -> Result<()> {
    line.persist(|| put(&line.quick, to.clone(), &[BLOCK_BLOB], Content::Bytes(bytes.to_vec()), subject))
}

/// Asks for the content from a byte on.
pub(super) fn fetch<'w>(web: &'w Web, address: &Address, from: u64, subject: &str) -> Result<Answer<'w>> {
    let range = (from > 0).then(|| ("range", format!("bytes={from}-")));
    let headers = range.into_iter().collect();
    let (verb, address) = (Verb::Get, address.clone());
    let answer = web.call(Call { verb, address, headers, authorization: None, content: Content::Nothing, subject })?;
    if matches!(answer.status(), 200 | 206) { Ok(answer) } else { Err(refusal(answer)) }
}

const BLOCK_BLOB: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

fn whole(line: &Line, to: &Address, blob: &Descriptor, open: &Open<'_>) -> Result<()> {
    let subject = blob.digest.to_string();
    let unreadable = |source| Error::Local { operation: "read", subject: subject.clone(), source };
    let cancel: &Cancel = &line.cancel;
    let mut source = open().and_then(|inner| Source::new(inner, blob, cancel, 0)).map_err(unreadable)?;
    let content = Content::Stream(source.up_to(blob.size), blob.size);
    let sent = put(&line.steady, to.clone(), &[BLOCK_BLOB], content, &subject);
    source.take_failure().map_or(sent, |failed| Err(unreadable(failed)))
}

fn put<'a>(
    web: &Web,
    address: Address,
    further: &[(&'static str, &str)],
    content: Content<'a>,
    subject: &'a str,
) -> Result<()> {
    let own = [("x-ms-version", VERSION), ("content-type", "application/octet-stream")];
    let headers = own.iter().chain(further).map(|(name, value)| (*name, (*value).to_owned())).collect();
    let answer = web.call(Call { verb: Verb::Put, address, headers, authorization: None, content, subject })?;
    if matches!(answer.status(), 200 | 201) { Ok(()) } else { Err(refusal(answer)) }
}

/// A signed address with more behind its query.
fn with_query(address: &Address, further: &str, subject: &str) -> Result<Address> {
    let wire = address.to_wire();
    let mark = if wire.contains('?') { '&' } else { '?' };
    Address::parse(&format!("{wire}{mark}{further}")).ok_or_else(|| Error::Protocol {
        host: address.host(),
        subject: subject.to_owned(),
        reason: "it gives no address".to_owned(),
    })
}

/// The error of an answer that says no. Azure's code stands in a header; the body may repeat the signed address.
fn refusal(mut answer: Answer<'_>) -> Error {
    let drained = answer.bytes(REFUSAL, crate::depot::line::WITHIN);
    let code = answer.header("x-ms-error-code").map_or_else(|| answer.usual_reason().to_owned(), str::to_owned);
    drained.err().unwrap_or_else(|| answer.refusal(code))
}
