//! What rbuild pushes to Debian's registry, other programs pull, byte for byte, and so does rbuild; and the reverse.

use crate::common::registry::{Registry, output, run};
use crate::common::{context, say, skip};
use rbuild_oci::{Digest, Index, Manifest, MediaType};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

const DOCKERFILE: &str = "FROM scratch AS base\nCOPY one /\nFROM base\nCOPY two /dir/\nENV A=b\n";

/// A store, a context, and a registry.
struct World {
    registry: Registry,
    context: tempfile::TempDir,
    stores: tempfile::TempDir,
}

impl World {
    fn new(programs: &[&str]) -> Option<Self> {
        let registry = Registry::start(programs)?;
        let context = context(&[("Dockerfile", DOCKERFILE), ("one", "1"), ("two", "some text\n")]);
        Some(Self { registry, context, stores: tempfile::tempdir().unwrap() })
    }

    /// Runs rbuild on a store of its own; what it writes to standard output.
    fn rbuild(&self, store: &str, arguments: &[&str]) -> String {
        let root = self.stores.path().join(store);
        let all = [&["--root", root.to_str().unwrap()], arguments].concat();
        String::from_utf8(run(env!("CARGO_BIN_EXE_rbuild"), &all)).unwrap()
    }

    fn build(&self, options: &[&str]) {
        let context = self.context.path().to_str().unwrap();
        self.rbuild("own", &[&["build", "--progress", "quiet"], options, &[context]].concat());
    }

    fn path(&self, name: &str) -> String {
        self.registry.directory().join(name).to_str().unwrap().to_owned()
    }

    /// Copies everything behind a name into a layout with skopeo, and gives its blobs by digest.
    fn copied(&self, name: &str) -> (Digest, BTreeMap<Digest, Vec<u8>>) {
        let (from, to) = (format!("docker://{}", self.registry.name(name)), self.path("copied"));
        let target = format!("oci:{to}:x");
        run("skopeo", &["copy", "-q", "--all", "--preserve-digests", "--src-tls-verify=false", &from, &target]);
        let index = Index::from_json(&fs::read(Path::new(&to).join("index.json")).unwrap()).unwrap();
        let blobs = fs::read_dir(Path::new(&to).join("blobs/sha256")).unwrap().map(|entry| {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            (Digest::of(&bytes), bytes)
        });
        let found = (index.manifests[0].digest, blobs.collect());
        fs::remove_dir_all(to).unwrap();
        found
    }
}

/// The digest that a push says it pushed.
fn said(text: &str) -> Digest {
    let line = text.lines().find_map(|line| line.split_once(": digest: ")).unwrap_or_else(|| panic!("{text}")).1;
    line.split(' ').next().unwrap().parse().unwrap()
}

fn layer_types(manifest: &[u8]) -> Vec<String> {
    Manifest::from_json(manifest).unwrap().layers.iter().map(|layer| layer.media_type.to_string()).collect()
}

#[test]
fn skopeo_pulls_what_was_pushed_and_rbuild_pulls_it_back() {
    let Some(world) = World::new(&["skopeo"]) else { return };
    for (compression, media_type) in [("gzip", MediaType::OCI_LAYER_GZIP), ("zstd", MediaType::OCI_LAYER_ZSTD)] {
        let name = world.registry.name(&format!("team/single:{compression}"));
        world.build(&["-t", &name]);
        let pushed = said(&world.rbuild("own", &["push", "--compression", compression, &name]));
        let (digest, blobs) = world.copied(&format!("team/single:{compression}"));
        assert_eq!(digest, pushed);
        assert_eq!(layer_types(&blobs[&digest]), [media_type; 2]);
        world.rbuild("back", &["pull", "-q", &name]);
        let root = world.stores.path().join("back/blobs/sha256");
        for (digest, bytes) in blobs {
            assert!(fs::read(root.join(digest.hex())).unwrap() == bytes, "{digest}");
        }
        let copy = world.registry.name(&format!("team/copy:{compression}"));
        world.rbuild("back", &["tag", &name, &copy]);
        assert_eq!(said(&world.rbuild("back", &["push", &copy])), pushed, "what was pulled is pushed as it was");
    }
}

