//! Where a registry's content may be fetched: its mirrors in order, then itself. Knows names and addresses, sends
//! nothing.

use crate::agents::Trust;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::retry::Schedule;
use crate::url::{Scheme, Url, is_loopback};
use rbuild_oci::Reference;
use std::fmt;
use std::str::FromStr;

/// A registry that serves another registry's content: `[http[s]://]host[:port][/prefix]`. With `http://` it is spoken
/// to in plain, with `https://` its certificate is verified in any case, without either by the rule for its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror(Endpoint);

impl FromStr for Mirror {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (transport, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Some(Transport::Plain), rest),
            Some(("https", rest)) => (Some(Transport::Verified), rest),
            Some(_) => return Err(invalid(text, "it begins with neither http:// nor https://")),
            None => (None, text),
        };
        let rest = rest.trim_end_matches('/').trim_end_matches("/v2");
        if Url::parse(&format!("https://{rest}")).is_none() || rest.contains(['?', '#', '%']) {
            return Err(invalid(text, "it is written [http[s]://]host[:port][/prefix]"));
        }
        let (host, prefix) =
            rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("{path}/")));
        Ok(Self(Endpoint { name: host.to_owned(), authority: host.to_owned(), prefix, transport }))
    }
}

fn invalid(text: &str, reason: &str) -> Error {
    let shown = text.rsplit_once('@').map_or(text, |(_, host)| host);
    Error::Setting { setting: format!("mirror {shown:?}"), reason: reason.to_owned() }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Endpoint { authority, prefix, transport, .. }) = self;
        let scheme = match transport {
            Some(Transport::Plain) => "http://",
            Some(_) => "https://",
            None => "",
        };
        f.write_str([scheme, authority, "/", prefix].concat().trim_end_matches('/'))
    }
}

impl Mirror {
    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.0
    }
}

/// How an endpoint is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// HTTP without TLS.
    Plain,
    /// TLS with a verified certificate.
    Verified,
    /// TLS with any certificate, or HTTP without TLS where that is not offered.
    Insecure,
}

/// A host that answers the distribution API for some registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The name under which its credentials are kept and that errors show.
    pub(crate) name: String,
    /// Host and port on the wire.
    pub(crate) authority: String,
    /// What stands before repository names: empty, or ends with `/`.
    prefix: String,
    transport: Option<Transport>,
}

impl Endpoint {
    /// The registry of that name itself. Docker Hub's API lives on a host of another name.
    fn origin(registry: &str) -> Self {
        let authority = if registry == "docker.io" { "registry-1.docker.io" } else { registry };
        Self { name: registry.to_owned(), authority: authority.to_owned(), prefix: String::new(), transport: None }
    }

    /// The repository as this endpoint calls it.
    pub(crate) fn repository(&self, reference: &Reference) -> String {
        format!("{}{}", self.prefix, reference.repository())
    }

    /// How it is spoken to by `config`.
    pub(crate) fn transport(&self, config: &Config) -> Result<Transport> {
        self.transport.map_or_else(|| transport_of(&self.authority, config), Ok)
    }

    /// `/v2/` over that scheme.
    pub(crate) fn root(&self, scheme: Scheme) -> Url {
        Url::new(scheme, &self.authority, "/v2/".to_owned())
    }

    /// `/v2/REPOSITORY/RESOURCE` over that scheme.
    pub(crate) fn url(&self, scheme: Scheme, reference: &Reference, resource: &str) -> Url {
        Url::new(scheme, &self.authority, format!("/v2/{}/{resource}", self.repository(reference)))
    }
}

/// The rule for a host: what its settings say, else that listed hosts are insecure, and loopback hosts for which no
/// authorities are set.
pub(crate) fn transport_of(authority: &str, config: &Config) -> Result<Transport> {
    let host = config.settings.host(authority)?;
    let open = config.insecure.contains(authority) || is_loopback(authority) && host.authorities.is_empty();
    Ok(match host.insecure {
        _ if host.plain_http => Transport::Plain,
        Some(true) => Transport::Insecure,
        None if open => Transport::Insecure,
        _ => Transport::Verified,
    })
}

