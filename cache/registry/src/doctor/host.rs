//! One host, from its name to its repository. Each step that fails ends the visit: what follows could not be told.

use super::tls::{self, Seen};
use super::{Finding, Tell, advice};
use crate::challenge::{Challenge, challenges};
use crate::client::{Access, Ask, Client, Target};
use crate::credentials::Login;
use crate::error::{Error, Result};
use crate::http::{Payload, Response};
use crate::mirrors::{Endpoint, Transport};
use crate::proxy::proxy_host;
use crate::retry::Schedule;
use crate::url::{Scheme, Url};
use crate::wait;
use rbuild_oci::{MediaType, Reference};
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Instant, SystemTime};
use ureq::http::Method;

/// What is examined of one host, and as whom.
pub(super) struct Visit<'a> {
    pub(super) client: &'a Client,
    pub(super) at: &'a Endpoint,
    pub(super) login: Option<&'a Login>,
    pub(super) image: Option<&'a Reference>,
}

/// How a host is reached.
#[derive(Clone, Copy)]
enum Way {
    Direct(SocketAddr),
    /// Only the proxy is seen from here.
    Proxy,
}

/// Examines a host.
pub(super) fn examine(visit: &Visit<'_>, tell: &mut Tell<'_>) -> Result<()> {
    let transport = match visit.at.transport(visit.client.config()) {
        Ok(transport) => transport,
        Err(error) => {
            tell(Finding::bad("settings", error.to_string(), "mend what is named there, or take it out"));
            return Ok(());
        }
    };
    let scheme = if transport == Transport::Plain { Scheme::Http } else { Scheme::Https };
    let Some(way) = visit.reach(&visit.at.root(scheme), tell)? else { return Ok(()) };
    let answer = visit.client.ask_root(visit.at, &Schedule::ONCE, None);
    let tried = answer.as_ref().map_or_else(
        |error| matches!(error, Error::Tls { .. } | Error::Interrupted { .. }),
        |answer| answer.url.scheme == Scheme::Https,
    );
    let seen = if scheme == Scheme::Https && tried { visit.look(way)? } else { None };
    let answer = match (answer, seen) {
        (Ok(answer), seen) => {
            tell(transport_of(&answer, transport, seen.as_ref()));
            answer
        }
        (Err(Error::Canceled(canceled)), _) => return Err(canceled.into()),
        (Err(error @ Error::Tls { .. }), Some(seen)) => {
            let Error::Tls { source, .. } = &error else { return Ok(()) };
            let way = advice::of(&error, &visit.at.authority);
            tell(Finding::bad("tls", format!("{seen}: {source}"), way));
            return Ok(());
        }
        (Err(error), seen) => {
            if let Some(seen) = seen {
                tell(Finding::note("tls", seen.to_string()));
            }
            let way = advice::of(&error, &visit.at.authority);
            tell(Finding::bad("api", error.to_string(), way));
            return Ok(());
        }
    };
    if api(&answer, tell) && visit.access(&answer, tell)? {
        visit.repository(tell)?;
    }
    Ok(())
}

