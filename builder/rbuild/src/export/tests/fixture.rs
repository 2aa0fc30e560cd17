//! A store with small images in it, and everything an exporter needs.

use crate::assemble::{Image, assemble};
use crate::ctx::{Ctx, FixedClock, Place, StayMounts};
use crate::driver::Drivers;
use crate::error::Result;
use crate::events::{Event, Events, Sink};
use crate::export::{Product, exporter};
use crate::request::{Notes, Output, OutputKind};
use crate::solve::Made;
use crate::stack::{Shelf, Stack};
use rbuild_graph::{Origin, Row, Target, VertexId};
use rbuild_oci::{Cancel, Descriptor, Digest, History, ImageConfig, Platform, Reference, Timestamp};
use rbuild_records::MemoryBackend;
use rbuild_registry::{Client, Config};
use rbuild_runner::IdMap;
use rbuild_runner::testing::Scripted;
use rbuild_store::Store;
use rbuild_store::layer::{Body, Entry, FileData, LayerRef, Node};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

pub(super) const TIME: i64 = 1_700_000_000;

/// An entry with its bytes.
pub(super) type Item = (Entry, Vec<u8>);

pub(super) struct World {
    pub(super) home: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) cancel: Cancel,
    pub(super) said: Said,
    events: Events,
    drivers: Drivers,
    cache: MemoryBackend,
    network: Config,
    executor: Scripted,
    clock: FixedClock,
    wrote: AtomicBool,
}

/// What was told.
#[derive(Clone, Default)]
pub(super) struct Said(Arc<Mutex<Vec<String>>>);

impl Sink for Said {
    fn event(&self, event: &Event<'_>) {
        if let Event::Note(text) | Event::Warning(text) = event {
            self.0.lock().unwrap().push((*text).to_owned());
        }
    }
}

impl Said {
    /// What was told since the last call.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl World {
    pub(super) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("store")).unwrap();
        let said = Said::default();
        Self {
            events: Events::new(vec![Box::new(said.clone())]),
            said,
            cancel: Cancel::new(),
            drivers: Drivers::new(&store, IdMap::Root, None),
            cache: MemoryBackend::default(),
            network: Config::default(),
            executor: Scripted::new(),
            clock: FixedClock(Timestamp::from_seconds(TIME)),
            wrote: AtomicBool::new(false),
            store,
            home,
        }
    }

    pub(super) fn ctx(&self) -> Ctx<'_> {
        Ctx {
            store: &self.store,
            snapshots: &self.drivers,
            cache: &self.cache,
            aside: &self.cache,
            inline: &Default::default,
            mounts: &StayMounts,
            network: &self.network,
            executor: &self.executor,
            events: &self.events,
            cancel: &self.cancel,
            clock: &self.clock,
            written: &self.cache,
            wrote: &self.wrote,
            place: Place::Inside,
            ids: &IdMap::Root,
            fidelity: "full",
        }
    }

    /// A layer in the store. Items come in order.
    pub(super) fn layer(&self, items: &[Item]) -> LayerRef {
        let mut writer = self.store.layers().writer(None, &self.cancel).unwrap();
        for (entry, body) in items {
            let body = if matches!(entry.node, Node::File(_)) { Body::Bytes(body) } else { Body::None };
            writer.add(entry.clone(), body).unwrap();
        }
        self.store.layers().land(writer.finish().unwrap()).unwrap().layer
    }

    /// An image of layers, lowest first.
    pub(super) fn image(&self, platform: &str, layers: &[&[Item]]) -> (Image, Stack) {
        let stack = Stack::of(layers.iter().map(|items| self.layer(items)));
        let platform: Platform = platform.parse().unwrap();
        let config = ImageConfig::scratch(&platform);
        let row = |number| Row {
            entry: History { created_by: format!("step {number}"), ..History::default() },
            origin: Origin::Layer(VertexId(number)),
            config: config.config.clone().into(),
        };
        let history = (0..layers.len() as u32).map(row).collect();
        let (stage, parameters) = (String::new(), rbuild_graph::Parameters::default());
        let target = Target { platform, stage, result: None, config: config.clone(), history, parameters };
        let time = Timestamp::from_seconds(TIME);
        let made = |_| Some(Made { layers: 1, created: Some(time) });
        let image = assemble(&target, stack.storeys(), &made, time).unwrap();
        (image, stack)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Exports images to `dest` in the home.
    pub(super) fn export(&self, images: &[(Image, Stack)], tags: &[&str], output: &Output) -> Result<()> {
        let tags: Vec<Reference> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
        let is_index = images.len() > 1;
        let product = Product { images, is_index, tags: &tags, notes: &Notes::default() };
        exporter(output, &Client::new(Config::default(), &self.cancel))
            .export(&self.ctx(), &Shelf::new(&self.store), &product)
            .map(drop)
    }

    /// An output as `--output` has it by default.
    pub(super) fn output(&self, kind: OutputKind, name: &str) -> Output {
        Output::new(kind, self.path(name))
    }
}

