//! What can go wrong between here and a registry: the operation, what it was for, the host, and the cause. No variant
//! holds a credential or the query of an address.

use rbuild_oci::{Canceled, Digest, Platform};
use std::io;
use std::time::Duration;

/// The result of every fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A request to a registry that failed. `subject` is an image reference, or a reference and a blob.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing may be asked.
    #[error("offline: {host} is not asked for {subject}")]
    Offline {
        /// The host.
        host: String,
        /// What it would be asked for.
        subject: String,
    },
    /// No connection to the host: no network, no such name, nothing listening there.
    #[error("cannot reach {host} for {subject}: {source}")]
    Unreachable {
        /// The host, with the proxy where one is used.
        host: String,
        /// What was asked for.
        subject: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The host answers, but a secure connection cannot be made.
    #[error("no secure connection to {host} for {subject}: {source}")]
    Tls {
        /// The host.
        host: String,
        /// What was asked for.
        subject: String,
        /// What is wrong with the certificate or the handshake.
        source: io::Error,
    },
    /// The connection broke or fell silent, more often than it is tried again.
    #[error("the connection to {host} broke while {subject} was transferred: {source}")]
    Interrupted {
        /// The host.
        host: String,
        /// What was asked for.
        subject: String,
        /// The last break.
        source: io::Error,
    },
    /// The registry wants credentials, or refuses those it got (401).
    #[error("{host} refuses {subject}: {reason}")]
    Unauthorized {
        /// The host.
        host: String,
        /// What was asked for.
        subject: String,
        /// Which credentials were used, from where, and what the registry says.
        reason: String,
    },
    /// The registry knows who asks and says no (403).
    #[error("{host} denies access to {subject}{}", detail(.reason))]
    Denied {
        /// The host.
        host: String,
        /// What was asked for.
        subject: String,
        /// What the registry says; may be empty.
        reason: String,
    },
    /// There is no such thing in the registry (404).
    #[error("{subject} does not exist on {host}{}", near(.similar))]
    NotFound {
        /// The host.
        host: String,
        /// What was asked for.
        subject: String,
        /// Tags that look like the one asked for, best first.
        similar: Vec<String>,
    },
    /// Too many requests (429), more often than it is tried again.
    #[error("{host} limits how often it is asked; {subject} was refused{}", wait(.retry_after.as_ref()))]
    TooManyRequests {
        /// The host.
        host: String,
        /// What was asked for.
        subject: String,
        /// When the registry wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// Any other answer than the expected.
    #[error("{host} answers {subject} with status {status}{}", detail(.reason))]
    Status {
        /// The host.
        host: String,
        /// What was asked for.
        subject: String,
        /// The HTTP status.
        status: u16,
        /// What the registry says; may be empty.
        reason: String,
        /// When the registry wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// An answer that does not follow the distribution specification.
    #[error("{host} answers {subject} with something unusable: {reason}")]
    Protocol {
        /// The host.
        host: String,
        /// What was asked for.
        subject: String,
        /// What is wrong.
        reason: String,
    },
    /// The bytes are not those that were asked for.
    #[error("{host} sent other content for {subject}: its digest is {found}, not {wanted}")]
    WrongDigest {
        /// The host that sent the last byte.
        host: String,
        /// What was asked for.
        subject: String,
        /// The digest asked for.
        wanted: Digest,
        /// The digest of what came.
        found: Digest,
    },
    /// More or fewer bytes than the descriptor says.
    #[error("{host} sent {found} bytes for {subject}, its descriptor says {wanted}")]
    WrongSize {
        /// The host.
        host: String,
        /// What was asked for.
        subject: String,
        /// Bytes by the descriptor.
        wanted: u64,
        /// Bytes announced or received.
        found: u64,
    },
    /// A manifest or an answer beyond what is accepted into memory.
    #[error("{subject} on {host} is larger than {limit} bytes")]
    TooLarge {
        /// The host.
        host: String,
        /// What was asked for.
        subject: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// An index without an image for the platform.
    #[error("{subject} has no image for {wanted}; it has {}", list(.offered))]
    NoPlatform {
        /// The image.
        subject: String,
        /// The platform asked for.
        wanted: Box<Platform>,
        /// The platforms there are.
        offered: Vec<Platform>,
    },
    /// A file of credentials or a credential helper that cannot be used.
    #[error("cannot take credentials from {origin}: {reason}")]
    Credentials {
        /// The file or the helper.
        origin: String,
        /// What is wrong; never the content.
        reason: String,
    },
    /// A setting that cannot be used: a mirror, a proxy, a certificate file.
    #[error("invalid {setting}: {reason}")]
    Setting {
        /// The setting, without what may be secret in it.
        setting: String,
        /// What is wrong.
        reason: String,
    },
    /// What was received cannot be kept, or what is to be sent cannot be read.
    #[error("cannot {operation} {subject}: {source}")]
    Local {
        /// `keep` or `read`.
        operation: &'static str,
        /// The blob.
        subject: String,
        /// The other side's answer.
        source: io::Error,
    },
    /// The registry itself failed after its mirrors had failed.
    #[error("{source} (mirrors failed before: {mirrors})")]
    Mirrors {
        /// Why each mirror failed.
        mirrors: String,
        /// Why the registry itself failed.
        source: Box<Error>,
    },
    /// A document that does not follow the OCI specifications.
    #[error("{subject}: {source}")]
    Oci {
        /// The image.
        subject: String,
        /// What is wrong with it.
        source: rbuild_oci::Error,
    },
    /// The work was asked to stop.
    #[error(transparent)]
    Canceled(#[from] Canceled),
}

impl Error {
    /// Whether the registry says that there is no such thing, whatever became of its mirrors.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Mirrors { source, .. } => source.is_not_found(),
            other => matches!(other, Self::NotFound { .. }),
        }
    }

    /// What the user can do about it, where that is known: one sentence.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { .. } => Some(
                "without network, bring the image from disk (rbuild load; for a build also --build-context \
                 NAME=oci-layout://DIR), or set up a mirror",
            ),
            Self::Offline { .. } => Some(
                "leave --offline and RBUILD_OFFLINE out, or bring it here before (rbuild pull, rbuild load; for a build \
                 also --build-context NAME=oci-layout://DIR)",
            ),
            Self::Tls { .. } => Some(
                "name the authority of its certificate as \"ca\" of the registry in config.json, or call it \"insecure\"; \
                 rbuild registry doctor HOST says what is there",
            ),
            Self::Unauthorized { .. } | Self::Denied { .. } => {
                Some("check the name, and log in with an account that may use it: rbuild login HOST")
            }
            Self::NotFound { .. } => Some("check the name and the tag"),
            Self::TooManyRequests { .. } => Some("log in, wait, or set up a mirror"),
            Self::NoPlatform { .. } => Some("choose one of these with --platform"),
            Self::Mirrors { source, .. } => source.hint(),
            _ => None,
        }
    }
}

fn detail(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

fn near(similar: &[String]) -> String {
    if similar.is_empty() { String::new() } else { format!("; did you mean {}?", similar.join(", ")) }
}

fn wait(retry_after: Option<&Duration>) -> String {
    retry_after.map_or_else(String::new, |time| format!("; it wants to be asked again in {} s", time.as_secs()))
}

fn list(platforms: &[Platform]) -> String {
    if platforms.is_empty() {
        return "none".to_owned();
    }
    platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
