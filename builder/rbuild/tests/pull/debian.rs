//! Against Debian's `docker-registry`, filled by skopeo and podman: servers and clients that are not ours. The real
//! program pulls. Skipped loudly where one of them is missing.

use rbuild_oci::testing::{random_image, validate};
use rbuild_oci::{
    Cancel, Descriptor, Digest, ImageConfig, Index, Manifest, MediaType, Platform, RootFs, to_canonical_json,
};
use rbuild_store::layer::{Body, Codec, Entry, FileData, Format, Node};
use rbuild_store::{Bucket, Store};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A registry with a storage of its own, and a directory for everything else.
struct Debian {
    process: Child,
    place: TempDir,
    host: String,
}

impl Drop for Debian {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Debian {
    /// None, said aloud, where a program is missing.
    fn start(programs: &[&str]) -> Option<Self> {
        let missing = |program: &&&str| Command::new(program).arg("--version").output().is_err();
        if let Some(program) = ["docker-registry"].iter().chain(programs).find(missing) {
            eprintln!("SKIP: {program} is not installed");
            return None;
        }
        let place = tempfile::tempdir().unwrap();
        let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let data = place.path().join("data");
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: {host}}}\n",
            data.display()
        );
        let file = place.path().join("config.yml");
        fs::write(&file, config).unwrap();
        let mut command = Command::new("docker-registry");
        let process = command.arg("serve").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let started = Self { process, place, host };
        let begin = Instant::now();
        while TcpStream::connect(&started.host).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20), "docker-registry does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(started)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let output = Command::new(program).args(arguments).current_dir(self.place.path()).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Copies from a layout in the directory to the registry.
    fn skopeo_push(&self, source: &str, name: &str, options: &[&str]) {
        let target = format!("docker://{}/{name}", self.host);
        self.run("skopeo", &[&["copy", "--dest-tls-verify=false"], options, &[source, &target]].concat());
    }

    /// The digest that the registry has for a name, by skopeo.
    fn digest(&self, name: &str) -> Digest {
        let source = format!("docker://{}/{name}", self.host);
        Digest::of(&self.run("skopeo", &["inspect", "--raw", "--tls-verify=false", &source]).stdout)
    }

    /// Pulls with the real program into the store `store`; the store.
    fn pull(&self, name: &str, options: &[&str]) -> Store {
        let (root, name) = (self.place.path().join("store"), format!("{}/{name}", self.host));
        let root_text = root.to_str().unwrap();
        self.run(env!("CARGO_BIN_EXE_rbuild"), &[&["--root", root_text, "pull"], options, &[&name]].concat());
        Store::open(&root).unwrap()
    }

    /// Fails unless the name in the store is that of the registry, and whole.
    fn assert_same(&self, store: &Store, name: &str) {
        let tag = store.refs().get(&format!("{}/{name}", self.host).parse().unwrap()).unwrap().unwrap();
        assert_eq!(tag.descriptor.digest, self.digest(name), "{name}");
        let read = |digest: &Digest| fs::read(store.blob_path(digest)).ok();
        let bytes = read(&tag.descriptor.digest).unwrap();
        let manifests = if tag.descriptor.media_type.is_index() {
            Index::from_json(&bytes).unwrap().manifests
        } else {
            vec![tag.descriptor]
        };
        for manifest in manifests {
            assert_eq!(validate(&manifest, &read), Vec::<String>::new(), "{name}");
            let manifest = Manifest::from_json(&read(&manifest.digest).unwrap()).unwrap();
            let config = ImageConfig::from_json(&read(&manifest.config.digest).unwrap()).unwrap();
            assert!(config.rootfs.diff_ids.iter().all(|layer| store.layers().has(layer).unwrap()), "{name}");
        }
        assert_eq!(fs::read_dir(store.dir(Bucket::Tmp)).unwrap().count(), 0);
    }
}

