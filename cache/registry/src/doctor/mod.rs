//! What stands between here and a registry, looked at step by step in the order in which a request meets it: settings,
//! logins, then for each host that would be asked its proxy, name, connection, certificate, API, login and repository.
//! Finds and advises; changes nothing.

mod advice;
mod certificate;
mod host;
mod tls;

use crate::client::Client;
use crate::credentials::Login;
use crate::error::{Error, Result};
use crate::login::named;
use crate::mirrors::{Mirror, origin};
use crate::settings::{Certificates, Host};
use rbuild_oci::Reference;
use std::path::{Path, PathBuf};

/// Who is examined: a registry, and a repository of it where one is named.
#[derive(Clone, Debug)]
pub struct Patient {
    /// The registry, as in references.
    pub registry: String,
    /// The image that is asked for.
    pub image: Option<Reference>,
}

/// One step, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The step: `settings`, `certs.d`, `login`, `network`, `proxy`, `name`, `connection`, `tls`, `api`, `access`,
    /// `image`; or what begins at a heading, `mirror` or `registry`.
    pub step: &'static str,
    /// How it is.
    pub state: State,
    /// What was found, never a secret.
    pub text: String,
    /// What to change, where something is wrong.
    pub advice: Option<String>,
}

/// How a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// A host of its own begins here: what follows is about it.
    Heading,
    /// It works.
    Good,
    /// It works, and is worth knowing.
    Note,
    /// It fails.
    Bad,
}

impl Finding {
    fn good(step: &'static str, text: impl Into<String>) -> Self {
        Self { step, state: State::Good, text: text.into(), advice: None }
    }

    fn note(step: &'static str, text: impl Into<String>) -> Self {
        Self { step, state: State::Note, text: text.into(), advice: None }
    }

    fn bad(step: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { step, state: State::Bad, text: text.into(), advice: Some(advice.into()) }
    }
}

/// Told each finding as soon as it is made.
pub(crate) type Tell<'a> = dyn FnMut(Finding) + 'a;

/// Examines a registry; `tell` gets each finding as soon as it is made. Whether all is well. It fails only where it is
/// asked to stop.
pub fn examine(client: &Client, patient: &Patient, tell: &mut dyn FnMut(Finding)) -> Result<bool> {
    let mut well = true;
    let mut tell = |finding: Finding| {
        well &= finding.state != State::Bad;
        tell(finding);
    };
    if let Some(host) = settings(client, patient, &mut tell) {
        let login = login(client, patient, &mut tell)?;
        if client.config().offline {
            let way = "leave --offline and RBUILD_OFFLINE out";
            tell(Finding::bad("network", "offline: nobody is asked", way));
        } else {
            hosts(client, patient, &host, login.as_ref(), &mut tell)?;
        }
    }
    Ok(well)
}

/// The files of settings, and what they say; none where that cannot be told.
fn settings(client: &Client, patient: &Patient, tell: &mut Tell<'_>) -> Option<Host> {
    let settings = &client.config().settings;
    let name = &patient.registry;
    let found = settings.host(name).and_then(|host| Ok((host, settings.certificates(name)?)));
    match found {
        Ok((host, certificates)) => {
            tell(match &host.origin {
                Some(file) => Finding::good("settings", format!("{}: {}", file.display(), summary(host))),
                None => Finding::good("settings", format!("none for {name} in {}", list(settings.files()))),
            });
            let own = Certificates { authorities: host.authorities.clone(), identity: host.identity.clone() };
            if certificates != own {
                let identity = certificates.identity.map(|identity| identity.cert);
                let files: Vec<PathBuf> = certificates.authorities.into_iter().chain(identity).collect();
                tell(Finding::good("certs.d", list(&files)));
            }
            Some(host.clone())
        }
        Err(error) => {
            tell(Finding::bad("settings", error.to_string(), "mend what is named there, or take it out"));
            None
        }
    }
}

fn summary(host: &Host) -> String {
    let mirrors: Vec<String> = host.mirrors.iter().map(Mirror::to_string).collect();
    let said = |is: bool, text: &str| is.then(|| text.to_owned());
    let all = [
        (!mirrors.is_empty()).then(|| format!("mirrors {}", mirrors.join(", "))),
        said(!host.fallback, "nobody but the mirrors"),
        said(host.insecure == Some(true), "insecure"),
        said(host.insecure == Some(false), "never insecure"),
        said(host.plain_http, "plain HTTP"),
        (!host.authorities.is_empty()).then(|| format!("authorities {}", list(&host.authorities))),
        host.identity.as_ref().map(|identity| format!("certificate of the client {}", identity.cert.display())),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    if all.is_empty() { "nothing special".to_owned() } else { all.join("; ") }
}

fn list(paths: &[impl AsRef<Path>]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.as_ref().display().to_string()).collect();
    paths.join(", ")
}

/// The login that is kept, and where.
fn login(client: &Client, patient: &Patient, tell: &mut Tell<'_>) -> Result<Option<Login>> {
    let repository = patient.image.as_ref().map_or("", Reference::repository);
    let found = client.keyring().find(&patient.registry, repository, client.cancel());
    match found {
        Ok(Some(login)) => {
            let who = login.user().map_or_else(|| "a token".to_owned(), |user| format!("user {user}"));
            tell(Finding::good("login", format!("{who}, from {}", login.origin)));
            Ok(Some(login))
        }
        Ok(None) => {
            let files = &client.config().credential_files;
            let here: Vec<&PathBuf> = files.iter().filter(|path| path.exists()).collect();
            let place = if here.is_empty() { "there is no file of logins".to_owned() } else { list(&here) };
            let text = format!("none for {} ({place}): it is asked as anybody", patient.registry);
            tell(Finding::note("login", text));
            Ok(None)
        }
        Err(Error::Canceled(canceled)) => Err(canceled.into()),
        Err(error) => {
            let way = "mend or remove that file, or install that helper; rbuild login makes the login anew";
            tell(Finding::bad("login", error.to_string(), way));
            Ok(None)
        }
    }
}

/// The hosts in the order in which they are asked.
fn hosts(client: &Client, patient: &Patient, host: &Host, login: Option<&Login>, tell: &mut Tell<'_>) -> Result<()> {
    for mirror in &host.mirrors {
        tell(Finding { state: State::Heading, ..Finding::good("mirror", mirror.to_string()) });
        let at = mirror.endpoint();
        let own = client.keyring().find(&at.name, "", client.cancel()).unwrap_or_default();
        host::examine(&host::Visit { client, at, login: own.as_ref(), image: patient.image.as_ref() }, tell)?;
    }
    let Some(reference) = named(&patient.registry) else { return Ok(()) };
    if !host.mirrors.is_empty() {
        let use_of = if host.fallback { "" } else { " (for what is pushed only)" };
        tell(Finding { state: State::Heading, ..Finding::good("registry", format!("{}{use_of}", patient.registry)) });
    }
    host::examine(&host::Visit { client, at: &origin(&reference), login, image: patient.image.as_ref() }, tell)
}
