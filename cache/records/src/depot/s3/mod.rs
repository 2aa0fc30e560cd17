//! A depot in a bucket of an S3-compatible store: `<prefix>documents/<name>` and `<prefix>blobs/sha256/<hex>`, each an
//! object. The store checks the SHA-256 of what it gets before anybody sees it; large blobs are checked here before their
//! last part is sent. Knows neither steps nor what documents say.

mod client;
mod profile;
mod refusal;
mod settings;
mod sign;
mod upload;

pub use settings::S3Settings;
pub use sign::Login;

use super::line::{Line, WITHIN, pour};
use super::{DOCUMENT_LIMIT, Depot, Name, Open};
use crate::error::{Error, Result};
use client::{Ask, Client};
use rbuild_oci::{Cancel, Descriptor};
use rbuild_registry::{Config, Verb};
use std::fmt;
use std::io::Write;
use std::time::SystemTime;

/// A bucket.
#[derive(Debug)]
pub struct S3Depot {
    client: Client,
}

impl S3Depot {
    /// The bucket of `settings`, reached through the proxies and certificates of `config`; nothing is asked yet. `now`
    /// is the clock that requests are signed by.
    pub fn new(settings: S3Settings, config: &Config, cancel: &Cancel, now: fn() -> SystemTime) -> Result<Self> {
        Ok(Self { client: Client::new(settings, Line::new(config, cancel), now)? })
    }

    fn document_key(&self, name: &Name) -> String {
        format!("{}documents/{name}", self.client.settings().prefix)
    }

    fn blob_key(&self, blob: &Descriptor) -> String {
        format!("{}blobs/sha256/{}", self.client.settings().prefix, blob.digest.hex())
    }

    /// Whether there is such an object: of `size`, where that is to be and the store tells it.
    fn is_there(&self, key: &str, size: Option<u64>) -> Result<bool> {
        let line = &self.client.line;
        let found = line.persist(|| {
            let answer = self.client.find(&line.quick, Ask::new(Verb::Head, key))?;
            Ok(answer.is_some_and(|answer| size.is_none() || answer.size().is_none_or(|found| Some(found) == size)))
        });
        found.map_err(|error| Error::network(self, error))
    }
}

impl fmt::Display for S3Depot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.settings().fmt(f)
    }
}

impl Depot for S3Depot {
    fn has(&self, name: &Name) -> Result<bool> {
        self.is_there(&self.document_key(name), None)
    }

    fn document(&self, name: &Name) -> Result<Option<Vec<u8>>> {
        let (key, line) = (self.document_key(name), &self.client.line);
        let read = line.persist(|| {
            let found = self.client.find(&line.quick, Ask::new(Verb::Get, &key))?;
            found.map(|mut answer| answer.bytes(DOCUMENT_LIMIT, WITHIN)).transpose()
        });
        read.map_err(|error| Error::network(self, error))
    }

    fn put_document(&self, name: &Name, bytes: &[u8], _: &[Descriptor]) -> Result<()> {
        let (key, line) = (self.document_key(name), &self.client.line);
        let put = line.persist(|| self.client.done(&line.quick, Ask::new(Verb::Put, &key).with_bytes(bytes)).map(drop));
        put.map_err(|error| Error::network(self, error))
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        let (key, line) = (self.blob_key(blob), &self.client.line);
        let poured = pour(line, blob, sink, &|from| {
            let range = (from > 0).then(|| ("range", format!("bytes={from}-")));
            let ask = Ask { headers: range.into_iter().collect(), ..Ask::new(Verb::Get, &key) };
            self.client.find(&line.steady, ask)
        });
        poured.map_err(|error| Error::network(self, error))
    }

    fn put(&self, blob: &Descriptor, open: &Open<'_>) -> Result<bool> {
        let key = self.blob_key(blob);
        if self.is_there(&key, Some(blob.size))? {
            return Ok(false);
        }
        upload::upload(&self.client, &key, blob, open).map_err(|error| Error::network(self, error))?;
        Ok(true)
    }
}