impl Visit<'_> {
    /// Connects to the host, or to the proxy before it; none where neither answers.
    fn reach(&self, url: &Url, tell: &mut Tell<'_>) -> Result<Option<Way>> {
        let proxy = self.client.config().proxies.choose(url).map(proxy_of);
        if let Some((_, _, shown)) = &proxy {
            tell(Finding::note("proxy", format!("{} is reached through {shown}", self.at.authority)));
        }
        let (host, port) = proxy.as_ref().map_or_else(|| url.host_and_port(), |(host, port, _)| (host.clone(), *port));
        let Some(addresses) = self.look_up(&host, port, tell)? else { return Ok(None) };
        let connected = self.connect(&addresses, (&host, port), tell)?;
        Ok(connected.map(|address| if proxy.is_some() { Way::Proxy } else { Way::Direct(address) }))
    }

    fn look_up(&self, host: &str, port: u16, tell: &mut Tell<'_>) -> Result<Option<Vec<SocketAddr>>> {
        let asked = host.to_owned();
        let found = wait::or_cancel(self.client.cancel(), move || {
            (asked.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>)
        })?;
        match found {
            Ok(addresses) if !addresses.is_empty() => {
                let mut shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
                shown.dedup();
                tell(Finding::good("name", format!("{host} is {}", shown.join(", "))));
                Ok(Some(addresses))
            }
            other => {
                let error = other.err().map_or_else(|| "it has no address".to_owned(), |error| error.to_string());
                let way = "check how it is spelt, /etc/hosts and /etc/resolv.conf; where only a proxy knows it, set HTTPS_PROXY";
                tell(Finding::bad("name", format!("{host} cannot be found: {error}"), way));
                Ok(None)
            }
        }
    }

    fn connect(
        &self,
        addresses: &[SocketAddr],
        (host, port): (&str, u16),
        tell: &mut Tell<'_>,
    ) -> Result<Option<SocketAddr>> {
        let mut failed = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses.iter().copied() {
            let (patience, begin) = (self.client.config().timeouts.connect, Instant::now());
            match wait::or_cancel(self.client.cancel(), move || TcpStream::connect_timeout(&address, patience))? {
                Ok(_) => {
                    let took = begin.elapsed().as_millis();
                    tell(Finding::good("connection", format!("{address} answers within {took} ms")));
                    return Ok(Some(address));
                }
                Err(error) => failed = error,
            }
        }
        let way = match failed.kind() {
            io::ErrorKind::ConnectionRefused => format!("nothing listens there: is {port} the port? Write HOST:PORT"),
            _ => "check the network and its firewalls; where a proxy leads out, set HTTPS_PROXY".to_owned(),
        };
        tell(Finding::bad("connection", format!("{host} does not answer at port {port}: {failed}"), way));
        Ok(None)
    }

    /// What the host shows as its certificate, where it can be seen from here.
    fn look(&self, way: Way) -> Result<Option<Seen>> {
        let Way::Direct(address) = way else { return Ok(None) };
        let (host, _) = self.at.root(Scheme::Https).host_and_port();
        let patience = self.client.config().timeouts.connect;
        Ok(wait::or_cancel(self.client.cancel(), move || tls::look(address, &host, patience))?.ok())
    }

    /// Whether the login helps; what comes after needs it.
    fn access(&self, answer: &Response, tell: &mut Tell<'_>) -> Result<bool> {
        let host = &self.at.name;
        let Some(login) = self.login else {
            let closed = answer.status == 401 && challenges(&answer.headers).first() == Some(&Challenge::Basic);
            if closed {
                tell(Finding::bad("access", "nobody is let in without a login", format!("rbuild login {host}")));
            }
            return Ok(!closed);
        };
        if answer.status == 200 {
            return Ok(true);
        }
        match self.client.present(self.at, &Schedule::ONCE, login) {
            Ok(_) => {
                tell(Finding::good("access", format!("the login from {} is taken", login.origin)));
                Ok(true)
            }
            Err(Error::Canceled(canceled)) => Err(canceled.into()),
            Err(error) => {
                tell(Finding::bad("access", error.to_string(), advice::of(&error, host)));
                Ok(false)
            }
        }
    }

    /// Whether the image can be read, or at least its repository where no tag was named.
    fn repository(&self, tell: &mut Tell<'_>) -> Result<()> {
        let Some(reference) = self.image else { return Ok(()) };
        let wanted = reference.digest().map(ToString::to_string);
        let wanted = wanted.unwrap_or_else(|| reference.tag().unwrap_or(UNNAMED).to_owned());
        let (name, subject) = (reference.familiar_name(), reference.familiar());
        let tags = || self.ask(reference, "tags/list?n=1", &name);
        match self.ask(reference, &format!("manifests/{wanted}"), &subject) {
            Ok(()) => tell(Finding::good("image", format!("{subject} can be pulled"))),
            Err(Error::Canceled(canceled)) => return Err(canceled.into()),
            Err(Error::NotFound { .. }) if wanted == UNNAMED && tags().is_ok() => {
                tell(Finding::note("image", format!("{name} can be pulled from; nothing in it is called {UNNAMED}")));
            }
            Err(error) => tell(Finding::bad("image", error.to_string(), advice::of(&error, &self.at.name))),
        }
        Ok(())
    }

    /// Whether a part of the repository can be read.
    fn ask(&self, reference: &Reference, resource: &str, subject: &str) -> Result<()> {
        let accept =
            [MediaType::OCI_INDEX, MediaType::OCI_MANIFEST, MediaType::DOCKER_INDEX, MediaType::DOCKER_MANIFEST];
        let ask = Ask {
            method: if resource.starts_with("manifests/") { Method::HEAD } else { Method::GET },
            reference,
            target: Target::Resource(resource),
            headers: vec![("accept", accept.join(", "))],
            payload: Payload::Nothing,
            access: Access::Pull,
            subject,
        };
        self.client.call(self.at, ask, &[200]).map(drop)
    }
}

