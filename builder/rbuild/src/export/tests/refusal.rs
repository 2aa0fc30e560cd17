//! What cannot be written, and what is left of it.

use super::fixture::{World, file, slices, small};
use crate::request::{Compression, Output, OutputKind};
use rustix::fs::{Mode, OFlags};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const ARCHIVES: [OutputKind; 3] = [OutputKind::Oci, OutputKind::Docker, OutputKind::Tar];

fn refusal(world: &World, output: &Output) -> String {
    let images = [world.image("linux/amd64", &slices(&small()))];
    world.export(&images, &[], output).unwrap_err().to_string()
}

#[test]
fn archives_do_not_replace_directories_or_make_any() {
    let world = World::new();
    fs::create_dir(world.path("there")).unwrap();
    for kind in ARCHIVES {
        let said = refusal(&world, &world.output(kind, "there"));
        assert!(said.contains("there is a directory"), "{said}");
        let said = refusal(&world, &world.output(kind, "missing/out.tar"));
        assert!(said.contains("missing/out.tar: No such file"), "{said}");
    }
}

#[test]
fn directories_do_not_replace_files_or_mix_with_others() {
    let world = World::new();
    fs::write(world.path("file"), "x").unwrap();
    fs::create_dir(world.path("full")).unwrap();
    fs::write(world.path("full/x"), "x").unwrap();
    let layout = |name: &str| Output { tar: false, ..world.output(OutputKind::Oci, name) };
    for (output, expected) in [
        (layout("file"), "file is no directory"),
        (layout("full"), "full holds something that is no image layout"),
        (Output { dest: "-".into(), ..layout("") }, "standard output"),
        (world.output(OutputKind::Local, "file"), "file: File exists"),
        (Output { dest: "-".into(), ..world.output(OutputKind::Local, "") }, "use type=tar"),
        (Output { level: Some(40), ..world.output(OutputKind::Oci, "x.tar") }, "levels from 1 to 12"),
    ] {
        let said = refusal(&world, &output);
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(fs::read(world.path("full/x")).unwrap(), b"x");
}

#[test]
fn a_full_disk_is_named() {
    let world = World::new();
    for kind in ARCHIVES {
        let said = refusal(&world, &Output { dest: "/dev/full".into(), ..world.output(kind, "") });
        assert!(said.contains("/dev/full: No space left on device"), "{said}");
    }
    assert!(!Path::new("/dev/full").is_file());
}

#[test]
fn links_to_files_are_written_through() {
    let world = World::new();
    fs::write(world.path("real.tar"), "old").unwrap();
    std::os::unix::fs::symlink(world.path("real.tar"), world.path("link.tar")).unwrap();
    let images = [world.image("linux/amd64", &slices(&small()))];
    world.export(&images, &[], &world.output(OutputKind::Tar, "link.tar")).unwrap();
    assert!(world.path("link.tar").is_symlink());
    assert!(fs::metadata(world.path("real.tar")).unwrap().len() > 1000);
}

#[test]
fn nothing_is_left_of_what_fails() {
    let world = World::new();
    let (image, stack) = world.image("linux/amd64", &[&[file("f", &"x".repeat(5000))]]);
    let layer = world.store.blob_path(&stack.storeys()[0].layer.diff_id.0);
    let mut bytes = fs::read(&layer).unwrap();
    bytes[700] ^= 1;
    fs::remove_file(&layer).unwrap();
    fs::write(&layer, bytes).unwrap();
    let images = [(image, stack)];
    let before = names(&world);
    for kind in [OutputKind::Oci, OutputKind::Docker, OutputKind::Tar, OutputKind::Local] {
        for compression in [Compression::Uncompressed, Compression::Gzip] {
            for tar in [true, kind != OutputKind::Oci] {
                let output = Output { compression, tar, ..world.output(kind, "out") };
                let said = world.export(&images, &[], &output).unwrap_err().to_string();
                assert!(said.contains("damaged") || said.contains("changed"), "{kind:?}: {said}");
                if kind == OutputKind::Local {
                    assert_eq!(fs::read_dir(&output.dest).unwrap().count(), 0);
                } else {
                    assert_eq!(names(&world), before);
                }
            }
        }
    }
    assert_eq!(fs::read_dir(world.store.dir(rbuild_store::Bucket::Encoded)).unwrap().count(), 0);
}

fn names(world: &World) -> Vec<String> {
    let list = fs::read_dir(world.home.path()).unwrap();
    let mut names: Vec<String> = list.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_stop_ends_every_export() {
    for kind in [OutputKind::Oci, OutputKind::Docker, OutputKind::Tar, OutputKind::Local] {
        let world = World::new();
        let images = [world.image("linux/amd64", &slices(&small()))];
        world.cancel.cancel();
        assert!(world.export(&images, &[], &world.output(kind, "out")).unwrap_err().is_canceled(), "{kind:?}");
        assert_eq!(names(&world), if kind == OutputKind::Local { vec!["out", "store"] } else { vec!["store"] });
    }
}

#[test]
fn a_stop_reaches_an_export_to_a_pipe_that_nobody_reads() {
    for kind in ARCHIVES {
        let world = World::new();
        let images = [world.image("linux/amd64", &slices(&small()))];
        let output = Output { compression: Compression::Uncompressed, ..world.output(kind, "pipe") };
        rustix::fs::mkfifoat(rustix::fs::CWD, &output.dest, Mode::from_raw_mode(0o600)).unwrap();
        let reader = rustix::fs::open(&output.dest, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).unwrap();
        let (took, result) = std::thread::scope(|scope| {
            let export = scope.spawn(|| world.export(&images, &[], &output));
            std::thread::sleep(Duration::from_millis(200));
            let began = Instant::now();
            world.cancel.cancel();
            let result = export.join().unwrap();
            (began.elapsed(), result)
        });
        assert!(result.unwrap_err().is_canceled() && took < Duration::from_secs(1), "{kind:?} {took:?}");
        drop(reader);
    }
}

#[test]
fn a_layer_that_is_not_here_is_named() {
    let world = World::new();
    let (image, stack) = world.image("linux/amd64", &[&[file("f", "x")]]);
    let diff_id = stack.storeys()[0].layer.diff_id;
    fs::remove_file(world.store.blob_path(&diff_id.0)).unwrap();
    let images = [(image, stack)];
    for compression in [Compression::Gzip, Compression::Uncompressed] {
        let output = Output { compression, ..world.output(OutputKind::Oci, "out.tar") };
        let said = world.export(&images, &[], &output).unwrap_err().to_string();
        assert_eq!(said, format!("layer {diff_id} is not in the store"));
    }
}
