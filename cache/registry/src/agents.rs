//! The HTTP engines, one for each kind of connection, made when the first connection of its kind is: certificates are
//! loaded then and not before. Knows proxies and certificates, no registry.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::proxy::proxy_host;
use crate::url::{Scheme, Url};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy};

/// Whether the certificate of the other side counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trust {
    Verified,
    Anyone,
}

/// A kind of connection. A proxy's address may hold a password: this type is never shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    /// None for connections without TLS.
    trust: Option<Trust>,
    proxy: Option<String>,
}

/// The engines that exist so far.
pub(crate) struct Agents {
    config: Config,
    made: Mutex<BTreeMap<Kind, Agent>>,
}

impl Agents {
    pub(crate) fn new(config: Config) -> Self {
        Self { config, made: Mutex::new(BTreeMap::new()) }
    }

    /// The engine for connections to `url`.
    pub(crate) fn get(&self, url: &Url, trust: Trust) -> Result<Agent> {
        let proxy = self.config.proxies.choose(url).map(str::to_owned);
        let over_tls = url.scheme == Scheme::Https || proxy.as_deref().is_some_and(|proxy| proxy.starts_with("https:"));
        let kind = Kind { trust: over_tls.then_some(trust), proxy };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = made.get(&kind) {
            return Ok(agent.clone());
        }
        let agent = self.make(&kind)?;
        made.insert(kind, agent.clone());
        Ok(agent)
    }

    /// How long silence is borne.
    pub(crate) fn idle(&self) -> Duration {
        self.config.timeouts.idle
    }

    /// The host to name when a connection fails: the target, with the proxy before it.
    pub(crate) fn describe(&self, url: &Url) -> String {
        match self.config.proxies.choose(url) {
            Some(proxy) => format!("{} (through the proxy {})", url.authority, proxy_host(proxy)),
            None => url.authority.clone(),
        }
    }

    /// Shuts every connection down, idle or in use; engines that exist refuse further work.
    pub(crate) fn shutdown(&self) {
        for agent in self.made.lock().unwrap_or_else(PoisonError::into_inner).values() {
            agent.clone().shutdown();
        }
    }

    fn make(&self, kind: &Kind) -> Result<Agent> {
        let timeouts = self.config.timeouts;
        let tls = match kind.trust {
            None => TlsConfig::default(),
            Some(Trust::Anyone) => TlsConfig::builder().disable_verification(true).build(),
            Some(Trust::Verified) => TlsConfig::builder().root_certs(roots(&self.config.ca_files)?).build(),
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("rbuild/", env!("CARGO_PKG_VERSION")))
            .proxy(kind.proxy.as_deref().map(proxy).transpose()?)
            .tls_config(tls)
            .timeout_resolve(Some(timeouts.connect))
            .timeout_connect(Some(timeouts.connect))
            .timeout_recv_response(Some(timeouts.idle))
            .timeout_per_read(Some(timeouts.idle))
            .timeout_per_write(Some(timeouts.idle))
            .build();
        Ok(Agent::new_with_config(config))
    }
}

fn proxy(address: &str) -> Result<Proxy> {
    Proxy::new(address).map_err(|_| Error::Setting {
        setting: format!("proxy {:?}", proxy_host(address)),
        reason: "it is written [http|https|socks5]://[user:password@]host[:port]".to_owned(),
    })
}

/// The machine's own authorities, or the built-in ones where it has none, and those of `files`.
fn roots(files: &[PathBuf]) -> Result<RootCerts> {
    let native = rustls_native_certs::load_native_certs();
    if let (true, Some(error)) = (native.certs.is_empty(), native.errors.first()) {
        return Err(Error::Setting { setting: "certificate authorities".to_owned(), reason: error.to_string() });
    }
    if native.certs.is_empty() && files.is_empty() {
        return Ok(RootCerts::WebPki);
    }
    let mut all: Vec<_> = native.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    for file in files {
        all.extend(authorities(file)?);
    }
    Ok(RootCerts::new_with_certs(&all))
}

fn authorities(file: &PathBuf) -> Result<Vec<Certificate<'static>>> {
    let wrong = |reason| Error::Setting { setting: format!("certificate file {}", file.display()), reason };
    let text = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let mut found = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| wrong(error.to_string()))? {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err(wrong("there is no certificate in it".to_owned())) } else { Ok(found) }
}
