//! The attributes of caches by BuildKit's names, and what they are of. Knows no file.

use super::{CachePlace, Mode};
use crate::args::size::bytes;
use crate::error::Error;
use rbuild_records::depot::{GhaSettings, S3Settings};
use std::collections::BTreeMap;

/// Why a text is refused.
type Refusal = String;

/// The kinds of places, each with the attributes that say where it is; the first is needed.
const PLACES: [(&str, &[&str]); 5] = [
    ("registry", &["ref", "registry.insecure"]),
    ("local", &["src", "dest"]),
    ("s3", S3Settings::ATTRIBUTES),
    ("gha", GhaSettings::ATTRIBUTES),
    ("inline", &[]),
];

/// What caches that are asked understand besides.
pub(super) const FROM: Side = Side { option: "--cache-from", names: &["verify", "mounts-max-size"], not: "dest" };

/// What caches that are told understand besides.
pub(super) const TO: Side = Side {
    option: "--cache-to",
    names: &[
        "mode",
        "compression",
        "compression-level",
        "force-compression",
        "ignore-error",
        "sign",
        "mounts",
        "mounts-max-size",
        "max-size",
        // Of BuildKit's one manifest, which there is not.
        "image-manifest",
        "oci-mediatypes",
    ],
    not: "src",
};

/// A direction.
pub(super) struct Side {
    option: &'static str,
    names: &'static [&'static str],
    /// What only the other direction has.
    not: &'static str,
}

/// The attributes of one cache.
pub(super) struct Fields {
    kind: &'static str,
    values: Vec<(String, String)>,
}

impl Fields {
    /// The attributes, all of which are known.
    pub(super) fn new(kind: &str, values: Vec<(String, String)>, side: &Side) -> Result<Self, Refusal> {
        let Some((kind, own)) = PLACES.iter().find(|(name, _)| *name == kind) else {
            let near = dockerfile_parser::did_you_mean(kind, PLACES.iter().map(|(name, _)| *name));
            let near = dockerfile_parser::question(near);
            return Err(format!("type {kind:?} is not known{near}: use registry, local, s3, gha or inline"));
        };
        let known = || own.iter().chain(side.names).copied().filter(|name| *name != side.not);
        for (name, _) in &values {
            if known().all(|known| known != name) {
                return Err(unknown(kind, name, side, known()));
            }
        }
        Ok(Self { kind, values })
    }

    /// The last value of an attribute.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.values.iter().rfind(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// All values of an attribute.
    pub(super) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values.iter().filter(move |(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Where the cache is; of a directory `path` says it.
    pub(super) fn place(&self, path: &str) -> Result<CachePlace, Refusal> {
        let needed = |name: &str| self.get(name).ok_or_else(|| format!("it has no {name}"));
        let all = || self.values.iter().cloned().collect::<BTreeMap<_, _>>();
        Ok(match self.kind {
            "registry" => CachePlace::Registry {
                reference: needed("ref")?.parse().map_err(|error: rbuild_oci::Error| error.to_string())?,
                insecure: self.boolean("registry.insecure", false)?,
            },
            "local" => {
                let given = needed(path)?;
                let place = std::path::absolute(given).map_err(|error| format!("{path} {given}: {error}"))?;
                CachePlace::Local(place)
            }
            "s3" => CachePlace::S3(all()),
            "gha" => CachePlace::Gha(all()),
            _ => CachePlace::Inline,
        })
    }

    /// Which steps are told.
    pub(super) fn mode(&self) -> Result<Mode, Refusal> {
        match self.get("mode") {
            None | Some("min") => Ok(Mode::Min),
            Some("max") => Ok(Mode::Max),
            Some(other) => Err(format!("mode {other:?} is not known: use min or max")),
        }
    }

    /// A number, if there is one.
    pub(super) fn number(&self, name: &str) -> Result<Option<i32>, Refusal> {
        let number = |text: &str| text.parse().map_err(|_| format!("{name} {text:?} is not a number"));
        self.get(name).map(number).transpose()
    }

    /// A number of bytes.
    pub(super) fn size(&self, name: &str, usual: u64) -> Result<u64, Error> {
        self.get(name).map_or(Ok(usual), |text| bytes(name, text))
    }

    /// How many bytes there may be, where that is bounded.
    pub(super) fn bound(&self, name: &str) -> Result<Option<u64>, Error> {
        self.get(name).map(|text| bytes(name, text)).transpose()
    }

    /// Yes or no.
    pub(super) fn boolean(&self, name: &str, usual: bool) -> Result<bool, Refusal> {
        match self.get(name) {
            None => Ok(usual),
            Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(text) => Err(format!("{name}={text:?} is neither true nor false")),
        }
    }
}

fn unknown(kind: &str, name: &str, side: &Side, known: impl Iterator<Item = &'static str>) -> Refusal {
    let known: Vec<_> = known.collect();
    let near = dockerfile_parser::question(dockerfile_parser::did_you_mean(name, known.iter().copied()));
    let option = side.option;
    if name == side.not {
        let own = if name == "src" { "dest" } else { "src" };
        return format!("the attribute {name:?} is none of {option}: did you mean {own}?");
    }
    if PLACES.iter().any(|(_, names)| names.contains(&name)) {
        return format!("the attribute {name:?} is none of type={kind}");
    }
    format!("the attribute {name:?} is not known{near}: {option} type={kind} has {}", known.join(", "))
}
