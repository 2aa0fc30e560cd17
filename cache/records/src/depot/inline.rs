//! The cache inside an image: documents travel in a field of its configuration, and the blobs that they speak of are the
//! image's own. Knows how documents get in and out, not what they say.

use super::registry::{failed, pour};
use super::{Depot, Name, Open};
use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, Index, Manifest, Platform, Reference};
use rbuild_registry::{Client, select};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// The field of an image's configuration: a list of `{"name": …, "document": …}`. Whoever builds upon an image leaves it
/// out.
pub const INLINE_FIELD: &str = "rbuild.cache.v1";

/// The largest configuration that is looked into, in bytes.
const CONFIG_LIMIT: u64 = 16 << 20;

/// The most platforms of one image that are looked at.
const PLATFORMS: usize = 16;

#[derive(Serialize, Deserialize)]
struct Entry {
    name: String,
    document: String,
}

/// The configuration with these documents in place of those that it has. Equal documents give equal bytes. Fails where the
/// configuration is no JSON object, or a document no text.
pub fn embed(config: &[u8], documents: &BTreeMap<Name, Vec<u8>>) -> serde_json::Result<Vec<u8>> {
    let mut fields: Map<String, Value> = serde_json::from_slice(config)?;
    fields.shift_remove(INLINE_FIELD);
    let entry = |(name, document): (&Name, &Vec<u8>)| {
        let document = String::from_utf8(document.clone()).map_err(serde::ser::Error::custom)?;
        serde_json::to_value(Entry { name: name.to_string(), document })
    };
    let entries = documents.iter().map(entry).collect::<serde_json::Result<Vec<Value>>>()?;
    if !entries.is_empty() {
        fields.insert(INLINE_FIELD.to_owned(), Value::Array(entries));
    }
    serde_json::to_vec(&fields)
}

/// The documents in a configuration; none is in most. What has a name that is not known here is left out.
pub fn extract(config: &[u8]) -> serde_json::Result<BTreeMap<Name, Vec<u8>>> {
    #[derive(Deserialize)]
    struct Sketch {
        #[serde(rename = "rbuild.cache.v1", default)]
        entries: Vec<Entry>,
    }
    let sketch: Sketch = serde_json::from_slice(config)?;
    let known = |entry: Entry| Some((Name::parse(&entry.name)?, entry.document.into_bytes()));
    Ok(sketch.entries.into_iter().filter_map(known).collect())
}

/// The cache in an image of a registry, for reading only. The image is looked at once, when the first document is asked
/// for; where that fails, the failure is told once, and it counts as empty.
pub struct InlineDepot {
    client: Client,
    reference: Reference,
    platforms: Vec<Platform>,
    documents: Mutex<Option<Documents>>,
}

type Documents = Arc<BTreeMap<Name, Vec<u8>>>;

impl InlineDepot {
    /// The cache in the image `reference`; of one for several platforms, that in the images of `platforms`.
    pub fn new(client: Client, reference: Reference, platforms: Vec<Platform>) -> Self {
        Self { client, reference, platforms, documents: Mutex::default() }
    }

    fn documents(&self) -> Result<Documents> {
        let mut known = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(documents) = &*known {
            return Ok(documents.clone());
        }
        let documents = known.insert(Documents::default());
        *documents = Arc::new(self.fetch()?);
        Ok(documents.clone())
    }

    fn fetch(&self) -> Result<BTreeMap<Name, Vec<u8>>> {
        let found = self.client.find_manifest(&self.reference).map_err(|error| self.failed(&error))?;
        let Some(bytes) = found else { return Ok(BTreeMap::new()) };
        let mut all = BTreeMap::new();
        for manifest in self.manifests(&bytes)? {
            all.extend(self.documents_of(&manifest)?);
        }
        Ok(all)
    }

    /// The manifests of the platforms behind what the reference names.
    fn manifests(&self, bytes: &[u8]) -> Result<Vec<Manifest>> {
        let Ok(index) = Index::from_json(bytes) else {
            return Ok(vec![Manifest::from_json(bytes).map_err(|error| self.unusable(error))?]);
        };
        let mut chosen: Vec<&Descriptor> = Vec::new();
        for platform in self.platforms.iter().take(PLATFORMS) {
            match select(&self.reference, &index, platform) {
                Ok(descriptor) if !chosen.contains(&descriptor) => chosen.push(descriptor),
                _ => {}
            }
        }
        let fetch = |descriptor: &&Descriptor| {
            let bytes = self.client.manifest(&self.reference, descriptor).map_err(|error| self.failed(&error))?;
            Manifest::from_json(&bytes).map_err(|error| self.unusable(error))
        };
        chosen.iter().map(fetch).collect()
    }

