//! A context that is edited while it is read.

use crate::common::{context, fsck};
use crate::world::{World, Writes, shell};
use rbuild::error::Error;
use rbuild_runner::testing::Scripted;
use rbuild_runner::{Exit, Source};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Edits `path` each time something is told that begins so.
fn editor(path: PathBuf, when: &'static [&'static str]) -> Arc<dyn Fn(&str) + Send + Sync> {
    let next = AtomicUsize::new(1);
    Arc::new(move |told| {
        if when.iter().any(|when| told.starts_with(when)) {
            fs::write(&path, format!("edit {}", next.fetch_add(1, Ordering::SeqCst))).unwrap();
        }
    })
}

#[test]
fn one_edit_is_noticed_and_the_step_starts_over() {
    let context = context(&[("Dockerfile", "FROM scratch\nCOPY . /\n"), ("file", "edit 0")]);
    let mut world = World::new();
    world.hook = editor(context.path().join("file"), &["start"]);
    let report = world.build(&context, &Scripted::new(), &[]);
    assert_eq!(world.read(&report, "file").as_deref(), Some("edit 1"));
    assert_eq!(report.told.started, ["COPY . /"], "it is told once");
    world.hook = Arc::new(|_| ());
    assert_eq!(world.build(&context, &Scripted::new(), &[]).told.started.len(), 0, "kept under the later content");
    fs::write(context.path().join("file"), "edit 0").unwrap();
    let before = world.build(&context, &Scripted::new(), &[]);
    assert_eq!(world.read(&before, "file").as_deref(), Some("edit 0"), "and not under the earlier");
}

/// A file of which the stat cache knows what it holds is not hashed again while it is packed: its metadata tell.
#[test]
fn an_edit_of_a_file_that_had_settled_is_noticed() {
    let context = context(&[("Dockerfile", "FROM scratch\nCOPY . /\n"), ("file", "edit 0")]);
    std::thread::sleep(std::time::Duration::from_millis(100));
    let mut world = World::new();
    world.hook = editor(context.path().join("file"), &["start"]);
    let report = world.build(&context, &Scripted::new(), &[]);
    assert_eq!(world.read(&report, "file").as_deref(), Some("edit 1"));
    assert_eq!(report.told.started, ["COPY . /"], "it is told once");
    fsck::check(world.store.root());
}

#[test]
fn a_directory_that_is_replaced_is_read_anew() {
    let context = context(&[("Dockerfile", "FROM scratch\nCOPY dir /a/\nCOPY dir /b/\n"), ("dir/file", "edit 0")]);
    let (dir, next) = (context.path().join("dir"), AtomicUsize::new(1));
    let mut world = World::new();
    world.hook = Arc::new(move |told| {
        if told.starts_with("start") {
            fs::remove_dir_all(&dir).unwrap();
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join("file"), format!("edit {}", next.fetch_add(1, Ordering::SeqCst))).unwrap();
        }
    });
    let report = world.build(&context, &Scripted::new(), &[]);
    assert_eq!(["a/file", "b/file"].map(|file| world.read(&report, file).unwrap()), ["edit 1", "edit 2"]);
}

/// A file that never rests: the step starts over once, and then says why it gives up.
#[test]
fn edits_without_end_are_an_error() {
    let context = context(&[("Dockerfile", "FROM scratch\nCOPY . /\n")]);
    let path = context.path().join("file");
    fs::write(&path, vec![0; 8 << 20]).unwrap();
    let going = Arc::new(AtomicBool::new(true));
    let writer = std::thread::spawn({
        let (path, going) = (path.clone(), going.clone());
        move || {
            let file = fs::File::options().write(true).open(path).unwrap();
            for number in (0_u64..).take_while(|_| going.load(Ordering::SeqCst)) {
                file.write_all_at(&number.to_le_bytes(), number * 4096 % (8 << 20)).unwrap();
            }
        }
    });
    let (mut world, mut gave_up) = (World::new(), 0);
    for _ in 0..10 {
        match world.again().attempt(&context, &Scripted::new(), &["--no-cache"]) {
            Ok(_) => {}
            Err((Error::At { source, .. }, _)) => {
                assert!(matches!(*source, Error::ContextChanged { .. }), "{source:?}");
                let text = source.to_string();
                assert!(text.contains("the context changed during the build") && text.contains("file"), "{text}");
                gave_up += 1;
            }
            Err((other, _)) => panic!("{other:?}"),
        }
    }
    going.store(false, Ordering::SeqCst);
    writer.join().unwrap();
    assert!(gave_up > 0, "no edit was noticed");
    assert_eq!(world.leftovers(), Vec::<PathBuf>::new());
    fsck::check(world.store.root());
}

