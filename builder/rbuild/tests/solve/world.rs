//! A store to build in, and what a build did there.

use crate::common;
use clap::Parser;
use rbuild::args::BuildArgs;
use rbuild::build::{Built, build};
use rbuild::ctx::{Ctx, FixedClock, Place, StayMounts};
use rbuild::driver::Drivers;
use rbuild::error::Error;
use rbuild::events::{Event, Events, Sink};
use rbuild::request::BuildRequest;
use rbuild_oci::{Cancel, Digest, ImageConfig, Timestamp};
use rbuild_records::{CacheBackend, LocalBackend};
use rbuild_registry::{Client, Config};
use rbuild_runner::testing::Scripted;
use rbuild_runner::{Executor, Exit, IdMap, Output, Stream};
use rbuild_store::layer::View;
use rbuild_store::{Bucket, Store};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// A store, and who builds there.
pub(crate) struct World {
    _place: TempDir,
    pub(crate) store: Store,
    /// What time it is.
    pub(crate) clock: i64,
    pub(crate) cancel: Cancel,
    /// Called with `start LINE` and `note TEXT` as they are told.
    pub(crate) hook: Hook,
}

pub(crate) type Hook = Arc<dyn Fn(&str) + Send + Sync>;

/// A build that succeeded.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) built: Built,
    pub(crate) told: Told,
}

/// What was told of the steps, by their lines, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) started: Vec<String>,
    pub(crate) cached: Vec<String>,
    pub(crate) failed: Vec<String>,
}

impl Report {
    pub(crate) fn id(&self) -> Digest {
        self.built.id
    }

    pub(crate) fn config(&self) -> ImageConfig {
        ImageConfig::from_json(&self.built.images[0].0.config_bytes).unwrap()
    }

    pub(crate) fn layers(&self) -> Vec<rbuild_oci::DiffId> {
        self.config().rootfs.diff_ids
    }
}

struct Recorder(Arc<Mutex<Told>>, Hook);

impl Sink for Recorder {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Started { name, .. } => (self.1)(&format!("start {}", line(name))),
            Event::Note(text) => (self.1)(&format!("note {text}")),
            _ => {}
        }
        let mut told = self.0.lock().unwrap();
        match event {
            Event::Started { name, .. } => told.started.push(line(name)),
            Event::Cached { name, .. } => told.cached.push(line(name)),
            Event::Failed { error, .. } => told.failed.push((*error).to_owned()),
            _ => {}
        }
    }
}

/// The instruction without the numbers before it.
fn line(name: &str) -> String {
    name.split_once("] ").map_or(name, |(_, line)| line).to_owned()
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: BuildArgs,
}

/// What a command line asks for.
pub(crate) fn request(context: &Path, args: &[&str]) -> BuildRequest {
    let words = ["rbuild"].into_iter().chain(args.iter().copied());
    let line = Line::parse_from(words.chain([context.to_str().unwrap()]));
    BuildRequest::resolve(&line.args, &|_| None).unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        let place = common::public_dir();
        let store = Store::open(&place.path().join("store")).unwrap();
        Self { _place: place, store, clock: 1_700_000_000, cancel: Cancel::new(), hook: Arc::new(|_| ()) }
    }

    /// The same store, not stopped any more.
    pub(crate) fn again(&mut self) -> &Self {
        self.cancel = Cancel::new();
        self
    }

    pub(crate) fn records(&self) -> LocalBackend {
        LocalBackend::new(self.store.dir(Bucket::Records))
    }

    /// Builds; what is wrong is the test's failure.
    pub(crate) fn build(&self, context: &TempDir, executor: &dyn Executor, args: &[&str]) -> Report {
        self.attempt(context, executor, args).map_err(|(error, _)| error).unwrap()
    }

    /// Builds; gives what was told in any case.
    pub(crate) fn attempt(
        &self,
        context: &TempDir,
        executor: &dyn Executor,
        args: &[&str],
    ) -> Result<Report, (Error, Told)> {
        self.attempt_with(context.path(), executor, args, &self.records())
    }

    /// Builds with other records than the store's.
    pub(crate) fn attempt_with(
        &self,
        context: &Path,
        executor: &dyn Executor,
        args: &[&str],
        cache: &dyn CacheBackend,
    ) -> Result<Report, (Error, Told)> {
        let told = Arc::new(Mutex::new(Told::default()));
        let events = Events::new(vec![Box::new(Recorder(told.clone(), self.hook.clone()))]);
        let ids = if rustix::process::geteuid().is_root() { IdMap::Root } else { IdMap::Single };
        let drivers = Drivers::new(&self.store, ids.clone(), Some("copy".to_owned()));
        let client = Client::new(Config::from_env(&|_| None), &self.cancel);
        let ctx = Ctx {
            store: &self.store,
            snapshots: &drivers,
            cache,
            aside: cache,
            inline: &Default::default,
            mounts: &StayMounts,
            network: client.config(),
            executor,
            events: &events,
            cancel: &self.cancel,
            clock: &FixedClock(Timestamp::from_seconds(self.clock)),
            written: &self.records(),
            wrote: &AtomicBool::new(false),
            place: Place::Inside,
            ids: &ids,
            fidelity: "full",
        };
        let request = request(context, args);
        let result = build(ctx, &request, &client, &mut request.graph.linter().unwrap());
        let told = told.lock().unwrap().clone();
        match result {
            Ok(built) => Ok(Report { built, told }),
            Err(error) => Err((error, told)),
        }
    }

    /// The text of a file in an image.
    pub(crate) fn read(&self, report: &Report, path: &str) -> Option<String> {
        let (_, stack) = &report.built.images[0];
        let layers = self.store.layers();
        let indexes = stack.diff_ids().iter().map(|layer| Arc::new(layers.index(layer).unwrap())).collect();
        let view = View::new(indexes);
        let found = view.file(view.lookup(path.as_bytes())?)?;
        let mut reader = layers.read_file(&stack.diff_ids()[found.layer], found.entry).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
        Some(text)
    }

    pub(crate) fn blob_count(&self) -> usize {
        std::fs::read_dir(self.store.blobs()).unwrap().count()
    }

    /// Files that nobody finished.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        let snapshots = self.store.dir(Bucket::Snapshots);
        let in_snapshots = common::walk(&snapshots).into_iter();
        let in_snapshots = in_snapshots.filter(|path| path.parent().is_some_and(|parent| parent.ends_with("tmp")));
        let tmp = self.store.dir(Bucket::Tmp);
        let in_tmp = common::walk(&tmp).into_iter().filter(|path| *path != tmp);
        in_tmp.chain(in_snapshots).collect()
    }
}

/// The command line of `RUN text`.
pub(crate) fn shell(text: &str) -> String {
    format!("/bin/sh -c {text}")
}

/// A program that writes `content` to `path`.
pub(crate) trait Writes {
    fn writes(self, text: &'static str, path: &'static str, content: &'static str) -> Self;
    fn fails(self, text: &str) -> Self;
}

impl Writes for Scripted {
    fn writes(self, text: &'static str, path: &'static str, content: &'static str) -> Self {
        self.on(&shell(text), move |_, root, _| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap())?;
            std::fs::write(path, content)?;
            Ok(Exit::Code(0))
        })
    }

    fn fails(self, text: &str) -> Self {
        self.on(&shell(text), |_, _, output: &mut dyn Output| {
            output.write(Stream::Stderr, b"it went wrong\n")?;
            Ok(Exit::Code(7))
        })
    }
}
