//! What is found in the cache, and what makes a step run again.

use crate::common::{context, files};
use crate::world::{Report, World, Writes, shell};
use rbuild_oci::Digest;
use rbuild_runner::Exit;
use rbuild_runner::testing::Scripted;
use std::fs;
use std::time::{Duration, SystemTime};

const THREE: &str = "FROM scratch\nCOPY tool /bin/tool\nRUN make\nCOPY app /app\nENV A=b\nCMD [\"/app\"]\n";

fn programs() -> Scripted {
    Scripted::new().writes("make", "made", "made").writes("test", "tested", "tested")
}

fn ran(executor: &Scripted) -> Vec<String> {
    let prefix = shell("");
    executor.ran().iter().map(|line| line.strip_prefix(&prefix).unwrap_or(line).to_owned()).collect()
}

#[test]
fn the_second_build_runs_nothing_and_gives_the_same() {
    let context = context(&[("Dockerfile", THREE), ("tool", "t"), ("app", "a")]);
    let (mut world, executor) = (World::new(), programs());
    let first = world.build(&context, &executor, &["-t", "x"]);
    assert_eq!(first.told.started, ["COPY tool /bin/tool", "RUN make", "COPY app /app"]);
    assert_eq!(first.told.cached, Vec::<String>::new());
    world.clock += 1000;
    let second = world.build(&context, &executor, &["-t", "x"]);
    assert_eq!(second.told.started, Vec::<String>::new());
    assert_eq!(second.told.cached, ["COPY tool /bin/tool", "RUN make", "COPY app /app"]);
    assert_eq!((second.id(), second.built.top), (first.id(), first.built.top));
    assert_eq!(ran(&executor), ["make"]);
    assert_eq!(world.leftovers(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn what_can_change_a_result_makes_the_step_run_again_and_all_after_it() {
    let context = context(&[("tool", "t"), ("app", "a")]);
    let (world, executor) = (World::new(), programs());
    let build = |dockerfile: &str, args: &[&str]| -> Report {
        files(context.path(), &[("Dockerfile", dockerfile)]);
        world.build(&context, &executor, args)
    };
    build(THREE, &[]);
    for (what, edited, expected) in [
        ("an ENV before it", "FROM scratch\nCOPY tool /bin/tool\nENV X=1\nRUN make\nCOPY app /app\n", 1),
        ("its user", "FROM scratch\nCOPY tool /bin/tool\nUSER 5\nRUN make\nCOPY app /app\n", 1),
        ("its directory", "FROM scratch\nCOPY tool /bin/tool\nWORKDIR /w\nRUN make\nCOPY app /app\n", 3),
        ("its network", "FROM scratch\nCOPY tool /bin/tool\nRUN --network=none make\nCOPY app /app\n", 1),
        ("an ARG in scope", "FROM scratch\nCOPY tool /bin/tool\nARG V=1\nRUN make\nCOPY app /app\n", 1),
        ("its mounts", "FROM scratch\nCOPY tool /bin/tool\nRUN --mount=target=/m make\nCOPY app /app\n", 1),
        ("a mode", "FROM scratch\nCOPY tool /bin/tool\nRUN make\nCOPY --chmod=600 app /app\n", 1),
        ("an owner", "FROM scratch\nCOPY tool /bin/tool\nRUN make\nCOPY --chown=5:6 app /app\n", 1),
    ] {
        let report = build(edited, &[]);
        assert_eq!(report.told.started.len(), expected, "{what}: {:?}", report.told);
    }
    for (what, edited) in [
        ("CMD", "FROM scratch\nCOPY tool /bin/tool\nRUN make\nCOPY app /app\nCMD x\n"),
        ("an ENV after it", "FROM scratch\nCOPY tool /bin/tool\nRUN make\nENV X=1\nCOPY app /app\n"),
        ("a LABEL before it", "FROM scratch\nLABEL a=b\nCOPY tool /bin/tool\nRUN make\nCOPY app /app\n"),
        ("spaces and comments", "FROM   scratch\n# x\nCOPY tool    /bin/tool\nRUN   make\n\nCOPY app /app\n"),
        ("a stage's name", "FROM scratch AS last\nCOPY tool /bin/tool\nRUN make\nCOPY app /app\n"),
        ("an ARG that comes later", "FROM scratch\nCOPY tool /bin/tool\nRUN make\nARG V=1\nCOPY app /app\n"),
    ] {
        let report = build(edited, &[]);
        assert_eq!(report.told.started, Vec::<String>::new(), "{what}");
    }
}

#[test]
fn files_count_by_content_and_mode_and_not_by_time() {
    use std::os::unix::fs::PermissionsExt;
    let context = context(&[("Dockerfile", THREE), ("tool", "t"), ("app", "a"), ("unused", "u")]);
    let (world, executor) = (World::new(), programs());
    let first = world.build(&context, &executor, &[]);
    let app = context.path().join("app");
    fs::File::options()
        .write(true)
        .open(&app)
        .unwrap()
        .set_modified(SystemTime::now() - Duration::from_secs(99))
        .unwrap();
    fs::write(context.path().join("unused"), "other").unwrap();
    assert_eq!(world.build(&context, &executor, &[]).id(), first.id());
    fs::write(&app, "b").unwrap();
    let edited = world.build(&context, &executor, &[]);
    assert_eq!(edited.told.started, ["COPY app /app"]);
    assert_eq!(world.read(&edited, "app").as_deref(), Some("b"));
    fs::write(&app, "a").unwrap();
    assert_eq!(world.build(&context, &executor, &[]).id(), first.id(), "back to what it was");
    fs::set_permissions(&app, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(world.build(&context, &executor, &[]).told.started, ["COPY app /app"]);
    assert_eq!(ran(&executor), ["make"]);
}

#[test]
fn a_build_arg_counts_from_its_first_use() {
    let dockerfile = "FROM scratch\nCOPY tool /bin/tool\nRUN make\nARG V\nRUN test\n";
    let context = context(&[("Dockerfile", dockerfile), ("tool", "t")]);
    let (world, executor) = (World::new(), programs());
    world.build(&context, &executor, &["--build-arg", "V=1"]);
    let other = world.build(&context, &executor, &["--build-arg", "V=2"]);
    assert_eq!(other.told.started, ["RUN test"]);
    let proxy = world.build(&context, &executor, &["--build-arg", "V=2", "--build-arg", "HTTP_PROXY=http://p"]);
    assert_eq!(proxy.told.started, Vec::<String>::new(), "proxies do not count");
}

#[test]
fn no_cache_runs_all_and_what_it_made_serves_the_next() {
    let context = context(&[("Dockerfile", "FROM scratch\nRUN number\nRUN make\n")]);
    let (world, next) = (World::new(), std::sync::atomic::AtomicU32::new(1));
    let executor = programs().on(&shell("number"), move |_, root, _| {
        fs::write(root.join("number"), next.fetch_add(1, std::sync::atomic::Ordering::SeqCst).to_string())?;
        Ok(Exit::Code(0))
    });
    let number = |report: &Report| world.read(report, "number");
    let first = world.build(&context, &executor, &[]);
    assert_eq!(number(&first).as_deref(), Some("1"));
    let forced = world.build(&context, &executor, &["--no-cache"]);
    assert_eq!((number(&forced).as_deref(), forced.told.cached.len()), (Some("2"), 0));
    let next = world.build(&context, &executor, &[]);
    assert_eq!((number(&next).as_deref(), next.told.started.len()), (Some("2"), 0));
    assert_eq!(next.id(), forced.id());
}

#[test]
fn a_result_that_differs_in_times_only_keeps_the_layer_of_before() {
    let context = context(&[("Dockerfile", "FROM scratch\nRUN make\nRUN test\n")]);
    let (mut world, executor) = (World::new(), programs());
    let first = world.build(&context, &executor, &[]);
    std::thread::sleep(Duration::from_millis(1100));
    world.clock += 5;
    let again = world.build(&context, &executor, &["--no-cache"]);
    assert_eq!(again.told.started, ["RUN make", "RUN test"]);
    assert_eq!(again.layers(), first.layers());
    assert_eq!(again.id(), first.id());
}

#[test]
fn a_step_that_changes_nothing_adds_a_row_and_no_layer() {
    let context = context(&[("Dockerfile", "FROM scratch\nRUN make\nRUN idle\n")]);
    let (mut world, executor) = (World::new(), programs().on(&shell("idle"), |_, _, _| Ok(Exit::Code(0))));
    let first = world.build(&context, &executor, &[]);
    assert_eq!((first.layers().len(), first.config().history.len()), (1, 2));
    assert!(first.config().history[1].empty_layer);
    world.clock += 5;
    assert_eq!(world.build(&context, &executor, &[]).id(), first.id());
    assert_eq!(world.build(&context, &executor, &["--no-cache"]).id(), first.id(), "it changed nothing again");
    assert_eq!(ran(&executor), ["make", "idle", "make", "idle"]);
}

#[test]
fn a_file_written_again_with_the_same_content_is_no_change() {
    let context = context(&[("Dockerfile", "FROM scratch\nRUN make\nRUN again\n")]);
    let executor = programs().on(&shell("again"), |_, root, _| {
        let path = root.join("made");
        let time = fs::metadata(&path)?.modified()?;
        fs::write(&path, fs::read(&path)?)?;
        fs::File::options().write(true).open(path)?.set_modified(time)?;
        Ok(Exit::Code(0))
    });
    let report = World::new().build(&context, &executor, &[]);
    assert_eq!(report.layers().len(), 1);
}

#[test]
fn the_same_build_in_another_store_gives_the_same_digest_when_the_time_is_fixed() {
    let context = context(&[("Dockerfile", THREE), ("tool", "t"), ("app", "a")]);
    let ids: Vec<Digest> = [1_700_000_000, 1_800_000_000]
        .into_iter()
        .map(|clock| {
            let mut world = World::new();
            world.clock = clock;
            world.build(&context, &programs(), &["--build-arg", "SOURCE_DATE_EPOCH=1600000000"]).id()
        })
        .collect();
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn the_mode_of_the_context_itself_is_no_part_of_it() {
    use std::os::unix::fs::PermissionsExt;
    let context = context(&[("Dockerfile", "FROM scratch\nCOPY . /o/\nRUN make\n"), ("a", "a")]);
    let (world, executor) = (World::new(), programs());
    world.build(&context, &executor, &[]);
    fs::set_permissions(context.path(), fs::Permissions::from_mode(0o711)).unwrap();
    assert_eq!(world.build(&context, &executor, &[]).told.started, Vec::<String>::new());
}
