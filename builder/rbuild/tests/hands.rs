//! The program in clumsy and in hostile hands: what it says of mistakes, accidents and attacks, whole and in words. Each
//! test runs the real binary on a store of its own.

#![allow(clippy::unwrap_used)] // tests: a panic is how they fail

mod common;

use common::files;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A directory with a context and a store.
struct Hands(TempDir);

/// How the program ended.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Hands {
    fn new(content: &[(&str, &str)]) -> Self {
        let hands = Self(common::public_dir());
        fs::create_dir(hands.path("context")).unwrap();
        files(&hands.path("context"), content);
        hands
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program in the context, with the store beside it.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rbuild"));
        command.args(args).current_dir(self.path("context")).env("RBUILD_ROOT", self.path("store"));
        command.env_remove("SOURCE_DATE_EPOCH").stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        Said::of(self.command(args).output().unwrap())
    }

    fn ok(&self, args: &[&str]) -> Said {
        let said = self.run(args);
        assert_eq!(said.code, Some(0), "{args:?}\n{}", said.err);
        said
    }

    /// Runs what must fail with that exit code; what it says.
    fn fails(&self, code: i32, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!(said.code, Some(code), "{args:?}\n{}", said.err);
        said.err
    }
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let said = Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        assert!(!said.err.contains("panicked"), "{}", said.err);
        said
    }
}

#[test]
fn credentials_are_shown_nowhere() {
    let dockerfile = "FROM scratch\nARG PW=hush\nADD http://me:${PW}@127.0.0.1:1/x?token=hush#a /x\n";
    let hands =
        Hands::new(&[("Dockerfile", dockerfile), ("d2", "FROM scratch\nADD http://me:hush@127.0.0.1:1/x /x\n")]);
    for dockerfile in ["Dockerfile", "d2"] {
        for progress in ["plain", "tty", "rawjson"] {
            let said = hands.fails(1, &["-f", dockerfile, "--progress", progress, "."]);
            assert!(!said.contains("me:") && !said.replace("PW=hush", "").contains("hush"), "{said}");
        }
        let graph = hands.ok(&["graph", "-f", dockerfile, "."]).out;
        assert!(!graph.contains("me:hush") && graph.contains("xxxxx:xxxxx@127.0.0.1:1"), "{graph}");
    }
    let said = hands.fails(1, &["-f", "d2", "."]);
    let url = "http://xxxxx:xxxxx@127.0.0.1:1/x";
    assert!(said.contains(&format!("d2:2:5\n2 | ADD {url} /x\n  |     {}\n", "^".repeat(url.len()))), "{said}");
}

#[test]
fn an_error_is_said_once() {
    let hands = Hands::new(&[("Dockerfile", "FROM scratch\nCPY a /\n"), ("d2", "FROM scratch AS build\nCOPY a /\n")]);
    let said = hands.fails(1, &["."]);
    assert_eq!(said, "Dockerfile:2:1\n2 | CPY a /\n  | ^^^\nERROR: unknown instruction: CPY (did you mean COPY?)\n");
    let said = hands.fails(1, &["-f", "d2", "--target", "biuld", "."]);
    assert_eq!(said, "ERROR: the target stage \"biuld\" is not in the Dockerfile (did you mean build?)\n");
    let said = hands.fails(1, &["-f", "d2", "--progress=quiet", "."]);
    let excerpt = "d2:2:6 in [1/1]\n2 | COPY a /\n  |      ^\n";
    let hint = "  hint: the build context has Dockerfile, d2\n";
    assert_eq!(said, format!("{excerpt}ERROR: /a not found in the build context\n{hint}"));
}

#[test]
fn a_misspelt_stage_is_suggested_where_it_stands() {
    let hands = Hands::new(&[("Dockerfile", "FROM scratch AS build\nFROM scratch\nCOPY --from=biuld /a /\n")]);
    let said = hands.fails(1, &["."]);
    assert!(said.starts_with("Dockerfile:3:13\n"), "{said}");
    assert!(said.contains("hint: did you mean build?") && !said.contains("FROM docker"), "{said}");
}

