//! Transcripts of verbs, read by directory walk: each folder of `testdata/cli` has a `transcript` of lines `$ VERB …` and
//! what they print. `UPDATE=1` writes what is printed into them. Every case begins with an empty store, and with layouts
//! of the same images beside it: `base`, `app` and `app2` on top of it (docker's application and its variation), `multi`
//! for two platforms, and the docker archive `saved.tar`. The time is fixed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests: a panic is how they fail

use clap::Parser;
use rbuild::cli::{history, images, import, inspect, load, rmi, tag, volume};
use rbuild::container::{Patience, PluginFolders, PluginSettings, VolumeDrivers};
use rbuild::error::{Error, Result};
use rbuild::report;
use rbuild_oci::testing::random_image;
use rbuild_oci::{
    Cancel, Descriptor, DiffId, Digest, History, ImageConfig, Index, Manifest, MediaType, Platform, Timestamp,
    to_canonical_json,
};
use rbuild_store::Store;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// 2023-11-14T22:13:20Z, when the images were made.
const MADE: i64 = 1_700_000_000;

/// Three hours later.
const NOW: Timestamp = Timestamp::from_seconds(MADE + 3 * 3600);

#[test]
fn verbs_print_what_their_transcripts_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cli");
    let mut cases: Vec<PathBuf> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 6, "the transcripts are missing");
    for case in cases {
        let path = case.join("transcript");
        let expected = fs::read_to_string(&path).unwrap();
        let printed = replay(&expected);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, printed).unwrap();
        } else {
            assert_eq!(printed, expected, "{}: UPDATE=1 takes what is printed over", path.display());
        }
    }
}

/// Runs the commands of a transcript and writes what they print behind each.
fn replay(transcript: &str) -> String {
    let place = tempfile::tempdir().unwrap();
    fixtures(place.path());
    let store = Store::open(&place.path().join("store")).unwrap();
    let mut out = String::new();
    for line in transcript.lines().filter(|line| line.starts_with("$ ") || line.starts_with('#')) {
        out.push_str(line);
        out.push('\n');
        if let Some(command) = line.strip_prefix("$ ") {
            let text = without_freed(&command_text(command, place.path(), &store));
            out.push_str(&text.replace(&place.path().display().to_string(), "PLACE"));
        }
    }
    out
}

/// What came free depends on the file system.
fn without_freed(text: &str) -> String {
    match text.split_once("Total reclaimed space: ") {
        Some((gone, _)) if !gone.is_empty() => format!("{gone}Total reclaimed space: SIZE\n"),
        _ => text.to_owned(),
    }
}

#[derive(Parser)]
#[command(name = "rbuild", no_binary_name = true)]
enum Verb {
    History(history::HistoryArgs),
    Images(images::ImagesArgs),
    Import(import::ImportArgs),
    Inspect(inspect::InspectArgs),
    Load(load::LoadArgs),
    Rmi(rmi::RmiArgs),
    Tag(tag::TagArgs),
    Volume(volume::VolumeArgs),
}

fn command_text(command: &str, place: &Path, store: &Store) -> String {
    let words = words(command).into_iter().map(|word| word.replace("PLACE", &place.display().to_string()));
    match Verb::try_parse_from(words) {
        Ok(verb) => run(&verb, store).unwrap_or_else(|error| report::plain(&error).on(report::Look::PLAIN)),
        Err(error) => error.to_string(),
    }
}

fn run(verb: &Verb, store: &Store) -> Result<String> {
    match verb {
        Verb::History(args) => history::text(args, store, NOW),
        Verb::Images(args) => images::text(args, store, NOW),
        Verb::Import(args) => Ok(format!("{}\n", import::import(args, store, &Cancel::new(), NOW)?)),
        Verb::Inspect(args) => {
            let values = args.names.iter().map(|name| inspect::value(store, name, None));
            inspect::text(&values.collect::<Result<Vec<_>>>()?, args.format.as_deref())
        }
        Verb::Load(args) => load::load(args, store, &Cancel::new(), Timestamp::from_seconds(MADE + 60)),
        Verb::Rmi(args) => args.names.iter().map(|name| rmi::remove(store, name, args.force, &Cancel::new())).collect(),
        Verb::Tag(args) => tag::tag(args, store, NOW).map(|()| String::new()),
        Verb::Volume(args) => volumes(&args.verb, store),
    }
}