    fn documents_of(&self, manifest: &Manifest) -> Result<BTreeMap<Name, Vec<u8>>> {
        let config = &manifest.config;
        if !config.media_type.is_config() {
            return Ok(BTreeMap::new());
        }
        if config.size > CONFIG_LIMIT {
            return Err(self.unusable(format!("its configuration has more than {CONFIG_LIMIT} bytes")));
        }
        let mut bytes = Vec::new();
        self.client.blob(&self.reference, config, &mut bytes).map_err(|error| self.failed(&error))?;
        extract(&bytes).map_err(|error| self.unusable(error))
    }

    fn failed(&self, error: &rbuild_registry::Error) -> Error {
        failed(self, "read", "the documents", error)
    }

    fn unusable(&self, reason: impl fmt::Display) -> Error {
        Error::depot(self, "read", "the documents", reason)
    }

    fn unchangeable(&self, subject: impl fmt::Display) -> Error {
        Error::depot(self, "keep", subject, "it is written with its image, and not afterwards")
    }
}

impl fmt::Display for InlineDepot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "of the image {}", self.reference.familiar())
    }
}

impl fmt::Debug for InlineDepot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InlineDepot({})", self.reference)
    }
}

impl Depot for InlineDepot {
    fn has(&self, name: &Name) -> Result<bool> {
        Ok(self.documents()?.contains_key(name))
    }

    fn document(&self, name: &Name) -> Result<Option<Vec<u8>>> {
        Ok(self.documents()?.get(name).cloned())
    }

    fn put_document(&self, name: &Name, _: &[u8], _: &[Descriptor]) -> Result<()> {
        Err(self.unchangeable(name))
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        pour(self, &self.client, &self.reference, blob, sink)
    }

    fn put(&self, blob: &Descriptor, _: &Open<'_>) -> Result<bool> {
        Err(self.unchangeable(blob.digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::depot::Kind;
    use rbuild_oci::Digest;

    fn documents(texts: &[&str]) -> BTreeMap<Name, Vec<u8>> {
        let entry = |text: &&str| (Name::new(Kind::Step, Digest::of(text.as_bytes())), text.as_bytes().to_vec());
        texts.iter().map(entry).collect()
    }

    #[test]
    fn what_is_embedded_is_extracted_and_the_rest_stays() {
        let config = br#"{"os":"linux","z":1,"a":[{"b":null}]}"#;
        let first = embed(config, &documents(&["{\"one\":\"\u{fc}\"}", "two"])).unwrap();
        assert!(first.starts_with(&config[..config.len() - 1]));
        assert_eq!(extract(&first).unwrap(), documents(&["two", "{\"one\":\"\u{fc}\"}"]));
        assert_eq!(embed(&first, &documents(&["two", "{\"one\":\"\u{fc}\"}"])).unwrap(), first);
        assert_eq!(extract(&embed(&first, &documents(&["three"])).unwrap()).unwrap(), documents(&["three"]));
        assert_eq!(embed(&first, &BTreeMap::new()).unwrap(), config);
        assert_eq!(extract(config).unwrap(), BTreeMap::new());
    }

    #[test]
    fn what_is_hostile_is_refused_or_left_out() {
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        let list = r#"{"rbuild.cache.v1":[[[["#;
        for config in [deep.as_str(), list, "", r#"{"rbuild.cache.v1":7}"#, r#"{"rbuild.cache.v1":[{"name":1}]}"#] {
            assert!(extract(config.as_bytes()).is_err());
        }
        for name in ["", "record-", "record-12", "other-ab", &format!("record-{}", "G".repeat(64)), "../x"] {
            let config = serde_json::json!({ INLINE_FIELD: [{"name": name, "document": "x"}] });
            assert_eq!(extract(config.to_string().as_bytes()).unwrap(), BTreeMap::new(), "{name}");
        }
        let bytes = BTreeMap::from([(Name::new(Kind::Step, Digest::of(b"x")), vec![0xff])]);
        assert!(embed(b"{}", &bytes).is_err());
    }
}
