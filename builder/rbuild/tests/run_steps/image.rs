//! An image as it lies in the store: its configuration as text, and every entry of every layer.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

/// An image, read from an OCI image layout.
#[derive(Debug)]
pub(crate) struct Image {
    /// Its configuration.
    pub(crate) config: Value,
    /// Its layers, each by the paths in it.
    pub(crate) layers: Vec<BTreeMap<String, Entry>>,
}

/// An entry of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its body.
    pub(crate) body: Vec<u8>,
    /// Seconds since 1970.
    pub(crate) mtime: u64,
    /// User and group.
    pub(crate) owner: (u64, u64),
}

impl Image {
    /// The image called `name:latest` in the layout at `store`.
    pub(crate) fn read(store: &Path, name: &str) -> Self {
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().expect("a digest").replace(':', "/");
            fs::read(store.join("blobs").join(digest)).expect("a blob")
        };
        let json = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).expect("JSON");
        let index = json(fs::read(store.join("index.json")).expect("index.json"));
        let called = |entry: &&Value| entry["annotations"].to_string().contains(&format!("{name}:latest"));
        let entries = index["manifests"].as_array().expect("manifests");
        let manifest = json(blob(entries.iter().find(called).expect("the image")));
        let layers = manifest["layers"].as_array().expect("layers").iter().map(|layer| unpack(&blob(layer)));
        Self { layers: layers.collect(), config: json(blob(&manifest["config"])) }
    }

    /// The paths of the last layer.
    pub(crate) fn last_paths(&self) -> Vec<&str> {
        self.layers.last().expect("a layer").keys().map(String::as_str).collect()
    }

    /// Whether any body or the configuration contains these bytes.
    pub(crate) fn contains(&self, bytes: &str) -> bool {
        let bodies = self.layers.iter().flat_map(BTreeMap::values).map(|entry| &entry.body[..]);
        let config = self.config.to_string();
        bodies.chain([config.as_bytes()]).any(|body| contains(body, bytes.as_bytes()))
    }
}

/// Whether `haystack` has `needle` in it.
pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn unpack(tarball: &[u8]) -> BTreeMap<String, Entry> {
    let mut layer = BTreeMap::new();
    for entry in tar::Archive::new(tarball).entries().expect("a tarball") {
        let mut entry = entry.expect("an entry");
        let path = String::from_utf8_lossy(&entry.path_bytes()).trim_end_matches('/').to_owned();
        let header = entry.header();
        let (mtime, owner) =
            (header.mtime().expect("a time"), (header.uid().expect("a user"), header.gid().expect("a group")));
        let mut body = Vec::new();
        entry.read_to_end(&mut body).expect("a body");
        layer.insert(path, Entry { body, mtime, owner });
    }
    layer
}
