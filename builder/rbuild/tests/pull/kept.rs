//! Pulling and loading: the same image comes out, whole, as it was written, and what is here is not fetched.

use crate::world::{NOW, World, compressed, layers, manifest, repacked};
use rbuild::cli::load;
use rbuild::cli::pull::PullArgs;
use rbuild::image;
use rbuild_oci::testing::{TestImage, random_image};
use rbuild_oci::{Cancel, Descriptor, Index, MediaType, Platform, to_canonical_json};
use rbuild_store::content::ContentStore;
use rbuild_store::layer::Format;
use std::fs;

#[test]
fn a_pulled_image_is_kept_as_it_was_written() {
    let world = World::new();
    let (registry, store) = (&world.registry, &world.store);
    for format in [Format::Gzip, Format::Zstd] {
        let plain = random_image(1, 3);
        let image = compressed(&plain, format);
        registry.put_image("me/app", "1", &image);
        let name = world.name("me/app:1");
        let said = world.pull("me/app:1").unwrap();
        let (first, last) = (said.lines().next().unwrap(), said.lines().last().unwrap());
        assert_eq!((first, last), ("1: Pulling from me/app", &*format!("Status: Downloaded newer image for {name}")));
        assert!(said.contains(&format!("Digest: {}\n", image.descriptor.digest)), "{said}");
        assert_eq!(world.wrong("me/app:1"), Vec::<String>::new());
        let found = image::find(store, &name, None).unwrap();
        assert_eq!(found.descriptor.digest, image.descriptor.digest);
        for layer in &found.config.rootfs.diff_ids {
            assert!(store.layers().has(layer).unwrap());
        }
        assert_eq!(image::rows(store, &found).unwrap().len(), 3);
        let again = world.pull("me/app:1").unwrap();
        assert!(again.contains("Status: Image is up to date"), "{again}");
    }
}

#[test]
fn an_index_gives_the_image_of_the_platform() {
    let world = World::new();
    let (registry, store) = (&world.registry, &world.store);
    let (native, other) = (random_image(2, 1), random_image(3, 1));
    let entry =
        |image: &TestImage, platform: Platform| Descriptor { platform: Some(platform), ..image.descriptor.clone() };
    let other_platform: Platform = "linux/s390x".parse().unwrap();
    let index = Index::oci(vec![entry(&other, other_platform), entry(&native, Platform::native())]);
    let bytes = to_canonical_json(&index).unwrap();
    let descriptor = Descriptor::of(MediaType::OCI_INDEX, &bytes);
    registry.put_image("me/multi", "native", &native);
    registry.put_image("me/multi", "other", &other);
    registry.put_manifest("me/multi", "latest", &descriptor, bytes);
    let name = world.name("me/multi");
    let platform = |name: &str, platform: &str| {
        let platform = Some(platform.to_owned());
        world.pull_as(&PullArgs { name: world.name(name), platform, ..PullArgs::default() })
    };
    let said = world.pull("me/multi").unwrap();
    assert!(said.contains(&format!("Digest: {}\n", descriptor.digest)), "{said}");
    let id = |name: &str| image::find(store, name, None).unwrap().descriptor.digest;
    assert_eq!(id(&name), native.descriptor.digest);
    platform("me/multi", "linux/s390x").unwrap();
    assert_eq!(id(&name), other.descriptor.digest);
    let error = platform("me/multi", "linux/riscv64").unwrap_err().to_string();
    assert!(error.contains("riscv64") && error.contains("s390x"), "{error}");
    let error = world.pull("me/multi:nope").unwrap_err().to_string();
    assert!(error.contains("nope") && error.contains("does not exist"), "{error}");
    let error = platform("me/multi:native", "linux/s390x").unwrap_err().to_string();
    assert!(error.contains("has no image for linux/s390x"), "{error}");
}

