//! Who to be at which registry: Docker's `config.json`, `auth.json` of containers-auth.json(5), and credential helpers.
//! Knows no HTTP. Content of files and answers of helpers never enter an error.

use crate::error::{Error, Result};
use crate::helper::Helper;
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use rbuild_oci::Cancel;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// How to log in, and where that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) kind: LoginKind,
    /// The file or helper, for errors.
    pub(crate) origin: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoginKind {
    Password {
        user: String,
        password: Secret,
    },
    /// A refresh token (OAuth 2) that buys access tokens.
    Identity(Secret),
    /// An access token as it is.
    Token(Secret),
}

/// The files of credentials, read once, when the first login is looked for.
pub(crate) struct Keyring {
    files: Vec<PathBuf>,
    helper_path: Option<OsString>,
    read: OnceLock<Vec<AuthFile>>,
}

/// A file as it lies on disk.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AuthFile {
    #[serde(skip)]
    path: PathBuf,
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

impl Login {
    /// The user name, of a login that has one.
    pub(crate) fn user(&self) -> Option<&str> {
        match &self.kind {
            LoginKind::Password { user, .. } => Some(user),
            LoginKind::Identity(_) | LoginKind::Token(_) => None,
        }
    }
}

impl Keyring {
    pub(crate) fn new(files: Vec<PathBuf>, helper_path: Option<OsString>) -> Self {
        Self { files, helper_path, read: OnceLock::new() }
    }

    /// The login for a repository; none for an anonymous one. In each file a helper of that registry comes first, then
    /// the store of all registries, then what the file holds itself, the longest matching path first.
    pub(crate) fn find(&self, registry: &str, repository: &str, cancel: &Cancel) -> Result<Option<Login>> {
        for file in self.files()? {
            let helper = names(registry).find_map(|name| file.cred_helpers.get(&name));
            for helper in helper.into_iter().chain(Some(&file.creds_store).filter(|store| !store.is_empty())) {
                let helper = Helper { name: helper, path: self.helper_path.as_ref() };
                let found = helper.get(&server(registry), cancel)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            if let Some(login) = file.inline(registry, repository)? {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }

    fn files(&self) -> Result<&[AuthFile]> {
        if let Some(read) = self.read.get() {
            return Ok(read);
        }
        let mut read = Vec::new();
        for path in &self.files {
            read.extend(AuthFile::read(path)?);
        }
        Ok(self.read.get_or_init(|| read))
    }
}

impl AuthFile {
    fn read(path: &Path) -> Result<Option<Self>> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(unusable(path, error.to_string())),
        };
        // The parser's own words could quote a secret.
        let parsed = serde_json::from_slice::<Self>(&text).map_err(|error| {
            unusable(path, format!("line {}, column {}: not as expected", error.line(), error.column()))
        })?;
        Ok(Some(Self { path: path.to_owned(), ..parsed }))
    }

    fn inline(&self, registry: &str, repository: &str) -> Result<Option<Login>> {
        let mut path = repository;
        let mut paths = vec![path];
        while let Some((parent, _)) = path.rsplit_once('/') {
            paths.push(parent);
            path = parent;
        }
        let below = paths.iter().map(|path| format!("{registry}/{path}"));
        for wanted in below.chain(names(registry)) {
            let entry = self.auths.iter().find(|(key, _)| normal(key) == wanted);
            if let Some(kind) = entry.and_then(|(_, entry)| entry.login().transpose()) {
                let origin = self.path.display().to_string();
                let kind = kind.map_err(|reason| unusable(&self.path, format!("the entry of {wanted}: {reason}")))?;
                return Ok(Some(Login { kind, origin }));
            }
        }
        Ok(None)
    }
}

impl Entry {
    /// None for an entry that only says "ask the store".
    fn login(&self) -> std::result::Result<Option<LoginKind>, &'static str> {
        if !self.registrytoken.is_empty() {
            return Ok(Some(LoginKind::Token(Secret::new(&self.registrytoken))));
        }
        if !self.identitytoken.is_empty() {
            return Ok(Some(LoginKind::Identity(Secret::new(&self.identitytoken))));
        }
        if self.auth.is_empty() {
            let login = password(&self.username, &self.password);
            return Ok((!self.username.is_empty()).then_some(login));
        }
        let text = self.auth.trim_end_matches('=');
        let bytes = STANDARD_NO_PAD.decode(text).map_err(|_| "auth is not base64")?;
        let text = String::from_utf8(bytes).map_err(|_| "auth is not UTF-8")?;
        let (user, secret) = text.split_once(':').ok_or("auth is not user:password")?;
        Ok(Some(password(user, secret.trim_end_matches('\0'))))
    }
}

