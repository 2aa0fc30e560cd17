//! Real builds, and what their logs say of each step that ran.

use crate::common;
use crate::world::{World, text, why};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const NEW: &str = "no earlier result of this step is known";
const DOCKERFILE: &str = "FROM scratch\nCOPY src /src\nCOPY run /run\n";

fn app() -> World {
    World::new(&[("Dockerfile", DOCKERFILE), ("src/a", "a"), ("src/b", "b"), ("run", "r")])
}

#[test]
fn a_first_build_knows_nothing_and_a_second_says_nothing() {
    let world = app();
    assert_eq!(world.missed(&[]), [NEW, NEW]);
    assert_eq!(world.missed(&[]), Vec::<String>::new());
    assert_eq!(world.missed(&["--no-cache"]), ["--no-cache asks for it"; 2]);
}

#[test]
fn files_are_named() {
    let world = app();
    world.log(&[]);
    world.write(&[("src/a", "other")]);
    assert_eq!(world.missed(&[]), ["src/a differs", "#1 before it gave another result"]);
    fs::set_permissions(world.path("app/run"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(world.missed(&[]), ["run has mode 0755, had 0644"]);
    fs::rename(world.path("app/src/b"), world.path("app/src/c")).unwrap();
    assert_eq!(world.missed(&[])[0], "src/b is gone, src/c is new");
    fs::remove_file(world.path("app/src/c")).unwrap();
    std::os::unix::fs::symlink("a", world.path("app/src/c")).unwrap();
    assert_eq!(world.missed(&[])[0], "src/c is a symbolic link, was a file");
}

#[test]
fn files_of_a_pattern_that_named_none_are_named() {
    let world = World::new(&[("Dockerfile", "FROM scratch\nCOPY *.conf /etc/\n"), ("run", "r")]);
    world.log(&[]);
    world.write(&[("a.conf", "a")]);
    assert_eq!(world.missed(&[]), ["a.conf is new"]);
    fs::remove_file(world.path("app/a.conf")).unwrap();
    world.write(&[("b.conf", "b")]);
    assert_eq!(world.missed(&[]), ["a.conf is gone, b.conf is new"]);
}

#[test]
fn instructions_are_compared_with_what_stood_there() {
    let world = app();
    world.log(&[]);
    world.write(&[("Dockerfile", "FROM scratch\nCOPY src /source\nCOPY run /run\n")]);
    assert_eq!(world.missed(&[]), ["the instruction was COPY src /src", "#1 before it gave another result"]);
    let above = "FROM scratch\nCOPY run /above\nCOPY src /source\nCOPY run /run\n";
    world.write(&[("Dockerfile", above)]);
    assert_eq!(
        world.missed(&[]),
        [NEW, "#1 before it gave another result", "#2 before it gave another result"],
        "a new line is not one that still stands below it"
    );
    world.write(&[("Dockerfile", "FROM scratch\nCOPY run /above\nCOPY --chmod=700 src /source\n")]);
    assert_eq!(world.missed(&[])[0], "mode is \"0700\", was not set");
}

#[test]
fn an_argument_that_is_part_of_the_instruction() {
    let world = World::new(&[("Dockerfile", "FROM scratch\nARG D=a\nCOPY ${D} /x\n"), ("a", "a"), ("b", "b")]);
    world.log(&[]);
    assert_eq!(world.missed(&["--build-arg", "D=b"]), ["the instruction was COPY a /x"]);
}

#[test]
fn a_base_is_named_with_both_digests() {
    let world = World::new(&[("Dockerfile", "FROM base\nCOPY a /a\n"), ("a", "a")]);
    let (one, two) = (world.base("base", "1"), world.base("base", "2"));
    world.log(&["--build-context", &one]);
    let missed = world.missed(&["--build-context", &two]);
    assert_eq!(missed.len(), 1);
    assert!(missed[0].contains("the base") && missed[0].contains(" is sha256:"), "{missed:?}");
    assert!(missed[0].contains(", was sha256:"), "{missed:?}");
}

#[test]
fn variables_of_a_run_are_named_and_those_of_secrets_are_not_shown() {
    let world = World::new(&[]);
    let base = common::base::busybox_layout(&world.path("."));
    let dockerfile =
        |line: &str| format!("FROM busybox\nARG API_TOKEN\nARG V\n{line}RUN echo $API_TOKEN > /tmp/made\n");
    world.write(&[("Dockerfile", &dockerfile("ENV MODE=fast\n"))]);
    let build = |v: &str, token: &str| {
        let log = world.log(&["--build-arg", v, "--build-arg", token, "--build-context", &base]);
        assert!(!log.contains("hush"), "{log}");
        why(&log)
    };
    assert_eq!(build("V=1", "API_TOKEN=hush1"), [NEW]);
    assert_eq!(build("V=2", "API_TOKEN=hush1"), ["V is \"2\", was \"1\""]);
    assert_eq!(build("V=2", "API_TOKEN=hush2"), ["API_TOKEN has another value, which is not shown"]);
    world.write(&[("Dockerfile", &dockerfile("ENV MODE=slow\nUSER 5\n"))]);
    assert_eq!(build("V=2", "API_TOKEN=hush2"), ["MODE is \"slow\", was \"fast\"; user is \"5\", was \"\""]);
    let traces = ["records.v1", "steps.v1", "builds.v1"].map(|bucket| {
        let paths = common::walk(&world.path("store").join(bucket));
        paths.iter().filter_map(|path| fs::read_to_string(path).ok()).collect::<String>()
    });
    assert!(traces[0].contains("MODE") && traces[1].contains("MODE"));
    assert!(traces.iter().all(|text| !text.contains("hush")), "{traces:?}");
}

#[test]
fn files_of_a_mount_are_named() {
    let world = World::new(&[("go.mod", "1")]);
    let base = common::base::busybox_layout(&world.path("."));
    world.write(&[("Dockerfile", "FROM busybox\nRUN --mount=target=/in cat /in/go.mod > /made\n")]);
    world.log(&["--build-context", &base]);
    world.write(&[("go.mod", "2")]);
    assert_eq!(world.missed(&["--build-context", &base]), ["in /in go.mod differs"]);
}

#[test]
fn two_dockerfiles_in_one_store_are_told_apart() {
    let world = app();
    world.write(&[("other.Dockerfile", "FROM scratch\nCOPY run /elsewhere\nCOPY src /src\n")]);
    world.log(&[]);
    assert_eq!(world.missed(&["-f", "app/other.Dockerfile"])[0], NEW);
    world.write(&[("run", "other")]);
    assert_eq!(world.missed(&["-f", "app/other.Dockerfile"])[0], "run differs");
    assert_eq!(world.missed(&[]), ["run differs"]);
}

#[test]
fn a_result_that_is_gone_is_called_so() {
    let world = app();
    world.log(&[]);
    fs::remove_dir_all(world.path("store/records.v1")).unwrap();
    assert_eq!(world.missed(&[]), ["its result was pruned or lost"; 2]);
}

#[test]
fn builds_at_once_leave_trails_that_can_be_read() {
    let world = app();
    let names: Vec<String> = (0..6).map(|at| format!("ctx{at}/app")).collect();
    let children: Vec<_> = names
        .iter()
        .map(|name| {
            let dir = world.path(name);
            common::files(&dir, &[("Dockerfile", DOCKERFILE), ("src/a", name), ("run", "r")]);
            world.command(&["build", "--progress", "plain", dir.to_str().unwrap()]).spawn().unwrap()
        })
        .collect();
    for child in children {
        text(&child.wait_with_output().unwrap(), 0);
    }
    let missed = world.missed(&[]);
    assert!(missed[0].starts_with("src/a differs, src/b is new"), "{missed:?}");
}

#[test]
fn a_build_that_finds_all_leaves_the_store_as_it_is() {
    let world = app();
    // Long enough for the files' digests to be remembered by the first build.
    std::thread::sleep(std::time::Duration::from_millis(50));
    world.log(&["-t", "x"]);
    let before = world.all();
    world.log(&["-t", "x"]);
    assert_eq!(world.all(), before);
}
