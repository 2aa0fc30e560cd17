//! Logging in to be remembered: a user name and password that the registry itself accepts become a [`Proven`] login.
//! Writes nothing.

use crate::auth::{Entrance, Token, bearer, refused};
use crate::challenge::{Challenge, challenges};
use crate::client::{Access, Ask, Client, Target};
use crate::credentials::{Login, LoginKind, basic, password};
use crate::error::{Error, Result};
use crate::http::{Payload, Response};
use crate::mirrors::{Endpoint, origin};
use crate::refusal;
use crate::retry::Schedule;
use crate::secret::Secret;
use rbuild_oci::Reference;
use ureq::http::Method;

/// A login that a registry has accepted.
#[derive(Clone, Debug)]
pub struct Proven {
    registry: String,
    kind: LoginKind,
}

impl Proven {
    pub(crate) fn of(registry: &str, kind: LoginKind) -> Self {
        Self { registry: registry.to_owned(), kind }
    }

    /// The registry, as in references.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    pub(crate) const fn kind(&self) -> &LoginKind {
        &self.kind
    }
}

/// The registry that people mean by a word: a host, with or without scheme and path of the API; `docker.io` where there is
/// none. None for what is no host.
pub fn registry_of(text: Option<&str>) -> Option<String> {
    let Some(text) = text else { return Some("docker.io".to_owned()) };
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    let host = host.trim_end_matches('/');
    let host = host.strip_suffix("/v1").or_else(|| host.strip_suffix("/v2")).unwrap_or(host);
    match host {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => Some("docker.io".to_owned()),
        host => named(host).map(|_| host.to_owned()),
    }
}

/// A reference into that registry, for questions that are of no repository; none where it is no host.
pub(crate) fn named(registry: &str) -> Option<Reference> {
    let reference: Reference = format!("{registry}/rbuild").parse().ok()?;
    (reference.registry() == registry).then_some(reference)
}

impl Client {
    /// Shows a user name and password to a registry. Where its token server gives a token in place of the password, that
    /// is what is proven.
    pub fn log_in(&self, registry: &str, user: &str, secret: &str) -> Result<Proven> {
        let login = Login { kind: password(user, secret), origin: "the command line".to_owned() };
        let at = origin(&named(registry).ok_or_else(|| no_host(registry))?);
        let refresh = self.present(&at, &self.config().retry, &login)?;
        Ok(Proven::of(registry, refresh.map_or(login.kind, LoginKind::Identity)))
    }

    /// Shows the registry the login that is kept for it; its user name, where it has one. None where none is kept.
    pub fn log_in_again(&self, registry: &str) -> Result<Option<Option<String>>> {
        let Some(login) = self.keyring().find(registry, "", self.cancel())? else { return Ok(None) };
        let at = origin(&named(registry).ok_or_else(|| no_host(registry))?);
        self.present(&at, &self.config().retry, &login)?;
        Ok(Some(login.user().map(str::to_owned)))
    }

    /// What `/v2/` of a host answers, of any status that stays.
    pub(crate) fn ask_root(&self, at: &Endpoint, schedule: &Schedule, header: Option<&Secret>) -> Result<Response> {
        let reference = named(&at.name).ok_or_else(|| no_host(&at.name))?;
        schedule.run(self.cancel(), || {
            let mut ask = Ask {
                method: Method::GET,
                reference: &reference,
                target: Target::Root,
                headers: Vec::new(),
                payload: Payload::Nothing,
                access: Access::Pull,
                subject: SUBJECT,
            };
            let answer = self.send(at, &mut ask, header.cloned())?;
            match answer.status {
                429 | 500.. => Err(refusal::error(answer, &at.name, SUBJECT)),
                _ => Ok(answer),
            }
        })
    }

    /// Shows a login to a host; what may be kept in place of its password, if the token server gives that.
    pub(crate) fn present(&self, at: &Endpoint, schedule: &Schedule, login: &Login) -> Result<Option<Secret>> {
        let mut answer = self.ask_root(at, schedule, None)?;
        if answer.status != 401 || !self.is_own(at, &answer.url)? {
            return self.accepted(at, answer).map(|()| None);
        }
        let asked = challenges(&answer.headers);
        refusal::reason(&mut answer);
        let url = answer.url.clone();
        let entrance = Entrance { url: &url, registry: &at.name, repository: "", scope: "", subject: SUBJECT };
        let (header, refresh) = match (asked.first(), &login.kind) {
            (Some(Challenge::Basic), LoginKind::Password { user, password }) => (basic(user, password), None),
            (Some(Challenge::Bearer { .. }), LoginKind::Token(token)) => (bearer(token.expose()), None),
            (Some(Challenge::Bearer { realm, service, scope }), _) => {
                let scopes = scope.iter().flat_map(|scope| scope.split(' ')).collect();
                let token = Token { realm, service: service.as_deref(), scopes, lasting: true };
                let granted = token.fetch(self, &entrance, Some(login))?;
                (granted.header(), granted.refresh)
            }
            (_, _) => return Err(refused(&entrance, Some(login), "it asks for a login of another kind")),
        };
        let mut answer = self.ask_root(at, schedule, Some(&header))?;
        if answer.status == 401 && self.is_own(at, &answer.url)? {
            let reason = refusal::reason(&mut answer);
            return Err(refused(&entrance, Some(login), &reason));
        }
        self.accepted(at, answer).map(|()| refresh)
    }

    fn accepted(&self, at: &Endpoint, answer: Response) -> Result<()> {
        if answer.status == 200 { Ok(()) } else { Err(self.refusal(at, answer, SUBJECT)?) }
    }
}

/// What is asked for, as errors say it.
const SUBJECT: &str = "the login";

fn no_host(name: &str) -> Error {
    Error::Setting { setting: format!("registry {name:?}"), reason: "it is written HOST[:PORT]".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_told_by_any_word_for_it() {
        for (text, registry) in [
            ("r.example:5000", "r.example:5000"),
            ("https://r.example/v2/", "r.example"),
            ("http://localhost:5000/", "localhost:5000"),
            ("https://index.docker.io/v1/", "docker.io"),
            ("docker.io", "docker.io"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(registry_of(Some(text)).as_deref(), Some(registry), "{text}");
        }
        assert_eq!(registry_of(None).as_deref(), Some("docker.io"));
        for wrong in ["", "a b", "r.example/repo", "user@host", "ftp://r.example"] {
            assert_eq!(registry_of(Some(wrong)), None, "{wrong}");
        }
    }
}