#[test]
fn warnings_tell_their_place_and_can_be_silenced() {
    let dockerfile = "FROM scratch\nCOPY \\\n\n  a /$X/\n";
    let hands = Hands::new(&[("Dockerfile", dockerfile), ("a", "a")]);
    fs::write(hands.path("context/quiet"), format!("# check=skip=UndefinedVar,NoEmptyContinuation\n{dockerfile}"))
        .unwrap();
    let said = hands.ok(&["--build-arg", "Y=1", "."]).err;
    let warnings: Vec<&str> = said.lines().skip_while(|line| !line.contains("found")).collect();
    let expected = [
        " 3 warnings found (use --check to expand):",
        " - UnconsumedBuildArg: One or more build-args [Y] were not consumed",
        " - UndefinedVar: Usage of undefined variable '$X' (line 2)",
        " - NoEmptyContinuation: Empty continuation line (line 4)",
    ];
    assert_eq!(warnings, expected);
    assert!(!hands.ok(&["-f", "quiet", "."]).err.contains("found"));
    let raw = hands.ok(&["--progress", "rawjson", "."]).err;
    let told = raw.lines().find(|line| line.contains("\"warnings\"")).unwrap();
    for part in
        ["\"rule\":\"UndefinedVar\"", "\"start\":{\"line\":2}", "\"end\":{\"line\":4}", "/undefined-var/", "\"fix\":"]
    {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn steps_are_numbered_as_they_are_shown() {
    let dockerfile = "FROM scratch AS a\nCOPY a /\nCOPY --link a /b\nCOPY a /c\nFROM scratch\nCOPY --from=a / /\n";
    let hands = Hands::new(&[("Dockerfile", dockerfile), ("a", "a")]);
    let said = hands.ok(&["--jobs=1", "."]).err;
    for number in 1..=4 {
        assert!(said.contains(&format!("#{number} DONE")), "{said}");
    }
    assert!(!said.contains("#5"), "{said}");
    assert!(said.contains("built sha256:") && said.contains("-t"), "the image has no name: {said}");
}

#[test]
fn an_image_that_has_to_be_brought_is_not_called_cached() {
    let hands = Hands::new(&[("Dockerfile", "FROM base\n")]);
    let layout = common::base::Content::new().file("x", 0o644, b"x").layout("base", &hands.path("layout"));
    let said = hands.ok(&["--build-context", &layout, "."]).err;
    assert!(said.contains("#1 [1/1] FROM base\n#1 DONE"), "{said}");
    let said = hands.ok(&["--build-context", &layout, "."]).err;
    assert!(said.contains("#1 [1/1] FROM base\n#1 CACHED"), "{said}");
}

#[test]
fn a_sibling_of_a_failure_is_canceled_without_noise() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let dockerfile =
        format!("FROM scratch AS a\nADD http://127.0.0.1:{port}/slow /\nFROM scratch\nCOPY no /\nCOPY --from=a / /\n");
    let hands = Hands::new(&[("Dockerfile", &dockerfile)]);
    let said = hands.fails(1, &["."]);
    drop(server);
    assert!(said.contains("ERROR: /no not found in the build context"), "{said}");
    assert!(!said.to_lowercase().contains("error: canceled"), "{said}");
}

#[test]
fn exit_codes_are_documented() {
    let hands = Hands::new(&[]);
    for args in [&["--help"][..], &["build", "--help"]] {
        assert!(hands.ok(args).out.contains("130 stopped by Ctrl-C"), "{args:?}");
    }
}

#[test]
fn a_reader_that_goes_away_stops_nothing() {
    let hands = Hands::new(&[("Dockerfile", "FROM scratch\nCOPY a /\n"), ("a", "a"), ("bad", "CPY\n")]);
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    for (args, code) in [
        (&["-t", "x", "."][..], 0),
        (&["-q", "."], 0),
        (&["--progress=tty", "."], 0),
        (&["graph", "."], 0),
        (&["-f", "bad", "."], 1),
        (&["graph", "-f", "bad", "."], 1),
        (&["images"], 0),
        (&["--nonsense"], 2),
    ] {
        let status = hands.command(args).stdout(closed()).stderr(closed()).status().unwrap();
        assert_eq!(status.code(), Some(code), "{args:?}");
    }
    assert!(exists(&hands.path("store/index.json")));
}

#[test]
fn a_time_that_no_document_can_hold_is_refused() {
    let hands = Hands::new(&[("Dockerfile", "FROM scratch\nCOPY a /\n"), ("a", "a")]);
    for seconds in ["253402300800", "-62167219201", "9223372036854775807", "-9223372036854775808"] {
        let said = hands.fails(1, &["--build-arg", &format!("SOURCE_DATE_EPOCH={seconds}"), "-t", "x", "."]);
        assert!(said.contains(seconds) && said.contains("0000") && said.contains("9999"), "{said}");
    }
    for seconds in ["253402300799", "-62167219200", "-1", "0"] {
        hands.ok(&["--build-arg", &format!("SOURCE_DATE_EPOCH={seconds}"), "-t", "x", "."]);
        hands.ok(&["images"]);
    }
}

#[test]
fn what_is_no_terminal_gets_plain_lines() {
    let hands = Hands::new(&[("Dockerfile", "FROM scratch\nCOPY a /\n"), ("a", "a")]);
    let said = hands.ok(&["--progress=tty", "-t", "x", "."]).err;
    assert!(said.contains("COPY a /") && said.contains("x:latest is sha256:"), "{said}");
}

#[test]
fn switches_take_true_and_false_as_dockers_do() {
    let hands = Hands::new(&[("Dockerfile", "FROM scratch\nCOPY a /\n"), ("a", "a")]);
    hands.ok(&["--no-cache=true", "--pull=false", "--load", "--rm", "-t", "x", "."]);
    let again = hands.ok(&["--no-cache=false", "."]).err;
    assert!(again.contains("COPY a /\n#1 CACHED"), "{again}");
    assert!(hands.fails(2, &["--no-cache=perhaps", "."]).contains("--no-cache"));
    assert!(hands.fails(2, &["--push=true", "."]).contains("without a name cannot be pushed"));
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[test]
fn a_variable_that_was_never_set_is_no_store() {
    let hands = Hands::new(&[]);
    let said = hands.fails(2, &["--root", "", "system", "prune", "-af"]);
    assert!(said.contains("--root is empty"), "{said}");
}
