//! A depot in GitHub's cache of workflows (service version 2). Entries there never change, and are found by how their keys
//! begin, the newest first: all that is kept under a name is an entry `<name>-<milliseconds since 1970>`, so that what an
//! upload that broke left behind is in nobody's way. Knows neither steps nor what documents say.

mod content;
mod service;
mod settings;
mod timed;

pub use settings::GhaSettings;

use super::line::{Line, WITHIN, pour};
use super::{DOCUMENT_LIMIT, Depot, Name, Open};
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Descriptor, Digest, Timestamp};
use rbuild_registry::{Address, Config, Error as Trouble};
use service::{Entry, Service};
use std::fmt;
use std::io::{Read, Write};
use std::time::SystemTime;
use timed::Deadline;

/// The cache of a repository's workflows, as far as the branch of this job may see it.
pub struct GhaDepot {
    service: Service,
    now: fn() -> SystemTime,
}

/// What the entries of this crate are like: those of another make are not found.
const FORM: &[u8] = b"rbuild depot 1";

/// How many milliseconds are tried for an entry before others have all of them.
const MOMENTS: u64 = 8;

impl GhaDepot {
    /// The cache of `settings`, reached through the proxies and certificates of `config`; nothing is asked yet. `now` is
    /// the clock that tells newer entries from older ones.
    pub fn new(settings: GhaSettings, config: &Config, cancel: &Cancel, now: fn() -> SystemTime) -> Self {
        let service = Service::new(settings, Digest::of(FORM).hex(), Line::new(config, cancel));
        Self { service, now }
    }

    /// What all keys of a document begin with.
    fn document_key(&self, name: &Name) -> String {
        format!("rbuild-{}-{name}-", self.service.settings().scope)
    }

    /// What `work` gives, or that it took longer than the cache may.
    fn within<T>(&self, work: impl FnOnce(&Deadline) -> rbuild_registry::Result<T>) -> Result<T> {
        let deadline = Deadline::after(self.service.settings().timeout);
        work(&deadline).map_err(|error| {
            let late = |source| {
                let (host, subject) = ("GitHub's cache".to_owned(), "all of it".to_owned());
                Trouble::Interrupted { host, subject, source }
            };
            Error::network(self, deadline.check().err().map_or(error, late))
        })
    }

    fn newest(&self, prefix: &str) -> rbuild_registry::Result<Option<Entry>> {
        let entry = self.service.newest(prefix)?;
        let is_time = |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
        Ok(entry.filter(|entry| is_time(&entry.key[prefix.len()..])))
    }

    fn read(&self, name: &Name) -> rbuild_registry::Result<Option<Vec<u8>>> {
        let prefix = self.document_key(name);
        let Some(entry) = self.newest(&prefix)? else { return Ok(None) };
        let line = &self.service.line;
        line.persist(|| content::fetch(&line.quick, &entry.address, 0, &prefix)?.bytes(DOCUMENT_LIMIT, WITHIN))
            .map(Some)
    }

    /// Makes an entry whose content `send` sends.
    fn write(
        &self,
        prefix: &str,
        size: u64,
        send: impl FnOnce(&Address) -> rbuild_registry::Result<()>,
    ) -> rbuild_registry::Result<()> {
        let now = Timestamp::from((self.now)());
        let millis = now.seconds.unsigned_abs() * 1000 + u64::from(now.nanos / 1_000_000);
        for moment in millis..millis + MOMENTS {
            let key = format!("{prefix}{moment}");
            if let Some(address) = self.service.create(&key)? {
                send(&address)?;
                return self.service.finish(&key, size);
            }
        }
        let host = "GitHub's cache".to_owned();
        let reason = "others write it at the same time".to_owned();
        Err(Trouble::Protocol { host, subject: prefix.to_owned(), reason })
    }
}

impl fmt::Display for GhaDepot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gha:{}", self.service.settings().scope)
    }
}

impl fmt::Debug for GhaDepot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GhaDepot({:?})", self.service.settings())
    }
}

impl Depot for GhaDepot {
    fn has(&self, name: &Name) -> Result<bool> {
        self.within(|_| self.newest(&self.document_key(name)).map(|entry| entry.is_some()))
    }

    fn document(&self, name: &Name) -> Result<Option<Vec<u8>>> {
        self.within(|_| self.read(name))
    }

    /// A document that says the same already is not written again: entries count against what a repository may keep.
    fn put_document(&self, name: &Name, bytes: &[u8], _: &[Descriptor]) -> Result<()> {
        self.within(|_| {
            if self.read(name)?.as_deref() == Some(bytes) {
                return Ok(());
            }
            let prefix = self.document_key(name);
            let send = |to: &Address| content::send_bytes(&self.service.line, to, bytes, &prefix);
            self.write(&prefix, bytes.len() as u64, send)
        })
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        self.within(|deadline| {
            let prefix = blob_key(blob);
            let Some(entry) = self.newest(&prefix)? else { return Ok(false) };
            let line = &self.service.line;
            pour(line, blob, &mut deadline.timed(sink), &|from| {
                content::fetch(&line.steady, &entry.address, from, &prefix).map(Some)
            })
        })
    }

    fn put(&self, blob: &Descriptor, open: &Open<'_>) -> Result<bool> {
        self.within(|deadline| {
            let prefix = blob_key(blob);
            let open = || Ok(Box::new(deadline.timed(open()?)) as Box<dyn Read + Send + '_>);
            if self.newest(&prefix)?.is_some() {
                return Ok(false);
            }
            self.write(&prefix, blob.size, |to| content::send(&self.service.line, to, blob, &open)).map(|()| true)
        })
    }
}

/// What all keys of a blob begin with.
fn blob_key(blob: &Descriptor) -> String {
    format!("rbuild-blob-{}-", blob.digest.hex())
}