/// An OCI layout `layout` that lists these entries and has these blobs.
fn write_layout<'a>(
    place: &Path,
    entries: Vec<Descriptor>,
    blobs: impl IntoIterator<Item = (&'a Digest, &'a Vec<u8>)>,
) {
    let directory = place.join("layout/blobs/sha256");
    fs::create_dir_all(&directory).unwrap();
    for (digest, bytes) in blobs {
        fs::write(directory.join(digest.hex()), bytes).unwrap();
    }
    fs::write(place.join("layout/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::write(place.join("layout/index.json"), to_canonical_json(&Index::oci(entries)).unwrap()).unwrap();
}

fn named(descriptor: &Descriptor, name: &str) -> Descriptor {
    let mut named = descriptor.clone();
    named.annotations.insert("org.opencontainers.image.ref.name".into(), name.into());
    named
}

#[test]
fn what_skopeo_pushes_comes_with_the_same_digests() {
    let Some(debian) = Debian::start(&["skopeo"]) else { return };
    let images = [random_image(1, 3), random_image(2, 2)];
    let platforms = [Platform::native().to_string(), "linux/s390x".to_owned()];
    let entries = images.iter().zip(&platforms);
    let entries = entries
        .map(|(image, platform)| Descriptor { platform: Some(platform.parse().unwrap()), ..image.descriptor.clone() })
        .collect();
    let index = to_canonical_json(&Index::oci(entries)).unwrap();
    let (top, mut blobs) = (Descriptor::of(MediaType::OCI_INDEX, &index), vec![]);
    let digest = top.digest;
    blobs.push((&digest, &index));
    blobs.extend(images.iter().flat_map(|image| &image.blobs));
    write_layout(debian.place.path(), vec![named(&images[0].descriptor, "one"), named(&top, "many")], blobs);

    for (name, options) in [
        ("gzip", &["--dest-compress-format", "gzip", "--dest-compress"][..]),
        ("zstd", &["--dest-compress-format", "zstd", "--dest-compress"]),
        ("docker", &["--format", "v2s2"]),
    ] {
        let name = format!("team/{name}:1");
        debian.skopeo_push("oci:layout:one", &name, options);
        let store = debian.pull(&name, &[]);
        debian.assert_same(&store, &name);
    }
    for (name, options) in
        [("plain", &["--preserve-digests"][..]), ("zstd", &["--dest-compress-format", "zstd", "--dest-compress"])]
    {
        let name = format!("team/many-{name}:1");
        debian.skopeo_push("oci:layout:many", &name, &[&["--all"], options].concat());
        let store = debian.pull(&name, &["--all-platforms"]);
        debian.assert_same(&store, &name);
        let one = debian.pull(&name, &["--platform", "linux/s390x"]);
        let tag = one.refs().get(&format!("{}/{name}", debian.host).parse().unwrap()).unwrap().unwrap();
        assert!(tag.descriptor.media_type.is_manifest() && tag.descriptor.digest != debian.digest(&name));
    }
    let store = debian.pull("team/gzip", &["--all-tags", "-q"]);
    debian.assert_same(&store, "team/gzip:1");
}

#[test]
fn what_podman_pushes_comes_with_the_same_digests() {
    let Some(debian) = Debian::start(&["skopeo", "podman"]) else { return };
    let image = random_image(3, 2);
    write_layout(debian.place.path(), vec![named(&image.descriptor, "one")], &image.blobs);
    let place = debian.place.path().to_str().unwrap().to_owned();
    let (root, run) = (format!("{place}/podman"), format!("{place}/podman-run"));
    let podman = |arguments: &[&str]| {
        let store = ["--root", &root, "--runroot", &run, "--storage-driver", "vfs"];
        let output = Command::new("podman").args(store).args(arguments).current_dir(&place).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (works, said) = podman(&["pull", "-q", "oci:layout:one"]);
    if !works {
        eprintln!("SKIP: podman does not work here: {said}");
        return;
    }
    let id = said.lines().last().unwrap().trim().to_owned();
    for format in ["gzip", "zstd"] {
        let name = format!("team/podman-{format}:1");
        let target = format!("docker://{}/{name}", debian.host);
        let (works, said) = podman(&["push", "--tls-verify=false", "--compression-format", format, &id, &target]);
        assert!(works, "{said}");
        let store = debian.pull(&name, &[]);
        debian.assert_same(&store, &name);
    }
    drop(podman(&["rmi", "-f", &id]));
}

/// Pushes an image of layers of that many MiB each, half of it random; its name.
fn push_large(debian: &Debian, format: Format, layers: u64, mib: u64) -> String {
    let place = tempfile::tempdir_in(debian.place.path()).unwrap();
    let store = Store::open(&place.path().join("store")).unwrap();
    let (codec, cancel) = (Codec::new(format, Some(1)).unwrap(), Cancel::new());
    write_layout(place.path(), Vec::new(), None);
    let (mut blobs, mut config) = (Vec::new(), ImageConfig::scratch(&Platform::native()));
    let mut diff_ids = Vec::new();
    for layer in 0..layers {
        let mut writer = store.layers().writer(None, &cancel).unwrap();
        for file in 0..mib {
            let bytes = half_random(layer << 32 | file);
            let entry = Entry::new(format!("f{file:05}"), Node::File(FileData::unread(bytes.len() as u64)), 0o644);
            writer.add(entry, Body::Bytes(&bytes)).unwrap();
        }
        let landed = store.layers().land(writer.finish().unwrap()).unwrap().layer;
        let blob = store.encoded().make(&landed.diff_id, codec, &cancel).unwrap();
        let target = place.path().join("layout/blobs/sha256").join(blob.digest.hex());
        std::io::copy(
            &mut store.encoded().open(&landed.diff_id, codec).unwrap(),
            &mut fs::File::create(target).unwrap(),
        )
        .unwrap();
        fs::remove_file(store.blob_path(&landed.diff_id.0)).unwrap();
        blobs.push(blob);
        diff_ids.push(landed.diff_id);
    }
    config.rootfs = RootFs { diff_ids, ..RootFs::default() };
    let config = to_canonical_json(&config).unwrap();
    let manifest = Manifest::oci(Descriptor::of(MediaType::OCI_CONFIG, &config), blobs);
    let manifest = to_canonical_json(&manifest).unwrap();
    let descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &manifest);
    let documents = [(Digest::of(&config), config), (descriptor.digest, manifest)];
    let documents = documents.iter().map(|(digest, bytes)| (digest, bytes));
    write_layout(place.path(), vec![named(&descriptor, "one")], documents);
    let name = format!("team/large-{}:1", descriptor.digest.short());
    let layout = format!("oci:{}/layout:one", place.path().display());
    debian.skopeo_push(&layout, &name, &["--preserve-digests"]);
    name
}

/// A MiB that does not compress to less than half.
fn half_random(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = vec![b'a'; 1 << 20];
    for word in bytes[..1 << 19].chunks_exact_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        word.copy_from_slice(&state.to_le_bytes());
    }
    bytes
}

/// What a pull takes of memory over what the program, which tests have with all that debuggers want, takes to list nothing.
fn peak(debian: &Debian, name: &str) -> u64 {
    let name = format!("{}/{name}", debian.host);
    measured(debian, &["pull", "-q", &name]).saturating_sub(measured(debian, &["images"]))
}

/// The most memory that a verb takes on an empty store, in KiB.
fn measured(debian: &Debian, verb: &[&str]) -> u64 {
    let root = debian.place.path().join("measured");
    let program = ["-f", "%M", env!("CARGO_BIN_EXE_rbuild"), "--root", root.to_str().unwrap()];
    let output = debian.run("time", &[&program[..], verb].concat());
    fs::remove_dir_all(root).ok();
    String::from_utf8_lossy(&output.stderr).lines().last().unwrap().trim().parse().unwrap()
}

/// What is allowed for 1 GiB, less the 7 MiB that the program takes as it is released.
const PEAK_KIB: u64 = 33 << 10;

#[test]
fn memory_does_not_grow_with_layers() {
    let Some(debian) = Debian::start(&["skopeo", "time"]) else { return };
    for format in [Format::Gzip, Format::Zstd] {
        let peak = peak(&debian, &push_large(&debian, format, 4, 16));
        eprintln!("{format:?}: 64 MiB in 4 layers with a peak of {peak} KiB");
        assert!(peak <= PEAK_KIB, "{format:?}: {peak} KiB");
    }
}

#[test]
#[ignore = "slow: .ci/full runs it"]
fn a_gibibyte_takes_no_more_memory() {
    let Some(debian) = Debian::start(&["skopeo", "time"]) else { return };
    for (format, layers) in [(Format::Gzip, 8), (Format::Zstd, 8), (Format::Zstd, 1)] {
        let begin = Instant::now();
        let name = push_large(&debian, format, layers, 1024 / layers);
        let (made, begin) = (begin.elapsed(), Instant::now());
        let peak = peak(&debian, &name);
        let took = begin.elapsed();
        eprintln!(
            "{format:?}: 1 GiB in {layers} layers with a peak of {peak} KiB in {took:?}, after {made:?} to make it"
        );
        assert!(peak <= PEAK_KIB, "{format:?}: {peak} KiB");
    }
}

#[test]
fn an_interrupted_pull_leaves_nothing_and_goes_on() {
    let Some(debian) = Debian::start(&["skopeo", "time"]) else { return };
    let name = push_large(&debian, Format::Zstd, 6, 24);
    let (root, full) = (debian.place.path().join("store"), format!("{}/{name}", debian.host));
    let mut command = Command::new(env!("CARGO_BIN_EXE_rbuild"));
    command.args(["--root", root.to_str().unwrap(), "pull", &full]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut pulling = command.spawn().unwrap();
    let mut lines = BufReader::new(pulling.stdout.take().unwrap()).lines();
    let complete = |line: &String| line.ends_with("Pull complete");
    assert!(lines.by_ref().map(|line| line.unwrap()).any(|line| complete(&line)), "it ended before it was interrupted");
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(i32::try_from(pulling.id()).unwrap()).unwrap(),
        rustix::process::Signal::INT,
    )
    .unwrap();
    let status = pulling.wait().unwrap();
    let before: Vec<String> = lines.map_while(std::result::Result::ok).filter(complete).collect();
    if before.len() == 5 {
        eprintln!("SKIP: the pull was faster than the interrupt");
        return;
    }
    assert_eq!(status.code(), Some(130));
    let store = Store::open(&root).unwrap();
    assert_eq!(fs::read_dir(store.dir(Bucket::Tmp)).unwrap().count(), 0);
    assert_eq!(store.refs().list().unwrap(), []);
    let again = Command::new(env!("CARGO_BIN_EXE_rbuild"))
        .args(["--root", root.to_str().unwrap(), "pull", &full])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(said.lines().filter(|line| line.ends_with("Pull complete")).count() == 5 - before.len(), "{said}");
    debian.assert_same(&store, &name);
}
