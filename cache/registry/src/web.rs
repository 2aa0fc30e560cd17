//! What is not a registry, reached through the same proxies, certificates, redirects and second tries: downloads from
//! anywhere. Requests of other kinds: see `call`. Knows no registry and takes no credentials but those it is given.

use crate::agents::{Agents, Trust};
use crate::answer::Answer;
use crate::config::Config;
use crate::error::Result;
use crate::http::{Payload, Request, Response, exchange};
use crate::retry::Schedule;
use crate::secret::Secret;
use crate::url::Url;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rbuild_oci::{Cancel, OnCancel};
use std::fmt;
use std::sync::Arc;
use ureq::http::Method;

/// An address to download from. It is shown without user, password, query and fragment: any of them may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub(crate) url: Url,
    pub(crate) login: Option<Secret>,
}

/// A downloader whose connections are all shut down once its [`Cancel`] is raised.
pub struct Web {
    pub(crate) agents: Arc<Agents>,
    retry: Schedule,
    pub(crate) cancel: Cancel,
    _shutdown: OnCancel,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Get<'a> {
    /// From where.
    pub address: &'a Address,
    /// Headers besides the usual ones.
    pub headers: &'a [(&'static str, String)],
    /// The `Authorization` header; sent to the address' own host only, wherever redirects lead. None for the user and
    /// password of the address, if it has them.
    pub authorization: Option<&'a str>,
}

impl Address {
    /// Reads `http://…` or `https://…`, with a user and password or without; none for anything else. Characters that no
    /// address may hold are percent-encoded.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let url = Url::parse(&format!("{scheme}://{host}{}", encoded(path)))?;
        Some(Self { url, login: user.map(basic) })
    }

    /// The host without its port.
    pub fn host(&self) -> String {
        self.url.host_and_port().0
    }

    /// The `Authorization` header that its user and password amount to, if it has them.
    pub fn authorization(&self) -> Option<&str> {
        self.login.as_ref().map(Secret::expose)
    }

    /// The whole address without user, password and fragment, for comparing addresses: its query may be secret.
    pub fn to_wire(&self) -> String {
        self.url.to_wire()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl fmt::Debug for Get<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Get").field("address", self.address).finish_non_exhaustive()
    }
}

impl Web {
    /// A downloader with the proxies, certificates, timeouts and retries of `config`; nothing is read or opened yet.
    pub fn new(config: Config, cancel: &Cancel) -> Self {
        let retry = config.retry;
        let agents = Arc::new(Agents::new(config));
        let doomed = agents.clone();
        let shutdown = cancel.on_cancel(move || doomed.shutdown());
        Self { agents, retry, cancel: cancel.clone(), _shutdown: shutdown }
    }

    /// Hands the answer to `take`, and gives what that makes of it. A failure that may pass is tried again from the
    /// beginning: `take` then sees another answer. A status of 400 or more is an error.
    pub fn get<T>(&self, get: Get<'_>, mut take: impl FnMut(&mut Answer<'_>) -> Result<T>) -> Result<T> {
        let subject = get.address.to_string();
        self.retry.run(&self.cancel, || {
            let response = self.ask(get, &subject)?;
            take(&mut Answer::new(response, &self.cancel, &subject))
        })
    }

    fn ask(&self, get: Get<'_>, subject: &str) -> Result<Response> {
        let request = Request {
            method: Method::GET,
            url: get.address.url.clone(),
            headers: get.headers.to_vec(),
            authorization: get.authorization.map(Secret::new).or_else(|| get.address.login.clone()),
            payload: Payload::Nothing,
            subject,
        };
        let response = exchange(&self.agents, &|_| Ok(Trust::Verified), &self.cancel, request)?;
        if response.status == 304 || (200..300).contains(&response.status) {
            return Ok(response);
        }
        let answer = Answer::new(response, &self.cancel, subject);
        Err(answer.refusal(answer.usual_reason()))
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Web")
    }
}

/// `user:password` of an address as the header that says the same.
fn basic(user: &str) -> Secret {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let both = [decoded(name), decoded(password)].join(&b':');
    Secret::new(format!("Basic {}", STANDARD.encode(both)))
}

fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let pair = tail.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    out
}

/// A path with its query, each byte that may not stand there as `%XX`.
fn encoded(path: &str) -> String {
    let encode = |byte: u8| match byte {
        b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => format!("%{byte:02X}"),
        byte if byte.is_ascii_graphic() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    path.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_sent_whole_and_shown_without_secrets() {
        let address = Address::parse("https://me:p%40ss@h.example:8443/a b/ü?sig=s#x").unwrap();
        assert_eq!(address.to_wire(), "https://h.example:8443/a%20b/%C3%BC?sig=s");
        assert_eq!(address.to_string(), "https://h.example:8443/a%20b/%C3%BC");
        assert_eq!(address.host(), "h.example");
        assert_eq!(address.login.as_ref().unwrap().expose(), format!("Basic {}", STANDARD.encode("me:p@ss")));
        assert!(!format!("{address:?}").contains("sig=") && !format!("{address:?}").contains("p@ss"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "h/x", "ftp://h/x", "http://", "http://a b/", "http://u@/", "http://h\r\nX: y/"] {
            assert!(Address::parse(text).is_none(), "{text:?}");
        }
    }
}
