//! The client: what all requests of one build share, and the one way a request to a registry is made: over the right
//! scheme, logged in when asked to. Knows no manifest and no blob.

use crate::agents::{Agents, Trust};
use crate::auth::{Entrance, Tokens, authorize, refused};
use crate::challenge::challenges;
use crate::config::{Config, Uploads};
use crate::credentials::Keyring;
use crate::error::{Error, Result};
use crate::http::{Payload, Request, Response, exchange};
use crate::mirrors::{Endpoint, Transport, trust_of};
use crate::refusal;
use crate::secret::Secret;
use crate::url::{Scheme, Url};
use rbuild_oci::{Cancel, Digest, OnCancel, Reference};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use ureq::http::Method;

/// A client of registries for one build. Clones share connections and tokens; many threads may use one. Making it costs
/// nothing: files and certificates are read when the first request needs them.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    config: Config,
    cancel: Cancel,
    agents: Arc<Agents>,
    keyring: Keyring,
    tokens: Tokens,
    /// Insecure hosts by what they turned out to speak.
    schemes: Mutex<BTreeMap<String, Scheme>>,
    /// Mirrors, and the blobs that they sent wrong.
    distrusted: Mutex<BTreeSet<(String, Digest)>>,
    _shutdown: OnCancel,
}

/// A request to the distribution API, before it is known to whom and as whom.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) reference: &'a Reference,
    pub(crate) target: Target<'a>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) payload: Payload<'a>,
    pub(crate) access: Access<'a>,
    /// What it is for, as errors say it.
    pub(crate) subject: &'a str,
}

/// Where a request goes at an endpoint.
#[derive(Clone)]
pub(crate) enum Target<'a> {
    /// A path below the repository: `manifests/latest`.
    Resource(&'a str),
    /// An address that the endpoint itself gave.
    Address(Url),
    /// The root of the API, `/v2/`, which says whether there is one and who is let in.
    Root,
}

/// What a token must allow.
#[derive(Clone, Copy)]
pub(crate) enum Access<'a> {
    Pull,
    Push,
    /// Push, with blobs mounted from that repository.
    PushFrom(&'a str),
}

impl Client {
    /// A client whose every connection is shut down once `cancel` is raised; every call then fails with
    /// [`Error::Canceled`] within a second.
    pub fn new(config: Config, cancel: &Cancel) -> Self {
        let agents = Arc::new(Agents::new(config.clone()));
        let doomed = agents.clone();
        Self(Arc::new(Shared {
            keyring: Keyring::new(config.credential_files.clone(), config.helper_path.clone()),
            config,
            cancel: cancel.clone(),
            agents,
            tokens: Tokens::default(),
            schemes: Mutex::default(),
            distrusted: Mutex::default(),
            _shutdown: cancel.on_cancel(move || doomed.shutdown()),
        }))
    }

    /// The settings it was made with.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// How blobs are sent, by the settings.
    pub fn uploads(&self) -> Result<Uploads> {
        self.config().settings.uploads(self.config().uploads)
    }

    pub(crate) fn cancel(&self) -> &Cancel {
        &self.0.cancel
    }

    pub(crate) fn agents(&self) -> &Agents {
        &self.0.agents
    }

    /// The mirrors that sent a blob wrong: it is not asked of them again.
    pub(crate) fn distrusted(&self) -> MutexGuard<'_, BTreeSet<(String, Digest)>> {
        self.0.distrusted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    /// The answer to `ask` if its status is among `accepted`; any other becomes an error. One attempt, but for logging
    /// in, which repeats the request; a streamed payload is not repeated, so log in before.
    pub(crate) fn call(&self, at: &Endpoint, mut ask: Ask<'_>, accepted: &[u16]) -> Result<Response> {
        let repository = at.repository(ask.reference);
        let scope = ask.access.scope(&repository);
        let known = self.0.tokens.get(&at.authority, &scope);
        let mut answer = self.send(at, &mut ask, known)?;
        if answer.status == 401 && !matches!(ask.payload, Payload::Stream(..)) && self.is_own(at, &answer.url)? {
            let url = answer.url.clone();
            let registry = at.name.as_str();
            let entrance =
                Entrance { url: &url, registry, repository: &repository, scope: &scope, subject: ask.subject };
            let asked = challenges(&answer.headers);
            // Read to its end, the answer leaves the connection usable.
            refusal::reason(&mut answer);
            let header = authorize(self, &entrance, &asked)?;
            answer = self.send(at, &mut ask, Some(header.clone()))?;
            if answer.status == 401 && self.is_own(at, &answer.url)? {
                let login = self.keyring().find(registry, &repository, self.cancel())?;
                let reason = refusal::reason(&mut answer);
                return Err(refused(&entrance, login.as_ref(), &reason));
            }
            self.0.tokens.put(&at.authority, &scope, header);
        }
        if accepted.contains(&answer.status) { Ok(answer) } else { Err(self.refusal(at, answer, ask.subject)?) }
    }

