//! Asks a plugin one thing at a time: HTTP with JSON both ways, bounded in time and size, tried again only while nobody
//! is there yet. Knows no volume.

use super::discover::{Address, Tls};
use super::unix::{NoResolver, UnixConnector};
use crate::render::visible;
use rbuild_oci::{Cancel, Canceled};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, config::Config};

/// How long a plugin is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until it takes a connection.
    pub start: Duration,
    /// From a question to the end of its answer.
    pub answer: Duration,
}

impl Patience {
    /// Docker's: a plugin that is just being started, and one that has a disk to attach.
    pub const LONG: Self = Self { start: Duration::from_secs(30), answer: Duration::from_mins(2) };

    /// That much for an answer, and no more for the start.
    pub fn of(answer: Duration) -> Self {
        Self { start: Self::LONG.start.min(answer), answer }
    }

    /// The shorter of each.
    pub(super) fn at_most(self, start: Duration, answer: Duration) -> Self {
        Self { start: self.start.min(start), answer: self.answer.min(answer) }
    }
}

/// Why there is no answer to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The plugin says no, in these words.
    Refused(String),
    /// The plugin does not work.
    Broken(String),
    /// The work was asked to stop.
    Canceled(Canceled),
}

impl From<Canceled> for Failure {
    fn from(canceled: Canceled) -> Self {
        Self::Canceled(canceled)
    }
}

/// The way to one plugin.
pub(super) struct Client {
    address: Address,
    patience: Patience,
    cancel: Cancel,
}

impl Client {
    /// Connects to nobody yet. `cancel` ends what is being asked.
    pub(super) fn new(address: Address, patience: Patience, cancel: Cancel) -> Self {
        Self { address, patience, cancel }
    }

    /// Calls a method, as in `VolumeDriver.Mount`.
    pub(super) fn call<A: DeserializeOwned>(&self, method: &str, question: &impl Serialize) -> Result<A, Failure> {
        let broken = |reason: String| Failure::Broken(reason);
        let body = serde_json::to_vec(question).map_err(|error| broken(error.to_string()))?;
        let (status, text) = self.post(method, &body)?;
        if status != 200 {
            let said = said(&text);
            let said = if said.is_empty() { String::new() } else { format!(": {said}") };
            return Err(Failure::Refused(format!("it answered {method} with HTTP status {status}{said}")));
        }
        let wrong =
            |error: serde_json::Error| broken(format!("its answer to {method} is not what it should be: {error}"));
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(wrong)?;
        match value.get("Err").and_then(serde_json::Value::as_str) {
            Some(reason) if !reason.is_empty() => Err(Failure::Refused(reason.to_owned())),
            _ => serde_json::from_value(value).map_err(wrong),
        }
    }

    fn post(&self, method: &str, body: &[u8]) -> Result<(u16, Vec<u8>), Failure> {
        let (agent, base) = self.agent().map_err(Failure::Broken)?;
        let _stop = self.cancel.on_cancel({
            let agent = agent.clone();
            move || agent.clone().shutdown()
        });
        let (begin, mut pause) = (Instant::now(), Duration::from_millis(50));
        loop {
            self.cancel.check()?;
            let error = match ask(&agent, &format!("{base}/{method}"), body) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if nobody_there(&error) && begin.elapsed() + pause <= self.patience.start {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_secs(1));
                continue;
            }
            self.cancel.check()?;
            return Err(Failure::Broken(match error {
                error if nobody_there(&error) => format!("{} does not answer: {error}", self.address),
                ureq::Error::Timeout(_) => format!("it did not answer {method} within {:?}", self.patience.answer),
                ureq::Error::BodyExceedsLimit(most) => format!("its answer to {method} is longer than {most} bytes"),
                error => format!("it did not answer {method}: {error}"),
            }));
        }
    }

    /// The engine, and what stands before a method in an address.
    fn agent(&self) -> Result<(Agent, String), String> {
        match &self.address {
            Address::Unix(path) => {
                let connector = UnixConnector(path.clone());
                Ok((
                    Agent::with_parts(self.config(TlsConfig::default()), connector, NoResolver),
                    "http://plugin".to_owned(),
                ))
            }
            Address::Web { base, tls } => {
                let tls = if base.starts_with("https:") { tls_config(tls)? } else { TlsConfig::default() };
                let connector = DefaultConnector::new();
                Ok((Agent::with_parts(self.config(tls), connector, DefaultResolver::default()), base.clone()))
            }
        }
    }

    fn config(&self, tls: TlsConfig) -> Config {
        Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .max_idle_connections(0)
            .user_agent(concat!("rbuild/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .timeout_global(Some(self.patience.answer))
            .build()
    }
}

/// What the protocol's messages are called.
const MEDIA_TYPE: &str = "application/vnd.docker.plugins.v1.1+json";

/// Most bytes of an answer.
const MOST: u64 = 1 << 20;

fn ask(agent: &Agent, url: &str, body: &[u8]) -> Result<(u16, Vec<u8>), ureq::Error> {
    let request = agent.post(url).header("Accept", MEDIA_TYPE).content_type(MEDIA_TYPE);
    let mut answer = request.send(body)?;
    let text = answer.body_mut().with_config().limit(MOST).read_to_vec()?;
    Ok((answer.status().as_u16(), text))
}

/// Whether nothing was sent: the plugin may be starting.
fn nobody_there(error: &ureq::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotFound, WouldBlock};
    match error {
        ureq::Error::Io(error) => matches!(error.kind(), ConnectionRefused | NotFound | WouldBlock),
        ureq::Error::ConnectionFailed => true,
        _ => false,
    }
}

/// What an answer that is no good says: its `Err`, or its beginning, in one line.
fn said(text: &[u8]) -> String {
    const MOST: usize = 200;
    let value: Option<serde_json::Value> = serde_json::from_slice(text).ok();
    let reason = value.as_ref().and_then(|value| value.get("Err")?.as_str());
    let text = reason.map_or_else(|| String::from_utf8_lossy(text).into_owned(), str::to_owned);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().map(visible).take(MOST).collect()
}

fn tls_config(tls: &Tls) -> Result<TlsConfig, String> {
    let mut config = TlsConfig::builder().disable_verification(tls.insecure_skip_verify);
    if !tls.ca_file.as_os_str().is_empty() {
        config = config.root_certs(RootCerts::new_with_certs(&certificates(&tls.ca_file)?));
    }
    if !tls.cert_file.as_os_str().is_empty() {
        config =
            config.client_cert(Some(ClientCert::new_with_certs(&certificates(&tls.cert_file)?, key(&tls.key_file)?)));
    }
    Ok(config.build())
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let mut found = Vec::new();
    for item in parse_pem(&read(path)?) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| format!("{}: {error}", path.display()))? {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err(format!("{}: there is no certificate in it", path.display())) } else { Ok(found) }
}

fn key(path: &Path) -> Result<PrivateKey<'static>, String> {
    PrivateKey::from_pem(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Web { base, .. } => f.write_str(base),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.address).finish_non_exhaustive()
    }
}
