//! Content that was downloaded, and how to ask whether it has changed. Knows no store.

use rbuild_oci::Digest;
use rbuild_registry::Answer;
use std::collections::BTreeMap;

/// Content that lies in the store.
#[derive(Debug, PartialEq, Eq)]
pub struct Body {
    /// Of its bytes.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// In seconds since 1970; 0 where the server gives no date.
    pub mtime: i64,
    pub(super) validators: Validators,
}

/// How to ask whether content has changed (RFC 9110, section 8.8).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Validators {
    etag: Option<String>,
    last_modified: Option<String>,
}

const SIZE: &str = "size";
const MTIME: &str = "mtime";
const ETAG: &str = "etag";
const LAST_MODIFIED: &str = "last-modified";

/// A date in whole seconds tells contents apart once they are this old: two may have been made in one second.
const SETTLED: i64 = 2;

impl Body {
    /// What a record says of the content with that digest; none where it does not say all.
    pub(super) fn from_details(digest: Digest, mut details: BTreeMap<String, String>) -> Option<Self> {
        let (size, mtime) = (details.get(SIZE)?.parse().ok()?, details.get(MTIME)?.parse().ok()?);
        let validators = Validators { etag: details.remove(ETAG), last_modified: details.remove(LAST_MODIFIED) };
        Some(Self { digest, size, mtime, validators })
    }

    /// What a record says of it besides its digest.
    pub(super) fn details(&self) -> BTreeMap<String, String> {
        let Validators { etag, last_modified } = &self.validators;
        let all = [
            (SIZE, Some(self.size.to_string())),
            (MTIME, Some(self.mtime.to_string())),
            (ETAG, etag.clone()),
            (LAST_MODIFIED, last_modified.clone()),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

impl Validators {
    /// Those that an answer gives.
    pub(super) fn of(answer: &Answer<'_>) -> Self {
        let settled = match (answer.date(LAST_MODIFIED), answer.date("date")) {
            (Some(modified), Some(now)) => now.seconds - modified.seconds >= SETTLED,
            _ => false,
        };
        let header = |name| answer.header(name).map(str::to_owned);
        Self { etag: header(ETAG), last_modified: header(LAST_MODIFIED).filter(|_| settled) }
    }

    /// The headers of a question that is answered with content only if it has changed.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let etag = self.etag.clone().map(|etag| ("if-none-match", etag));
        let date = self.last_modified.clone().map(|date| ("if-modified-since", date));
        etag.into_iter().chain(date).collect()
    }

    /// Whether an answer with content brings the same again: there are servers that give tags and ignore them when asked.
    pub(super) fn hold(&self, answer: &Answer<'_>) -> bool {
        let strong = |etag: &str| etag.trim_start_matches("W/").to_owned();
        self.etag.as_deref().is_some_and(|known| answer.header(ETAG).is_some_and(|etag| strong(etag) == strong(known)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_all_or_counts_as_none() {
        let validators = Validators { etag: Some("\"x\"".to_owned()), last_modified: None };
        let body = Body { digest: Digest::of(b"x"), size: 1, mtime: -5, validators };
        let details = body.details();
        assert_eq!(details.keys().collect::<Vec<_>>(), ["etag", "mtime", "size"]);
        assert_eq!(Body::from_details(body.digest, details.clone()), Some(body));
        for lost in ["size", "mtime"] {
            let mut less = details.clone();
            less.remove(lost);
            assert_eq!(Body::from_details(Digest::of(b"x"), less), None);
        }
    }
}
