//! A repository of a registry as a depot: each document is a manifest under a tag of its own. Knows what a manifest may
//! hold, not what documents say.
//!
//! The manifest (OCI 1.1, artifact type `application/vnd.rbuild.cache.v1`, the empty configuration) carries the document
//! as an annotation, so that it is read with one request; a large one is its first layer. The blobs that the document
//! speaks of are layers too, so that a registry's garbage collection leaves them.

use super::{DOCUMENT_LIMIT, Depot, Name, Open};
use crate::error::{Error, Result, is_for_all};
use rbuild_oci::{Descriptor, Manifest, MediaType, Reference, to_canonical_json};
use rbuild_registry::{Client, Config, Pushed, Schedule, Timeouts};
use std::fmt;
use std::io::{Cursor, Read, Write};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Keeps documents under the tags `[TAG.]record-<hex>`, and blobs, of one repository.
#[derive(Debug)]
pub struct RegistryDepot {
    client: Client,
    reference: Reference,
    /// What tags begin with: nothing, or ends with a dot.
    prefix: String,
    /// Whether the empty configuration is known to be there.
    is_prepared: Mutex<bool>,
}

const ARTIFACT: &str = "application/vnd.rbuild.cache.v1";

/// The media type of a document that is a layer, and the name of the annotation of one that is not.
const DOCUMENT: &str = "application/vnd.rbuild.cache.document.v1+json";
const ANNOTATION: &str = "vnd.rbuild.cache.document.v1";

/// The largest document that is an annotation, in bytes: manifests go through databases and have 4 MiB at most.
const INLINE: usize = 256 << 10;

const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const EMPTY_CONTENT: &[u8] = b"{}";

/// How long to wait before a registry is asked once more that does not find a blob which is there: Debian's does so while
/// another writer sends the same.
const AGAIN: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// The most characters of a tag.
const TAG_LIMIT: usize = 128;

/// The characters of the longest name: `record-` and a digest.
const NAME_LENGTH: usize = 71;

/// The settings of a client that reads caches, for which nobody waits long: `config` with short times and one second try,
/// none where there is no connection.
pub fn hurried(config: Config) -> Config {
    hasty(config, Duration::from_secs(10))
}

/// The same of a client that writes them: a registry may take its time before it says that it has a large blob.
pub fn hurried_writing(config: Config) -> Config {
    hasty(config, Duration::from_secs(30))
}

fn hasty(config: Config, idle: Duration) -> Config {
    let timeouts = Timeouts { connect: Duration::from_millis(1800), idle };
    let retry = Schedule { attempts: 2, first: Duration::from_millis(100), longest: Duration::from_secs(1) };
    Config { timeouts, retry, ..config }
}

impl RegistryDepot {
    /// The depot in the repository of `reference`; several share it that have different tags, of 56 characters at most.
    /// Without a tag, which means `latest`, tags begin with nothing. The client is best made with
    /// [`hurried`] or [`hurried_writing`] settings.
    pub fn new(client: Client, reference: &Reference) -> Result<Self> {
        let prefix = match reference.tag() {
            None | Some("latest") => String::new(),
            Some(tag) => format!("{tag}."),
        };
        let refused = |subject: String, reason: &str| {
            let (depot, reason) = (reference.familiar_name(), reason.to_owned());
            Error::Depot { operation: "keep documents under", subject, depot, reason }
        };
        if let Some(digest) = reference.digest() {
            return Err(refused(digest.to_string(), "a cache is named by a repository, with a tag or without"));
        }
        if prefix.len() + NAME_LENGTH > TAG_LIMIT {
            let reason = format!("the tag of a cache has at most {} characters", TAG_LIMIT - NAME_LENGTH - 1);
            return Err(refused(format!("the tag {}", prefix.trim_end_matches('.')), &reason));
        }
        Ok(Self { client, reference: reference.clone(), prefix, is_prepared: Mutex::default() })
    }

    fn tag(&self, name: &Name) -> Result<Reference> {
        let text = format!("{}:{}{name}", self.reference.full_name(), self.prefix);
        text.parse().map_err(|error| Error::depot(self, "name", name, error))
    }

    fn push(&self, blob: &Descriptor, open: &Open<'_>) -> Result<Pushed> {
        let pushed = self.client.push_blob(&self.reference, blob, None, open);
        pushed.map_err(|error| failed(self, "keep", blob.digest, &error))
    }

