//! Logging in: from a challenge and the keyring to an `Authorization` header, kept for as long as the registry takes it.
//! Knows no manifest and no blob.

use crate::challenge::Challenge;
use crate::client::Client;
use crate::credentials::{Login, LoginKind, basic};
use crate::error::{Error, Result};
use crate::http::{Payload, Request, Response, exchange};
use crate::mirrors::trust_of;
use crate::refusal;
use crate::secret::Secret;
use crate::url::{Scheme, Url, percent_encode};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use ureq::http::Method;

/// Headers that worked, by host and scope.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<BTreeMap<(String, String), Secret>>);

impl Tokens {
    pub(crate) fn get(&self, host: &str, scope: &str) -> Option<Secret> {
        self.lock().get(&(host.to_owned(), scope.to_owned())).cloned()
    }

    pub(crate) fn put(&self, host: &str, scope: &str, header: Secret) {
        self.lock().insert((host.to_owned(), scope.to_owned()), header);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), Secret>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who wants to be let in where, and for what.
pub(crate) struct Entrance<'a> {
    /// The request that was refused.
    pub(crate) url: &'a Url,
    /// The registry's name in the keyring.
    pub(crate) registry: &'a str,
    pub(crate) repository: &'a str,
    /// Scopes of the token protocol, separated by spaces: `repository:NAME:pull`.
    pub(crate) scope: &'a str,
    pub(crate) subject: &'a str,
}

/// The header that answers one of `challenges`. Credentials that cannot be read (a helper that is not installed) do not
/// stand between a user and a public image: they are an error only where someone unknown is not let in.
pub(crate) fn authorize(client: &Client, entrance: &Entrance<'_>, challenges: &[Challenge]) -> Result<Secret> {
    match client.keyring().find(entrance.registry, entrance.repository, client.cancel()) {
        Ok(login) => log_in(client, entrance, challenges, login.as_ref()),
        Err(unreadable @ Error::Credentials { .. }) => match log_in(client, entrance, challenges, None) {
            Err(Error::Unauthorized { .. }) => Err(unreadable),
            result => result,
        },
        Err(error) => Err(error),
    }
}

fn log_in(client: &Client, entrance: &Entrance<'_>, challenges: &[Challenge], login: Option<&Login>) -> Result<Secret> {
    match (challenges.first(), login.map(|login| &login.kind)) {
        (Some(Challenge::Bearer { .. }), Some(LoginKind::Token(token))) => Ok(bearer(token.expose())),
        (Some(Challenge::Bearer { realm, service, scope }), _) => {
            let scopes = scopes(entrance.scope, scope.as_deref());
            let token = Token { realm, service: service.as_deref(), scopes, lasting: false };
            Ok(token.fetch(client, entrance, login)?.header())
        }
        (Some(Challenge::Basic), Some(LoginKind::Password { user, password })) => Ok(basic(user, password)),
        (Some(Challenge::Basic), _) => Err(refused(entrance, login, "it wants a user name and password")),
        (None, _) => Err(refused(entrance, login, "it does not say how to log in")),
    }
}

/// The failure of someone who is not let in.
pub(crate) fn refused(entrance: &Entrance<'_>, login: Option<&Login>, reason: &str) -> Error {
    let who = match login {
        Some(login) => format!("the credentials from {} do not help", login.origin),
        None => format!("no credentials for {} were found", entrance.registry),
    };
    let reason = if reason.is_empty() { who } else { format!("{reason}; {who}") };
    Error::Unauthorized { host: entrance.registry.to_owned(), subject: entrance.subject.to_owned(), reason }
}

/// The header that shows a token.
pub(crate) fn bearer(token: &str) -> Secret {
    Secret::new(format!("Bearer {token}"))
}

/// Ours, then the challenge's where it asks for more.
fn scopes<'a>(wanted: &'a str, asked: Option<&'a str>) -> Vec<&'a str> {
    let mut all: Vec<&str> = wanted.split(' ').filter(|scope| !scope.is_empty()).collect();
    for scope in asked.unwrap_or_default().split(' ').filter(|scope| !scope.is_empty()) {
        if !all.contains(&scope) {
            all.push(scope);
        }
    }
    all
}