#[test]
fn several_platforms_go_out_at_once() {
    let Some(world) = World::new(&["skopeo"]) else { return };
    let (metadata, id) = (world.path("metadata"), world.path("id"));
    for compression in ["gzip", "zstd"] {
        let (short, output) = (format!("team/multi:{compression}"), format!("type=registry,compression={compression}"));
        let name = world.registry.name(&short);
        let files = ["--metadata-file", &metadata, "--iidfile", &id];
        let platforms = ["--platform", "linux/amd64,linux/arm64"];
        world.build(&[&platforms[..], &files, &["--output", &output, "-t", &name]].concat());
        let (digest, blobs) = world.copied(&short);
        let index = Index::from_json(&blobs[&digest]).unwrap();
        let named: Vec<String> =
            index.manifests.iter().map(|entry| entry.platform.as_ref().unwrap().to_string()).collect();
        assert_eq!(named, ["linux/amd64", "linux/arm64"]);
        assert!(layer_types(&blobs[&index.manifests[1].digest]).iter().all(|text| text.ends_with(compression)));
        let told: serde_json::Value = serde_json::from_slice(&fs::read(&metadata).unwrap()).unwrap();
        assert_eq!(told["containerimage.digest"], digest.to_string());
        assert_eq!(fs::read_to_string(&id).unwrap(), digest.to_string());
        let pushed = said(&world.rbuild("own", &["push", "--compression", compression, &name]));
        assert_eq!(pushed, digest, "the store's own image goes out as the same");
        world.rbuild("back", &["pull", "-q", "--platform", "linux/arm64", &name]);
    }
}

