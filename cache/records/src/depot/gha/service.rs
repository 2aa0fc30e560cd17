//! The three questions of GitHub's cache service, version 2: Twirp calls in JSON below
//! `twirp/github.actions.results.api.v1.CacheService/`. Knows keys, not what they stand for.

use super::GhaSettings;
use crate::depot::line::{Line, WITHIN};
use rbuild_registry::{Address, Answer, Call, Content, Error, Result, Verb};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The service.
pub(super) struct Service {
    pub(super) line: Line,
    settings: GhaSettings,
    /// What the service wants as a hash of what is kept: entries of another version are not found.
    version: String,
}

/// An entry, and where it is for some minutes. The address is a secret; it is shown without its query.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) address: Address,
}

#[derive(Deserialize)]
struct Created {
    #[serde(default)]
    ok: bool,
    #[serde(default, alias = "signedUploadUrl")]
    signed_upload_url: String,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    ok: bool,
    #[serde(default, alias = "signedDownloadUrl")]
    signed_download_url: String,
    #[serde(default, alias = "matchedKey")]
    matched_key: String,
}

#[derive(Deserialize)]
struct Finished {
    #[serde(default)]
    ok: bool,
}

/// How Twirp says no.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    code: String,
    msg: String,
}

/// The most of an answer that is read, in bytes, and of a refusal that is shown, in characters.
const ANSWER: u64 = 64 << 10;
const SHOWN: usize = 300;

impl Service {
    pub(super) fn new(settings: GhaSettings, version: String, line: Line) -> Self {
        Self { line, settings, version }
    }

    pub(super) const fn settings(&self) -> &GhaSettings {
        &self.settings
    }

    /// The newest entry whose key begins with `prefix`.
    pub(super) fn newest(&self, prefix: &str) -> Result<Option<Entry>> {
        let question = json!({"key": prefix, "restore_keys": [prefix], "version": self.version});
        let found: Option<Found> = self.ask("GetCacheEntryDownloadURL", prefix, &question)?;
        let Some(found) = found.filter(|found| found.ok && found.matched_key.starts_with(prefix)) else {
            return Ok(None);
        };
        let address = self.address(&found.signed_download_url, prefix)?;
        Ok(Some(Entry { key: found.matched_key, address }))
    }

    /// Begins an entry: where its content goes. None where there is one of that key, or somebody began it.
    pub(super) fn create(&self, key: &str) -> Result<Option<Address>> {
        let created: Option<Created> =
            self.ask("CreateCacheEntry", key, &json!({"key": key, "version": self.version}))?;
        let created = created.filter(|created| created.ok);
        created.map(|created| self.address(&created.signed_upload_url, key)).transpose()
    }

    /// Makes an entry visible that has all its content.
    pub(super) fn finish(&self, key: &str, size: u64) -> Result<()> {
        let question = json!({"key": key, "size_bytes": size.to_string(), "version": self.version});
        match self.ask::<Finished>("FinalizeCacheEntryUpload", key, &question)? {
            Some(finished) if finished.ok => Ok(()),
            _ => Err(self.unusable(key, "it does not take the entry that was uploaded")),
        }
    }

    /// The answer to a question; none where it says that something exists, or that nothing does.
    fn ask<T: DeserializeOwned>(&self, method: &str, subject: &str, question: &Value) -> Result<Option<T>> {
        let base = self.settings.url.trim_end_matches('/');
        let url = format!("{base}/twirp/github.actions.results.api.v1.CacheService/{method}");
        let address = self.address(&url, subject)?;
        self.line.persist(|| {
            let mut answer = self.line.quick.call(Call {
                verb: Verb::Post,
                address: address.clone(),
                headers: vec![("content-type", "application/json".to_owned())],
                authorization: Some(format!("Bearer {}", self.settings.token)),
                content: Content::Bytes(question.to_string().into_bytes()),
                subject,
            })?;
            let body = answer.bytes(ANSWER, WITHIN)?;
            if answer.status() == 200 {
                return serde_json::from_slice(&body).map(Some).map_err(|error| answer.unusable(error.to_string()));
            }
            let said: Refusal = serde_json::from_slice(&body).unwrap_or_default();
            match said.code.as_str() {
                "already_exists" | "not_found" => Ok(None),
                _ => Err(refusal(&answer, said)),
            }
        })
    }

    fn address(&self, url: &str, subject: &str) -> Result<Address> {
        Address::parse(url).ok_or_else(|| self.unusable(subject, "it gives no address"))
    }

    fn unusable(&self, subject: &str, reason: &str) -> Error {
        let host = Address::parse(&self.settings.url).map(|address| address.host()).unwrap_or_default();
        Error::Protocol { host, subject: subject.to_owned(), reason: reason.to_owned() }
    }
}

fn refusal(answer: &Answer<'_>, said: Refusal) -> Error {
    let both = if said.code.is_empty() { answer.usual_reason().to_owned() } else { [said.code, said.msg].join(": ") };
    let shown: String = both.chars().filter(|char| !char.is_control()).take(SHOWN).collect();
    match answer.status() {
        401 | 403 => answer.refusal(format!(
            "{shown} (ACTIONS_RUNTIME_TOKEN counts for the job that it was given to, and for some hours)"
        )),
        _ => answer.refusal(shown),
    }
}
