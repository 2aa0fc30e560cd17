//! Requests of any method to a host that is no registry. Follows no redirect and tries nothing twice: what is signed for
//! one host goes to no other, and whoever signs knows what may be sent again.

use crate::agents::Trust;
use crate::answer::Answer;
use crate::error::Result;
use crate::http::{Payload, Request, once};
use crate::secret::Secret;
use crate::web::{Address, Web};
use std::fmt;
use std::io::Read;
use ureq::http::Method;

/// A request.
pub struct Call<'a> {
    /// What is to be done.
    pub verb: Verb,
    /// With what.
    pub address: Address,
    /// Headers besides the usual ones.
    pub headers: Vec<(&'static str, String)>,
    /// The `Authorization` header. None for the user and password of the address, if it has them.
    pub authorization: Option<String>,
    /// What is sent.
    pub content: Content<'a>,
    /// What it is for, as errors say it.
    pub subject: &'a str,
}

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Asks for a body.
    Get,
    /// Asks for the headers of it.
    Head,
    /// Keeps a body.
    Put,
    /// Hands a body over.
    Post,
    /// Removes something.
    Delete,
}

/// The body of a request.
pub enum Content<'a> {
    /// None.
    Nothing,
    /// These bytes.
    Bytes(Vec<u8>),
    /// That many bytes of a reader.
    Stream(&'a mut (dyn Read + Send), u64),
}

/// Bytes from which on a host is asked whether it wants a body before it is sent.
const ASKED_FIRST: u64 = 1 << 20;

impl Verb {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }

    const fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Head => Method::HEAD,
            Self::Put => Method::PUT,
            Self::Post => Method::POST,
            Self::Delete => Method::DELETE,
        }
    }
}

impl Web {
    /// What the host answers, of any status. One attempt.
    pub fn call(&self, call: Call<'_>) -> Result<Answer<'_>> {
        let mut headers = call.headers;
        let payload = match call.content {
            Content::Nothing => Payload::Nothing,
            Content::Bytes(bytes) => Payload::Bytes(bytes),
            Content::Stream(reader, size) => {
                if size >= ASKED_FIRST {
                    headers.push(("expect", "100-continue".to_owned()));
                }
                Payload::Stream(reader, size)
            }
        };
        let Address { url, login } = call.address;
        let authorization = call.authorization.map(Secret::new).or(login);
        let mut request = Request {
            method: call.verb.method(),
            url: url.clone(),
            headers,
            authorization,
            payload,
            subject: call.subject,
        };
        let answer = once(&self.agents, &|_| Ok(Trust::Verified), &self.cancel, &mut request, &url)?;
        Ok(Answer::new(answer, &self.cancel, call.subject))
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("verb", &self.verb).field("address", &self.address).finish_non_exhaustive()
    }
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Stream(_, size) => write!(f, "a stream of {size} bytes"),
        }
    }
}
