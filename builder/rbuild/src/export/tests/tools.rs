//! Other programs read what was exported.

use super::fixture::{World, is_root, run, slices, small};
use crate::request::{Compression, Output, OutputKind};
use rbuild_store::Bucket;
use std::fs;

#[test]
fn skopeo_reads_every_form() {
    let world = World::new();
    let images = [world.image("linux/amd64", &slices(&small()))];
    for (kind, transport) in [(OutputKind::Oci, "oci-archive"), (OutputKind::Docker, "docker-archive")] {
        for compression in [Compression::Uncompressed, Compression::Gzip, Compression::Zstd] {
            let output = Output { compression, ..world.output(kind, &format!("{transport}.tar")) };
            world.export(&images, &["app:1"], &output).unwrap();
            let name = match kind {
                OutputKind::Oci => format!("{transport}:{}:1", output.dest.display()),
                _ => format!("{transport}:{}:app:1", output.dest.display()),
            };
            let Some(config) = run("skopeo", &["inspect", "--config", "--raw", &name]) else { return };
            assert_eq!(config.as_bytes(), images[0].0.config_bytes, "{name} {compression:?}");
            let copy = format!("oci:{}:x", world.path(&format!("{transport}-{compression:?}")).display());
            run("skopeo", &["copy", "-q", "--insecure-policy", &name, &copy]);
        }
    }
}

#[test]
fn podman_loads_archives_under_their_names() {
    if !is_root("podman load") {
        return;
    }
    let world = World::new();
    let images = [world.image("linux/amd64", &slices(&small()))];
    let (root, runroot) = (world.path("root"), world.path("runroot"));
    let common = ["--root", root.to_str().unwrap(), "--runroot", runroot.to_str().unwrap(), "--storage-driver", "vfs"];
    let podman = |arguments: &[&str]| run("podman", &[&common[..], arguments].concat());
    for (kind, tag) in [(OutputKind::Oci, "app:oci"), (OutputKind::Docker, "app:docker")] {
        let output = world.output(kind, "image.tar");
        world.export(&images, &[tag], &output).unwrap();
        let Some(said) = podman(&["load", "-q", "-i", output.dest.to_str().unwrap()]) else { return };
        assert!(said.contains(tag), "{said}");
        let id = podman(&["image", "inspect", "-f", "{{.Id}}", &format!("docker.io/library/{tag}")]).unwrap();
        assert_eq!(id.trim(), images[0].0.id.hex());
    }
}

#[test]
fn umoci_unpacks_what_the_directory_has() {
    if !is_root("umoci unpack") {
        return;
    }
    let world = World::new();
    let images = [world.image("linux/amd64", &slices(&small()))];
    for (compression, name) in [(Compression::Gzip, "gzip"), (Compression::Uncompressed, "plain")] {
        let output = Output { compression, tar: false, ..world.output(OutputKind::Oci, name) };
        world.export(&images, &["app:1"], &output).unwrap();
        let image = format!("{}:1", output.dest.display());
        let bundle = world.path(&format!("{name}-bundle"));
        if run("umoci", &["unpack", "--image", &image, bundle.to_str().unwrap()]).is_none() {
            return;
        }
        let local = world.path(&format!("{name}-local"));
        world.export(&images, &[], &Output { dest: local.clone(), ..world.output(OutputKind::Local, "") }).unwrap();
        run("diff", &["-r", "--no-dereference", bundle.join("rootfs").to_str().unwrap(), local.to_str().unwrap()]);
    }
}

#[test]
fn zstd_and_gzip_accept_the_compressed_layers() {
    let world = World::new();
    let images = [world.image("linux/amd64", &slices(&small()))];
    for (compression, program) in [(Compression::Gzip, "gzip"), (Compression::Zstd, "zstd")] {
        let output = Output { compression, ..world.output(OutputKind::Oci, "image.tar") };
        world.export(&images, &[], &output).unwrap();
        let list = fs::read_dir(world.store.dir(Bucket::Encoded)).unwrap().map(|entry| entry.unwrap().path());
        let name = |path: &std::path::Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        let layers: Vec<_> =
            list.filter(|path| name(path).contains(program) && !name(path).ends_with("json")).collect();
        assert_eq!(layers.len(), 2);
        for layer in layers {
            let named = world.path(&format!("layer.{}", if program == "gzip" { "gz" } else { "zst" }));
            fs::copy(&layer, &named).unwrap();
            run(program, &["-tq", named.to_str().unwrap()]);
        }
    }
}
