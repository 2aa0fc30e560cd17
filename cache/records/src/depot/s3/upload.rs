//! Blobs going into a bucket: small ones in one request, large ones in parts that become an object all at once. Knows no
//! document.

use super::client::{Ask, Client};
use super::refusal::{element, hidden};
use crate::depot::line::{Parts, WITHIN, in_parts};
use rbuild_oci::{Descriptor, Digest};
use rbuild_registry::{Content, Error, Open, Result, Source, Verb};

/// What an answer about an upload may have in bytes.
const ANSWER: u64 = 1 << 20;

/// Sends a blob. It becomes an object only if its content is right.
pub(super) fn upload(client: &Client, key: &str, blob: &Descriptor, open: &Open<'_>) -> Result<()> {
    match Parts::of(blob.size) {
        None => client.line.persist(|| whole(client, key, blob, open)),
        Some(parts) => {
            let id = client.line.persist(|| begin(client, key))?;
            let sent = in_parts(blob, parts, open, &client.line.cancel, &|number, bytes| {
                client.line.persist(|| part(client, key, &id, number + 1, bytes))
            });
            let done = sent.and_then(|tags| client.line.persist(|| complete(client, key, &id, &tags)));
            if done.is_err() {
                // What is left of it costs money until it is gone; that it cannot be removed is no further failure.
                drop(client.done(&client.line.quick, Ask::new(Verb::Delete, key).with_query(&[("uploadId", &id)])));
            }
            done
        }
    }
}

fn whole(client: &Client, key: &str, blob: &Descriptor, open: &Open<'_>) -> Result<()> {
    let unreadable = |source| Error::Local { operation: "read", subject: key.to_owned(), source };
    let mut source = open().and_then(|inner| Source::new(inner, blob, &client.line.cancel, 0)).map_err(unreadable)?;
    let content = Content::Stream(source.up_to(blob.size), blob.size);
    let sent = client.done(&client.line.steady, Ask::new(Verb::Put, key).with_content(content, blob.digest)).map(drop);
    source.take_failure().map_or(sent, |failed| Err(unreadable(failed)))
}

fn begin(client: &Client, key: &str) -> Result<String> {
    let ask = Ask::new(Verb::Post, key).with_query(&[("uploads", "")]).with_bytes(b"");
    let mut answer = client.done(&client.line.quick, ask)?;
    let body = answer.bytes(ANSWER, WITHIN)?;
    let id = element(&String::from_utf8_lossy(&body), "UploadId");
    id.ok_or_else(|| answer.unusable("it begins an upload without an UploadId"))
}

/// Sends a part; what S3 calls it.
fn part(client: &Client, key: &str, id: &str, number: u64, bytes: &[u8]) -> Result<String> {
    let number = number.to_string();
    let query = [("partNumber", number.as_str()), ("uploadId", id)];
    let (mut reader, size) = (bytes, bytes.len() as u64);
    let content = Content::Stream(&mut reader, size);
    let ask = Ask::new(Verb::Put, key).with_query(&query).with_content(content, Digest::of(bytes));
    let answer = client.done(&client.line.steady, ask)?;
    let tag = answer.header("etag").map(str::to_owned);
    tag.ok_or_else(|| answer.unusable("it takes a part without an ETag"))
}

fn complete(client: &Client, key: &str, id: &str, tags: &[String]) -> Result<()> {
    let mut list = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">".to_owned();
    for (index, tag) in tags.iter().enumerate() {
        let tag = tag.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        list.push_str(&format!("<Part><PartNumber>{}</PartNumber><ETag>{tag}</ETag></Part>", index + 1));
    }
    list.push_str("</CompleteMultipartUpload>");
    let query = [("uploadId", id)];
    let ask = Ask::new(Verb::Post, key).with_query(&query).with_bytes(list.as_bytes());
    let mut answer = client.done(&client.line.steady, ask)?;
    // It begins its answer before it knows how that ends.
    let body = answer.bytes(ANSWER, crate::depot::line::STEADY)?;
    hidden(&answer, &String::from_utf8_lossy(&body)).map_or(Ok(()), Err)
}
