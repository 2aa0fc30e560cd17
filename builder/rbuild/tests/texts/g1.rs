//! G1: build, layers, cache.

use crate::images::DOCKERFILE;
use crate::reader::{Reader, rows};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const BUILD: &str = "docker build Dockerfile -t mmumshad/my-custom-app";
const BUILD2: &str = "docker build Dockerfile2 -t mmumshad/my-custom-app-2";

/// The steps that a log tells of as found, and those as done.
fn cached_and_done(log: &str) -> (Vec<String>, Vec<String>) {
    let name = |number: &str| {
        let line = log.lines().find(|line| line.starts_with(&format!("{number} ["))).unwrap();
        line.split_once("] ").unwrap().1.to_owned()
    };
    let ending = |word: &str| {
        let lines = log.lines().filter_map(|line| line.split_once(' ').filter(|(_, rest)| rest.starts_with(word)));
        lines.map(|(number, _)| name(number)).collect()
    };
    (ending("CACHED"), ending("DONE"))
}

fn layers(reader: &Reader, image: &str) -> Vec<String> {
    let json = reader.sees(&format!("docker inspect --format '{{{{json .RootFS.Layers}}}}' {image}"));
    serde_json::from_str(&json).unwrap()
}

#[test]
fn row_01_an_image_is_read_only_layers_one_an_instruction() {
    let reader = Reader::with_applications();
    reader.builds(BUILD);
    // Truth: ENTRYPOINT changes no file, so it is a line of the history and no layer.
    assert_eq!(layers(&reader, "mmumshad/my-custom-app").len(), 4);
    let config = reader.inspects("docker inspect mmumshad/my-custom-app");
    assert_eq!(config["RootFS"]["Type"], "layers");
    let blobs = reader.blobs();
    for layer in layers(&reader, "mmumshad/my-custom-app") {
        let name = layer.strip_prefix("sha256:").unwrap();
        assert!(blobs.iter().any(|blob| blob == name), "{layer}");
        let mode = fs::metadata(reader.store("blobs/sha256").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o222, 0, "a layer can be written to: {mode:o}");
    }
    // Each layer holds only what its instruction changed.
    let [_, _, pip, source] = &layers(&reader, "mmumshad/my-custom-app")[..] else { panic!("four layers") };
    let list = |layer: &str| {
        let path = reader.store("blobs/sha256").join(layer.strip_prefix("sha256:").unwrap());
        reader.sees(&format!("tar -tf {}", path.display()))
    };
    assert_eq!(list(pip), "usr/\nusr/bin/\nusr/bin/flask\nusr/lib/\nusr/lib/python/\nusr/lib/python/flask\n");
    assert_eq!(list(source), "opt/\nopt/source-code/\nopt/source-code/app.py\n");
    reader.sees("docker run --rm mmumshad/my-custom-app");
    assert_eq!(reader.blobs(), blobs, "to run an image leaves it as it is");
}

#[test]
fn row_02_a_file_as_the_context() {
    let reader = Reader::with_applications();
    // Truth: docker refuses a file as the context. The texts mean it as -f.
    for (line, app) in [(BUILD, "app.py"), (BUILD2, "app2.py")] {
        let log = reader.builds(line);
        let notice = log.lines().filter(|line| line.contains("Dockerfile") && line.contains("context")).count();
        assert_eq!(notice, 1, "{log}");
        let image = line.rsplit(' ').next().unwrap();
        let said = reader.sees(&format!("docker run --rm {image}"));
        assert_eq!(said, format!(" * Serving Flask app '/opt/source-code/{app}'\n"));
    }
}

#[test]
fn row_03_the_example_application() {
    let reader = Reader::with_applications();
    reader.builds(BUILD);
    let config = reader.inspects("docker inspect mmumshad/my-custom-app");
    let entrypoint = serde_json::json!(["/bin/sh", "-c", "FLASK_APP=/opt/source-code/app.py flask run"]);
    assert_eq!(config["Config"]["Entrypoint"], entrypoint);
    // Text 004 writes `From Ubuntu`. Truth: docker refuses a name with capitals; here it is taken as ubuntu, with a warning.
    reader.write(&[("Dockerfile3", &DOCKERFILE.replace("FROM ubuntu", "From Ubuntu"))]);
    let log = reader.builds("docker build -f Dockerfile3 -t app3 .");
    let (cached, _) = cached_and_done(&log);
    assert_eq!(cached.len(), 3, "{log}");
    for rule in ["JSONArgsRecommended", "ConsistentInstructionCasing", "ImageNameCasing"] {
        assert!(log.contains(rule), "{rule}: {log}");
    }
}

#[test]
fn row_04_sizes_of_layers() {
    let reader = Reader::with_applications();
    reader.builds(BUILD);
    // 120 MB, 306 MB, 6.3 MB, 220 B, 0 B in the texts; a fiftieth of it but for the source, newest on top.
    let expected = [("ENTRYPOINT", "0B"), ("COPY", "220B"), ("RUN", "126kB"), ("RUN", "6.12MB"), ("", "2.4MB")];
    let table = reader.sees("docker history mmumshad/my-custom-app --format '{{.CreatedBy}}\t{{.Size}}'");
    let shown: Vec<(&str, &str)> = table.lines().map(|line| line.split_once('\t').unwrap()).collect();
    let starts: Vec<(&str, &str)> = shown.iter().map(|(by, size)| (by.split(' ').next().unwrap(), *size)).collect();
    assert_eq!(starts, expected, "{table}");
}

