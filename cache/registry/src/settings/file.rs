//! One settings file: its text becomes values. Paths in it are seen from where it lies. Knows no network.
//!
//! ```json
//! {
//!   "registries": {
//!     "docker.io": {"mirrors": ["https://mirror.example/hub", "cache.example:5000"], "fallback": true},
//!     "cache.example:5000": {"plain-http": true},
//!     "lab.example": {"ca": ["lab-ca.pem"], "cert": "me.cert", "key": "me.key", "insecure": false}
//!   },
//!   "cache": {"keep-storage": "20GB"},
//!   "uploads": {"at-once": 5, "piece": "64MB", "pieces-above": "256MB"}
//! }
//! ```

use super::host::{Host, Identity, normal};
use super::table::Table;
use crate::config::Uploads;
use crate::error::{Error, Result};
use crate::mirrors::Mirror;
use crate::url::Url;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What a file says, or several together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct File {
    pub(super) hosts: BTreeMap<String, Host>,
    /// In bytes.
    pub(super) keep_storage: Option<u64>,
    pub(super) uploads: Partial,
}

/// What is said of [`Uploads`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Partial {
    at_once: Option<usize>,
    piece: Option<u64>,
    whole: Option<u64>,
}

impl Partial {
    /// This, and what the other says beyond it.
    fn or(self, other: Self) -> Self {
        Self {
            at_once: self.at_once.or(other.at_once),
            piece: self.piece.or(other.piece),
            whole: self.whole.or(other.whole),
        }
    }

    /// The whole, with `usual` for what is not said.
    pub(super) fn with(self, usual: Uploads) -> Uploads {
        Uploads {
            at_once: self.at_once.unwrap_or(usual.at_once),
            piece: self.piece.unwrap_or(usual.piece),
            whole: self.whole.unwrap_or(usual.whole),
        }
    }
}

const ALL: [&str; 3] = ["registries", "cache", "uploads"];
const OF_HOST: [&str; 7] = ["mirrors", "fallback", "insecure", "plain-http", "ca", "cert", "key"];
const OF_CACHE: [&str; 1] = ["keep-storage"];
const OF_UPLOADS: [&str; 3] = ["at-once", "piece", "pieces-above"];

impl File {
    /// Reads it; one that is missing says nothing, unless it is `required`.
    pub(super) fn read(path: &Path, required: bool) -> Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if !required && is_missing(&error) => Ok(Self::default()),
            Err(error) => Err(Error::Setting { setting: file(path), reason: error.to_string() }),
        }
    }

    /// This, and what the other says beyond it.
    pub(super) fn or(mut self, other: Self) -> Self {
        for (name, host) in other.hosts {
            self.hosts.entry(name).or_insert(host);
        }
        let uploads = self.uploads.or(other.uploads);
        Self { keep_storage: self.keep_storage.or(other.keep_storage), uploads, ..self }
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| Error::Setting { setting: file(path), reason: error.to_string() })?;
        let whole = Table::whole(path, text, &value)?;
        whole.only(&ALL)?;
        let mut read = Self::default();
        for (name, host) in whole.table("registries")?.map_or_else(|| Ok(Vec::new()), |all| all.tables())? {
            if Url::parse(&format!("https://{name}")).is_none_or(|url| url.authority != name) {
                return Err(host.wrong(None, "a registry is named by its host, HOST[:PORT], and no more"));
            }
            read.hosts.insert(normal(name).to_owned(), read_host(path, &host)?);
        }
        if let Some(cache) = whole.table("cache")? {
            cache.only(&OF_CACHE)?;
            read.keep_storage = read_size(&cache, "keep-storage")?;
        }
        if let Some(uploads) = whole.table("uploads")? {
            uploads.only(&OF_UPLOADS)?;
            read.uploads = read_uploads(&uploads)?;
        }
        Ok(read)
    }
}

fn read_size<'a>(table: &Table<'a>, key: &'a str) -> Result<Option<u64>> {
    let wrong = || table.wrong(Some(key), "it is a size as in \"20GB\"");
    table.size(key)?.map(|size| bytes(&size).ok_or_else(wrong)).transpose()
}

fn read_uploads(table: &Table<'_>) -> Result<Partial> {
    let at_once = read_size(table, "at-once")?.map(|count| count as usize);
    let (piece, whole) = (read_size(table, "piece")?, read_size(table, "pieces-above")?);
    match (at_once, piece) {
        (Some(0), _) => Err(table.wrong(Some("at-once"), "it is a number, 1 or more")),
        (_, Some(0)) => Err(table.wrong(Some("piece"), "a piece has 1 byte or more")),
        _ => Ok(Partial { at_once, piece, whole }),
    }
}

