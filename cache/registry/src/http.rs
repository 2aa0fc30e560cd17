//! One request and its answer: redirects, and failures of the connection told apart. Knows no registry, no credentials'
//! origin and no second try.

use crate::agents::{Agents, Trust};
use crate::error::{Error, Result};
use crate::pace::Pace;
use crate::secret::Secret;
use crate::url::{Scheme, Url};
use crate::wait;
use rbuild_oci::Cancel;
use std::io::{self, Read};
use std::time::Duration;
use ureq::http::{HeaderMap, Method, Request as Wire, Response as Answer};
use ureq::{Body, SendBody, Timeout};

/// A request. Its `authorization` goes to the origin of `url` only, wherever redirects lead.
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) authorization: Option<Secret>,
    pub(crate) payload: Payload<'a>,
    /// What it is for, as errors say it.
    pub(crate) subject: &'a str,
}

/// What is sent with a request.
pub(crate) enum Payload<'a> {
    Nothing,
    Bytes(Vec<u8>),
    /// That many bytes from a reader.
    Stream(&'a mut (dyn Read + Send), u64),
}

/// An answer of any status; the body is yet to be read.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// Where the answer came from, after redirects.
    pub(crate) url: Url,
    /// How long silence is borne while the body comes.
    pub(crate) idle: Duration,
}

impl Response {
    /// A header's text, where it is there and printable.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body up to `limit` bytes; none if it is longer.
    pub(crate) fn read(&mut self, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let (mut body, mut pace) = (self.body.as_reader().take(limit + 1), Pace::new(self.idle));
        let (mut bytes, mut chunk) = (Vec::new(), vec![0; 16 << 10]);
        loop {
            match body.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => {
                    pace.came(count)?;
                    bytes.extend_from_slice(&chunk[..count]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok((bytes.len() as u64 <= limit).then_some(bytes))
    }
}

/// The most redirects of one request.
pub(crate) const REDIRECTS: usize = 10;

/// Sends `request` and follows redirects of what has no payload. Each address on the way is asked of `trust`: that of one
/// host says nothing of another.
pub(crate) fn exchange(
    agents: &Agents,
    trust: &dyn Fn(&Url) -> Result<Trust>,
    cancel: &Cancel,
    mut request: Request<'_>,
) -> Result<Response> {
    let mut url = request.url.clone();
    for _ in 0..=REDIRECTS {
        let answer = once(agents, trust, cancel, &mut request, &url)?;
        let redirected = matches!(answer.status, 301 | 302 | 303 | 307 | 308);
        let followed = redirected && matches!(request.payload, Payload::Nothing);
        let Some(location) = answer.header("location").filter(|_| followed) else { return Ok(answer) };
        url = follow(&url, location).map_err(|reason| unusable(&url, request.subject, reason))?;
    }
    Err(unusable(&url, request.subject, format!("it redirects more than {REDIRECTS} times")))
}

/// Sends `request` to `url`, and gives what that host says.
pub(crate) fn once(
    agents: &Agents,
    trust: &dyn Fn(&Url) -> Result<Trust>,
    cancel: &Cancel,
    request: &mut Request<'_>,
    url: &Url,
) -> Result<Response> {
    let (parts, body) = send(agents, trust(url)?, cancel, request, url)?.into_parts();
    Ok(Response { status: parts.status.as_u16(), headers: parts.headers, body, url: url.clone(), idle: agents.idle() })
}

/// Where a `Location` leads; never from TLS to plain HTTP.
pub(crate) fn follow(from: &Url, location: &str) -> std::result::Result<Url, String> {
    let to = from.join(location).ok_or("it redirects to no http or https address")?;
    if from.scheme == Scheme::Https && to.scheme == Scheme::Http {
        return Err(format!("it redirects from TLS to plain HTTP on {}", to.authority));
    }
    Ok(to)
}

fn unusable(url: &Url, subject: &str, reason: String) -> Error {
    Error::Protocol { host: url.authority.clone(), subject: subject.to_owned(), reason }
}

/// One hop. Only a streamed payload keeps the calling thread; anything else ends at once on cancel.
fn send(agents: &Agents, trust: Trust, cancel: &Cancel, request: &mut Request<'_>, url: &Url) -> Result<Answer<Body>> {
    cancel.check()?;
    let agent = agents.get(url, trust, request.subject)?;
    let failed = |error| {
        cancel
            .check()
            .map_or_else(Error::from, |()| connection_error(error, &agents.describe(url), url, request.subject))
    };
    let wire = wire(request, url).map_err(|error| failed(error.into()))?;
    let answer = match &mut request.payload {
        Payload::Nothing => wait::or_cancel(cancel, move || agent.run(wire))?,
        Payload::Bytes(bytes) => {
            let bytes = bytes.clone();
            wait::or_cancel(cancel, move || agent.run(wire.map(|()| bytes)))?
        }
        Payload::Stream(reader, _) => agent.run(wire.map(|()| SendBody::from_reader(*reader))),
    };
    answer.map_err(failed)
}

fn wire(request: &Request<'_>, url: &Url) -> std::result::Result<Wire<()>, ureq::http::Error> {
    let mut wire = Wire::builder().method(request.method.clone()).uri(url.to_wire());
    for (name, value) in &request.headers {
        wire = wire.header(*name, value);
    }
    if let Payload::Stream(_, size) = request.payload {
        wire = wire.header("content-length", size);
    }
    if let Some(secret) = request.authorization.as_ref().filter(|_| url.same_origin(&request.url)) {
        wire = wire.header("authorization", secret.expose());
    }
    wire.body(())
}

/// What a failure of the HTTP engine means.
fn connection_error(error: ureq::Error, host: &str, url: &Url, subject: &str) -> Error {
    let (host, subject) = (host.to_owned(), subject.to_owned());
    match error {
        ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
            let source = io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
            Error::Unreachable { host, subject, source }
        }
        ureq::Error::Io(source) if never_connected(&source) => Error::Unreachable { host, subject, source },
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::ConnectProxyFailed(_) => {
            Error::Unreachable { host, subject, source: error.into_io() }
        }
        ureq::Error::Io(source) if url.scheme == Scheme::Https && source.kind() == io::ErrorKind::InvalidData => {
            Error::Tls { host, subject, source }
        }
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => Error::Tls { host, subject, source: error.into_io() },
        ureq::Error::Http(_) | ureq::Error::BadUri(_) => Error::Protocol {
            host,
            subject,
            reason: "its address or a header has characters HTTP does not allow".into(),
        },
        other => Error::Interrupted { host, subject, source: silence(other.into_io()) },
    }
}

/// The same failure; one of the engine's own time-outs says by its kind that it is one.
pub(crate) fn silence(source: io::Error) -> io::Error {
    let engine = source.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    match engine {
        Some(ureq::Error::Timeout(_)) => io::Error::new(io::ErrorKind::TimedOut, source),
        _ => source,
    }
}

fn never_connected(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable};
    let refused = [AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable];
    // The standard library gives failures of name look-up no kind of their own.
    refused.contains(&error.kind()) || error.to_string().starts_with("failed to lookup address")
}
