//! Outputs that want layers compressed, while those are made and after.

use crate::common::{context, fsck};
use crate::world::{World, shell};
use rbuild_runner::Exit;
use rbuild_runner::testing::Scripted;
use rbuild_store::Bucket;
use std::fs;
use std::path::{Path, PathBuf};

const DOCKERFILE: &str = "FROM scratch AS aside\nCOPY other /other\n\
    FROM scratch\nCOPY one /one\nCOPY --from=aside /other /copied\nRUN write\n";

fn large(text: &str) -> String {
    text.repeat((3 << 20) / text.len())
}

fn writer() -> Scripted {
    Scripted::new()
        .on(&shell("write"), |_, root, _| fs::write(root.join("written"), large("written ")).map(|()| Exit::Code(0)))
}

fn output(dest: &Path, compression: &str) -> String {
    format!("type=oci,dest={},compression={compression}", dest.display())
}

fn encoded(world: &World) -> Vec<PathBuf> {
    fs::read_dir(world.store.dir(Bucket::Encoded)).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn an_archive_is_the_same_whether_its_layers_were_compressed_while_they_were_made_or_later() {
    let files = [("Dockerfile", DOCKERFILE), ("one", &large("one ")), ("other", &large("other "))];
    let (context, place) = (context(&files), tempfile::tempdir().unwrap());
    // The time of what a RUN writes.
    let args = ["--build-arg", "SOURCE_DATE_EPOCH=1"];
    for compression in ["gzip", "zstd"] {
        let (meanwhile, later) = (World::new(), World::new());
        let archives = ["meanwhile", "later"].map(|name| place.path().join(name));
        let outputs = [&archives[0], &archives[1]].map(|dest| output(dest, compression));
        meanwhile.build(&context, &writer(), &[&args[..], &["-o", &outputs[0]]].concat());
        later.build(&context, &writer(), &args);
        assert_eq!(encoded(&later), Vec::<PathBuf>::new(), "nobody asked for it");
        later.build(&context, &writer(), &[&args[..], &["-o", &outputs[1]]].concat());
        assert!(fs::read(&archives[0]).unwrap() == fs::read(&archives[1]).unwrap(), "{compression}");
        assert_eq!(encoded(&meanwhile).len(), 2 * 3, "a blob and its descriptor for each layer of the image alone");
        assert_eq!(meanwhile.leftovers(), Vec::<PathBuf>::new());
        fsck::check(meanwhile.store.root());
    }
}

#[test]
fn a_layer_that_differs_from_the_one_before_in_times_only_is_not_kept_compressed_either() {
    let (context, place) = (context(&[("Dockerfile", "FROM scratch\nRUN write\n")]), tempfile::tempdir().unwrap());
    let (world, output) = (World::new(), output(&place.path().join("archive"), "zstd"));
    let first = world.build(&context, &writer(), &["-o", &output]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let again = world.build(&context, &writer(), &["--no-cache", "-o", &output]);
    assert_eq!((again.told.started.len(), again.layers()), (1, first.layers()));
    assert_eq!(encoded(&world).len(), 2);
}