#[test]
fn compressed_layouts_load_as_they_are() {
    for format in [Format::Gzip, Format::Zstd] {
        let world = World::new();
        let (place, store) = (&world.place, &world.store);
        let image = compressed(&random_image(4, 2), format);
        let layout = place.path().join("layout");
        fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
        let mut entry = image.descriptor.clone();
        entry.annotations.insert("org.opencontainers.image.ref.name".to_owned(), "app:1".to_owned());
        fs::write(layout.join("index.json"), to_canonical_json(&Index::oci(vec![entry])).unwrap()).unwrap();
        for (digest, bytes) in &image.blobs {
            fs::write(layout.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        }
        let args = load::LoadArgs { input: Some(layout), ..load::LoadArgs::default() };
        assert_eq!(load::load(&args, store, &Cancel::new(), NOW).unwrap(), "Loaded image: app:1\n");
        let tag = store.refs().get(&"app:1".parse().unwrap()).unwrap().unwrap();
        assert_eq!(tag.descriptor.digest, image.descriptor.digest);
        let index = fs::read(store.root().join("index.json")).unwrap();
        assert_eq!(Index::from_json(&index).unwrap().manifests.len(), 1, "other tools see it");
    }
}

#[test]
fn what_is_here_is_not_fetched_again() {
    let (world, image) = World::with_image();
    world.pull("team/app:1").unwrap();
    let first = world.asked();
    assert_eq!(first.len(), 4, "three layers and a configuration, each once");
    assert!(first.values().all(|times| *times == 1), "{first:?}");
    let requests = world.registry.seen().len();
    world.pull("team/app:1").unwrap();
    assert_eq!(world.registry.seen().len(), requests + 1, "one question what the tag names");
    assert_eq!(world.asked(), first);

    // A further image with one more layer brings that one only, into a tag that is there.
    let mut more = compressed(&random_image(7, 4), Format::Gzip);
    more.blobs.retain(|digest, _| !image.blobs.contains_key(digest));
    world.registry.put_image("team/app", "1", &more);
    let before = world.files();
    assert!(world.pull("team/app:1").unwrap().contains("Downloaded newer image"));
    assert_eq!(world.asked().len(), first.len() + 2);
    assert_eq!(world.wrong("team/app:1"), Vec::<String>::new());
    assert!(before.keys().all(|path| path.exists()));
}

#[test]
fn a_blob_or_a_layer_that_is_lost_or_damaged_is_brought_again() {
    let (world, image) = World::with_image();
    world.pull("team/app:1").unwrap();
    let id = image::find(&world.store, &world.name("team/app:1"), None).unwrap();
    let (blob, layer) = (manifest(&image).layers[0].digest, id.config.rootfs.diff_ids[0]);
    let times = |world: &World| world.asked()[&blob.to_string()];

    world.store.content().remove(&blob).unwrap();
    world.pull("team/app:1").unwrap();
    assert_eq!((times(&world), world.wrong("team/app:1")), (2, Vec::new()), "a lost blob is fetched");
    world.store.content().remove(&layer.0).unwrap();
    world.pull("team/app:1").unwrap();
    assert_eq!(
        (times(&world), world.store.layers().has(&layer).unwrap()),
        (2, true),
        "a lost layer is made of its blob"
    );

    world.store.content().remove(&layer.0).unwrap();
    let path = world.store.blob_path(&blob);
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    world.pull("team/app:1").unwrap();
    assert_eq!((times(&world), world.wrong("team/app:1")), (3, Vec::new()), "a damaged blob is fetched");
    assert!(world.store.layers().has(&layer).unwrap());
}

/// `team/multi:latest` with an image for each of two platforms, a statement about one, and a chart.
fn multi(world: &World) -> (Descriptor, [TestImage; 2]) {
    let images = [1, 2].map(|seed| compressed(&random_image(seed, 2), Format::Zstd));
    let statement = repacked(
        &random_image(3, 1),
        &|plain| ("application/vnd.in-toto+json".into(), plain.to_vec()),
        MediaType::OCI_MANIFEST,
    );
    for image in images.iter().chain([&statement]) {
        world.registry.put_image("team/multi", "part", image);
    }
    let entry = |image: &TestImage, platform: &str| Descriptor {
        platform: Some(platform.parse().unwrap()),
        ..image.descriptor.clone()
    };
    let entries = vec![
        entry(&images[0], &Platform::native().to_string()),
        entry(&images[1], "linux/s390x"),
        entry(&statement, "unknown/unknown"),
    ];
    let bytes = to_canonical_json(&Index::oci(entries)).unwrap();
    let descriptor = Descriptor::of(MediaType::OCI_INDEX, &bytes);
    world.registry.put_manifest("team/multi", "latest", &descriptor, bytes);
    (descriptor, images)
}

#[test]
fn a_whole_index_comes_with_everything_in_it() {
    let world = World::new();
    let (index, images) = multi(&world);
    let args = PullArgs { name: world.name("team/multi"), all_platforms: true, ..PullArgs::default() };
    world.pull_as(&args).unwrap();
    let tag = world.store.refs().get(&world.name("team/multi").parse().unwrap()).unwrap().unwrap();
    assert_eq!((tag.descriptor.digest, tag.descriptor.platform), (index.digest, None));
    for blob in images.iter().flat_map(|image| image.blobs.keys()) {
        assert!(world.store.content().has(blob).unwrap());
    }
    let listed = fs::read(world.store.root().join("index.json")).unwrap();
    let listed = Index::from_json(&listed).unwrap().manifests;
    assert!(listed.iter().all(|entry| entry.digest == index.digest) && !listed.is_empty(), "other tools see all of it");
    let found = |platform: &str| {
        image::find(&world.store, &world.name("team/multi"), Some(&platform.parse().unwrap()))
            .unwrap()
            .descriptor
            .digest
    };
    assert_eq!(found("linux/s390x"), images[1].descriptor.digest);
    assert_eq!(found(&Platform::native().to_string()), images[0].descriptor.digest);
}

#[test]
fn an_index_pinned_by_its_digest_gives_the_platforms_image() {
    let world = World::new();
    let (index, images) = multi(&world);
    let name = format!("team/multi@{}", index.digest);
    assert!(world.pull(&name).unwrap().contains(&format!("Digest: {}\n", index.digest)));
    assert_eq!(
        image::find(&world.store, &world.name(&name), None).unwrap().descriptor.digest,
        images[0].descriptor.digest
    );
    let pinned = format!("team/multi@{}", images[1].descriptor.digest);
    world.pull(&pinned).unwrap();
    assert_eq!(world.wrong(&pinned), Vec::<String>::new());
}

#[test]
fn a_tag_of_an_index_without_an_image_is_passed_over() {
    let world = World::new();
    let (index, _) = multi(&world);
    let statements = to_canonical_json(&Index::oci(Vec::new())).unwrap();
    let descriptor = Descriptor::of(MediaType::OCI_INDEX, &statements);
    let tag = format!("0-sha256-{}", index.digest.hex());
    world.registry.put_manifest("team/multi", &tag, &descriptor, statements);
    let args = PullArgs { name: world.name("team/multi"), all_tags: true, all_platforms: true, ..PullArgs::default() };
    let said = world.pull_as(&args).unwrap();
    assert!(said.contains(&format!("{tag}: Skipped: ")) && said.contains(&index.digest.to_string()), "{said}");
    assert_eq!(world.store.refs().list().unwrap().len(), 1);
}

#[test]
fn a_damaged_document_of_the_store_is_fetched_anew() {
    for document in ["manifest", "configuration"] {
        let (world, image) = World::with_image();
        world.pull("team/app:1").unwrap();
        let digest = if document == "manifest" { image.descriptor.digest } else { manifest(&image).config.digest };
        let path = world.store.blob_path(&digest);
        fs::remove_file(&path).unwrap();
        fs::write(&path, b"{}").unwrap();
        world.pull("team/app:1").unwrap();
        assert_eq!(world.wrong("team/app:1"), Vec::<String>::new(), "{document}");
    }
}

#[test]
fn all_tags_of_a_repository_are_pulled_page_by_page() {
    let world = World::new();
    for (seed, tag) in ["1", "1.1", "2", "3", "latest"].iter().enumerate() {
        world.registry.put_image("team/app", tag, &compressed(&random_image(seed as u64, 1), Format::Gzip));
    }
    let chart = repacked(
        &random_image(9, 1),
        &|plain| ("application/vnd.cncf.helm.chart.content.v1.tar+gzip".into(), plain.to_vec()),
        MediaType::OCI_MANIFEST,
    );
    world.registry.put_image("team/app", "chart", &chart);
    let args = |name: &str| PullArgs { name: world.name(name), all_tags: true, ..PullArgs::default() };
    let said = world.pull_as(&args("team/app")).unwrap();
    assert!(said.contains("chart: Skipped: image sha256:"), "{said}");
    let tags: Vec<String> = world.store.refs().list().unwrap().into_iter().map(|tag| tag.reference).collect();
    let expected = ["1", "1.1", "2", "3", "latest"].map(|tag| world.name(&format!("team/app:{tag}")));
    assert_eq!(tags, expected);
    let error = world.pull_as(&args("team/app:1")).unwrap_err().to_string();
    assert!(error.contains("--all-tags"), "{error}");
    let error = world.pull_as(&args("team/none")).unwrap_err().to_string();
    assert!(error.contains("team/none"), "{error}");
}

#[test]
fn dockers_media_types_and_layers_that_occur_twice_are_understood() {
    let world = World::new();
    let kinds = [MediaType::DOCKER_LAYER, MediaType::DOCKER_LAYER_GZIP, MediaType::DOCKER_LAYER_ZSTD];
    for (tag, (kind, format)) in kinds.into_iter().zip([None, Some(Format::Gzip), Some(Format::Zstd)]).enumerate() {
        let mut plain = random_image(20 + tag as u64, 2);
        twice(&mut plain);
        let pack = |bytes: &[u8]| {
            let codec = |format| rbuild_store::layer::Codec::new(format, None).unwrap();
            let mut out = Vec::new();
            match format {
                None => out.extend_from_slice(bytes),
                Some(format) => {
                    rbuild_store::layer::compress(&mut &*bytes, codec(format), &mut out, &Cancel::new()).unwrap();
                }
            }
            (kind.into(), out)
        };
        let image = repacked(&plain, &pack, MediaType::DOCKER_MANIFEST);
        let name = format!("team/docker:{tag}");
        world.registry.put_image("team/docker", &tag.to_string(), &image);
        world.pull(&name).unwrap();
        assert_eq!(world.wrong(&name), Vec::<String>::new());
        assert!(layers(&image).iter().all(|layer| world.asked()[layer] == 1), "{:?}", world.asked());
    }
}

/// The first layer once more on top.
fn twice(image: &mut TestImage) {
    let mut manifest = manifest(image);
    let mut config = rbuild_oci::ImageConfig::from_json(&image.blobs[&manifest.config.digest]).unwrap();
    config.rootfs.diff_ids.push(config.rootfs.diff_ids[0]);
    config.history.push(config.history[0].clone());
    manifest.layers.push(manifest.layers[0].clone());
    let bytes = to_canonical_json(&config).unwrap();
    manifest.config = Descriptor::of(MediaType::OCI_CONFIG, &bytes);
    image.blobs.insert(manifest.config.digest, bytes);
    let bytes = to_canonical_json(&manifest).unwrap();
    image.descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &bytes);
    image.blobs.insert(image.descriptor.digest, bytes);
}
