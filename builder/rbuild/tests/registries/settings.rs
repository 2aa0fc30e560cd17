//! One file of settings for all commands, read only by those that ask a registry.

use crate::server::{Debian, MUTUAL_TLS};
use crate::world::{World, quoted, registry};

#[test]
fn a_mirror_serves_every_command() {
    let (world, registry) = (World::new(), registry());
    let mirror = format!("http://{}", registry.host());
    world.settings(&format!(r#"{{"registries": {{"docker.io": {{"mirrors": ["{mirror}"], "fallback": false}}}}}}"#));
    assert!(world.rbuild(&["pull", "app:1"]).good().contains("Downloaded newer image for app:1"));
    let other = World::new();
    other.write(
        ".config/rbuild/config.json",
        &std::fs::read_to_string(world.path(".config/rbuild/config.json")).unwrap(),
    );
    other.write("context/Dockerfile", "FROM app:1\nLABEL a=b\n");
    other.rbuild(&["build", "-t", "mine", "context"]).good();
    let pulls = registry.seen().iter().filter(|seen| seen.path.ends_with("/manifests/1")).count();
    assert_eq!(pulls, 2);
}

#[test]
fn who_asks_no_registry_reads_no_settings() {
    let (world, registry) = (World::new(), registry());
    let name = format!("{}/library/app:1", registry.host());
    world.rbuild(&["pull", &name]).good();
    let broken = world.settings(r#"{"registries": {"docker.io": {"mirors": []}}}"#);
    world.write("context/Dockerfile", &format!("FROM {name}\nLABEL a=b\n"));
    world.rbuild(&["build", "-t", "mine", "context"]).good();
    world.rbuild(&["images"]).good();
    world.rbuild(&["create", "mine", "true"]).good();
    let error = world.rbuild(&["pull", "app"]).bad(1);
    assert!(error.contains("mirors") && error.contains(&broken.display().to_string()), "{error}");
    assert!(error.contains("did you mean mirrors?") && error.contains("line 1"), "{error}");
}

#[test]
fn a_named_file_of_settings_is_the_only_one() {
    let (world, registry) = (World::new(), registry());
    world.settings("broken");
    let named = world.write(
        "named.json",
        &format!(r#"{{"registries": {{"docker.io": {{"mirrors": ["http://{}"]}}}}}}"#, registry.host()),
    );
    let world = world.with("RBUILD_CONFIG", named.display().to_string());
    world.rbuild(&["pull", "app:1"]).good();
    std::fs::remove_file(&named).unwrap();
    let error = world.rbuild(&["pull", "app:1"]).bad(1);
    assert!(error.contains("named.json") && error.contains("No such file"), "{error}");
}

#[test]
fn certificates_are_taken_from_dockers_folder_and_from_settings() {
    let (Some(registry), world) = (Debian::start(MUTUAL_TLS), World::new()) else { return };
    let (host, image) = (&registry.host, rbuild_oci::testing::random_image(3, 1));
    registry.layout("layout", "v1", &image);
    let (cert, key) = (registry.file("client.pem"), registry.file("client.key"));
    std::fs::create_dir(registry.file("certs")).unwrap();
    for (from, to) in [("ca.pem", "ca.crt"), ("client.pem", "me.cert"), ("client.key", "me.key")] {
        std::fs::copy(registry.file(from), registry.file("certs").join(to)).unwrap();
    }
    registry.skopeo(&["copy", "--dest-cert-dir=certs", "oci:layout:v1", &format!("docker://{host}/team/app:v1")]);
    let name = format!("{host}/team/app:v1");
    assert!(world.rbuild(&["pull", &name]).code == 1, "without a certificate nobody is let in");
    let set = |more: &str| {
        world.settings(&format!(
            r#"{{"registries": {{"{host}": {{"ca": {}{more}}}}}}}"#,
            quoted(registry.file("ca.pem"))
        ))
    };
    set(&format!(r#", "cert": {}, "key": {}"#, quoted(cert), quoted(key)));
    world.rbuild(&["pull", &name]).good();
    set("");
    let other = world.with("RBUILD_ROOT", registry.file("store").display().to_string());
    assert!(other.rbuild(&["pull", &name]).code == 1);
    std::fs::create_dir_all(other.path(".docker/certs.d")).unwrap();
    std::fs::rename(registry.file("certs"), other.path(".docker/certs.d").join(host)).unwrap();
    other.rbuild(&["pull", &name]).good();
}
