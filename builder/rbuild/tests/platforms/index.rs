//! Several platforms in one build: what is done once, what comes out, and the verbs that meet it.

use crate::common::fsck;
use crate::world::{World, platform};
use rbuild_oci::Platform;
use serde_json::Value;
use std::fs;

const DOCKERFILE: &str = "FROM --platform=$BUILDPLATFORM busybox AS build\nRUN echo made > /made\nFROM busybox\n\
                          ARG TARGETPLATFORM\nCOPY --from=build /made /made\nCOPY f /f\nENV TARGET=$TARGETPLATFORM\n\
                          CMD [\"cat\", \"/arch\"]\n";

const ALL: [&str; 4] = ["--platform", "linux/arm64,linux/amd64", "--platform", "linux/arm/v7,arm64"];

fn world() -> World {
    World::new(&[("Dockerfile", DOCKERFILE), ("f", "x")])
}

fn platforms(index: &rbuild_oci::Index) -> Vec<String> {
    index.manifests.iter().map(|manifest| manifest.platform.as_ref().unwrap().to_string()).collect()
}

#[test]
fn one_build_gives_one_index_and_does_native_stages_once() {
    let world = world();
    let built = world.build(&[&ALL[..], &["-t", "app", "--iidfile", "id"]].concat());
    let made: Vec<String> =
        built.started().into_iter().filter(|line| line.ends_with("RUN echo made > /made")).collect();
    assert_eq!(made.len(), 1, "{made:?}");
    let index = world.index("store");
    assert_eq!(platforms(&index), ["linux/arm64", "linux/amd64", "linux/arm/v7"], "each once, in the order given");
    for manifest in &index.manifests {
        let config = world.document("store", &manifest.digest)["config"]["digest"].clone();
        let config = world.document("store", &config.as_str().unwrap().parse().unwrap());
        let wanted = manifest.platform.as_ref().unwrap();
        assert_eq!(
            (config["os"].as_str(), config["architecture"].as_str()),
            (Some("linux"), Some(&*wanted.architecture))
        );
        let target = format!("TARGET={wanted}");
        assert!(config["config"]["Env"].as_array().unwrap().contains(&Value::from(target)), "{config}");
    }
    let bytes = fs::read(world.path("store/index.json")).unwrap();
    let again = world.build(&[&ALL[..], &["-t", "app", "--iidfile", "id2"]].concat());
    assert_eq!((again.started(), world.text("id")), (Vec::new(), world.text("id2")));
    assert_eq!(fs::read(world.path("store/index.json")).unwrap(), bytes);
    assert_eq!(fsck::check(&world.path("store")).tags, 1);
    world.print(&["tag", "app", "other"]);
    world.print(&["rmi", "app"]);
    assert_eq!(platforms(&world.index("store")).len(), 3, "the other name has all of them");
}

#[test]
fn verbs_take_the_platform_that_is_meant() {
    let world = world();
    world.build(&[&ALL[..], &["-t", "app"]].concat());
    assert_eq!(world.print(&["images", "--format", "{{.Repository}}:{{.Tag}}"]), "app:latest\n");
    let tree = world.print(&["images", "--tree"]);
    for name in ["linux/arm64", "linux/amd64", "linux/arm/v7"] {
        assert!(tree.contains(&format!("app:latest ({name})")), "{tree}");
        let of = |args: &[&str]| world.print(&[args, &["--platform", name, "app"]].concat());
        let wanted = platform(name);
        assert_eq!(of(&["inspect", "-f", "{{.Architecture}}"]), format!("{}\n", wanted.architecture));
        assert!(of(&["history", "--no-trunc"]).contains(&format!("ENV TARGET={name}")));
    }
    if Platform::native() == platform("linux/amd64") {
        assert_eq!(world.print(&["run", "--rm", "app"]), "linux/amd64");
        assert_eq!(world.print(&["run", "--rm", "--platform", "linux/amd64", "app"]), "linux/amd64");
    }
    let missing =
        world.run(crate::world::Emulators::Machine, &["run", "--pull", "never", "--platform", "s390x", "app"]);
    assert!(missing.err.contains("linux/s390x") && missing.err.contains("linux/arm/v7"), "{}", missing.err);
}