pub(super) fn file(path: &str, body: &str) -> Item {
    let node = Node::File(FileData::unread(body.len() as u64));
    (Entry { mtime: TIME - 7, ..Entry::new(path, node, 0o644) }, body.as_bytes().to_vec())
}

pub(super) fn node(path: &str, node: Node) -> Item {
    let mode = if matches!(node, Node::Symlink { .. }) { 0o777 } else { 0o755 };
    (Entry { mtime: TIME - 5, ..Entry::new(path, node, mode) }, Vec::new())
}

pub(super) fn dir(path: &str) -> Item {
    node(path, Node::DIRECTORY)
}

pub(super) fn mode(mode: u32, mut item: Item) -> Item {
    item.0.mode = mode;
    item
}

pub(super) fn hard(path: &str, target: &str) -> Item {
    node(path, Node::HardLink { target: target.into() })
}

pub(super) fn soft(path: &str, target: &str) -> Item {
    node(path, Node::Symlink { target: target.into() })
}

pub(super) fn gone(path: &str) -> Item {
    node(path, Node::Whiteout)
}

/// Two layers with links and deletions across them.
pub(super) fn small() -> Vec<Vec<Item>> {
    let long = "0123456789abcdef".repeat(20_000);
    let mut attributed = file("d/x", "attributes");
    attributed.0.xattrs.insert(b"user.note".to_vec(), b"yes".to_vec());
    vec![
        vec![
            dir("d"),
            file("d/a", "one file with three names"),
            hard("d/b", "d/a"),
            file("d/gone", "deleted later"),
            attributed,
            mode(0o555, dir("locked")),
            file("locked/in", "inside"),
            hard("z", "d/a"),
        ],
        vec![
            dir("d"),
            gone("d/a"),
            gone("d/gone"),
            file("d/new\nline", "odd name"),
            soft("d/up", "../../../../etc/passwd"),
            mode(0o4755, file("suid", &long)),
        ],
    ]
}

pub(super) fn slices(layers: &[Vec<Item>]) -> Vec<&[Item]> {
    layers.iter().map(Vec::as_slice).collect()
}

/// The files of an archive by name, each once.
pub(super) fn untar(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(std::fs::File::open(path).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut body = Vec::new();
        entry.read_to_end(&mut body).unwrap();
        assert!(found.insert(name.clone(), body).is_none(), "{name} comes twice");
    }
    found
}

/// The manifests that the index of a layout names, platforms apart.
pub(super) fn manifests(files: &BTreeMap<String, Vec<u8>>) -> Vec<Descriptor> {
    let index = rbuild_oci::Index::from_json(&files["index.json"]).unwrap();
    let mut found = Vec::new();
    for descriptor in index.manifests {
        if descriptor.media_type.is_index() {
            found.extend(rbuild_oci::Index::from_json(&blob(files, &descriptor.digest)).unwrap().manifests);
        } else {
            found.push(descriptor);
        }
    }
    found
}

pub(super) fn blob(files: &BTreeMap<String, Vec<u8>>, digest: &Digest) -> Vec<u8> {
    files[&format!("blobs/sha256/{}", digest.hex())].clone()
}

/// Everything wrong with the images of a layout.
pub(super) fn wrong(files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let read = |digest: &Digest| files.get(&format!("blobs/sha256/{}", digest.hex())).cloned();
    manifests(files).iter().flat_map(|manifest| rbuild_oci::testing::validate(manifest, &read)).collect()
}

/// What a program prints; none, with a word about it, if the machine does not have it.
pub(super) fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(arguments).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("SKIP: {program} is not installed");
            return None;
        }
        other => other.unwrap(),
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {out}{err}");
    Some(out.into_owned())
}

/// Whether this process may do all that root may, outside of any user namespace; says so if not.
pub(super) fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root() && IdMap::current().unwrap() == IdMap::Root;
    if !root {
        eprintln!("SKIP: {test} needs root");
    }
    root
}
