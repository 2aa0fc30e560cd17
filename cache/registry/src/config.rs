//! What a client is told: where settings and credentials lie, mirrors, insecure hosts, proxies, certificates, patience.
//! Data; reads no environment by itself, and no file before somebody asks what its settings say.

use crate::mirrors::Mirror;
use crate::proxy::Proxies;
use crate::retry::Schedule;
use crate::settings::Settings;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The settings of a client. The default reaches every registry directly and anonymously.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// What files say of hosts.
    pub settings: Settings,
    /// Whether nothing may be asked: every request then fails with [`Error::Offline`](crate::Error::Offline).
    pub offline: bool,
    /// By registry host as in references (`docker.io`): the mirrors to try, in order, before those of the settings.
    pub mirrors: BTreeMap<String, Vec<Mirror>>,
    /// Hosts, with their port where one is used, whose certificate is not verified and that may be spoken to over plain
    /// HTTP where they offer no TLS, besides those of the settings. Loopback hosts are, unless the settings say otherwise.
    pub insecure: BTreeSet<String>,
    /// Files of credentials (`config.json` of Docker, `auth.json` of containers-auth.json(5)), best first; missing ones
    /// are skipped. Read at the first request that needs a login.
    pub credential_files: Vec<PathBuf>,
    /// The `PATH` on which `docker-credential-NAME` helpers are found; the process's own where none.
    pub helper_path: Option<OsString>,
    /// How other hosts are reached.
    pub proxies: Proxies,
    /// PEM files of certificate authorities that are trusted besides the machine's own. Read at the first TLS connection.
    pub ca_files: Vec<PathBuf>,
    /// How long silence is borne.
    pub timeouts: Timeouts,
    /// How often failed requests are tried again.
    pub retry: Schedule,
    /// How blobs are sent, where the settings say nothing of it.
    pub uploads: Uploads,
}

/// How blobs are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uploads {
    /// Blobs of more bytes are sent in pieces, so that a broken connection costs one of them at most.
    pub whole: u64,
    /// The bytes of a piece.
    pub piece: u64,
    /// Blobs that are sent at once, at least one: for whoever sends several.
    pub at_once: usize,
}

impl Default for Uploads {
    fn default() -> Self {
        Self { whole: 256 << 20, piece: 64 << 20, at_once: 5 }
    }
}

/// How long silence is borne.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a name is found, and again until a connection stands, TLS included.
    pub connect: Duration,
    /// Until the next byte comes or goes. A transfer that moves may last for ever.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), idle: Duration::from_mins(1) }
    }
}

impl Config {
    /// The settings that environment variables carry; `variable` looks one up. Credentials: `REGISTRY_AUTH_FILE`, then
    /// `config.json` in `DOCKER_CONFIG` or `~/.docker`, then `containers/auth.json` in `XDG_RUNTIME_DIR` and in
    /// `XDG_CONFIG_HOME` or `~/.config`. Settings: see [`Settings::from_env`]. Proxies: see [`Proxies::from_env`]. `SSL_CERT_FILE` and `SSL_CERT_DIR`, which
    /// replace the machine's own authorities, are honoured where those are loaded.
    pub fn from_env(variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = |below: &str| path("HOME").map(|home| home.join(below));
        let auth_json = |directory: &Path| directory.join("containers/auth.json");
        let files = [
            path("REGISTRY_AUTH_FILE"),
            path("DOCKER_CONFIG").or_else(|| home(".docker")).map(|directory| directory.join("config.json")),
            path("XDG_RUNTIME_DIR").as_deref().map(auth_json),
            path("XDG_CONFIG_HOME").or_else(|| home(".config")).as_deref().map(auth_json),
        ];
        Self {
            settings: Settings::from_env(variable),
            credential_files: files.into_iter().flatten().collect(),
            helper_path: variable("PATH"),
            proxies: Proxies::from_env(variable),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_the_files_of_credentials() {
        let none = |_: &str| None;
        assert!(Config::from_env(&none).credential_files.is_empty());
        let some = |name: &str| match name {
            "HOME" => Some("/h".into()),
            "DOCKER_CONFIG" => Some("/d".into()),
            "XDG_RUNTIME_DIR" => Some("/r".into()),
            "REGISTRY_AUTH_FILE" => Some(OsString::new()),
            _ => None,
        };
        let expected = ["/d/config.json", "/r/containers/auth.json", "/h/.config/containers/auth.json"];
        assert_eq!(Config::from_env(&some).credential_files, expected.map(PathBuf::from));
    }
}