    fn push_bytes(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor> {
        let blob = Descriptor::of(media_type, bytes);
        self.push(&blob, &|| Ok(Box::new(Cursor::new(bytes)) as Box<dyn Read + Send + '_>))?;
        Ok(blob)
    }

    /// The empty configuration, which is sent at most once.
    fn empty(&self) -> Result<Descriptor> {
        let mut is_prepared = self.is_prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if !*is_prepared {
            self.push_bytes(EMPTY, EMPTY_CONTENT)?;
            *is_prepared = true;
        }
        Ok(Descriptor::of(EMPTY, EMPTY_CONTENT))
    }

    /// The manifest of a document; what it names is there when this returns.
    fn manifest(&self, bytes: &[u8], blobs: &[Descriptor]) -> Result<Manifest> {
        let empty = self.empty()?;
        let plain = |blob: &Descriptor| Descriptor::new(blob.media_type.clone(), blob.digest, blob.size);
        let mut manifest = Manifest::oci(empty.clone(), blobs.iter().map(plain).collect());
        manifest.artifact_type = Some(ARTIFACT.to_owned());
        match std::str::from_utf8(bytes) {
            Ok(text) if bytes.len() <= INLINE => {
                manifest.annotations.insert(ANNOTATION.to_owned(), text.to_owned());
            }
            _ => manifest.layers.insert(0, self.push_bytes(DOCUMENT, bytes)?),
        }
        if manifest.layers.is_empty() {
            manifest.layers.push(empty);
        }
        Ok(manifest)
    }

    /// The document of a manifest.
    fn unpack(&self, name: &Name, mut manifest: Manifest) -> Result<Vec<u8>> {
        let damaged = |reason: &str| Error::depot(self, "read", name, reason);
        if manifest.artifact_type.as_deref() != Some(ARTIFACT) {
            return Err(damaged("what is there is no document of a cache"));
        }
        if let Some(text) = manifest.annotations.remove(ANNOTATION) {
            return Ok(text.into_bytes());
        }
        let layer = manifest.layers.first().filter(|layer| layer.media_type.as_str() == DOCUMENT);
        let layer = layer.ok_or_else(|| damaged("its manifest has no document in it"))?;
        if layer.size > DOCUMENT_LIMIT {
            return Err(damaged(&format!("it has more than {DOCUMENT_LIMIT} bytes")));
        }
        let mut bytes = Vec::new();
        let fetched = self.client.blob(&self.reference, layer, &mut bytes);
        fetched.map_err(|error| failed(self, "read", name, &error))?;
        Ok(bytes)
    }
}

impl fmt::Display for RegistryDepot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reference.familiar_name())?;
        match self.prefix.strip_suffix('.') {
            Some(tag) => write!(f, ":{tag}"),
            None => Ok(()),
        }
    }
}

impl Depot for RegistryDepot {
    fn has(&self, name: &Name) -> Result<bool> {
        self.client.has_manifest(&self.tag(name)?).map_err(|error| failed(self, "look for", name, &error))
    }

    fn document(&self, name: &Name) -> Result<Option<Vec<u8>>> {
        let found = self.client.find_manifest(&self.tag(name)?).map_err(|error| failed(self, "read", name, &error))?;
        let Some(bytes) = found else { return Ok(None) };
        let manifest = Manifest::from_json(&bytes).map_err(|error| Error::depot(self, "read", name, error))?;
        self.unpack(name, manifest).map(Some)
    }

    fn put_document(&self, name: &Name, bytes: &[u8], blobs: &[Descriptor]) -> Result<()> {
        let manifest = self.manifest(bytes, blobs)?;
        let manifest = to_canonical_json(&manifest).map_err(|error| Error::depot(self, "keep", name, error))?;
        let tag = self.tag(name)?;
        let mut waits = AGAIN.into_iter();
        loop {
            match self.client.push_manifest(&tag, MediaType::OCI_MANIFEST, &manifest) {
                Ok(_) => return Ok(()),
                Err(error) => match waits.next().filter(|_| misses_a_blob(&error)) {
                    Some(wait) => thread::sleep(wait),
                    None => return Err(failed(self, "keep", name, &error)),
                },
            }
        }
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        pour(self, &self.client, &self.reference, blob, sink)
    }

    fn put(&self, blob: &Descriptor, open: &Open<'_>) -> Result<bool> {
        Ok(self.push(blob, open)? != Pushed::Existed)
    }
}

/// Writes a blob of a repository to `sink`; false where it is not there.
pub(super) fn pour(
    depot: &dyn Depot,
    client: &Client,
    reference: &Reference,
    blob: &Descriptor,
    sink: &mut dyn Write,
) -> Result<bool> {
    match client.blob(reference, blob, sink) {
        Ok(()) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(failed(depot, "read", blob.digest, &error)),
    }
}

/// What a registry's failure means for a cache.
pub(super) fn failed(
    depot: &dyn Depot,
    operation: &'static str,
    subject: impl fmt::Display,
    error: &rbuild_registry::Error,
) -> Error {
    if let rbuild_registry::Error::Canceled(canceled) = error {
        return Error::Store((*canceled).into());
    }
    if is_for_all(error) {
        return Error::away(depot, operation, subject, error);
    }
    Error::depot(depot, operation, subject, error)
}

/// Whether a manifest may have been refused for want of a blob (`MANIFEST_BLOB_UNKNOWN`).
fn misses_a_blob(error: &rbuild_registry::Error) -> bool {
    error.is_not_found() || matches!(error, rbuild_registry::Error::Status { status: 400, .. })
}
