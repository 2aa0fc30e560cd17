//! Early cutoff: where an earlier step ran again and gave the same bytes, what follows stays cached.

use crate::common::context;
use crate::world::{World, Writes, shell};
use rbuild_runner::Exit;
use rbuild_runner::testing::Scripted;
use std::fs;

const STAGES: &str = "FROM scratch AS builder\nCOPY source /source\nRUN compile\n\
                      FROM scratch\nCOPY --from=builder /out/program /bin/program\nRUN test\n";

/// A compiler that leaves comments out, and a log of what it read.
fn compiler() -> Scripted {
    let compile = |_: &_, root: &std::path::Path, _: &mut dyn rbuild_runner::Output| {
        let source = fs::read_to_string(root.join("source"))?;
        fs::create_dir(root.join("out"))?;
        fs::write(root.join("out/program"), source.split('#').next().unwrap_or_default())?;
        fs::write(root.join("out/log"), &source)?;
        Ok(Exit::Code(0))
    };
    Scripted::new().on(&shell("compile"), compile).writes("test", "tested", "yes")
}

#[test]
fn a_stage_that_gives_the_same_file_leaves_cached_what_copies_it() {
    let context = context(&[("Dockerfile", STAGES), ("source", "code # one")]);
    let (mut world, executor) = (World::new(), compiler());
    let first = world.build(&context, &executor, &[]);
    assert_eq!(world.read(&first, "bin/program").as_deref(), Some("code "));
    fs::write(context.path().join("source"), "code # two").unwrap();
    world.clock += 10;
    let second = world.build(&context, &executor, &[]);
    assert_eq!(second.told.started, ["COPY source /source", "RUN compile"]);
    assert!(second.told.cached.iter().any(|line| line.starts_with("COPY --from")), "{:?}", second.told);
    assert_eq!(second.id(), first.id());
    // The quick key by the stage's own name was learnt, too: nothing of the stage is looked into.
    let third = world.build(&context, &executor, &[]);
    assert_eq!(third.told.started, Vec::<String>::new());
    fs::write(context.path().join("source"), "other").unwrap();
    let edited = world.build(&context, &executor, &[]);
    assert_eq!(edited.told.started.len(), 4);
    assert_eq!(world.read(&edited, "bin/program").as_deref(), Some("other"));
}

#[test]
fn a_step_that_runs_again_and_gives_the_same_leaves_cached_what_stands_on_it() {
    let dockerfile = |env: &str| format!("FROM scratch\n{env}RUN make\nENV X=\nRUN test\n");
    let context = context(&[("Dockerfile", &dockerfile(""))]);
    let (world, executor) = (World::new(), Scripted::new().writes("make", "made", "m").writes("test", "tested", "t"));
    let first = world.build(&context, &executor, &[]);
    fs::write(context.path().join("Dockerfile"), dockerfile("ENV X=1\n")).unwrap();
    let second = world.build(&context, &executor, &[]);
    assert_eq!((second.told.started, second.told.cached), (vec!["RUN make".to_owned()], vec!["RUN test".to_owned()]));
    assert_eq!(second.built.images[0].1.diff_ids(), first.built.images[0].1.diff_ids());
}

#[test]
fn a_bind_mount_counts_by_what_it_shows() {
    let dockerfile = "FROM scratch\nRUN --mount=source=shown,target=/m make\n";
    let context = context(&[("Dockerfile", dockerfile), ("shown/a", "a"), ("hidden/a", "a")]);
    let (world, executor) = (World::new(), Scripted::new().writes("make", "made", "m"));
    world.build(&context, &executor, &[]);
    fs::write(context.path().join("hidden/a"), "b").unwrap();
    assert_eq!(world.build(&context, &executor, &[]).told.started, Vec::<String>::new());
    fs::write(context.path().join("shown/a"), "b").unwrap();
    assert_eq!(world.build(&context, &executor, &[]).told.started.len(), 1);
}

#[test]
fn a_copy_of_the_same_files_from_elsewhere_is_found() {
    let dockerfile = |from: &str| {
        format!("FROM scratch AS a\nRUN make\nFROM scratch AS b\nRUN also\nFROM scratch\nCOPY --from={from} /made /x\n")
    };
    let context = context(&[("Dockerfile", &dockerfile("a"))]);
    let executor = Scripted::new().writes("make", "made", "m").on(&shell("also"), |_, root, _| {
        fs::write(root.join("made"), "m")?;
        fs::write(root.join("more"), "m")?;
        Ok(Exit::Code(0))
    });
    let world = World::new();
    let first = world.build(&context, &executor, &[]);
    fs::write(context.path().join("Dockerfile"), dockerfile("b")).unwrap();
    let second = world.build(&context, &executor, &[]);
    assert_eq!(second.told.started, ["RUN also"], "{:?}", second.told);
    assert_eq!(second.layers(), first.layers());
}