    /// Whether an address is of the endpoint itself, so that it may ask for the endpoint's login. What redirects, upload
    /// sessions and links lead to need not be.
    pub(crate) fn is_own(&self, at: &Endpoint, url: &Url) -> Result<bool> {
        let scheme = match at.transport(self.config())? {
            Transport::Plain => Scheme::Http,
            Transport::Verified => Scheme::Https,
            Transport::Insecure => self.schemes().get(&at.authority).copied().unwrap_or(url.scheme),
        };
        Ok(url.same_origin(&at.root(scheme)))
    }

    /// The error that an answer stands for. Who wants a login is named as it is on the wire, unless it is the endpoint.
    pub(crate) fn refusal(&self, at: &Endpoint, answer: Response, subject: &str) -> Result<Error> {
        let foreign = answer.status == 401 && !self.is_own(at, &answer.url)?;
        let host = if foreign { answer.url.authority.clone() } else { at.name.clone() };
        Ok(refusal::error(answer, &host, subject))
    }

    /// Sends over the scheme of the endpoint. An insecure host is tried over TLS first; what answers decides for good.
    pub(crate) fn send(&self, at: &Endpoint, ask: &mut Ask<'_>, authorization: Option<Secret>) -> Result<Response> {
        match at.transport(self.config())? {
            Transport::Plain => self.send_over(Scheme::Http, Trust::Verified, at, ask, authorization),
            Transport::Verified => self.send_over(Scheme::Https, Trust::Verified, at, ask, authorization),
            Transport::Insecure => {
                // The lock is let go of before the request: others are sent meanwhile.
                let known = self.schemes().get(&at.authority).copied();
                if let Some(scheme) = known {
                    return self.send_over(scheme, Trust::Anyone, at, ask, authorization);
                }
                let (scheme, answer) =
                    match self.send_over(Scheme::Https, Trust::Anyone, at, ask, authorization.clone()) {
                        Err(Error::Tls { .. } | Error::Unreachable { .. } | Error::Interrupted { .. }) => {
                            (Scheme::Http, self.send_over(Scheme::Http, Trust::Anyone, at, ask, authorization)?)
                        }
                        answer => (Scheme::Https, answer?),
                    };
                self.schemes().insert(at.authority.clone(), scheme);
                Ok(answer)
            }
        }
    }

    fn schemes(&self) -> MutexGuard<'_, BTreeMap<String, Scheme>> {
        self.0.schemes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send_over(
        &self,
        scheme: Scheme,
        trust: Trust,
        at: &Endpoint,
        ask: &mut Ask<'_>,
        authorization: Option<Secret>,
    ) -> Result<Response> {
        let (url, authorization) = match &ask.target {
            Target::Resource(resource) => (at.url(scheme, ask.reference, resource), authorization),
            Target::Root => (at.root(scheme), authorization),
            Target::Address(url) => {
                let own = at.url(scheme, ask.reference, "");
                (url.clone(), authorization.filter(|_| url.same_origin(&own)))
            }
        };
        let payload = match &mut ask.payload {
            Payload::Nothing => Payload::Nothing,
            Payload::Bytes(bytes) => Payload::Bytes(bytes.clone()),
            Payload::Stream(reader, size) => Payload::Stream(&mut **reader, *size),
        };
        let (method, headers, subject) = (ask.method.clone(), ask.headers.clone(), ask.subject);
        let request = Request { method, url, headers, authorization, payload, subject };
        let own = at.root(scheme).host_and_port();
        let trust = |url: &Url| {
            if url.host_and_port() == own { Ok(trust) } else { trust_of(&url.authority, self.config()) }
        };
        exchange(self.agents(), &trust, self.cancel(), request)
    }
}

impl Access<'_> {
    /// The scopes of the token protocol, separated by spaces.
    fn scope(self, repository: &str) -> String {
        match self {
            Self::Pull => format!("repository:{repository}:pull"),
            Self::Push => format!("repository:{repository}:pull,push"),
            Self::PushFrom(other) => format!("repository:{repository}:pull,push repository:{other}:pull"),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("config", self.config()).finish_non_exhaustive()
    }
}