fn volumes(verb: &volume::VolumeVerb, store: &Store) -> Result<String> {
    let folders = PluginFolders::default();
    let plugins = PluginSettings { folders, patience: Patience::LONG, cancel: Cancel::new() };
    let drivers = VolumeDrivers::new(store, plugins);
    match verb {
        volume::VolumeVerb::Create(args) => volume::create(args, &drivers, NOW),
        volume::VolumeVerb::Ls(args) => volume::list(args, store, &drivers),
        volume::VolumeVerb::Prune(args) => volume::prune(args, store, &drivers),
        volume::VolumeVerb::Inspect(args) => {
            let values = args.names.iter().map(|name| volume::value(&drivers, name)).collect::<Result<Vec<_>>>()?;
            inspect::text(&values, args.format.as_deref())
        }
        volume::VolumeVerb::Rm(args) => {
            args.names.iter().map(|name| volume::remove(args, store, &drivers, name)).collect()
        }
    }
}

/// The words of a command line; single quotes hold what is between them together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for char in line.chars() {
        match char {
            '\'' => (quoted, any) = (!quoted, true),
            ' ' if !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            other => word.push(other),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

/// An image in the making.
struct Made {
    blobs: BTreeMap<Digest, Vec<u8>>,
    descriptor: Descriptor,
    config: ImageConfig,
    layers: Vec<Vec<u8>>,
}

/// An image of lines of history; a line with a seed has the layer that follows from it.
fn image(platform: &str, lines: &[(&str, Option<u64>)]) -> Made {
    let layers: Vec<Vec<u8>> = lines.iter().filter_map(|(_, seed)| Some(layer((*seed)?))).collect();
    let mut config = ImageConfig::scratch(&platform.parse::<Platform>().unwrap());
    config.created = Some(Timestamp::from_seconds(MADE));
    config.config.cmd = Some(vec!["sh".to_owned()]);
    config.config.env = vec!["PATH=/bin".to_owned()];
    config.config.labels = BTreeMap::from([("stage".to_owned(), "test".to_owned())]);
    config.rootfs.diff_ids = layers.iter().map(|layer| DiffId(Digest::of(layer))).collect();
    config.history = lines
        .iter()
        .enumerate()
        .map(|(at, (command, seed))| History {
            created: Some(Timestamp::from_seconds(MADE - 60 * (lines.len() - at) as i64)),
            created_by: (*command).to_owned(),
            comment: "buildkit.dockerfile.v0".to_owned(),
            empty_layer: seed.is_none(),
            ..History::default()
        })
        .collect();
    let config_bytes = to_canonical_json(&config).unwrap();
    let descriptors = layers.iter().map(|layer| Descriptor::of(MediaType::OCI_LAYER, layer)).collect();
    let manifest = Manifest::oci(Descriptor::of(MediaType::OCI_CONFIG, &config_bytes), descriptors);
    let manifest = to_canonical_json(&manifest).unwrap();
    let descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &manifest);
    let all = layers.iter().cloned().chain([config_bytes, manifest]);
    Made { blobs: all.map(|bytes| (Digest::of(&bytes), bytes)).collect(), descriptor, config, layers }
}

/// The one layer of a random image.
fn layer(seed: u64) -> Vec<u8> {
    let image = random_image(seed, 1);
    let manifest = Manifest::from_json(&image.blobs[&image.descriptor.digest]).unwrap();
    image.blobs[&manifest.layers[0].digest].clone()
}

fn fixtures(place: &Path) {
    let os: (&str, Option<u64>) = ("/bin/sh -c #(nop) ADD file:0123456789abcdef0123456789abcdef in / ", Some(1));
    let cmd = ("CMD [\"sh\"]", None);
    let apt = ("RUN /bin/sh -c apt-get update && apt-get -y install python3 # buildkit", Some(2));
    let pip = ("RUN /bin/sh -c pip install flask flask-mysql # buildkit", Some(3));
    let entry = ("ENTRYPOINT FLASK_APP=/opt/source-code/app.py flask run", None);
    let base = image("linux/amd64", &[os, cmd]);
    let app = image("linux/amd64", &[os, cmd, apt, pip, ("COPY . /opt/source-code # buildkit", Some(4)), entry]);
    let app2 = image("linux/amd64", &[os, cmd, apt, pip, ("COPY app2.py /opt/source-code # buildkit", Some(5)), entry]);
    for (name, image) in [("base", &base), ("app", &app), ("app2", &app2)] {
        let entry = named(&image.descriptor, &format!("docker.io/library/{name}:latest"));
        layout(&place.join(name), &[image], vec![entry]);
    }
    multi(place);
    saved(place, &app);
    fs::write(place.join("rootfs.tar"), layer(9)).unwrap();
}

fn named(descriptor: &Descriptor, name: &str) -> Descriptor {
    let mut entry = descriptor.clone();
    entry.annotations.insert("io.containerd.image.name".to_owned(), name.to_owned());
    entry
}

