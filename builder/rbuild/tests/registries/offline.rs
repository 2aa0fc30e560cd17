//! `--offline`: nobody is asked, and what is here goes on.

use crate::world::{World, registry};
use rbuild_oci::testing::random_image;

#[test]
fn what_is_not_here_is_an_error_that_says_what_would_bring_it() {
    let (world, registry) = (World::new(), registry());
    let name = format!("{}/library/app:1", registry.host());
    world.write("context/Dockerfile", &format!("FROM {name}\n"));
    world.write("url/Dockerfile", "FROM scratch\nADD http://h.invalid/x /\n");
    for args in
        [vec!["--offline", "pull", &name], vec!["build", "--offline", "context"], vec!["create", "--offline", &name]]
    {
        let error = world.rbuild(&args).err;
        assert!(
            error.contains("offline") && error.contains(&name) && error.contains("rbuild load"),
            "{args:?}: {error}"
        );
    }
    let error = world.rbuild(&["build", "--offline", "url"]).bad(1);
    assert!(error.contains("http://h.invalid/x is not in the store") && error.contains("--offline"), "{error}");
    let error = world.rbuild(&["build", "--offline", "https://h.invalid/r.git"]).bad(1);
    assert!(error.contains("offline") && error.contains("h.invalid/r.git"), "{error}");
    let error = world.rbuild(&["--offline", "build", "--pull", "context"]).bad(2);
    assert!(error.contains("--pull") && error.contains("--offline"), "{error}");
    assert!(registry.seen().is_empty());
}

#[test]
fn what_a_build_took_is_enough_for_the_next() {
    let (world, registry) = (World::new(), registry());
    let name = format!("{}/library/app:1", registry.host());
    world.write("context/Dockerfile", &format!("FROM {name}\nLABEL a=b\n"));
    world.rbuild(&["build", "-t", "mine", "context"]).good();
    let id = world.rbuild(&["images", "-q", "--no-trunc"]).good();
    drop(registry);
    world.rbuild(&["--offline", "build", "-t", "mine", "context"]).good();
    assert_eq!(world.rbuild(&["images", "-q", "--no-trunc"]).good(), id);
    world.write("context/Dockerfile", &format!("FROM {name}\nLABEL a=c\nWORKDIR /new\n"));
    world.rbuild(&["--offline", "build", "context"]).good();
    assert!(world.rbuild(&["--offline", "graph", "context"]).good().contains("app:1"));
    let error = world.rbuild(&["--offline", "build", "--platform", "linux/s390x", "context"]).bad(1);
    assert!(error.contains("offline"), "{error}");
    let error = world.rbuild(&["build", "context"]).bad(1);
    assert!(error.contains("cannot reach"), "{error}");
}

#[test]
fn what_is_here_goes_on_by_name_and_by_digest() {
    let (world, registry) = (World::new(), registry());
    let (host, image) = (registry.host().to_owned(), random_image(7, 2));
    let name = format!("{host}/library/app:1");
    world.rbuild(&["pull", &name]).good();
    drop(registry);
    let world = world.with("RBUILD_OFFLINE", "1");
    for from in [name.clone(), format!("{host}/library/app@{}", image.descriptor.digest)] {
        world.write("context/Dockerfile", &format!("FROM {from}\nLABEL a=b\n"));
        world.rbuild(&["build", "-t", "mine", "context"]).good();
        world.rbuild(&["create", &from, "true"]).good();
    }
    let error = world.rbuild(&["pull", &name]).bad(1);
    assert!(error.contains("offline"), "{error}");
    let on = world.with("RBUILD_OFFLINE", "0");
    let error = on.rbuild(&["pull", &name]).bad(1);
    assert!(error.contains("cannot reach"), "{error}");
}
