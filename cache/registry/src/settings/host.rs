//! What can be said of one host. Data; reads nothing.

use crate::mirrors::Mirror;
use std::path::PathBuf;

/// How one host is to be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Who is asked before the registry itself, in order.
    pub mirrors: Vec<Mirror>,
    /// Whether the registry itself is asked where its mirrors fail.
    pub fallback: bool,
    /// Whether its certificate is not verified, and HTTP without TLS is good enough; unset, that is so for this machine
    /// only, if it has no authorities here.
    pub insecure: Option<bool>,
    /// Whether it is spoken to without TLS.
    pub plain_http: bool,
    /// PEM files of authorities that are trusted for it besides the machine's.
    pub authorities: Vec<PathBuf>,
    /// What it is shown as a certificate of the client.
    pub identity: Option<Identity>,
    /// The file that says so.
    pub origin: Option<PathBuf>,
}

/// A certificate of the client, in PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, with those that lead to its authority behind it.
    pub cert: PathBuf,
    /// Its private key, without a passphrase.
    pub key: PathBuf,
}

impl Host {
    /// A host of which nothing is said.
    pub const UNSET: Self = Self {
        mirrors: Vec::new(),
        fallback: true,
        insecure: None,
        plain_http: false,
        authorities: Vec::new(),
        identity: None,
        origin: None,
    };
}

/// The one name of a registry that has several.
pub(super) fn normal(name: &str) -> &str {
    match name {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    }
}