fn layout(place: &Path, images: &[&Made], entries: Vec<Descriptor>) {
    fs::create_dir_all(place.join("blobs/sha256")).unwrap();
    fs::write(place.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::write(place.join("index.json"), to_canonical_json(&Index::oci(entries)).unwrap()).unwrap();
    for (digest, bytes) in images.iter().flat_map(|image| &image.blobs) {
        fs::write(place.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
    }
}

/// An image for two platforms, with a statement about one of them.
fn multi(place: &Path) {
    let (amd, arm) = (image("linux/amd64", &[("RUN a", Some(6))]), image("linux/arm64", &[("RUN a", Some(7))]));
    let mut statement = image("unknown/unknown", &[("statement", Some(8))]);
    statement.descriptor.annotations.insert("vnd.docker.reference.type".to_owned(), "attestation-manifest".to_owned());
    let entry = |image: &Made| Descriptor { platform: Some(image.config.platform()), ..image.descriptor.clone() };
    let index = to_canonical_json(&Index::oci(vec![entry(&amd), entry(&arm), entry(&statement)])).unwrap();
    let descriptor = Descriptor::of(MediaType::OCI_INDEX, &index);
    let place = place.join("multi");
    layout(&place, &[&amd, &arm, &statement], vec![named(&descriptor, "localhost:5000/me/multi:1.0")]);
    fs::write(place.join("blobs/sha256").join(descriptor.digest.hex()), index).unwrap();
}

/// The archive that `docker save` wrote before it wrote layouts.
fn saved(place: &Path, image: &Made) {
    let config = to_canonical_json(&image.config).unwrap();
    let name = format!("{}.json", Digest::of(&config).hex());
    let layers: Vec<String> = (0..image.layers.len()).map(|number| format!("{number}/layer.tar")).collect();
    let manifest = serde_json::json!([{ "Config": name, "RepoTags": ["saved:1", "saved:2"], "Layers": layers }]);
    let mut archive = tar::Builder::new(fs::File::create(place.join("saved.tar")).unwrap());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, bytes).unwrap();
    };
    for (name, layer) in layers.iter().zip(&image.layers) {
        add(name, layer);
    }
    add(&name, &config);
    add("manifest.json", manifest.to_string().as_bytes());
    archive.into_inner().unwrap().flush().unwrap();
}

#[test]
fn what_is_removed_leaves_nothing_and_takes_nothing_of_others() {
    let place = tempfile::tempdir().unwrap();
    fixtures(place.path());
    let store = Store::open(&place.path().join("store")).unwrap();
    let here = |bucket: &Path| fs::read_dir(bucket).unwrap().count();
    for name in ["app", "multi"] {
        command_text(&format!("load -i PLACE/{name}"), place.path(), &store);
    }
    let before = here(&store.blobs());
    for name in ["app2", "base", "saved.tar"] {
        command_text(&format!("load -i PLACE/{name}"), place.path(), &store);
    }
    assert!(here(&store.blobs()) > before);
    command_text("rmi app2 base saved:1 saved:2", place.path(), &store);
    assert_eq!(here(&store.blobs()), before);
    let history = command_text("history --quiet --no-trunc app", place.path(), &store);
    for id in history.lines() {
        let shown = command_text(&format!("inspect --format {{{{.Id}}}} {id}"), place.path(), &store);
        assert_eq!(shown.trim_end(), id, "every line is an image");
    }
    command_text("rmi app localhost:5000/me/multi:1.0", place.path(), &store);
    assert_eq!((here(&store.blobs()), here(&store.dir(rbuild_store::Bucket::Index))), (0, 0));
}

#[test]
fn a_loaded_image_is_whole_and_damage_is_refused() -> std::result::Result<(), Error> {
    let place = tempfile::tempdir().unwrap();
    fixtures(place.path());
    let store = Store::open(&place.path().join("store")).unwrap();
    command_text("load -i PLACE/app", place.path(), &store);
    let tag = store.refs().list()?.remove(0);
    let read = |digest: &Digest| fs::read(store.blob_path(digest)).ok();
    assert_eq!(rbuild_oci::testing::validate(&tag.descriptor, &read), Vec::<String>::new());
    let bad = place.path().join("app2");
    let manifest = fs::read_dir(bad.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let layer = manifest.filter(|path| fs::metadata(path).unwrap().len() > 2000).max().unwrap();
    let mut bytes = fs::read(&layer).unwrap();
    bytes[600] ^= 1;
    fs::write(&layer, bytes).unwrap();
    let fresh = Store::open(&place.path().join("fresh")).unwrap();
    let error = command_text("load -i PLACE/app2", place.path(), &fresh);
    let name = layer.file_name().unwrap().to_str().unwrap();
    assert!(error.contains(name) && error.contains("its digest is"), "{error}");
    assert!(fresh.refs().list()?.is_empty());
    Ok(())
}
