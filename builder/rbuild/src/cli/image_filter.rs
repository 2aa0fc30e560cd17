//! `--filter` of `rbuild images`. Knows listed images, prints nothing.

use super::images::ImagesArgs;
use super::label::Labels;
use crate::args::moment;
use crate::error::{Error, Result};
use crate::image::{self, Listed};
use dockerfile_parser::glob;
use rbuild_oci::{Reference, Timestamp};
use rbuild_store::{Store, Tag};

/// What images have to be like. Filters of different kinds must all hold; of one kind any may, but all labels must.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    dangling: Option<bool>,
    labels: Labels,
    patterns: Vec<String>,
    /// Created before this time.
    before: Option<Timestamp>,
    /// Created after this time.
    since: Option<Timestamp>,
}

impl Filters {
    /// The filters on a command line.
    pub(super) fn parse(args: &ImagesArgs, store: &Store, now: Timestamp) -> Result<Self> {
        let mut filters = Self { patterns: args.name.iter().cloned().collect(), ..Self::default() };
        let created = |name: &str| -> Result<Timestamp> {
            Ok(image::find(store, name, None)?.config.created.unwrap_or_default())
        };
        for text in &args.filters {
            let wrong = |why: &str| Error::Usage(format!("--filter {text:?}: {why}"));
            let (key, value) = text.split_once('=').ok_or_else(|| wrong("write KEY=VALUE"))?;
            match key {
                "dangling" => filters.dangling = Some(truth(value).ok_or_else(|| wrong("neither true nor false"))?),
                "label" => filters.labels.with(value),
                "reference" => filters.patterns.push(value.to_owned()),
                "before" => filters.before = Some(sooner(filters.before, created(value)?)),
                "since" => filters.since = filters.since.max(Some(created(value)?)),
                "until" => {
                    filters.before = Some(sooner(filters.before, moment::parse("--filter until", value, now)?));
                }
                _ => return Err(wrong("known are dangling, label, before, since, reference and until")),
            }
        }
        for pattern in &filters.patterns {
            glob::matches(pattern.as_bytes(), b"")
                .map_err(|_| Error::Usage(format!("{pattern:?} is not a pattern: a bracket is not closed")))?;
        }
        Ok(filters)
    }

    /// The image with the tags that the filters leave; nothing if they leave none.
    pub(super) fn keep(&self, mut listed: Listed) -> Option<Listed> {
        let untagged = listed.tags.is_empty();
        let created = listed.image.config.created.unwrap_or_default();
        let fits = self.dangling.is_none_or(|dangling| dangling == untagged)
            && self.labels.keep(&listed.image.config.config.labels)
            && self.before.is_none_or(|before| created < before)
            && self.since.is_none_or(|since| created > since);
        if !self.patterns.is_empty() {
            listed.tags.retain(|tag| self.patterns.iter().any(|pattern| is_called(tag, pattern)));
        }
        (fits && (self.patterns.is_empty() || !listed.tags.is_empty())).then_some(listed)
    }
}

/// Whether a tag's name, with or without the tag itself, is of that pattern.
fn is_called(tag: &Tag, pattern: &str) -> bool {
    let Ok(reference) = tag.reference.parse::<Reference>() else { return false };
    [reference.familiar(), reference.familiar_name()]
        .iter()
        .any(|name| glob::matches(pattern.as_bytes(), name.as_bytes()).unwrap_or(false))
}

fn sooner(limit: Option<Timestamp>, other: Timestamp) -> Timestamp {
    limit.map_or(other, |limit| limit.min(other))
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}
