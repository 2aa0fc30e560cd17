//! Images whose layers are far away, after their build: what else is done with them.

use crate::world::World;

const DOCKERFILE: &str = "FROM BASE\nENV a=b\nCOPY --link a /a\n";

/// A store `b` with an image that was pushed and of whose base no layer is here; its name.
fn pushed(world: &World) -> String {
    let name = world.name("team/app:1");
    world.build("b", DOCKERFILE, &["--push", "-t", &name]);
    name
}

#[test]
fn a_pushed_image_runs_saves_and_is_listed() {
    let world = World::new();
    let (before, name) = (world.requests(), pushed(&world));
    for words in [&["history", &name][..], &["inspect", &name], &["images"], &["system", "df", "-v"]] {
        world.rbuild("b", words).good();
    }
    assert_eq!((world.layer_gets(before).len(), world.listed("b")), (0, 0));
    let archive = world.root("saved.tar");
    world.rbuild("b", &["save", "-o", archive.to_str().unwrap(), &name]).good();
    world.rbuild("c", &["load", "-i", archive.to_str().unwrap()]).good();
    assert_eq!(world.rbuild("c", &["--offline", "run", "--rm", &name]).good(), "1\n2\n");
    assert_eq!(world.rbuild("b", &["run", "--rm", &name]).good(), "1\n2\n");
    assert_eq!(world.rbuild("b", &["--offline", "run", "--rm", &name]).good(), "1\n2\n");
}

#[test]
fn a_pushed_image_goes_to_another_name_as_it_went_to_the_first() {
    let world = World::new();
    let (before, name) = (world.requests(), pushed(&world));
    let other = world.name("other/app:2");
    world.rbuild("b", &["tag", &name, &other]).good();
    world.rbuild("b", &["push", &other]).good();
    assert_eq!(world.layers_of("other/app:2"), world.layers_of("team/app:1"));
    let most = world.layer_gets(before).into_values().max().unwrap_or_default();
    assert!(most <= 1, "{most}");
}

#[test]
fn a_layer_whose_registry_is_gone_is_named_with_a_way_out() {
    let mut world = World::new();
    let name = pushed(&world);
    world.vanish();
    for words in [&["run", "--rm", &name][..], &["--offline", "run", "--rm", &name]] {
        let came = world.rbuild("b", words);
        let place = name.replace("team/app:1", "team/base");
        assert!(came.code != 0 && came.err.contains("layer sha256:") && came.err.contains(&place), "{came:?}");
        assert!(came.err.contains("hint"), "{came:?}");
    }
    let context = world.context("FROM BASE\nRUN true\n");
    let came = world.rbuild("b", &["--offline", "build", "-t", "x", context.path().to_str().unwrap()]);
    assert!(came.code == 1 && came.err.contains("layer sha256:"), "{came:?}");
}

#[test]
fn what_nobody_needs_any_more_goes_with_its_notes() {
    let world = World::new();
    let name = pushed(&world);
    let notes = || {
        let list = std::fs::read_dir(world.root("b").join("encoded.v1")).unwrap();
        list.filter(|entry| entry.as_ref().unwrap().path().to_str().unwrap().ends_with(".far.json")).count()
    };
    assert_eq!(notes(), 3);
    world.rbuild("b", &["builder", "prune", "-af"]).good();
    assert_eq!(notes(), 3, "the image needs them");
    assert_eq!(world.rbuild("b", &["run", "--rm", &name]).good(), "1\n2\n");
    world.rbuild("b", &["rmi", &name]).good();
    world.rbuild("b", &["system", "prune", "-af"]).good();
    assert_eq!(notes(), 0);
}
