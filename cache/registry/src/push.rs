//! Blobs and manifests going out (distribution specification, "Push"): nothing is sent that the registry has. Knows no
//! image; the order, blobs before the manifests that name them, is the caller's. How bytes are sent: see `upload`.

use crate::client::{Access, Ask, Client, Target};
use crate::error::{Error, Result};
use crate::http::{Payload, Response, follow};
use crate::mirrors::{Endpoint, origin};
use crate::upload::Upload;
use crate::url::Url;
use rbuild_oci::{Descriptor, Digest, Reference};
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
pub type Open<'a> = dyn Fn() -> io::Result<Box<dyn Read + Send + 'a>> + 'a;

impl Client {
    /// Puts `blob` into the repository of `reference`: not at all if it is there, by mounting it if it is in repository
    /// `from` of the same registry, else by sending what `open` gives. Content that is not what the descriptor says is
    /// an error, and never becomes a blob there. A broken upload goes on where the registry has the bytes before. Memory
    /// does not grow with the size.
    pub fn push_blob(
        &self,
        reference: &Reference,
        blob: &Descriptor,
        from: Option<&str>,
        open: &Open<'_>,
    ) -> Result<Pushed> {
        let subject = format!("{}@{}", reference.familiar_name(), blob.digest);
        let push = Push { client: self, at: origin(reference), reference, blob, from, subject };
        Upload::new(&push, open)?.run()
    }

    /// Puts a manifest or index under the tag of `reference`, or under its digest where it has no tag. Where it has a
    /// subject and the registry does not list referrers, the list under the subject's own tag is brought up to date.
    pub fn push_manifest(&self, reference: &Reference, media_type: &str, bytes: &[u8]) -> Result<Descriptor> {
        let descriptor = Descriptor::of(media_type, bytes);
        let name = reference.tag().map_or_else(|| descriptor.digest.to_string(), str::to_owned);
        let answer = self.put_manifest(reference, &name, &descriptor, bytes)?;
        if answer.header("oci-subject").is_none() {
            self.note_referrer(reference, &descriptor, bytes)?;
        }
        Ok(descriptor)
    }

    /// Puts a document under a name, which is a tag or a digest.
    pub(crate) fn put_manifest(
        &self,
        reference: &Reference,
        name: &str,
        descriptor: &Descriptor,
        bytes: &[u8],
    ) -> Result<Response> {
        let (at, subject) = (origin(reference), reference.familiar());
        let resource = format!("manifests/{name}");
        self.config().retry.run(self.cancel(), || {
            let ask = Ask {
                method: Method::PUT,
                reference,
                target: Target::Resource(&resource),
                headers: vec![("content-type", descriptor.media_type.to_string())],
                payload: Payload::Bytes(bytes.to_vec()),
                access: Access::Push,
                subject: &subject,
            };
            let answer = self.call(&at, ask, &[200, 201, 202])?;
            agrees(&answer, &at, &subject, descriptor.digest)?;
            Ok(answer)
        })
    }
}

/// Whether the registry's name for what it got is ours.
fn agrees(answer: &Response, at: &Endpoint, subject: &str, wanted: Digest) -> Result<()> {
    match answer.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok()) {
        Some(found) if found != wanted => {
            let reason = format!("it took it for other content, whose digest is {found}, not {wanted}");
            Err(Error::Protocol { host: at.name.clone(), subject: subject.to_owned(), reason })
        }
        None if answer.status == 200 => {
            let reason = "it answers as no registry does to what it keeps: is there a proxy or a login page between?";
            Err(Error::Protocol { host: at.name.clone(), subject: subject.to_owned(), reason: reason.to_owned() })
        }
        _ => Ok(()),
    }
}

/// A blob on its way, and to where.
pub(crate) struct Push<'a> {
    pub(crate) client: &'a Client,
    pub(crate) at: Endpoint,
    reference: &'a Reference,
    pub(crate) blob: &'a Descriptor,
    from: Option<&'a str>,
    subject: String,
}

