//! Logins put into a file of credentials and taken out of it, by a helper where the file names one. All else in the file
//! stays as it is, in its order. Knows no HTTP.

use crate::credentials::{LoginKind, names, normal, server};
use crate::error::{Error, Result};
use crate::helper::Helper;
use crate::login::Proven;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rbuild_oci::Cancel;
use serde::Serialize as _;
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The file that logins are kept in: Docker's `config.json`, or what `REGISTRY_AUTH_FILE` names.
#[derive(Clone, Debug)]
pub struct Wallet {
    file: PathBuf,
    helper_path: Option<OsString>,
}

/// Where a login is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In this file, which anybody can read who may read the file.
    File(PathBuf),
    /// With this helper.
    Helper(String),
}

impl Wallet {
    /// The one that environment variables lead to: the first of the files that a client would read, missing or not. None
    /// where there is no home.
    pub fn from_env(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<Self> {
        let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let docker = || path("DOCKER_CONFIG").or_else(|| path("HOME").map(|home| home.join(".docker")));
        let file = path("REGISTRY_AUTH_FILE").or_else(|| docker().map(|directory| directory.join("config.json")))?;
        Some(Self { file, helper_path: variable("PATH") })
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Keeps a login, in place of any other to the same registry.
    pub fn keep(&self, login: &Proven, cancel: &Cancel) -> Result<Kept> {
        let mut open = self.open()?;
        let registry = login.registry();
        open.remove(registry)?;
        let helper = open.helper(registry);
        let entry = match &helper {
            Some(name) => {
                self.helper(name).store(&server(registry), login.kind(), cancel)?;
                json!({})
            }
            None => entry(login.kind()),
        };
        open.section("auths")?.insert(server(registry), entry);
        open.write()?;
        Ok(helper.map_or_else(|| Kept::File(open.path), Kept::Helper))
    }

    /// Forgets the login to a registry, wherever this file has it; whether it had one.
    pub fn forget(&self, registry: &str, cancel: &Cancel) -> Result<bool> {
        if !self.file.exists() {
            return Ok(false);
        }
        let mut open = self.open()?;
        let mut had = open.remove(registry)?;
        if let Some(name) = open.helper(registry) {
            let helper = self.helper(&name);
            if helper.get(&server(registry), cancel)?.is_some() {
                helper.erase(&server(registry), cancel)?;
                had = true;
            }
        }
        if had {
            open.write()?;
        }
        Ok(had)
    }

    const fn helper<'a>(&'a self, name: &'a str) -> Helper<'a> {
        Helper { name, path: self.helper_path.as_ref() }
    }

    /// The file, for this process alone until the value is gone.
    fn open(&self) -> Result<Open> {
        // Where the file is a link, what it leads to is replaced.
        let path = fs::canonicalize(&self.file).unwrap_or_else(|_| self.file.clone());
        let around = path.parent().filter(|around| !around.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let failed = |error: io::Error| unusable(&path, error.to_string());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(around).map_err(failed)?;
        let lock = File::open(around).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let content = match fs::read(&path) {
            Ok(text) if text.trim_ascii().is_empty() => Map::new(),
            Ok(text) => parse(&path, &text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
            Err(error) => return Err(failed(error)),
        };
        Ok(Open { path, content, _lock: lock })
    }
}

/// A file that was read, to be written again; its directory is locked.
struct Open {
    path: PathBuf,
    content: Map<String, Value>,
    _lock: File,
}

impl Open {
    fn section(&mut self, name: &str) -> Result<&mut Map<String, Value>> {
        let section = self.content.entry(name).or_insert_with(|| json!({}));
        section.as_object_mut().ok_or_else(|| unusable(&self.path, format!("{name} is not an object")))
    }

    /// The helper that keeps logins to a registry.
    fn helper(&self, registry: &str) -> Option<String> {
        let special = self.content.get("credHelpers");
        let special = names(registry).find_map(|name| special?.get(name));
        let name = special.or_else(|| self.content.get("credsStore"))?.as_str()?;
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// Takes out what is kept under any name of a registry; whether there was anything.
    fn remove(&mut self, registry: &str) -> Result<bool> {
        if !self.content.contains_key("auths") {
            return Ok(false);
        }
        let names: Vec<String> = names(registry).collect();
        let is_its = |key: &String| names.iter().any(|name| normal(name) == normal(key));
        let auths = self.section("auths")?;
        let before = auths.len();
        auths.retain(|key, _| !is_its(key));
        Ok(auths.len() < before)
    }

    /// Replaces the file at once, readable by its owner only.
    fn write(&self) -> Result<()> {
        let failed = |error: io::Error| unusable(&self.path, error.to_string());
        let mut text = Vec::new();
        let tabs = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut out = serde_json::Serializer::with_formatter(&mut text, tabs);
        self.content.serialize(&mut out).map_err(|error| failed(error.into()))?;
        let draft = self.path.with_extension(format!("{}.tmp", std::process::id()));
        let written = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft).and_then(
            |mut file| {
                file.set_permissions(Permissions::from_mode(0o600))?;
                file.write_all(&text)?;
                file.sync_all()?;
                fs::rename(&draft, &self.path)
            },
        );
        written.map_err(|error| {
            // What is left of it holds secrets.
            drop(fs::remove_file(&draft));
            failed(error)
        })
    }
}

/// What the file itself holds of a login.
fn entry(login: &LoginKind) -> Value {
    let auth = |user: &str, password: &str| STANDARD.encode(format!("{user}:{password}"));
    match login {
        LoginKind::Password { user, password } => json!({"auth": auth(user, password.expose())}),
        LoginKind::Identity(token) => json!({"auth": auth("<token>", ""), "identitytoken": token.expose()}),
        LoginKind::Token(token) => json!({"registrytoken": token.expose()}),
    }
}

fn parse(path: &Path, text: &[u8]) -> Result<Map<String, Value>> {
    // The parser's own words could quote a secret.
    serde_json::from_slice(text)
        .map_err(|error| unusable(path, format!("line {}, column {}: not as expected", error.line(), error.column())))
}

fn unusable(path: &Path, reason: String) -> Error {
    Error::Credentials { origin: path.display().to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::{Keyring, password};

    fn wallet(text: &str) -> (tempfile::TempDir, Wallet) {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("config.json");
        fs::write(&file, text).unwrap();
        (place, Wallet { file, helper_path: None })
    }

    fn proven(registry: &str) -> Proven {
        Proven::of(registry, password("u", "hunter2"))
    }

    #[test]
    fn all_else_in_the_file_stays_in_its_order() {
        let (_place, wallet) = wallet(
            r#"{"zeta": [1, {"b": 2, "a": 1}], "auths": {"other": {"auth": "eDp5"}, "https://r/v2/": {}}, "alpha": null}"#,
        );
        fs::set_permissions(wallet.file(), Permissions::from_mode(0o644)).unwrap();
        assert_eq!(
            wallet.keep(&proven("r"), &Cancel::new()).unwrap(),
            Kept::File(wallet.file().canonicalize().unwrap())
        );
        let text = fs::read_to_string(wallet.file()).unwrap();
        let expected =
            r#"{"zeta":[1,{"b":2,"a":1}],"auths":{"other":{"auth":"eDp5"},"r":{"auth":"dTpodW50ZXIy"}},"alpha":null}"#;
        assert_eq!(text.replace(['\n', '\t'], "").replace("\": ", "\":"), expected);
        assert!(text.starts_with("{\n\t\"zeta\": ["), "{text}");
        assert_eq!(fs::metadata(wallet.file()).unwrap().permissions().mode() & 0o777, 0o600);
        let keyring = Keyring::new(vec![wallet.file.clone()], None);
        assert_eq!(keyring.find("r", "a", &Cancel::new()).unwrap().unwrap().kind, password("u", "hunter2"));
        assert!(wallet.forget("r", &Cancel::new()).unwrap() && !wallet.forget("r", &Cancel::new()).unwrap());
        let text = fs::read_to_string(wallet.file()).unwrap();
        assert!(text.contains("other") && !text.contains("dTpodW50ZXIy"), "{text}");
        assert_eq!(fs::read_dir(wallet.file().parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_new_file_is_made_and_docker_hub_has_one_name_in_it() {
        let place = tempfile::tempdir().unwrap();
        let env = |name: &str| (name == "HOME").then(|| place.path().as_os_str().to_owned());
        let wallet = Wallet::from_env(&env).unwrap();
        assert!(!wallet.forget("docker.io", &Cancel::new()).unwrap() && !wallet.file().exists());
        wallet.keep(&proven("docker.io"), &Cancel::new()).unwrap();
        assert!(fs::read_to_string(wallet.file()).unwrap().contains("https://index.docker.io/v1/"));
        assert_eq!(fs::metadata(place.path().join(".docker")).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(wallet.forget("docker.io", &Cancel::new()).unwrap());
    }

    #[test]
    fn a_link_stays_one_and_damage_is_not_written_over() {
        let (place, wallet) = wallet("{}");
        let link = place.path().join("link.json");
        std::os::unix::fs::symlink("config.json", &link).unwrap();
        Wallet { file: link.clone(), helper_path: None }.keep(&proven("r"), &Cancel::new()).unwrap();
        assert!(link.is_symlink() && fs::read_to_string(wallet.file()).unwrap().contains("auths"));
        for broken in [r#"{"auths": "hunter2""#, r#"{"auths": "hunter2"}"#, "[]"] {
            fs::write(wallet.file(), broken).unwrap();
            let error = wallet.keep(&proven("r"), &Cancel::new()).unwrap_err().to_string();
            assert!(error.contains("config.json") && !error.contains("hunter2"), "{error}");
            assert_eq!(fs::read_to_string(wallet.file()).unwrap(), broken);
        }
    }

    #[test]
    fn a_helper_keeps_what_the_file_then_does_not() {
        let (place, wallet) = wallet(r#"{"credHelpers": {"r": "box"}, "credsStore": "missing"}"#);
        let program = place.path().join("docker-credential-box");
        let script = "#!/bin/sh\ncd \"$(dirname \"$0\")\"\ncase $1 in\nstore) cat >kept;;\nget) read x; cat kept 2>/dev/null || { echo credentials not found in native keychain; exit 1; };;\nerase) rm kept;;\nesac\n";
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", place.path().display());
        let wallet = Wallet { helper_path: Some(path.into()), ..wallet };
        assert_eq!(wallet.keep(&proven("r"), &Cancel::new()).unwrap(), Kept::Helper("box".to_owned()));
        let kept = fs::read_to_string(place.path().join("kept")).unwrap();
        assert_eq!(kept, r#"{"ServerURL":"r","Username":"u","Secret":"hunter2"}"#);
        let text = fs::read_to_string(wallet.file()).unwrap();
        assert!(text.contains(r#""r": {}"#) && !text.contains("auth\""), "{text}");
        assert!(wallet.forget("r", &Cancel::new()).unwrap());
        assert!(!place.path().join("kept").exists() && !wallet.forget("r", &Cancel::new()).unwrap());
        let error = wallet.keep(&proven("other"), &Cancel::new()).unwrap_err().to_string();
        assert!(error.contains("docker-credential-missing"), "{error}");
    }
}