/// How an answer came.
fn transport_of(answer: &Response, transport: Transport, seen: Option<&Seen>) -> Finding {
    let days = seen.and_then(|seen| seen.days_left(SystemTime::now()));
    let seen = seen.map_or_else(|| "TLS".to_owned(), Seen::to_string);
    match transport {
        _ if answer.url.scheme == Scheme::Http => {
            Finding::note("tls", "none: plain HTTP, which everybody on the way can read and change")
        }
        Transport::Insecure => Finding::note("tls", format!("{seen}; it is not verified")),
        _ if days.is_some_and(|days| days < SOON) => Finding::note("tls", format!("{seen}, which is soon")),
        _ => Finding::good("tls", seen),
    }
}

/// Whether the host is a registry.
fn api(answer: &Response, tell: &mut Tell<'_>) -> bool {
    let (status, asked) = (answer.status, challenges(&answer.headers));
    let scheme = match asked.first() {
        _ if status == 200 => "lets everybody in".to_owned(),
        Some(Challenge::Basic) => "asks for a user name and password".to_owned(),
        Some(Challenge::Bearer { realm, .. }) => {
            let realm = Url::parse(realm).map_or_else(|| "an unusable address".to_owned(), |url| url.to_string());
            format!("asks for a token from {realm}")
        }
        None => format!("answers {status}"),
    };
    if status == 200 || status == 401 && !asked.is_empty() {
        tell(Finding::good("api", format!("{} is a registry and {scheme}", answer.url)));
        return true;
    }
    let way = if (status, answer.url.scheme) == (400, Scheme::Http) {
        "if it wants TLS, leave \"plain-http\" and http:// out of its settings"
    } else {
        "is this the address of a registry? One below a path is a mirror: \"mirrors\": [\"https://HOST/PATH\"]"
    };
    tell(Finding::bad("api", format!("{} {scheme}, as no registry does", answer.url), way));
    false
}

/// Name and port of a proxy, and what may be shown of its address.
fn proxy_of(proxy: &str) -> (String, u16, String) {
    let shown = proxy_host(proxy);
    let (host, port) = Url::new(Scheme::Http, &shown, String::new()).host_and_port();
    let usual = match proxy.split_once("://") {
        _ if shown.ends_with(&format!(":{port}")) => port,
        Some((scheme, _)) if scheme.starts_with("socks") => 1080,
        Some(("https", _)) => 443,
        _ => 80,
    };
    (host, usual, shown)
}

/// The tag of an image that is named without one.
const UNNAMED: &str = "latest";

/// Days before the end of a certificate from which on it is worth a word.
const SOON: i64 = 14;