/// Whether any certificate of a host is taken, by the rule for it.
pub(crate) fn trust_of(authority: &str, config: &Config) -> Result<Trust> {
    let insecure = transport_of(authority, config)? == Transport::Insecure;
    Ok(if insecure { Trust::Anyone } else { Trust::Verified })
}

/// The endpoint to write to, and to read from where mirrors fail.
pub(crate) fn origin(reference: &Reference) -> Endpoint {
    Endpoint::origin(reference.registry())
}

/// The first success of `fetch` over the mirrors of the reference's registry, each tried once, and the registry itself
/// unless its settings forbid that; the last is tried by the schedule. What is wrong on this side ends it at once.
pub(crate) fn over_mirrors<T>(
    config: &Config,
    reference: &Reference,
    mut fetch: impl FnMut(&Endpoint, &Schedule) -> Result<T>,
) -> Result<T> {
    let host = config.settings.registry(reference)?;
    let given = config.mirrors.get(reference.registry()).into_iter().flatten().chain(&host.mirrors);
    let mut ahead: Vec<Endpoint> = given.map(|Mirror(mirror)| mirror.clone()).collect();
    let last = if host.fallback { origin(reference) } else { ahead.pop().unwrap_or_else(|| origin(reference)) };
    let mut failed = Vec::new();
    for mirror in &ahead {
        match fetch(mirror, &Schedule::ONCE) {
            Err(error) if is_ours(&error) => return Err(error),
            Err(error) => failed.push(error.to_string()),
            Ok(value) => return Ok(value),
        }
    }
    match fetch(&last, &config.retry) {
        Err(error) if !failed.is_empty() && !is_ours(&error) => {
            Err(Error::Mirrors { mirrors: failed.join("; "), source: Box::new(error) })
        }
        result => result,
    }
}

/// Whether no other host would give another answer.
const fn is_ours(error: &Error) -> bool {
    matches!(error, Error::Canceled(_) | Error::Local { .. } | Error::Offline { .. } | Error::Setting { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(endpoint: &Endpoint, reference: &str) -> String {
        endpoint.url(Scheme::Https, &reference.parse().unwrap(), "manifests/1").to_wire()
    }

    #[test]
    fn docker_hub_answers_on_another_host() {
        let hub = origin(&"ubuntu".parse().unwrap());
        assert_eq!(url(&hub, "ubuntu"), "https://registry-1.docker.io/v2/library/ubuntu/manifests/1");
        assert_eq!(hub.name, "docker.io");
    }

    #[test]
    fn mirrors_have_prefixes_and_schemes() {
        let config = Config { insecure: ["lab:5000".to_owned()].into(), ..Config::default() };
        for (text, wire, transport) in [
            ("mirror.example", "https://mirror.example/v2/library/ubuntu/manifests/1", Transport::Verified),
            ("https://127.0.0.1:1/hub/", "https://127.0.0.1:1/v2/hub/library/ubuntu/manifests/1", Transport::Verified),
            ("127.0.0.1:1/a/b", "https://127.0.0.1:1/v2/a/b/library/ubuntu/manifests/1", Transport::Insecure),
            ("lab:5000/v2/", "https://lab:5000/v2/library/ubuntu/manifests/1", Transport::Insecure),
            ("http://far", "https://far/v2/library/ubuntu/manifests/1", Transport::Plain),
        ] {
            let Mirror(endpoint) = text.parse().unwrap();
            assert_eq!(url(&endpoint, "ubuntu"), wire, "{text}");
            assert_eq!(endpoint.transport(&config).unwrap(), transport, "{text}");
        }
    }

    #[test]
    fn wrong_mirrors_are_refused_without_showing_passwords() {
        for text in ["ftp://a", "", "https://", "a b", "user:pw@host", "host?x"] {
            let error = text.parse::<Mirror>().unwrap_err().to_string();
            assert!(error.contains("mirror") && !error.contains("pw"), "{error}");
        }
    }
}