#[test]
fn row_05_the_second_application_reuses_three_layers() {
    let reader = Reader::with_applications();
    reader.builds(BUILD);
    let log = reader.builds(BUILD2);
    let (cached, done) = cached_and_done(&log);
    let starts = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(starts(&cached), ["FROM docker.io/library/ubuntu:latest", "RUN apt-get", "RUN pip"], "{log}");
    assert_eq!(starts(&done), ["COPY app2.py"], "{log}");
    let (one, two) = (layers(&reader, "mmumshad/my-custom-app"), layers(&reader, "mmumshad/my-custom-app-2"));
    assert_eq!(one[..3], two[..3]);
    assert_ne!(one[3], two[3]);
    let shares = reader.sees("docker images --format '{{.Repository}} {{.SharedSize}} {{.UniqueSize}}' 'mmumshad/*'");
    let mut shares: Vec<&str> = shares.lines().collect();
    shares.sort_unstable();
    // 2.4 + 6.12 + 0.126 MB, once for both.
    let expected = ["mmumshad/my-custom-app 8.646MB 220B", "mmumshad/my-custom-app-2 8.646MB 220B"];
    assert!(shares.iter().zip(expected).all(|(share, expected)| share.starts_with(&expected[..26])), "{shares:?}");
    assert!(shares.iter().all(|share| share.ends_with(" 220B")), "{shares:?}");
}

#[test]
fn row_06_only_what_follows_a_change_is_built_again() {
    let reader = Reader::with_applications();
    reader.builds(BUILD);
    let touched = std::time::SystemTime::now() + std::time::Duration::from_mins(1);
    fs::File::options().append(true).open(reader.work("app.py")).unwrap().set_modified(touched).unwrap();
    let (cached, done) = cached_and_done(&reader.builds(BUILD));
    assert_eq!((cached.len(), done.len()), (4, 0), "a touch changes nothing");
    let text = fs::read_to_string(reader.work("app.py")).unwrap().replace("import os", "import re");
    reader.write(&[("app.py", &text)]);
    let before = reader.word("docker images -q mmumshad/my-custom-app");
    let (cached, done) = cached_and_done(&reader.builds(BUILD));
    assert_eq!((cached.len(), done.len()), (3, 1), "base, apt and pip are found");
    assert_ne!(reader.word("docker images -q mmumshad/my-custom-app"), before);
}

#[test]
fn row_07_images_share_one_copy_of_their_base() {
    let reader = Reader::with_applications();
    reader.builds(BUILD);
    let before: BTreeSet<String> = reader.blobs().into_iter().collect();
    reader.builds(BUILD2);
    let after: BTreeSet<String> = reader.blobs().into_iter().collect();
    let more: u64 = after
        .difference(&before)
        .map(|name| fs::metadata(reader.store("blobs/sha256").join(name)).unwrap().len())
        .sum();
    assert!(more < 40_000, "the second application cost {more} bytes");
    let base = layers(&reader, "ubuntu");
    let removed = reader.sees("docker rmi mmumshad/my-custom-app");
    for layer in &base {
        assert!(!removed.contains(layer), "{removed}");
    }
    assert_eq!(reader.sees("docker run --rm mmumshad/my-custom-app-2").lines().count(), 1);
}

#[test]
fn row_08_the_cache_outlives_the_process() {
    let reader = Reader::with_applications();
    let first = reader.builds(BUILD);
    let again = reader.builds("docker build --no-cache=false -t another .  -f Dockerfile");
    assert_eq!(cached_and_done(&first).1.len(), 3, "{first}");
    assert_eq!((cached_and_done(&again).0.len(), cached_and_done(&again).1.len()), (4, 0), "{again}");
    let id = |name: &str| reader.word(&format!("docker images -q --no-trunc {name}"));
    assert_eq!(id("another"), id("mmumshad/my-custom-app"));
}

#[test]
fn row_09_history_of_alpine() {
    let reader = Reader::with_alpine();
    let rows = rows(&reader.sees("docker history alpine"));
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0][2].as_str(), rows[0][3].as_str()), ("CMD [\"/bin/sh\"]", "0B"));
    assert!(rows[1][2].starts_with("ADD alpine-minirootfs.tar /"));
    assert_eq!(rows[1][3], "8.46MB");
    assert_eq!(layers(&reader, "alpine").len(), 1, "alpine has only one layer");
    let sizes = reader.sees("docker history --no-trunc --human=false --format '{{.ID}} {{.Size}}' alpine");
    let ids: Vec<&str> = sizes.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert!(ids.iter().all(|id| id.len() == 71 && id.starts_with("sha256:")), "{ids:?}");
    assert!(sizes.ends_with(" 8460000\n"), "{sizes}");
    // Truth: docker prints <missing> for lines of pulled images. Here each has an id, and it runs.
    assert_eq!(reader.sees(&format!("docker run --rm {} cat /data/seed", ids[1])), "from the image\n");
}

#[test]
fn row_10_trees_of_images() {
    let reader = Reader::with_applications();
    reader.builds(BUILD);
    reader.builds(BUILD2);
    let tree = reader.sees("docker history --tree mmumshad/my-custom-app mmumshad/my-custom-app-2");
    let lines: Vec<&str> = tree.lines().skip(1).collect();
    assert_eq!(lines.len(), 5, "base, apt, pip, and one of each application\n{tree}");
    let images = |line: &&str| line.contains("mmumshad/my-custom-app");
    assert_eq!(lines.iter().filter(|line| images(line)).count(), 2, "{tree}");
    assert!(lines[3].contains("├") && lines[4].contains("└"), "{tree}");
    let tree = reader.sees("docker images --tree");
    for name in ["ubuntu", "mmumshad/my-custom-app", "mmumshad/my-custom-app-2"] {
        assert!(tree.contains(name), "{tree}");
    }
}