fn read_host(path: &Path, host: &Table<'_>) -> Result<Host> {
    host.only(&OF_HOST)?;
    let place = |file: &str| path.parent().map_or_else(|| PathBuf::from(file), |around| around.join(file));
    let mirror = |text: &str| {
        text.parse::<Mirror>().map_err(|error| match error {
            Error::Setting { reason, .. } => host.wrong(Some("mirrors"), &format!("{text:?}: {reason}")),
            other => other,
        })
    };
    let mirrors = host.texts("mirrors")?.into_iter().map(mirror).collect::<Result<Vec<_>>>()?;
    let fallback = host.flag("fallback")?.unwrap_or(true);
    if !fallback && mirrors.is_empty() {
        return Err(host.wrong(Some("fallback"), "without mirrors nobody would be left to ask"));
    }
    let identity = match (host.text("cert")?, host.text("key")?) {
        (Some(cert), Some(key)) => Some(Identity { cert: place(cert), key: place(key) }),
        (None, None) => None,
        (Some(_), None) => return Err(host.wrong(Some("cert"), "it needs its key: \"key\": FILE")),
        (None, Some(_)) => return Err(host.wrong(Some("key"), "it needs its certificate: \"cert\": FILE")),
    };
    Ok(Host {
        mirrors,
        fallback,
        insecure: host.flag("insecure")?,
        plain_http: host.flag("plain-http")?.unwrap_or(false),
        authorities: host.texts("ca")?.into_iter().map(place).collect(),
        identity,
        origin: Some(path.to_owned()),
    })
}

fn file(path: &Path) -> String {
    format!("file {}", path.display())
}

/// Whether a file is simply not there.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// `20GB`, `512m`, `1.5GiB`, `1000`: in steps of 1024, as docker reads it.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let (number, unit) =
        text.split_at(text.find(|char: char| char != '.' && !char.is_ascii_digit()).unwrap_or(text.len()));
    let unit = unit.trim();
    let step = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(unit) {
        "" if !unit.starts_with('i') => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    Some((number * 1024_f64.powi(step)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<File> {
        File::parse(Path::new("/c/config.json"), text)
    }

    #[test]
    fn every_key_is_read() {
        let text = r#"{
            "registries": {
                "index.docker.io": {"mirrors": ["https://m.example/hub", "lab:5000"], "fallback": false},
                "lab:5000": {"ca": ["lab.pem", "/etc/ca.pem"], "cert": "me.cert", "key": "../me.key", "insecure": false},
                "old": {"plain-http": true, "ca": "one.pem"}
            },
            "cache": {"keep-storage": "1.5GiB"}
        }"#;
        let file = parse(text).unwrap();
        assert_eq!(file.keep_storage, Some(3 << 29));
        let hub = &file.hosts["docker.io"];
        assert_eq!(hub.mirrors, ["https://m.example/hub", "lab:5000"].map(|text| text.parse().unwrap()));
        assert!(!hub.fallback && hub.insecure.is_none());
        let lab = &file.hosts["lab:5000"];
        assert_eq!(lab.authorities, ["/c/lab.pem", "/etc/ca.pem"].map(PathBuf::from));
        assert_eq!(lab.identity, Some(Identity { cert: "/c/me.cert".into(), key: "/c/../me.key".into() }));
        assert_eq!((lab.insecure, lab.fallback), (Some(false), true));
        let old = &file.hosts["old"];
        assert!(old.plain_http && old.authorities == [PathBuf::from("/c/one.pem")]);
        assert_eq!(parse("{}").unwrap(), File::default());
    }

    #[test]
    fn what_is_wrong_is_named_with_file_line_and_key() {
        for (text, said) in [
            (
                "{\n\"registry\": {}}",
                "registry in /c/config.json, line 2: there is no such key; did you mean registries?",
            ),
            (
                r#"{"registries": {"a": {"mirors": []}}}"#,
                "registries › a › mirors in /c/config.json, line 1: there is no such key; did you mean mirrors?",
            ),
            (
                "{\"registries\": {\"a\": {\"ca\": []},\n\"b\": {\n\"ca\": 3}}}",
                "registries › b › ca in /c/config.json, line 3: it is a list of texts",
            ),
            (
                r#"{"registries": {"a": {"insecure": "yes"}}}"#,
                "insecure in /c/config.json, line 1: it is true or false",
            ),
            (r#"{"registries": {"a": {"cert": "c"}}}"#, "it needs its key"),
            (r#"{"registries": {"a": {"key": "c"}}}"#, "it needs its certificate"),
            (r#"{"registries": {"a": {"fallback": false}}}"#, "nobody would be left to ask"),
            (r#"{"registries": {"a": {"mirrors": ["ftp://x"]}}}"#, "\"ftp://x\": it begins with neither"),
            (r#"{"registries": {"https://a": {}}}"#, "a registry is named by its host"),
            (r#"{"registries": {"a/b": {}}}"#, "a registry is named by its host"),
            (r#"{"registries": []}"#, "registries in /c/config.json, line 1: it is an object"),
            (r#"{"cache": {"keep-storage": "much"}}"#, "cache › keep-storage in /c/config.json, line 1: it is a size"),
            (r#"{"cache": {"keep-storag": 1}}"#, "did you mean keep-storage?"),
            (r#"{"cache": {"x": 1}}"#, "there is no such key; known are keep-storage"),
            ("[]", "it is written {…}"),
            ("{\n  \"registries\": {,\n}", "/c/config.json: key must be a string at line 2 column 18"),
            ("", "EOF while parsing"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(said) && error.contains("/c/config.json"), "{text}: {error}");
        }
    }

    #[test]
    fn sizes_are_read_as_docker_does() {
        for (text, size) in
            [("0", 0), ("1000", 1000), ("1k", 1024), ("1KB", 1024), ("2 MiB", 2 << 20), ("20GB", 20 << 30)]
        {
            assert_eq!(bytes(text), Some(size), "{text}");
        }
        for text in ["", "GB", "1x", "-1", "1ib", "1.2.3k"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
