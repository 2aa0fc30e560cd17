//! Plans and what is done of them, on stores with images of several platforms and states of failed steps.

use super::act::follow;
use super::*;
use crate::failed::{self, Failed, VERSION};
use rbuild_graph::RunOp;
use rbuild_oci::testing::random_image;
use rbuild_oci::{Cancel, Descriptor, Digest, Index, Manifest, MediaType, Platform, to_canonical_json};
use rbuild_store::Store;
use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime};

const ALL_IMAGES: Wish<'_> =
    Wish { containers: None, volumes: None, images: Some(Images { all: true, fits: &|_| true }), cache: None };

fn cache(all: bool, fits: Fits<'_, Thing>) -> Wish<'_> {
    Wish { cache: Some(Cache { all, until: None, fits, keep: None, nameless: false }), ..Wish::default() }
}

fn stamp(store: &Store, digest: &Digest, time: SystemTime) {
    fs::File::open(store.blob_path(digest)).unwrap().set_modified(time).unwrap();
}

/// A store with a tag of two platforms, made a minute ago; and the images' ids.
fn two_platforms() -> (tempfile::TempDir, Store, [Digest; 2]) {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(&place.path().join("store")).unwrap();
    let images = [random_image(1, 2), random_image(2, 2)];
    let ids = [0, 1]
        .map(|at: usize| Manifest::from_json(&images[at].blobs[&images[at].descriptor.digest]).unwrap().config.digest);
    let entries = images.iter().zip(["linux/amd64", "linux/arm64"]).map(|(image, platform)| Descriptor {
        platform: Some(platform.parse::<Platform>().unwrap()),
        ..image.descriptor.clone()
    });
    let index = to_canonical_json(&Index::oci(entries.collect())).unwrap();
    let target = Descriptor::of(MediaType::OCI_INDEX, &index);
    let blobs = images.iter().flat_map(|image| image.blobs.clone()).chain([(target.digest, index)]);
    for (digest, bytes) in blobs {
        fs::write(store.blob_path(&digest), bytes).unwrap();
        stamp(&store, &digest, SystemTime::now() - Duration::from_mins(1));
    }
    store.refs().set(&[("app".parse().unwrap(), target)], Timestamp::from_seconds(1)).unwrap();
    (place, store, ids)
}

fn blobs(store: &Store) -> BTreeSet<std::ffi::OsString> {
    fs::read_dir(store.blobs()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
}

#[test]
fn a_tag_stays_whole_where_one_of_its_images_is_in_use() {
    let (_place, store, ids) = two_platforms();
    assert_eq!(plan(&store, &ALL_IMAGES, None).unwrap().go.len(), 2);
    stamp(&store, &ids[1], SystemTime::now());
    let busy = Timestamp::from(SystemTime::now() - Duration::from_secs(30));
    let plan = plan(&store, &ALL_IMAGES, Some(busy)).unwrap();
    assert_eq!(plan.go.len(), 0, "{:?}", plan.go);
    let why: Vec<&str> =
        plan.stay.iter().filter(|thing| thing.class == Class::Image).map(|thing| &*thing.why).collect();
    assert_eq!(why.len(), 2);
    assert!(why.contains(&"app:latest is also an image that stays"), "{why:?}");
}

#[test]
fn an_image_that_came_to_be_used_meanwhile_stays_whole() {
    for at in [0, 1] {
        let (_place, store, ids) = two_platforms();
        let sweep = store.sweep(&Cancel::new()).unwrap();
        let plan = plan(&store, &ALL_IMAGES, Some(sweep.horizon())).unwrap();
        stamp(&store, &ids[at], SystemTime::now() + Duration::from_secs(1));
        follow(&store, plan, sweep, &store.volumes()).unwrap();
        let left = blobs(&store);
        let image = random_image(at as u64 + 1, 2);
        let lost: Vec<&Digest> =
            image.blobs.keys().filter(|digest| !left.contains(std::ffi::OsStr::new(&digest.hex()))).collect();
        assert!(lost.is_empty(), "{at}: {lost:?}");
    }
}

#[test]
fn images_of_one_tag_go_with_all_that_they_are_made_of() {
    let (_place, store, _) = two_platforms();
    let done = carry_out(&store, &ALL_IMAGES, &store.volumes(), &Cancel::new()).unwrap();
    assert_eq!(done.images.iter().filter(|line| line.starts_with("untagged")).count(), 1, "{:?}", done.images);
    assert_eq!(blobs(&store), BTreeSet::new());
}

#[test]
fn an_image_takes_what_it_is_made_of_and_not_what_others_of_its_tag_take() {
    let (_place, store, _) = two_platforms();
    let space = space(&store).unwrap();
    let sizes: Vec<(u64, bool)> = space.images().iter().map(|image| (image.shared, image.unique > 0)).collect();
    assert_eq!(sizes, [(0, true); 2]);
}

#[test]
fn where_only_containers_are_to_go_images_are_not_measured() {
    let (_place, store, _) = two_platforms();
    let wish = Wish { containers: Some(&|_| true), ..Wish::default() };
    let measured = |plan: Plan| plan.stay.iter().map(|thing| thing.bytes).sum::<u64>();
    assert!(measured(plan(&store, &wish, None).unwrap()) > 0);
    assert_eq!(measured(plan::plan_to_follow(&store, &wish, None).unwrap()), 0);
}

/// A store with states of seven steps that failed by and by in the last minutes.
fn seven_failed() -> (tempfile::TempDir, Store) {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(&place.path().join("store")).unwrap();
    for number in 0..7_u64 {
        let run = RunOp {
            argv: Vec::new(),
            env: Vec::new(),
            env_unkeyed: Vec::new(),
            user: String::new(),
            cwd: "/".to_owned(),
            mounts: Vec::new(),
            scripts: Vec::new(),
            network: rbuild_graph::Network::None,
            security: rbuild_graph::Security::Sandbox,
            hostname: String::new(),
            add_hosts: Vec::new(),
            devices: Vec::new(),
            platform: Platform::native(),
        };
        let failed = Failed {
            version: VERSION,
            step: "RUN false".to_owned(),
            outcome: "exit code: 1".to_owned(),
            when: (SystemTime::now() - Duration::from_secs(60 * (number + 1))).into(),
            run,
            layers: Vec::new(),
            written: None,
            inputs: Vec::new(),
            shm_size: 0,
            ulimits: Vec::new(),
        };
        failed::keep(&store, &format!("build{number}"), &failed).unwrap();
    }
    (place, store)
}

fn states(store: &Store) -> Vec<String> {
    failed::all(store).unwrap().into_iter().map(|kept| kept.build).collect()
}

#[test]
fn states_of_failed_steps_that_were_kept_long_enough_go_with_the_build_cache() {
    let (_place, store) = seven_failed();
    carry_out(&store, &ALL_IMAGES, &store.volumes(), &Cancel::new()).unwrap();
    assert_eq!(states(&store).len(), 7);
    carry_out(&store, &cache(false, &|_| true), &store.volumes(), &Cancel::new()).unwrap();
    assert_eq!(states(&store), ["build0", "build1", "build2", "build3", "build4"]);
}

#[test]
fn a_filter_leaves_states_of_failed_steps_out() {
    let (_place, store) = seven_failed();
    let fits = |thing: &Thing| thing.kind == "exec.cachemount";
    carry_out(&store, &cache(true, &fits), &store.volumes(), &Cancel::new()).unwrap();
    assert_eq!(states(&store).len(), 7);
    carry_out(&store, &cache(true, &|_| true), &store.volumes(), &Cancel::new()).unwrap();
    assert_eq!(states(&store).len(), 0);
}
