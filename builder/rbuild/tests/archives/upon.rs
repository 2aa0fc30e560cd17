//! What is built upon an image from elsewhere leaves with that image's blobs, as they were.

use crate::world::{World, compressed};
use rbuild_oci::testing::random_image;
use rbuild_oci::{Digest, Manifest, MediaType};
use rbuild_registry::testing::Registry;
use rbuild_store::layer::Format;
use std::fs;

/// What the registry has under a digest that a push said.
fn pushed(registry: &Registry, repository: &str, said: &str) -> Manifest {
    let line = said.lines().find_map(|line| line.split_once(": digest: ")).unwrap().1;
    let digest: Digest = line.split(' ').next().unwrap().parse().unwrap();
    Manifest::from_json(&registry.get(repository, &digest).unwrap()).unwrap()
}

#[test]
fn the_layers_of_a_base_that_was_pulled_are_sent_as_they_came() {
    let registry = Registry::start().unwrap();
    // Not as rbuild would compress them.
    let base = compressed(&random_image(40, 2), Format::Zstd);
    let own = Manifest::from_json(&base.blobs[&base.descriptor.digest]).unwrap();
    registry.put_image("me/base", "1", &base);
    let world = World::new();
    let [from, to, other] = ["base", "app", "other"].map(|name| format!("{}/me/{name}:1", registry.host()));
    world.done(&["pull", "-q", &from]);
    fs::create_dir(world.path("context")).unwrap();
    fs::write(world.path("context/Dockerfile"), format!("FROM {from}\nCOPY Dockerfile /\n")).unwrap();
    world.done(&["build", "-q", "-t", &to, "context"]);

    let said = world.done(&["push", &to]);
    let manifest = pushed(&registry, "me/app", &said);
    assert_eq!(manifest.layers[..2], own.layers[..]);
    assert_eq!(manifest.layers[2].media_type.as_str(), MediaType::OCI_LAYER_GZIP);
    assert_eq!(said.matches("Mounted from me/base").count(), 2, "{said}");
    world.check();

    // Another format is had where it is insisted on, or where the blob went away.
    let said = world.done(&["push", "--compression", "gzip", "--force-compression", &to]);
    let forced = pushed(&registry, "me/app", &said);
    assert!(forced.layers.iter().all(|layer| layer.media_type.as_str() == MediaType::OCI_LAYER_GZIP));
    fs::remove_file(world.store().blob_path(&own.layers[0].digest)).unwrap();
    world.done(&["tag", &to, &other]);
    let manifest = pushed(&registry, "me/other", &world.done(&["push", &other]));
    assert_eq!((&manifest.layers[0], &manifest.layers[1]), (&forced.layers[0], &own.layers[1]));
}