/// A login by user name and password.
pub(crate) fn password(user: &str, password: &str) -> LoginKind {
    LoginKind::Password { user: user.to_owned(), password: Secret::new(password) }
}

/// The `Authorization` header of a user name and password.
pub(crate) fn basic(user: &str, password: &Secret) -> Secret {
    Secret::new(format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose()))))
}

/// The names under which a registry may be kept; Docker Hub has several.
pub(crate) fn names(registry: &str) -> impl Iterator<Item = String> {
    let hub: &[&str] = &["docker.io", "index.docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"];
    let others = if registry == "docker.io" { hub } else { &[] };
    std::iter::once(registry.to_owned()).chain(others.iter().map(|name| (*name).to_owned()))
}

/// The name under which helpers keep a registry, and docker its login to it.
pub(crate) fn server(registry: &str) -> String {
    if registry == "docker.io" { "https://index.docker.io/v1/".to_owned() } else { registry.to_owned() }
}

/// A key of `auths` without scheme and API version.
pub(crate) fn normal(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.trim_end_matches('/');
    key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key)
}

fn unusable(path: &Path, reason: String) -> Error {
    Error::Credentials { origin: path.display().to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(json: &str, registry: &str, repository: &str) -> Result<Option<LoginKind>> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        std::fs::write(&path, json).unwrap();
        let missing = directory.path().join("missing.json");
        let keyring = Keyring::new(vec![missing, path], None);
        keyring.find(registry, repository, &Cancel::new()).map(|found| found.map(|login| login.kind))
    }

    #[test]
    fn every_form_of_entry_is_understood() {
        let token = |text| Some(LoginKind::Token(Secret::new(text)));
        for (entry, expected) in [
            (r#"{"auth":"dTpwOnE="}"#, Some(password("u", "p:q"))),
            (r#"{"auth":"dTpwOnE"}"#, Some(password("u", "p:q"))),
            (r#"{"username":"u","password":"p"}"#, Some(password("u", "p"))),
            (r#"{"auth":"dTpw","identitytoken":"i"}"#, Some(LoginKind::Identity(Secret::new("i")))),
            (r#"{"registrytoken":"t"}"#, token("t")),
            ("{}", None),
        ] {
            let json = format!(r#"{{"auths":{{"https://r.example:5000/v2/":{entry}}},"other":1}}"#);
            assert_eq!(find(&json, "r.example:5000", "a/b").unwrap(), expected, "{entry}");
            assert_eq!(find(&json, "r.example", "a/b").unwrap(), None);
        }
    }

    #[test]
    fn docker_hub_has_many_names_and_the_longest_path_wins() {
        let hub = r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"}}}"#;
        assert_eq!(find(hub, "docker.io", "library/ubuntu").unwrap(), Some(password("u", "p")));
        let paths = r#"{"auths":{"r.example":{"username":"all"},"r.example/a/b":{"username":"ab"}}}"#;
        assert_eq!(find(paths, "r.example", "a/b/c").unwrap(), Some(password("ab", "")));
        assert_eq!(find(paths, "r.example", "a/bc").unwrap(), Some(password("all", "")));
    }

    #[test]
    fn damage_is_named_without_the_secret() {
        for json in [r#"{"auths":{"r":{"auth":["hunter2"]}}}"#, r#"{"auths":{"r":{"auth":"hunter2!"}}}"#, "hunter2"] {
            let error = find(json, "r", "a").unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains("config.json") && !text.contains("hunter2"), "{text}");
        }
    }
}
