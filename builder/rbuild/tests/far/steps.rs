//! Which steps of a build bring layers of the base image, and which bring none.

use crate::world::{BASE, World};

#[test]
fn what_only_changes_the_configuration_brings_no_layer() {
    let world = World::new();
    let (name, before) = (world.name("team/app:1"), world.requests());
    let said = world.build("b", "FROM BASE\nENV a=b\nLABEL c=d\n", &["--push", "-t", &name]);
    assert_eq!(world.layer_gets(before).len(), 0, "{said}");
    assert_eq!(world.layers_of("team/app:1"), world.layers_of(BASE));
    let again = world.build("b", "FROM BASE\nENV a=b\nLABEL c=d\n", &["--push", "-t", &name]);
    assert_eq!(world.layer_gets(before).len(), 0, "{again}");
}

#[test]
fn a_copy_that_is_linked_reads_nothing_below_it_and_another_one_all_once() {
    let world = World::new();
    let (name, before) = (world.name("team/app:1"), world.requests());
    world.build("b", "FROM BASE\nCOPY --link a /a\n", &["--push", "-t", &name]);
    assert_eq!(world.layer_gets(before).len(), 0);
    assert!(world.layers_of("team/app:1").is_superset(&world.layers_of(BASE)));
    let said = world.build("b", "FROM BASE\nCOPY a /a\n", &["--push", "-t", &name, "--progress", "plain"]);
    assert_eq!(world.layer_gets(before).into_values().collect::<Vec<_>>(), [1, 1, 1], "{said}");
    let before = world.requests();
    world.build("b", "FROM BASE\nCOPY a /b\nCOPY --from=BASE /one /c\n", &["-o", "type=cacheonly"]);
    assert_eq!(world.layer_gets(before).len(), 0);
}

#[test]
fn a_copy_that_is_cached_brings_nothing() {
    let world = World::new();
    let name = world.name("team/app:1");
    let dockerfile = "FROM BASE\nCOPY a /a\nRUN cat /a /one > /out\n";
    world.build("b", dockerfile, &["--push", "-t", &name]);
    world.rbuild("b", &["rmi", &world.name(BASE)]);
    let before = world.requests();
    let said = world.build("b", dockerfile, &["--push", "-t", &name]);
    assert!(world.layer_gets(before).is_empty() && said.matches("CACHED").count() == 3, "{said}");
}

#[test]
fn a_run_brings_all_layers_once_and_two_builds_at_once_too() {
    let world = World::new();
    let before = world.requests();
    let builds: Vec<_> = ["RUN cat /one /two > /three", "RUN cat /two > /four"]
        .map(|run| {
            let context = world.context(&format!("FROM BASE\n{run}\n"));
            let words = ["build", "-o", "type=cacheonly", context.path().to_str().unwrap()];
            (world.command("b", &words).spawn().unwrap(), context)
        })
        .into_iter()
        .map(|(child, _context)| child.wait_with_output().unwrap())
        .collect();
    assert!(builds.iter().all(|output| output.status.success()), "{builds:?}");
    let gets = world.layer_gets(before);
    assert!(gets.len() == 3 && gets.values().all(|count| *count <= 2), "{gets:?}");
    let before = world.requests();
    world.build("b", "FROM BASE\nRUN cat /one > /five\n", &["-o", "type=cacheonly"]);
    assert!(world.layer_gets(before).is_empty());
}

#[test]
fn layers_of_the_base_go_out_as_they_came_where_they_are_there() {
    let world = World::new();
    let name = world.name("team/app:1");
    world.build("b", "FROM BASE\nRUN cat /one > /out\n", &["--push", "-t", &name]);
    assert!(world.layers_of("team/app:1").is_superset(&world.layers_of(BASE)));
    let elsewhere = World::new();
    let name = elsewhere.name("team/app:1");
    world.build("b", "FROM BASE\nRUN cat /one > /out\n", &["--push", "-t", &name]);
    assert_eq!(elsewhere.layers_of("team/app:1").len(), 4);
    elsewhere.rbuild("c", &["run", "--rm", &name]).good();
}

#[test]
fn a_local_name_stands_for_an_image_that_is_whole() {
    let mut world = World::new();
    let before = world.requests();
    world.build("b", "FROM BASE\nENV a=b\n", &["-t", "app"]);
    assert_eq!(world.layer_gets(before).into_values().collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(world.listed("b"), 2);
    world.vanish();
    let out = world.rbuild("b", &["--offline", "run", "--rm", "app"]).good();
    assert_eq!(out, "1\n2\n");
    world.build("b", "FROM BASE\nENV a=c\n", &["--quiet", "--offline", "-t", "other"]);
}
