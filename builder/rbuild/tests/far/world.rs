//! Stores, a registry in this process with a base image of three layers, and the program.

use crate::common;
use rbuild_oci::{Index, Manifest};
use rbuild_registry::testing::Registry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// How the base image is called in its registry.
pub(crate) const BASE: &str = "team/base:1";

pub(crate) struct World {
    place: TempDir,
    registry: Option<Registry>,
    host: String,
    /// The blobs of the base image's layers.
    layers: BTreeSet<String>,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Came {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// What it printed, of a command that was to succeed.
    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let place = common::public_dir();
        let registry = Registry::start().unwrap();
        let host = registry.host().to_owned();
        let mut world = Self { place, registry: Some(registry), host, layers: BTreeSet::new() };
        let busybox = common::base::busybox_layout(world.place.path());
        let context = common::context(&[
            ("Dockerfile", "FROM busybox\nCOPY one /one\nCOPY two /two\nCMD [\"cat\", \"/one\", \"/two\"]\n"),
            ("one", "1\n"),
            ("two", "2\n"),
        ]);
        let base = world.name(BASE);
        let args =
            ["build", "-q", "--build-context", &busybox, "--push", "-t", &base, context.path().to_str().unwrap()];
        world.rbuild("maker", &args).good();
        world.layers = world.layers_of(BASE);
        assert_eq!(world.layers.len(), 3);
        world
    }

    /// A name of the registry.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }

    /// The program on the store of that name.
    pub(crate) fn command(&self, store: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rbuild"));
        command.args(args).env_clear().current_dir("/").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.place.path()).env("RBUILD_ROOT", self.root(store));
        command
    }

    pub(crate) fn rbuild(&self, store: &str, args: &[&str]) -> Came {
        Came::of(self.command(store, args).output().unwrap())
    }

    pub(crate) fn root(&self, store: &str) -> PathBuf {
        self.place.path().join(store)
    }

    /// The directory of a Dockerfile, whose `BASE` is the base image, and of a file `a`.
    pub(crate) fn context(&self, dockerfile: &str) -> TempDir {
        common::context(&[("Dockerfile", &dockerfile.replace("BASE", &self.name(BASE))), ("a", "a\n")])
    }

    /// Builds and succeeds; what was said.
    #[track_caller]
    pub(crate) fn build(&self, store: &str, dockerfile: &str, args: &[&str]) -> String {
        let context = self.context(dockerfile);
        let words = [&["build"], args, &[context.path().to_str().unwrap()]].concat();
        let came = self.rbuild(store, &words);
        assert_eq!(came.code, 0, "{came:?}");
        came.err
    }

    /// How often each layer of the base image was asked for since the last call.
    pub(crate) fn layer_gets(&self, before: usize) -> BTreeMap<String, usize> {
        let mut gets = BTreeMap::new();
        for seen in self.seen().iter().skip(before).filter(|seen| seen.0 == "GET") {
            let digest = seen.1.rsplit('/').next().unwrap();
            if self.layers.contains(digest) {
                *gets.entry(digest.to_owned()).or_default() += 1;
            }
        }
        gets
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> usize {
        self.seen().len()
    }

    fn seen(&self) -> Vec<(String, String)> {
        let registry = self.registry.as_ref().unwrap();
        registry.seen().into_iter().map(|seen| (seen.method, seen.path)).collect()
    }

    /// The registry is gone from now on.
    pub(crate) fn vanish(&mut self) {
        self.registry = None;
    }

    /// The blobs of an image's layers in the registry.
    pub(crate) fn layers_of(&self, name: &str) -> BTreeSet<String> {
        let bytes = self.document(name);
        let manifest = match Index::from_json(&bytes) {
            Ok(index) if !index.manifests.is_empty() => {
                let (repository, _) = name.rsplit_once(':').unwrap();
                self.registry.as_ref().unwrap().get(repository, &index.manifests[0].digest).unwrap()
            }
            _ => bytes,
        };
        let layers = Manifest::from_json(&manifest).unwrap().layers;
        layers.iter().map(|layer| layer.digest.to_string()).collect()
    }

    fn document(&self, name: &str) -> Vec<u8> {
        let client = rbuild_registry::Client::new(rbuild_registry::Config::default(), &rbuild_oci::Cancel::new());
        let reference = self.name(name).parse().unwrap();
        let descriptor = client.resolve(&reference).unwrap();
        client.manifest(&reference, &descriptor).unwrap()
    }

    /// What the layers in a store's own list of images are: those of whole images only.
    pub(crate) fn listed(&self, store: &str) -> usize {
        let index = fs::read(self.root(store).join("index.json")).unwrap();
        Index::from_json(&index).unwrap().manifests.len()
    }
}