/// What is replaced whole is in the image whole: one content or the other, in every file as the step's digest says.
#[test]
fn a_writer_loop_never_gets_a_mixed_file_into_a_layer() {
    const SIZE: usize = 3 << 20;
    let context = context(&[("Dockerfile", "FROM scratch\nCOPY data /data/\n"), ("data/steady", "x"), ("spare/", "")]);
    let (data, spare) = (context.path().join("data"), context.path().join("spare"));
    fs::write(data.join("big"), vec![b'a'; SIZE]).unwrap();
    let going = Arc::new(AtomicBool::new(true));
    let writer = std::thread::spawn({
        let going = going.clone();
        move || {
            for letter in [b'a', b'b'].into_iter().cycle() {
                if !going.load(Ordering::SeqCst) {
                    break;
                }
                fs::write(spare.join("new"), vec![letter; SIZE]).unwrap();
                fs::rename(spare.join("new"), data.join("big")).unwrap();
                fs::write(data.join("passing"), "").unwrap();
                fs::create_dir_all(data.join("dir/below")).unwrap();
                fs::remove_file(data.join("passing")).unwrap();
                fs::remove_dir_all(data.join("dir")).unwrap();
            }
        }
    });
    let (mut world, mut good, mut changed) = (World::new(), 0, 0);
    for _ in 0..40 {
        match world.again().attempt(&context, &Scripted::new(), &["--no-cache", "--build-arg", "SOURCE_DATE_EPOCH=1"]) {
            Ok(report) => {
                let text = world.read(&report, "data/big").unwrap();
                let letter = text.as_bytes()[0];
                assert!(text.len() == SIZE && text.bytes().all(|byte| byte == letter), "a mixed file");
                good += 1;
            }
            Err((error, _)) => {
                assert!(error.to_string().contains("the context changed during the build"), "{error:?}");
                changed += 1;
            }
        }
    }
    going.store(false, Ordering::SeqCst);
    writer.join().unwrap();
    println!("{good} layers, {changed} errors");
    assert_eq!(world.leftovers(), Vec::<PathBuf>::new());
    fsck::check(world.store.root());
    // What was learnt of files meanwhile is true.
    let fixed = ["--build-arg", "SOURCE_DATE_EPOCH=1"];
    let (calm, fresh) = (world.again().build(&context, &Scripted::new(), &fixed), World::new());
    assert_eq!(calm.layers(), fresh.build(&context, &Scripted::new(), &fixed).layers());
}

#[test]
fn a_bind_mount_shows_what_the_step_is_keyed_by() {
    let dockerfile = "FROM scratch\nRUN --mount=source=shown,target=/m read\n";
    let context = context(&[("Dockerfile", dockerfile), ("shown/file", "edit 0")]);
    let executor = Scripted::new().on(&shell("read"), |container, root, _| {
        let Source::Path(path) = &container.mounts[0].source else { return Ok(Exit::Code(9)) };
        fs::copy(path.join("file"), root.join("seen")).map(|_| Exit::Code(0))
    });
    let mut world = World::new();
    world.hook = editor(context.path().join("shown/file"), &["start"]);
    let edited = world.build(&context, &executor, &[]);
    assert_eq!(world.read(&edited, "seen").as_deref(), Some("edit 1"));
    world.hook = Arc::new(|_| ());
    assert_eq!(world.build(&context, &executor, &[]).id(), edited.id());
    fs::write(context.path().join("shown/file"), "edit 0").unwrap();
    let before = world.build(&context, &executor, &[]);
    assert_eq!((world.read(&before, "seen").as_deref(), before.told.started.len()), (Some("edit 0"), 1));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let context = context(&[("Dockerfile", "FROM scratch\nCOPY . /\n"), ("file", "x")]);
    let world = World::new();
    std::os::unix::fs::symlink("loop", context.path().join("loop")).unwrap();
    let report = world.build(&context, &Scripted::new().writes("make", "x", "x"), &[]);
    assert_eq!(report.layers().len(), 1, "a link that leads nowhere is copied as it is");
    fs::write(context.path().join("Dockerfile"), "FROM scratch\nCOPY loop /x\n").unwrap();
    let (error, _) = world.attempt(&context, &Scripted::new(), &[]).unwrap_err();
    assert!(error.to_string().contains("/loop"), "{error}");
}
