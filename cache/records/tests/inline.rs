//! The cache inside an image: Debian's `docker-registry`, and one in this process.

#![allow(clippy::unwrap_used)] // the helpers of tests are tests

#[path = "../../registry/tests/server/mod.rs"]
mod server;

use rbuild_oci::testing::random_image;
use rbuild_oci::{Cancel, Descriptor, Digest, Index, Manifest, MediaType, Platform, Reference, to_canonical_json};
use rbuild_records::Error;
use rbuild_records::depot::{Depot, Guarded, InlineDepot, Kind, Name, Patience, embed, hurried};
use rbuild_registry::testing::{Fault, Registry};
use rbuild_registry::{Client, Config};
use server::Debian;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

fn name(text: &str) -> Name {
    Name::new(Kind::Record, Digest::of(text.as_bytes()))
}

fn client() -> Client {
    Client::new(hurried(Config::default()), &Cancel::new())
}

fn depot(reference: &Reference) -> InlineDepot {
    InlineDepot::new(client(), reference.clone(), vec![Platform::native(), "linux/s390x".parse().unwrap()])
}

/// Pushes a whole image with that document in it, and gives its manifest's descriptor and its layers.
fn push(reference: &Reference, seed: u64, text: &str) -> (Descriptor, Vec<Descriptor>) {
    let image = random_image(seed, 2);
    let mut manifest = Manifest::from_json(&image.blobs[&image.descriptor.digest]).unwrap();
    let documents = BTreeMap::from([(name(text), text.as_bytes().to_vec())]);
    let config = embed(&image.blobs[&manifest.config.digest], &documents).unwrap();
    manifest.config = Descriptor::of(MediaType::OCI_CONFIG, &config);
    let client = client();
    client.push_blob(reference, &manifest.config, None, &|| Ok(Box::new(Cursor::new(config.clone())))).unwrap();
    for layer in &manifest.layers {
        let open = || Ok(Box::new(Cursor::new(image.blobs[&layer.digest].clone())) as Box<_>);
        client.push_blob(reference, layer, None, &open).unwrap();
    }
    let bytes = to_canonical_json(&manifest).unwrap();
    (client.push_manifest(reference, MediaType::OCI_MANIFEST, &bytes).unwrap(), manifest.layers)
}

#[test]
fn documents_and_layers_come_out_of_an_image() {
    let Some(registry) = Debian::start("") else { return };
    let reference: Reference = format!("{}/team/app:v1", registry.host).parse().unwrap();
    assert!(depot(&reference).document(&name("text")).unwrap().is_none(), "no image is no cache");
    let (_, layers) = push(&reference, 1, "text");
    let depot = depot(&reference);
    assert_eq!(depot.document(&name("text")).unwrap().unwrap(), b"text");
    assert!(depot.has(&name("text")).unwrap() && !depot.has(&name("other")).unwrap());
    let mut sink = Vec::new();
    assert!(depot.pour(&layers[1], &mut sink).unwrap() && Digest::of(&sink) == layers[1].digest);
    assert!(!depot.pour(&Descriptor::of(MediaType::OCI_LAYER, b"none"), &mut sink).unwrap());
    let error = depot.put_document(&name("new"), b"new", &[]).unwrap_err().to_string();
    assert!(error.contains("of the image") && error.contains("with its image"), "{error}");
    registry.skopeo(&["inspect", "--tls-verify=false", &format!("docker://{reference}")]);
}

#[test]
fn the_image_is_looked_at_once() {
    let registry = Registry::start().unwrap();
    let reference = registry.reference("team/app").unwrap();
    push(&reference, 1, "text");
    let before = registry.seen().len();
    let depot = depot(&reference);
    assert_eq!(registry.seen().len(), before);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(depot.has(&name("text")).unwrap()));
        }
    });
    assert_eq!(registry.seen().len() - before, 2, "the manifest and the configuration");
}

#[test]
fn an_image_for_several_platforms_has_a_cache_for_each() {
    let registry = Registry::start().unwrap();
    let reference = registry.reference("team/app").unwrap();
    let of = |number: u64, platform: Platform| {
        let (mut descriptor, _) = push(&reference, number, &number.to_string());
        descriptor.platform = Some(platform);
        descriptor
    };
    let others = (3..60).map(|number| {
        let bytes = number.to_string().into_bytes();
        Descriptor { platform: Some(Platform::native()), ..Descriptor::of(MediaType::OCI_MANIFEST, &bytes) }
    });
    let wanted = [of(1, Platform::native()), of(2, "linux/s390x".parse().unwrap())];
    let index = to_canonical_json(&Index::oci(wanted.into_iter().chain(others).collect())).unwrap();
    client().push_manifest(&reference, MediaType::OCI_INDEX, &index).unwrap();
    let depot = depot(&reference);
    for text in ["1", "2"] {
        assert_eq!(depot.document(&name(text)).unwrap().unwrap(), text.as_bytes());
    }
}

#[test]
fn a_hostile_image_is_told_once_and_counts_as_empty() {
    let registry = Registry::start().unwrap();
    let reference = registry.reference("team/app").unwrap();
    let (config, huge) =
        (&b"{\"rbuild.cache.v1\":{}}"[..], Descriptor::new(MediaType::OCI_CONFIG, Digest::of(b""), 1 << 40));
    registry.put_blob("team/app", config.to_vec());
    let manifest = |config: Descriptor| to_canonical_json(&Manifest::oci(config, Vec::new())).unwrap();
    for (bytes, why) in [
        (b"<html>".to_vec(), "expected value"),
        (manifest(huge), "more than"),
        (manifest(Descriptor::of(MediaType::OCI_CONFIG, config)), "invalid type"),
        (manifest(Descriptor::of(MediaType::OCI_CONFIG, b"missing")), "does not exist"),
    ] {
        registry.put_manifest("team/app", "latest", &Descriptor::of(MediaType::OCI_MANIFEST, &bytes), bytes.clone());
        let depot = depot(&reference);
        let error = depot.document(&name("text")).unwrap_err();
        assert!(matches!(&error, Error::Depot { .. }) && error.to_string().contains(why), "{error}");
        assert!(depot.document(&name("text")).unwrap().is_none() && !depot.has(&name("text")).unwrap());
    }
}

#[test]
fn behind_a_guard_it_fails_nobody() {
    let registry = Registry::start().unwrap();
    registry.fail("/v2/", Fault::Status(403, Vec::new()), 9);
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let teller = told.clone();
    let inner = Arc::new(depot(&registry.reference("team/app").unwrap()));
    let guarded = Guarded::new(inner, Patience::default(), move |text| teller.lock().unwrap().push(text.to_owned()));
    assert!(guarded.document(&name("text")).unwrap().is_none() && !guarded.has(&name("text")).unwrap());
    let told = told.lock().unwrap();
    assert!(told.len() == 1 && told[0].contains("denies"), "{told:?}");
}