#[test]
fn images_without_a_tag_are_found_by_their_digest() {
    let Some(world) = World::new(&["skopeo"]) else { return };
    let (metadata, name) = (world.path("metadata"), world.registry.name("team/digest"));
    let output = format!("type=image,name={name},push-by-digest=true,name-canonical=true,push=true");
    world.build(&["--output", &output, "--metadata-file", &metadata]);
    let told: serde_json::Value = serde_json::from_slice(&fs::read(&metadata).unwrap()).unwrap();
    let by_digest = format!("docker://{name}@{}", told["containerimage.digest"].as_str().unwrap());
    run("skopeo", &["inspect", "--raw", "--tls-verify=false", &by_digest]);
    let by_tag = self::output("skopeo", &["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]);
    assert!(!by_tag.status.success());
    let listed = world.rbuild("own", &["images"]);
    assert!(!listed.contains("team/digest"), "and has no name here: {listed}");
}

#[test]
fn the_short_form_pushes_every_name() {
    let Some(world) = World::new(&["skopeo"]) else { return };
    let names = ["team/a:1", "team/a:2", "other/b:1"];
    let full = names.map(|name| world.registry.name(name));
    let tags: Vec<&str> = full.iter().flat_map(|name| ["-t", name]).collect();
    world.build(&[&tags[..], &["--push"]].concat());
    let found = names.map(|name| world.copied(name));
    assert!(found.iter().all(|other| *other == found[0]));
}

#[test]
fn podman_pulls_and_runs_away_with_what_was_pushed() {
    let Some(world) = World::new(&["podman"]) else { return };
    if !rustix::process::geteuid().is_root() {
        return skip("podman pull needs root here");
    }
    let (root, runroot) = (world.path("root"), world.path("runroot"));
    let common = ["--root", &root, "--runroot", &runroot, "--storage-driver", "vfs"];
    let podman = |arguments: &[&str]| String::from_utf8(run("podman", &[&common[..], arguments].concat())).unwrap();
    for compression in ["gzip", "zstd"] {
        let name = world.registry.name(&format!("team/podman:{compression}"));
        world.build(&["-t", &name]);
        world.rbuild("own", &["push", "--compression", compression, &name]);
        podman(&["pull", "-q", "--tls-verify=false", &name]);
        let id = podman(&["image", "inspect", "-f", "{{.Id}}", &name]);
        let own = world.rbuild("own", &["inspect", "--format", "{{.Id}}", &name]);
        assert_eq!(id.trim(), own.trim().trim_start_matches("sha256:"));
        let multi = world.registry.name(&format!("team/podman-multi:{compression}"));
        let output = format!("type=registry,compression={compression}");
        world.build(&["--platform", "linux/amd64,linux/arm64", "-t", &multi, "--output", &output]);
        podman(&["pull", "-q", "--tls-verify=false", "--platform", "linux/arm64", &multi]);
        let arch = podman(&["image", "inspect", "-f", "{{.Architecture}}", &multi]);
        assert_eq!(arch.trim(), "arm64");
    }
    podman(&["rmi", "-a", "-f"]);
}

#[test]
fn umoci_unpacks_what_was_pushed() {
    let Some(world) = World::new(&["skopeo", "umoci"]) else { return };
    if !rustix::process::geteuid().is_root() {
        return skip("umoci unpack needs root here");
    }
    let (name, layout, bundle) = (world.registry.name("team/umoci:1"), world.path("layout"), world.path("bundle"));
    world.build(&["--push", "-t", &name]);
    let target = format!("oci:{layout}:x");
    run("skopeo", &["copy", "-q", "--src-tls-verify=false", &format!("docker://{name}"), &target]);
    run("umoci", &["unpack", "--image", &format!("{layout}:x"), &bundle]);
    let text = |name: &str| fs::read_to_string(Path::new(&bundle).join("rootfs").join(name)).unwrap();
    assert_eq!((text("one").as_str(), text("dir/two").as_str()), ("1", "some text\n"));
}

#[test]
fn what_skopeo_pushes_is_pulled_and_pushed_on() {
    let Some(world) = World::new(&["skopeo"]) else { return };
    let name = world.registry.name("team/source:1");
    world.build(&["-t", &name]);
    let (store, layout) = (world.stores.path().join("own"), world.path("layout"));
    let (from, to) = (format!("oci:{}:{name}", store.display()), format!("oci:{layout}:x"));
    run("skopeo", &["copy", "-q", "--dest-compress-format", "zstd", "--dest-compress", &from, &to]);
    let target = format!("docker://{}", world.registry.name("team/skopeo:1"));
    run("skopeo", &["copy", "-q", "--dest-tls-verify=false", &to, &target]);
    let (digest, _) = world.copied("team/skopeo:1");
    let (there, on) = (world.registry.name("team/skopeo:1"), world.registry.name("team/on:1"));
    world.rbuild("back", &["pull", "-q", &there]);
    world.rbuild("back", &["tag", &there, &on]);
    let text = world.rbuild("back", &["push", &on]);
    assert_eq!(said(&text), digest);
    assert!(text.contains("Mounted from team/skopeo"), "{text}");
}

/// Runs rbuild on the store and gives the most memory that it had, in KiB.
fn peak(world: &World, arguments: &[&str]) -> u64 {
    let program = "import resource, subprocess, sys\n\
                   code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode\n\
                   print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\nsys.exit(code)";
    let root = world.stores.path().join("own");
    let start = ["-c", program, env!("CARGO_BIN_EXE_rbuild"), "--root", root.to_str().unwrap()];
    String::from_utf8(run("python3", &[&start[..], arguments].concat())).unwrap().trim().parse().unwrap()
}

/// The most that sending takes.
const SENDING_KIB: u64 = 40 << 10;

/// The most that compressing and sending take together.
const COMPRESSING_KIB: u64 = 48 << 10;

/// Builds an image with a file of `size` bytes that nothing compresses, and pushes it in each way: to a registry, while it
/// is compressed, and to another.
fn push_large(size: u64) {
    let (Some(world), Some(other)) = (World::new(&["python3"]), Registry::start(&[])) else { return };
    let mut random = fs::File::open("/dev/urandom").unwrap().take(size);
    std::io::copy(&mut random, &mut fs::File::create(world.context.path().join("big")).unwrap()).unwrap();
    fs::write(world.context.path().join("Dockerfile"), "FROM scratch\nCOPY big /\n").unwrap();
    for compression in ["gzip", "zstd", "none"] {
        let names = [&world.registry, &other].map(|registry| registry.name(&format!("team/big:{compression}")));
        world.build(&["-t", &names[0], "-t", &names[1]]);
        let [first, second] = names.map(|name| peak(&world, &["push", "--compression", compression, &name]));
        say(&format!("push of {} MiB, {compression}: peaks of {first} KiB, then {second} KiB", size >> 20));
        assert!(first <= COMPRESSING_KIB && second <= SENDING_KIB, "{compression}: {first} KiB, then {second} KiB");
    }
}

#[test]
fn memory_stays_flat() {
    push_large(64 << 20);
}

#[test]
#[ignore = "takes minutes and 5 GiB of disk: .ci/full"]
fn memory_stays_flat_with_a_gibibyte() {
    push_large(1 << 30);
}
