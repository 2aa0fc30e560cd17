//! What registries and networks do wrong: each ends in success after another try, or in an error that says what is wrong
//! and leaves no tag, no document and nothing unfinished.

use crate::world::{World, compressed, eager, layers, manifest};
use rbuild::cli::pull::PullArgs;
use rbuild_oci::Cancel;
use rbuild_oci::testing::random_image;
use rbuild_registry::testing::{Fault, Login, Registry};
use rbuild_registry::{Config, Schedule};
use rbuild_store::Bucket;
use rbuild_store::layer::Format;
use std::fs;
use std::time::{Duration, Instant};

/// Pulls while the answers to the path of the image's first layer go wrong so often; the result.
fn pull_with(fault: &Fault, times: usize) -> (World, rbuild::error::Result<String>) {
    let (world, image) = World::with_image();
    world.registry.fail(&format!("/blobs/{}", manifest(&image).layers[0].digest), fault.clone(), times);
    let before = world.files();
    let result = world.pull("team/app:1");
    match &result {
        Ok(_) => assert_eq!(world.wrong("team/app:1"), Vec::<String>::new()),
        Err(_) => world.assert_only_whole_layers_since(&before),
    }
    assert_eq!(fs::read_dir(world.store.dir(Bucket::Tmp)).unwrap().count(), 0, "{fault:?}");
    (world, result)
}

fn status(status: u16) -> Fault {
    Fault::Status(status, Vec::new())
}

#[test]
fn what_passes_is_tried_again() {
    let soon = Fault::Status(429, vec![("Retry-After", "1".to_owned())]);
    let begin = Instant::now();
    pull_with(&soon, 1).1.unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(1));
    for fault in [status(500), status(503), Fault::Truncate(100), Fault::Truncate(0)] {
        pull_with(&fault, 2).1.unwrap();
    }
    for fault in [Fault::Corrupt, Fault::Silence, Fault::Plain, Fault::Trickle(Duration::from_millis(300))] {
        pull_with(&fault, 1).1.unwrap();
    }
}

#[test]
fn what_does_not_pass_is_an_error_that_names_the_host() {
    for (fault, said) in [
        (status(500), "with status 500"),
        (status(403), "denies access"),
        (status(404), "does not exist"),
        (Fault::Status(429, vec![("Retry-After", "7200".to_owned())]), "7200 s"),
        (Fault::Truncate(0), "broke while"),
        (Fault::Corrupt, "sent other content for"),
        (Fault::Redirect(String::new()), "redirects more than 10 times"),
        (Fault::Trickle(Duration::from_millis(300)), "broke while"),
    ] {
        let (world, result) = pull_with(&fault, usize::MAX);
        let error = result.unwrap_err().to_string();
        assert!(error.contains(said) && error.contains(world.registry.host()), "{fault:?}: {error}");
    }
}

#[test]
fn a_manifest_that_trickles_is_given_up() {
    let (world, _) = World::with_image();
    world.registry.fail("/manifests/", Fault::Trickle(Duration::from_millis(200)), usize::MAX);
    let (before, begin) = (world.files(), Instant::now());
    let error = world.pull("team/app:1").unwrap_err().to_string();
    assert!(error.contains("broke while"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert_eq!(world.files(), before);
}

#[test]
fn a_token_that_expires_midway_is_bought_again() {
    let world = World { registry: Registry::with_login(Login::Token("u".into(), "p".into())).unwrap(), ..World::new() };
    let image = compressed(&random_image(7, 3), Format::Gzip);
    world.registry.put_image("team/app", "1", &image);
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"test\"", world.registry.host());
    for layer in layers(&image) {
        world.registry.fail(&layer, Fault::Status(401, vec![("WWW-Authenticate", realm.clone())]), 1);
    }
    world.pull("team/app:1").unwrap();
    assert_eq!(world.wrong("team/app:1"), Vec::<String>::new());
}

#[test]
fn a_redirect_to_another_host_takes_no_credentials_there() {
    let (storage, image) = World::with_image();
    let registry = Registry::with_login(Login::Token("u".into(), "p".into())).unwrap();
    let world = World { registry, ..World::new() };
    world.registry.put_image("team/app", "1", &image);
    world.registry.fail("/blobs/", Fault::Redirect(format!("http://{}", storage.registry.host())), usize::MAX);
    world.pull("team/app:1").unwrap();
    assert_eq!(world.wrong("team/app:1"), Vec::<String>::new());
    assert_eq!(storage.registry.seen().len(), 4);
    assert!(storage.registry.seen().iter().all(|seen| seen.authorization.is_empty()));
    assert!(world.registry.seen().iter().any(|seen| seen.authorization.starts_with("Bearer ")));
}

#[test]
fn a_mirror_that_sends_other_content_is_not_believed() {
    let (world, image) = World::with_image();
    let mirror = Registry::start().unwrap();
    mirror.put_image("team/app", "1", &image);
    mirror.fail(&format!("/blobs/{}", manifest(&image).layers[1].digest), Fault::Corrupt, usize::MAX);
    let mirrors = [(world.registry.host().to_owned(), vec![mirror.host().parse().unwrap()])].into();
    let args = PullArgs { name: world.name("team/app:1"), ..PullArgs::default() };
    world.pull_with(&args, Config { mirrors, ..eager() }, &Cancel::new(), &|_| ()).unwrap();
    assert_eq!(world.wrong("team/app:1"), Vec::<String>::new());
    assert_eq!(world.asked().len(), 1, "only that layer comes from the registry itself");
}

#[test]
fn a_pull_that_is_stopped_goes_on_with_the_layers_that_it_has() {
    let (world, image) = World::with_image();
    let stalls = manifest(&image).layers[2].digest.to_string();
    world.registry.fail(&format!("/blobs/{stalls}"), Fault::Silence, 1);
    let (before, cancel) = (world.files(), Cancel::new());
    let args = PullArgs { name: world.name("team/app:1"), ..PullArgs::default() };
    let complete = std::sync::atomic::AtomicUsize::new(0);
    let hear = |line: &str| {
        let done = line.ends_with("Pull complete\n");
        if done && complete.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1 {
            cancel.cancel();
        }
    };
    let patient = Config { retry: Schedule { attempts: 1, ..eager().retry }, ..Config::default() };
    let begin = Instant::now();
    let error = world.pull_with(&args, patient, &cancel, &hear).unwrap_err();
    assert!(error.is_canceled() && begin.elapsed() < Duration::from_secs(10), "{error}");
    world.assert_only_whole_layers_since(&before);
    assert_eq!(world.store.refs().list().unwrap(), []);

    world.pull("team/app:1").unwrap();
    let asked = world.asked();
    for layer in layers(&image) {
        assert_eq!(asked[&layer], if layer == stalls { 2 } else { 1 }, "{layer}");
    }
}

#[test]
fn one_layer_that_fails_stops_the_others() {
    let world = World::new();
    let image = compressed(&random_image(5, 40), Format::Gzip);
    world.registry.put_image("team/app", "1", &image);
    let first = manifest(&image).layers.iter().max_by_key(|layer| layer.size).unwrap().digest;
    world.registry.fail(&format!("/blobs/{first}"), status(403), usize::MAX);
    world.pull("team/app:1").unwrap_err();
    assert!(world.asked().len() < 30, "{} of 41 blobs were asked for", world.asked().len());
}
