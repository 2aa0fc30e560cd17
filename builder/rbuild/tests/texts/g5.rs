//! G5: the layout on the disk, and the commands.

use crate::reader::Reader;
use std::fs;

#[test]
fn the_layout_on_the_disk() {
    let reader = Reader::with_alpine();
    reader.sees("docker volume create data_volume && docker run --name hi alpine touch /file");
    // The texts: /var/lib/docker with overlay2 or aufs, containers, image, volumes. Truth: it is `image`, not `images`.
    let layout = reader.sees("docker info --layout");
    for (bucket, what) in [
        ("snapshots.v1", "unpacked layers"),
        ("containers.v1", "containers"),
        ("blobs/sha256", "manifests, configurations and layers by digest"),
        ("volumes.v1", "volumes"),
    ] {
        let path = reader.store(bucket);
        let line = layout.lines().find(|line| line.starts_with(&format!("{} ", path.display()))).expect(bucket);
        assert!(path.is_dir() && line.ends_with(what), "{line}");
        let columns: Vec<&str> = line.split_whitespace().collect();
        assert!(columns[1].parse::<u64>().unwrap() > 0, "{line}");
        assert!(columns[2].ends_with('B') && columns[2] != "0B", "{line}");
    }
    let driver = reader.word("docker info -f '{{.Driver}}'");
    assert!(reader.store("snapshots.v1").join(driver).is_dir());
    assert_eq!(reader.word("docker info -f '{{.RootDir}}'"), reader.path("store").to_str().unwrap());
}

#[test]
fn the_root_of_an_ordinary_user_is_below_its_home() {
    let reader = Reader::new();
    if rustix::process::geteuid().is_root() {
        return crate::common::skip("the place of an ordinary user's store: tests run as root");
    }
    let home = reader.path("home");
    fs::create_dir(&home).unwrap();
    let line = format!("unset RBUILD_ROOT; export XDG_DATA_HOME={}; docker info -f '{{{{.RootDir}}}}'", home.display());
    assert_eq!(reader.word(&line), home.join("rbuild").to_str().unwrap());
}

#[test]
fn the_commands() {
    let reader = Reader::new();
    let texts = "build run create rm commit diff history inspect";
    // What a reader needs around them.
    let more =
        "ps start stop kill exec attach logs wait cp export rename pause unpause images rmi pull load import tag info";
    for verb in texts.split(' ').chain(more.split(' ')) {
        let said = reader.sees(&format!("docker {verb} --help"));
        assert!(said.contains("Usage:"), "{verb}: {said}");
    }
    for verb in ["create", "ls", "inspect", "rm", "prune"] {
        assert!(reader.sees(&format!("docker volume {verb} --help")).contains("Usage:"), "volume {verb}");
    }
}

#[test]
fn rm_and_names() {
    let reader = Reader::with_alpine();
    reader.sees("docker run --name hi alpine true");
    assert!(reader.is_refused("docker run --name hi alpine true").contains("hi"));
    let table = reader.sees("docker ps -a");
    assert!(table.starts_with("CONTAINER ID   IMAGE     COMMAND   CREATED"), "{table}");
    assert!(table.lines().nth(1).unwrap().ends_with("hi"), "{table}");
    assert_eq!(reader.sees("docker rm hi"), "hi\n");
    assert_eq!(reader.sees("docker ps -aq"), "");
    reader.sees("docker run --name hi alpine true");
}
