//! Blobs and manifests going out (distribution specification, "Push"): nothing is sent that the registry has. Knows no
//! image; the order, blobs before the manifests that name them, is the caller's.

use crate::client::{Access, Ask, Client, Target};
use crate::error::{Error, Result};
use crate::http::{Payload, Response};
use crate::mirrors::{Endpoint, origin};
use crate::url::Url;
use rbuild_oci::{Cancel, Descriptor, Digest, Reference};
use std::io::{self, Read};
use ureq::http::Method;

/// How a blob came to be in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It was there.
    Existed,
    /// It was in another repository of the registry and is shared now.
    Mounted,
    /// It was sent.
    Uploaded,
}

/// Opens a blob's content at its beginning, once for each attempt to send it.
pub type Open<'a> = dyn Fn() -> io::Result<Box<dyn Read + Send>> + 'a;

impl Client {
    /// Puts `blob` into the repository of `reference`: not at all if it is there, by mounting it if it is in repository
    /// `from` of the same registry, else by sending what `open` gives. Memory does not grow with the size.
    pub fn push_blob(
        &self,
        reference: &Reference,
        blob: &Descriptor,
        from: Option<&str>,
        open: &Open<'_>,
    ) -> Result<Pushed> {
        let subject = format!("{}@{}", reference.familiar_name(), blob.digest);
        let access = from.map_or(Access::Push, Access::PushFrom);
        let push = Push { client: self, at: origin(reference), reference, blob, access, subject };
        self.config().retry.run(self.cancel(), || push.run(from, open))
    }

    /// Puts a manifest or index under the tag of `reference`, or under its digest where it has no tag.
    pub fn push_manifest(&self, reference: &Reference, media_type: &str, bytes: &[u8]) -> Result<Descriptor> {
        let (at, subject) = (origin(reference), reference.familiar());
        let descriptor = Descriptor::of(media_type, bytes);
        let name = reference.tag().map_or_else(|| descriptor.digest.to_string(), str::to_owned);
        let resource = format!("manifests/{name}");
        self.config().retry.run(self.cancel(), || {
            let ask = Ask {
                method: Method::PUT,
                reference,
                target: Target::Resource(&resource),
                headers: vec![("content-type", media_type.to_owned())],
                payload: Payload::Bytes(bytes.to_vec()),
                access: Access::Push,
                subject: &subject,
            };
            let answer = self.call(&at, ask, &[200, 201, 202])?;
            agrees(&answer, &at, &subject, descriptor.digest)
        })?;
        Ok(descriptor)
    }
}

/// Whether the registry's name for what it got is ours.
fn agrees(answer: &Response, at: &Endpoint, subject: &str, wanted: Digest) -> Result<()> {
    match answer.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok()) {
        Some(found) if found != wanted => {
            Err(Error::WrongDigest { host: at.name.clone(), subject: subject.to_owned(), wanted, found })
        }
        _ => Ok(()),
    }
}

struct Push<'a> {
    client: &'a Client,
    at: Endpoint,
    reference: &'a Reference,
    blob: &'a Descriptor,
    access: Access<'a>,
    subject: String,
}

impl Push<'_> {
    fn run(&self, from: Option<&str>, open: &Open<'_>) -> Result<Pushed> {
        let blob = format!("blobs/{}", self.blob.digest);
        if self.ask(Method::HEAD, Target::Resource(&blob), Payload::Nothing, &[200, 404])?.status == 200 {
            return Ok(Pushed::Existed);
        }
        let uploads = match from {
            Some(other) => format!("blobs/uploads/?mount={}&from={other}", self.blob.digest),
            None => "blobs/uploads/".to_owned(),
        };
        let begun = self.ask(Method::POST, Target::Resource(&uploads), Payload::Bytes(Vec::new()), &[201, 202])?;
        if begun.status == 201 {
            return Ok(Pushed::Mounted);
        }
        self.upload(&begun, open)?;
        Ok(Pushed::Uploaded)
    }

    fn upload(&self, begun: &Response, open: &Open<'_>) -> Result<()> {
        let address = begun.header("location").and_then(|location| begun.url.join(location)).ok_or_else(|| {
            let reason = "it begins an upload without a usable address".to_owned();
            Error::Protocol { host: self.at.name.clone(), subject: self.subject.clone(), reason }
        })?;
        let address: Url = address.with_query([("digest", self.blob.digest.to_string().as_str())]);
        let inner = open().map_err(|source| self.unreadable(source))?;
        let mut source = Source { inner, left: self.blob.size, cancel: self.client.cancel(), failed: None };
        let payload = Payload::Stream(&mut source, self.blob.size);
        let result = self.ask(Method::PUT, Target::Address(address), payload, &[201, 204]);
        match source.failed {
            Some(failed) => Err(self.unreadable(failed)),
            None => agrees(&result?, &self.at, &self.subject, self.blob.digest),
        }
    }

    fn ask<'p>(
        &'p self,
        method: Method,
        target: Target<'p>,
        payload: Payload<'p>,
        accepted: &[u16],
    ) -> Result<Response> {
        let binary = matches!(payload, Payload::Stream(..));
        let headers = binary.then(|| ("content-type", "application/octet-stream".to_owned())).into_iter().collect();
        let (reference, access, subject) = (self.reference, self.access, self.subject.as_str());
        self.client.call(&self.at, Ask { method, reference, target, headers, payload, access, subject }, accepted)
    }

    fn unreadable(&self, source: io::Error) -> Error {
        Error::Local { operation: "read", subject: self.subject.clone(), source }
    }
}

/// A blob's content on its way out: exactly as long as was announced, and ended by a raised flag.
struct Source<'a> {
    inner: Box<dyn Read + Send>,
    left: u64,
    cancel: &'a Cancel,
    /// What went wrong here, not on the wire.
    failed: Option<io::Error>,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_canceled() {
            return Err(io::Error::other("canceled"));
        }
        let room = self.left.min(buffer.len() as u64) as usize;
        let failed = match self.inner.read(&mut buffer[..room]) {
            Ok(0) if room > 0 => io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than its descriptor says"),
            Ok(count) => {
                self.left -= count as u64;
                return Ok(count);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => error,
        };
        let kind = failed.kind();
        self.failed = Some(failed);
        Err(kind.into())
    }
}