/// A token to ask for.
pub(crate) struct Token<'a> {
    pub(crate) realm: &'a str,
    pub(crate) service: Option<&'a str>,
    pub(crate) scopes: Vec<&'a str>,
    /// Whether a token that buys others, in place of the password, is asked for too.
    pub(crate) lasting: bool,
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
}

/// A token that was given.
pub(crate) struct Granted {
    access: Secret,
    /// One that buys others.
    pub(crate) refresh: Option<Secret>,
}

impl Granted {
    /// The header that shows it.
    pub(crate) fn header(&self) -> Secret {
        bearer(self.access.expose())
    }
}

const ANSWER_LIMIT: u64 = 1 << 20;
const CLIENT_ID: &str = "rbuild";

impl Token<'_> {
    pub(crate) fn fetch(&self, client: &Client, entrance: &Entrance<'_>, login: Option<&Login>) -> Result<Granted> {
        let realm = self.address(entrance)?;
        let trust = |url: &Url| trust_of(&url.authority, client.config());
        let mut answer = client.config().retry.run(client.cancel(), || {
            let request = self.request(realm.clone(), entrance, login);
            let mut answer = exchange(client.agents(), &trust, client.cancel(), request)?;
            match answer.status {
                200 => Ok(answer),
                400 | 401 | 403 => Err(refused(entrance, login, &refusal::reason(&mut answer))),
                _ => Err(refusal::error(answer, &realm.authority, entrance.subject)),
            }
        })?;
        Self::read(&mut answer, entrance)
    }

    /// Credentials travel to the realm, so it must be as safe as the registry itself.
    fn address(&self, entrance: &Entrance<'_>) -> Result<Url> {
        let realm =
            Url::parse(self.realm).ok_or_else(|| unusable(entrance, "its token server has no usable address"))?;
        if entrance.url.scheme == Scheme::Https && realm.scheme == Scheme::Http {
            return Err(unusable(entrance, &format!("its token server {} is not behind TLS", realm.authority)));
        }
        Ok(realm)
    }

    /// An identity token is traded by POST (OAuth 2), anything else by GET.
    fn request<'s>(&self, realm: Url, entrance: &Entrance<'s>, login: Option<&Login>) -> Request<'s> {
        let subject = entrance.subject;
        if let Some(LoginKind::Identity(token)) = login.map(|login| &login.kind) {
            let form = [
                ("grant_type", "refresh_token"),
                ("client_id", CLIENT_ID),
                ("service", self.service.unwrap_or_default()),
                ("scope", &self.scopes.join(" ")),
                ("refresh_token", token.expose()),
            ];
            let form = form.map(|(name, value)| format!("{name}={}", percent_encode(value))).join("&");
            let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
            let payload = Payload::Bytes(form.into_bytes());
            return Request { method: Method::POST, url: realm, headers, authorization: None, payload, subject };
        }
        let authorization = match login.map(|login| &login.kind) {
            Some(LoginKind::Password { user, password }) => Some(basic(user, password)),
            _ => None,
        };
        let service = self.service.map(|service| ("service", service));
        let scopes = self.scopes.iter().map(|scope| ("scope", *scope));
        let lasting = self.lasting.then_some(("offline_token", "true"));
        let url = realm.with_query(service.into_iter().chain(scopes).chain([("client_id", CLIENT_ID)]).chain(lasting));
        Request { method: Method::GET, url, headers: Vec::new(), authorization, payload: Payload::Nothing, subject }
    }

    fn read(answer: &mut Response, entrance: &Entrance<'_>) -> Result<Granted> {
        let bytes = answer.read(ANSWER_LIMIT).ok().flatten().unwrap_or_default();
        let given = serde_json::from_slice::<Answer>(&bytes).ok().and_then(|answer| {
            let filled = |token: Option<String>| token.filter(|token| !token.is_empty()).map(Secret::new);
            Some(Granted {
                access: filled(answer.token).or_else(|| filled(answer.access_token))?,
                refresh: filled(answer.refresh_token),
            })
        });
        given.ok_or_else(|| unusable(entrance, "its token server gives no token"))
    }
}

fn unusable(entrance: &Entrance<'_>, reason: &str) -> Error {
    let (host, subject) = (entrance.registry.to_owned(), entrance.subject.to_owned());
    Error::Protocol { host, subject, reason: reason.to_owned() }
}
