//! The HTTP engines, one for each kind of connection, made when the first connection of its kind is: certificates are
//! loaded then and not before. A host with certificates of its own has an engine of its own, so that no other host is
//! shown them. Knows proxies and certificates, no registry.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::proxy::proxy_host;
use crate::settings::{Certificates, Identity};
use crate::url::{Scheme, Url};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
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
    /// None for connections without TLS, to the proxy as to the host.
    trust: Option<Trust>,
    proxy: Option<String>,
    /// The host, where it has certificates of its own.
    host: Option<String>,
}

/// The engines that exist so far.
pub(crate) struct Agents {
    config: Config,
    made: Mutex<BTreeMap<Kind, Agent>>,
    /// The certificates that hosts have of their own, as far as anybody asked.
    own: Mutex<BTreeMap<String, Certificates>>,
}

impl Agents {
    pub(crate) fn new(config: Config) -> Self {
        Self { config, made: Mutex::default(), own: Mutex::default() }
    }

    /// The engine for connections to `url`, if any may be made for `subject`.
    pub(crate) fn get(&self, url: &Url, trust: Trust, subject: &str) -> Result<Agent> {
        if self.config.offline {
            return Err(Error::Offline { host: url.authority.clone(), subject: subject.to_owned() });
        }
        let proxy = self.config.proxies.choose(url).map(str::to_owned);
        let proxy_over_tls = proxy.as_deref().filter(|proxy| is_https(proxy));
        let (tls, own) = match (url.scheme, proxy_over_tls) {
            (Scheme::Https, _) => (Some(trust), self.own(&url.authority)?),
            (Scheme::Http, Some(_)) => (Some(Trust::Verified), Certificates::default()),
            (Scheme::Http, None) => (None, Certificates::default()),
        };
        if let Some(proxy) = proxy_over_tls.filter(|_| tls != Some(Trust::Verified) || own != Certificates::default()) {
            return Err(no_trust_of_its_own(url, proxy));
        }
        let host = (own != Certificates::default()).then(|| url.authority.clone());
        let kind = Kind { trust: tls, proxy, host };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = made.get(&kind) {
            return Ok(agent.clone());
        }
        let agent = self.make(&kind, &own)?;
        made.insert(kind, agent.clone());
        Ok(agent)
    }

    /// The certificates of a host, looked for once.
    fn own(&self, authority: &str) -> Result<Certificates> {
        let mut all = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(authority) {
            return Ok(known.clone());
        }
        let found = self.config.settings.certificates(authority)?;
        all.insert(authority.to_owned(), found.clone());
        Ok(found)
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

    fn make(&self, kind: &Kind, own: &Certificates) -> Result<Agent> {
        let timeouts = self.config.timeouts;
        let tls = match kind.trust {
            None => TlsConfig::default(),
            Some(trust) => {
                let tls = TlsConfig::builder().client_cert(own.identity.as_ref().map(identity).transpose()?);
                match trust {
                    Trust::Anyone => tls.disable_verification(true).build(),
                    Trust::Verified => {
                        tls.root_certs(roots(&[&self.config.ca_files[..], &own.authorities].concat())?).build()
                    }
                }
            }
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

fn is_https(proxy: &str) -> bool {
    proxy.split_once("://").is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("https"))
}

/// An engine has the same trust and certificates for a proxy as for the host behind it.
fn no_trust_of_its_own(url: &Url, proxy: &str) -> Error {
    let host = &url.authority;
    Error::Setting {
        setting: format!("proxy {:?} for {host}", proxy_host(proxy)),
        reason: format!(
            "it is spoken to over TLS itself, and {host} is insecure or has certificates of its own, which would count \
             for the proxy too; reach {host} without it (NO_PROXY) or through an http:// or socks5:// one"
        ),
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

fn authorities(file: &Path) -> Result<Vec<Certificate<'static>>> {
    let (certificates, _) = read_pem(file)?;
    if certificates.is_empty() { Err(unusable(file, "there is no certificate in it")) } else { Ok(certificates) }
}

fn identity(files: &Identity) -> Result<ClientCert> {
    let chain = authorities(&files.cert)?;
    let (_, keys) = read_pem(&files.key)?;
    let key = keys.into_iter().next();
    let key = key.ok_or_else(|| unusable(&files.key, "there is no private key in it that needs no passphrase"))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}

fn read_pem(file: &Path) -> Result<(Vec<Certificate<'static>>, Vec<PrivateKey<'static>>)> {
    let text = std::fs::read(file).map_err(|error| unusable(file, &error.to_string()))?;
    let (mut certificates, mut keys) = (Vec::new(), Vec::new());
    for item in parse_pem(&text) {
        match item.map_err(|error| unusable(file, &error.to_string()))? {
            PemItem::Certificate(certificate) => certificates.push(certificate),
            PemItem::PrivateKey(key) => keys.push(key),
            _ => {}
        }
    }
    Ok((certificates, keys))
}

fn unusable(file: &Path, reason: &str) -> Error {
    Error::Setting { setting: format!("certificate file {}", file.display()), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::Proxies;
    use crate::settings::Settings;

    fn agents(proxy: &str, directory: &Path) -> Agents {
        let proxies = Proxies { http: Some(proxy.into()), https: Some(proxy.into()), ..Proxies::default() };
        let settings = Settings::default().with_directories(vec![directory.to_owned()]);
        Agents::new(Config { settings, proxies, ..Config::default() })
    }

    #[test]
    fn a_proxy_over_tls_is_given_nothing_that_is_a_hosts() {
        let place = tempfile::tempdir().unwrap();
        for (host, files) in [("own", &["me.cert", "me.key"][..]), ("ca", &["a.crt"])] {
            std::fs::create_dir(place.path().join(host)).unwrap();
            for file in files {
                std::fs::write(place.path().join(host).join(file), "").unwrap();
            }
        }
        let get = |proxy: &str, address: &str, trust| {
            agents(proxy, place.path())
                .get(&Url::parse(address).unwrap(), trust, "s")
                .err()
                .map(|error| error.to_string())
        };
        for (address, trust) in
            [("https://own/", Trust::Verified), ("https://ca/", Trust::Verified), ("https://other/", Trust::Anyone)]
        {
            let error = get("HTTPS://u:hunter2@p:1", address, trust).unwrap();
            assert!(error.contains("proxy \"p:1\" for") && error.contains("NO_PROXY"), "{error}");
            let through_plain = get("http://p:1", address, trust).unwrap_or_default();
            assert!(!through_plain.contains("NO_PROXY"), "{through_plain}");
        }
        assert_eq!(get("https://p:1", "https://other/", Trust::Verified), None);
        assert_eq!(get("https://p:1", "http://own/", Trust::Anyone), None);
    }
}
