//! A store of its own, and one step solved in it.

use dockerfile_parser::Span;
use rbuild::ctx::{Ctx, Place, StayMounts, SystemClock, Written};
use rbuild::driver::Drivers;
use rbuild::error::Result;
use rbuild::events::{Event, Events, Sink, StepId};
use rbuild::explain::Footing;
use rbuild::solve::op::{fetch, git};
use rbuild::solve::{Inputs, RunLimits, Shown, Value, Work};
use rbuild::stack::Shelf;
use rbuild::tree::Tree;
use rbuild_graph::{FetchOp, GitOp, Op, Vertex};
use rbuild_oci::{Cancel, Platform};
use rbuild_records::MemoryBackend;
use rbuild_registry::Config;
use rbuild_runner::IdMap;
use rbuild_runner::testing::Scripted;
use rbuild_store::Store;
use rbuild_store::layer::{Entry, Node};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Everything a step sees. What it tells is kept.
pub(crate) struct World {
    pub(crate) place: TempDir,
    pub(crate) store: Store,
    pub(crate) cache: MemoryBackend,
    pub(crate) network: Config,
    pub(crate) cancel: Cancel,
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) told: Arc<Mutex<String>>,
}

/// What a step came to.
pub(crate) struct Solved {
    pub(crate) tree: Arc<dyn Tree>,
    pub(crate) shown: Shown,
}

struct Nothing;

impl Written for Nothing {
    fn take_written(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

struct Told(Arc<Mutex<String>>);

impl Sink for Told {
    fn event(&self, event: &Event<'_>) {
        let mut told = self.0.lock().unwrap();
        if let Event::Output { bytes, .. } = event {
            told.push_str(&String::from_utf8_lossy(bytes));
        } else {
            told.push_str(&format!("{event:?}\n"));
        }
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("the store")).unwrap();
        let (cache, cancel, secrets) = (MemoryBackend::default(), Cancel::new(), BTreeMap::new());
        let network = Config::default();
        Self { place, store, cache, network, cancel, secrets, told: Arc::default() }
    }

    /// The same without anybody to ask.
    #[must_use]
    pub(crate) fn offline(self) -> Self {
        Self { network: Config { offline: true, ..Config::default() }, ..self }
    }

    #[must_use]
    pub(crate) fn secret(mut self, id: &str, text: &str) -> Self {
        self.secrets.insert(id.to_owned(), text.to_owned());
        self
    }

    pub(crate) fn fetch(&self, url: &str, checksum: Option<&str>) -> Result<Solved> {
        let name = url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
        let checksum = checksum.map(|text| text.parse().unwrap());
        let op = FetchOp { url: url.to_owned(), name, checksum, modified: None };
        self.solve(Op::Fetch(op.clone()), &|work| fetch::solve(work, &op))
    }

    pub(crate) fn git(&self, op: &GitOp) -> Result<Solved> {
        self.solve(Op::Git(op.clone()), &|work| git::solve(work, op))
    }

    fn solve(&self, op: Op, solve: &dyn Fn(&Work<'_>) -> Result<(Value, Shown)>) -> Result<Solved> {
        let events = Events::new(vec![Box::new(Told(self.told.clone()))]);
        let drivers = Drivers::new(&self.store, IdMap::Root, None);
        let (executor, wrote) = (Scripted::new(), AtomicBool::new(false));
        let ctx = Ctx {
            store: &self.store,
            snapshots: &drivers,
            cache: &self.cache,
            aside: &self.cache,
            inline: &Default::default,
            mounts: &StayMounts,
            network: &self.network,
            executor: &executor,
            events: &events,
            cancel: &self.cancel,
            clock: &SystemClock,
            written: &Nothing,
            wrote: &wrote,
            place: Place::Outside,
            ids: &IdMap::Root,
            fidelity: "full",
        };
        let inputs = Inputs {
            keep_failed: false,
            identify: &|_, _, _| Ok(None),
            context: &|_| unreachable!("no context"),
            image: &|_, _| unreachable!("no image"),
            secret: &|id| Ok(self.secrets.get(id).map(|text| text.clone().into_bytes())),
            ssh: &|_| None,
            project: "",
            no_cache: false,
            begin: &|| Ok(()),
            limits: &RunLimits::default(),
            confinement: std::sync::OnceLock::new(),
            clamp: None,
            codecs: &[],
            jobs: 1,
        };
        let vertex = Vertex { op, parent: None, inputs: Vec::new(), place: somewhere(), renewed: false };
        let shelf = Shelf::new(&self.store);
        let (value, shown) = solve(&Work {
            ctx,
            shelf: &shelf,
            inputs: &inputs,
            vertex: &vertex,
            step: StepId(1),
            footing: Footing::default(),
            codecs: &[],
        })?;
        let Value::Tree(tree) = value else { unreachable!("a tree") };
        Ok(Solved { tree, shown })
    }

    pub(crate) fn told(&self) -> String {
        self.told.lock().unwrap().clone()
    }
}

fn somewhere() -> rbuild_graph::Place {
    rbuild_graph::Place {
        stage: String::new(),
        step: 0,
        steps: 1,
        text: "the step".to_owned(),
        line: 1,
        span: Span::new(0, 1),
        platform: Platform::native(),
        cross: None,
        show_platform: false,
        words: Vec::new(),
    }
}

impl Solved {
    /// All entries by path: mode, time, and the text of files or the target of links.
    pub(crate) fn listing(&self) -> BTreeMap<String, (u32, i64, String)> {
        let mut entries = self.tree.walk(b"").unwrap();
        self.tree.digest_all(&mut entries).unwrap();
        let shown = |entry: &Entry| (entry.mode, entry.mtime, self.text(entry));
        entries.iter().map(|entry| (String::from_utf8(entry.path.clone()).unwrap(), shown(entry))).collect()
    }

    /// The paths of all entries but `.git`.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.listing().into_keys().filter(|path| path != ".git" && !path.starts_with(".git/")).collect()
    }

    pub(crate) fn read(&self, path: &str) -> String {
        let entry = self.tree.lookup(path.as_bytes()).unwrap().unwrap();
        self.text(&entry)
    }

    fn text(&self, entry: &Entry) -> String {
        let mut bytes = Vec::new();
        match &entry.node {
            Node::File(_) => {
                self.tree.open(&entry.path, entry.digest()).unwrap().read_to_end(&mut bytes).unwrap();
            }
            Node::Symlink { target } => bytes.clone_from(target),
            _ => {}
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