#[test]
fn each_output_has_its_way_with_several() {
    let world = world();
    let outputs = ["-o", "type=oci,dest=oci,tar=false", "-o", "type=local,dest=out", "-o", "type=tar,dest=out.tar"];
    world.build(&[&ALL[..], &outputs, &["-t", "app", "--metadata-file", "metadata.json"]].concat());
    assert_eq!(platforms(&world.index("oci")), ["linux/arm64", "linux/amd64", "linux/arm/v7"]);
    for name in ["linux_arm64", "linux_amd64", "linux_arm_v7"] {
        assert_eq!(world.text(&format!("out/{name}/arch")).replace('/', "_"), name);
    }
    let list = std::process::Command::new("tar").arg("-tf").arg(world.path("out.tar")).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.lines().any(|line| line == "linux_arm_v7/f"), "{list}");
    let metadata: Value = serde_json::from_str(&world.text("metadata.json")).unwrap();
    let entry: Value = serde_json::from_str(&world.text("oci/index.json")).unwrap();
    assert_eq!(metadata["containerimage.digest"], entry["manifests"][0]["digest"]);
    assert_eq!(metadata["image.name"], "docker.io/library/app:latest");
    assert_eq!(metadata.get("containerimage.config.digest"), None);

    let refuse = |output: &str, expected: &str| {
        let said = world.attempt(crate::world::Emulators::Machine, &[&ALL[..], &["-o", output]].concat());
        assert!(said.err.contains(expected), "{}", said.err);
        said.code
    };
    assert_eq!(refuse("type=docker,dest=x.tar", "type=docker holds one platform"), Some(2));
    assert_eq!(refuse("type=local,dest=flat,platform-split=false", "several platforms have /arch"), Some(2));
    assert!(!world.path("x.tar").exists() && !world.path("flat").exists());
}

#[test]
fn platforms_without_a_file_in_common_may_share_a_directory() {
    let dockerfile = "FROM scratch\nARG TARGETARCH\nCOPY f /bin/$TARGETARCH\n";
    let world = World::new(&[("Dockerfile", dockerfile), ("f", "x")]);
    world.build(&["--platform", "linux/amd64,linux/arm64", "-o", "type=local,dest=out,platform-split=false"]);
    assert_eq!((world.text("out/bin/amd64"), world.text("out/bin/arm64")), ("x".to_owned(), "x".to_owned()));
    world.build(&["--platform", "linux/arm64", "-o", "type=local,dest=one,platform-split=true"]);
    assert_eq!(world.text("one/linux_arm64/bin/arm64"), "x");
}

#[test]
fn one_platform_is_an_index_where_that_is_asked_for() {
    let world = world();
    let arguments = ["--build-arg", "BUILDKIT_MULTI_PLATFORM=1", "--platform", "linux/arm64", "-t", "app"];
    let outputs = ["-o", "type=oci,dest=oci,tar=false", "-o", "out"];
    world.build(&[&arguments[..], &outputs].concat());
    assert_eq!(platforms(&world.index("oci")), ["linux/arm64"]);
    assert_eq!(platforms(&world.index("store")), ["linux/arm64"]);
    assert_eq!(world.text("out/linux_arm64/f"), "x");
}

#[test]
fn a_base_of_a_lower_level_serves() {
    let world = World::new(&[("Dockerfile", "FROM busybox\nCOPY f /f\n"), ("f", "x")]);
    world.build(&["--platform", "linux/amd64/v2,linux/arm/v8", "-t", "app", "-o", "out"]);
    assert_eq!(platforms(&world.index("store")), ["linux/amd64/v2", "linux/arm/v8"]);
    assert_eq!(world.text("out/linux_amd64_v2/arch"), "linux/amd64");
    assert_eq!(world.text("out/linux_arm_v8/arch"), "linux/arm/v7");
}

#[test]
fn annotations_go_where_they_are_sent() {
    let world = world();
    let arguments = [
        "--annotation=a=all",
        "--annotation=index:b=index",
        "--annotation=manifest[linux/arm64]:c=arm",
        "--annotation=manifest-descriptor:d=entry",
        "--annotation=index-descriptor:e=top",
        "-o",
        "type=oci,dest=oci,tar=false,annotation.f=here,annotation-index.b=other",
    ];
    world.build(&[&ALL[..], &arguments, &["-t", "app"]].concat());
    for (layout, index_note, own) in [("store", "index", None), ("oci", "other", Some("here"))] {
        let index = world.index(layout);
        assert_eq!(index.annotations["b"], index_note, "{layout}");
        for entry in &index.manifests {
            assert_eq!(entry.annotations["d"], "entry");
            let notes = world.document(layout, &entry.digest)["annotations"].clone();
            let is_arm = *entry.platform.as_ref().unwrap() == platform("linux/arm64");
            assert_eq!(notes["a"], "all");
            assert_eq!((notes["c"].as_str(), notes["f"].as_str()), (is_arm.then_some("arm"), own));
        }
        let top: Value = serde_json::from_str(&world.text(&format!("{layout}/index.json"))).unwrap();
        assert_eq!(top["manifests"][0]["annotations"]["e"], "top");
    }
    let machine = crate::world::Emulators::Machine;
    let said = world.attempt(machine, &["--annotation=index:a=b"]);
    assert!(said.code == Some(2) && said.err.contains("no index"), "{}", said.err);
    let said = world.attempt(machine, &["--annotation=manifest[linux/s390x]:a=b"]);
    assert!(said.code == Some(2) && said.err.contains("not for linux/s390x"), "{}", said.err);
}