/// What the registry says to a blob that is to come.
pub(crate) enum Welcome {
    /// It has it.
    Done(Pushed),
    /// It is to be sent.
    Send(Response),
}

impl Push<'_> {
    /// Asks for the blob, then for it to be mounted, then for the beginning of an upload.
    pub(crate) fn announce(&self) -> Result<Welcome> {
        let blob = format!("blobs/{}", self.blob.digest);
        let known = self.ask(Method::HEAD, Target::Resource(&blob), Payload::Nothing, &[200, 404])?;
        if known.status == 200 && self.describes(&known) {
            return Ok(Welcome::Done(Pushed::Existed));
        }
        let begun = match self.from.map(|from| self.mount(from)) {
            // A login that does not extend to the other repository is none of this upload's business.
            None | Some(Err(Error::Unauthorized { .. } | Error::Denied { .. } | Error::NotFound { .. })) => {
                self.begin("blobs/uploads/")?
            }
            Some(begun) => begun?,
        };
        if begun.status == 201 { Ok(Welcome::Done(Pushed::Mounted)) } else { Ok(Welcome::Send(begun)) }
    }

    /// Whether an answer speaks of this blob: who answers everything with some page has it not.
    fn describes(&self, answer: &Response) -> bool {
        let size = answer.header("content-length").and_then(|text| text.parse::<u64>().ok());
        let digest = answer.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
        digest.map_or(size == Some(self.blob.size), |digest| digest == self.blob.digest)
    }

    fn mount(&self, from: &str) -> Result<Response> {
        self.begin(&format!("blobs/uploads/?mount={}&from={from}", self.blob.digest))
    }

    fn begin(&self, uploads: &str) -> Result<Response> {
        let begun = self.ask(Method::POST, Target::Resource(uploads), Payload::Bytes(Vec::new()), &[201, 202]);
        begun.map_err(|error| match error {
            Error::NotFound { host, similar, .. } => {
                let subject = format!("the repository {}", self.reference.repository());
                Error::NotFound { host, subject, similar }
            }
            other => other,
        })
    }

    /// An answer whose status is among `accepted`. Content is sent where the registry agrees to take it, so that it can
    /// refuse before it has it.
    pub(crate) fn ask<'p>(
        &'p self,
        method: Method,
        target: Target<'p>,
        payload: Payload<'p>,
        accepted: &[u16],
    ) -> Result<Response> {
        self.ask_with(Vec::new(), method, target, payload, accepted)
    }

    /// The same with further headers.
    pub(crate) fn ask_with<'p>(
        &'p self,
        headers: Vec<(&'static str, String)>,
        method: Method,
        target: Target<'p>,
        payload: Payload<'p>,
        accepted: &[u16],
    ) -> Result<Response> {
        let access = match (&target, self.from) {
            (Target::Resource(uploads), Some(from)) if uploads.contains("?mount=") => Access::PushFrom(from),
            _ => Access::Push,
        };
        let (reference, subject) = (self.reference, self.subject.as_str());
        self.client.call(&self.at, Ask { method, reference, target, headers, payload, access, subject }, accepted)
    }

    /// Where an answer says that the upload goes on.
    pub(crate) fn address(&self, answer: &Response) -> Result<Option<Url>> {
        let Some(location) = answer.header("location") else { return Ok(None) };
        follow(&answer.url, location).map(Some).map_err(|reason| self.unusable(reason))
    }

    /// Whether the registry keeps the blob as what it is.
    pub(crate) fn agrees(&self, answer: &Response) -> Result<()> {
        agrees(answer, &self.at, &self.subject, self.blob.digest)
    }

    pub(crate) fn unusable(&self, reason: impl Into<String>) -> Error {
        Error::Protocol { host: self.at.name.clone(), subject: self.subject.clone(), reason: reason.into() }
    }

    pub(crate) fn unreadable(&self, source: io::Error) -> Error {
        Error::Local { operation: "read", subject: self.subject.clone(), source }
    }
}
