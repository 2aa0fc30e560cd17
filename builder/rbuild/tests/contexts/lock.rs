//! `rbuild lock` and `build --locked`: what names and addresses meant stays, whatever they mean by now.

use crate::daemon::{Daemon, Origin, THEN};
use crate::lab::Lab;
use crate::server::{Reply, Server};
use rbuild_oci::Digest;
use rbuild_oci::testing::random_image;
use rbuild_registry::testing::Registry;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// What a run came to: its exit code, what it printed, what it complained of.
type Came = (Option<i32>, String, String);

/// Runs the program with a store of that name.
fn rbuild(lab: &Lab, store: &str, args: &[&str]) -> Came {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rbuild"));
    command.args(args).current_dir(lab.path("")).env("RBUILD_ROOT", lab.path(store)).stdin(Stdio::null());
    let done = command.env("SOURCE_DATE_EPOCH", "1700000000").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[track_caller]
fn good((code, out, log): Came) -> String {
    assert_eq!(code, Some(0), "{out}{log}");
    out
}

#[track_caller]
fn bad((code, out, log): Came, with: i32) -> String {
    assert_eq!(code, Some(with), "{out}{log}");
    out + &log
}

/// What lies elsewhere, and may move.
struct Elsewhere {
    registry: Registry,
    body: Arc<Mutex<&'static str>>,
    server: Server,
    origin: Origin,
    daemon: Daemon,
}

impl Elsewhere {
    fn new(lab: &Lab) -> Option<Self> {
        let registry = Registry::start().unwrap();
        registry.put_image("library/app", "1", &random_image(7, 2));
        registry.put_image("tool", "v", &random_image(9, 1));
        let body = Arc::new(Mutex::new("one"));
        let served = body.clone();
        let server = Server::start(move |_, _| Reply::new(200, *served.lock().unwrap()));
        let root = lab.path("www");
        let origin = Origin::new(&root, "r", &[("f", "f")]);
        Some(Self { registry, body, server, origin, daemon: Daemon::start(&root)? })
    }

    fn dockerfile(&self) -> String {
        let (host, file, git) = (self.registry.host(), self.server.url("/file"), self.daemon.url("r.git#main"));
        format!(
            "ARG BASE=none\nFROM $BASE AS a\nFROM scratch\nCOPY --from={host}/tool:v / /tool/\nADD {file} /file\n\
             ADD {git} /src\nCOPY --from=a / /a/\n"
        )
    }

    fn base(&self) -> String {
        format!("BASE={}/library/app:1", self.registry.host())
    }

    fn move_all(&self) {
        self.registry.put_image("library/app", "1", &random_image(8, 2));
        self.registry.put_image("tool", "v", &random_image(10, 1));
        *self.body.lock().unwrap() = "two";
        self.origin.commit(&[("f", "other")], THEN + 60);
    }

    /// Whether a registry was asked for a manifest by its tag.
    fn asked_for_a_tag(&self) -> bool {
        self.registry
            .seen()
            .iter()
            .any(|seen| ["/manifests/1", "/manifests/v"].iter().any(|end| seen.path.ends_with(end)))
    }
}

#[test]
fn a_locked_build_gives_what_was_locked_whatever_moved() {
    let lab = Lab::new();
    let Some(there) = Elsewhere::new(&lab) else { return };
    lab.file("c/Dockerfile", there.dockerfile().as_bytes());
    let base = there.base();
    let of = |verb: &'static str, more: &[&'static str]| [&[verb, "--build-arg", base.as_str()], more, &["c"]].concat();
    assert!(bad(rbuild(&lab, "s", &of("build", &["--locked"])), 2).contains("there is no c/rbuild.lock"));
    assert!(bad(rbuild(&lab, "s", &of("lock", &["--check"])), 2).contains("rbuild.lock"));
    let told = good(rbuild(&lab, "s", &of("lock", &[])));
    assert!(told.ends_with("c/rbuild.lock: written\n") && told.lines().count() == 5, "{told}");
    assert_eq!(good(rbuild(&lab, "s", &of("lock", &[]))), "c/rbuild.lock: as it was\n");
    assert_eq!(good(rbuild(&lab, "s", &of("lock", &["--check"]))), "");
    let unlocked = good(rbuild(&lab, "unlocked", &of("build", &["-q"])));
    there.move_all();
    let moved = bad(rbuild(&lab, "s", &of("lock", &["--check"])), 1);
    let kinds: Vec<&str> = moved.lines().filter_map(|line| line.split_once(": ").map(|(kind, _)| kind)).collect();
    assert_eq!(kinds, ["moved"; 4], "{moved}");
    let (was, is) = (Digest::of(b"one").to_string(), Digest::of(b"two").to_string());
    assert!(moved.contains(&format!("/file was {was}, is {is}")), "{moved}");

    let (before, calls) = (there.registry.seen().len(), there.server.seen().len());
    let refused = bad(rbuild(&lab, "new", &of("build", &["-q", "--locked"])), 1);
    assert!(refused.contains(&was) && refused.contains(&is) && refused.contains("c/rbuild.lock says so"), "{refused}");
    assert!(refused.contains("Dockerfile:5"), "{refused}");
    assert!(there.server.seen().len() > calls);
    *there.body.lock().unwrap() = "one";
    assert_eq!(good(rbuild(&lab, "new", &of("build", &["-q", "--locked"]))), unlocked);
    let after: Vec<String> = there.registry.seen().split_off(before).into_iter().map(|seen| seen.path).collect();
    assert!(!after.iter().any(|path| path.ends_with("/manifests/1") || path.ends_with("/manifests/v")), "{after:?}");
    assert!(there.asked_for_a_tag(), "unlocked it was");

    // All is here: nobody is needed.
    assert_eq!(good(rbuild(&lab, "unlocked", &of("build", &["-q", "--locked", "--offline"]))), unlocked);
    *there.body.lock().unwrap() = "two";
    assert_ne!(good(rbuild(&lab, "s", &of("build", &["-q"]))), unlocked);
    assert_eq!(good(rbuild(&lab, "s", &of("lock", &[]))).lines().count(), 5);
    assert_eq!(good(rbuild(&lab, "s", &of("lock", &["--check"]))), "");
}

#[test]
fn what_a_lock_lacks_is_refused_at_its_line_and_nobody_is_asked() {
    let lab = Lab::new();
    let Some(there) = Elsewhere::new(&lab) else { return };
    lab.file("c/Dockerfile", there.dockerfile().as_bytes());
    let lock_file = ["--lock-file", "other.lock", "--build-arg", &there.base(), "c"];
    good(rbuild(&lab, "s", &[&["lock"], &lock_file[..]].concat()));
    let (registry, server) = (there.registry.seen().len(), there.server.seen().len());
    let host = there.registry.host();
    for (line, what) in [
        (format!("COPY --from={host}/tool:w / /x/"), format!("other.lock has no {host}/tool:w for ")),
        (format!("RUN --mount=from={host}/tool:w,target=/t true"), format!("other.lock has no {host}/tool:w for ")),
        (format!("ADD {} /x", there.server.url("/other")), format!("other.lock has no {}", there.server.url("/other"))),
        (
            format!("ADD {} /x", there.daemon.url("r.git#dev")),
            format!("other.lock has no {}", there.daemon.url("r.git#dev")),
        ),
    ] {
        lab.file("c/Dockerfile", format!("{}{line}\n", there.dockerfile()).as_bytes());
        let refused = bad(rbuild(&lab, "s", &[&["build", "-q", "--locked"], &lock_file[..]].concat()), 1);
        assert!(refused.contains(&what) && refused.contains("Dockerfile:8"), "{line}: {refused}");
        assert!(refused.contains("hint: `rbuild lock` with the same options"), "{line}: {refused}");
    }
    assert_eq!((there.registry.seen().len(), there.server.seen().len()), (registry, server));
}

#[test]
fn each_platform_and_each_named_context_has_its_line() {
    let lab = Lab::new();
    let Some(there) = Elsewhere::new(&lab) else { return };
    lab.file("c/Dockerfile", b"FROM base\nCOPY --from=src f /f\n");
    let (base, src) = (
        format!("base=docker-image://{}/library/app:1", there.registry.host()),
        format!("src={}", there.daemon.url("r.git")),
    );
    let args = ["--platform", "linux/amd64,linux/arm64", "--build-context", &base, "--build-context", &src, "c"];
    let told = good(rbuild(&lab, "s", &[&["lock"], &args[..]].concat()));
    assert_eq!(told.lines().count(), 4, "{told}");
    for part in [" for linux/amd64 is sha256:", " for linux/arm64 is sha256:", "r.git#HEAD is "] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let id = good(rbuild(&lab, "s", &[&["build", "-q", "--locked"], &args[..]].concat()));
    there.move_all();
    assert_eq!(good(rbuild(&lab, "new", &[&["build", "-q", "--locked"], &args[..]].concat())), id);
}

/// A stage that takes a download, and the time of that.
fn dated(url: &str) -> Vec<u8> {
    format!("FROM scratch AS source\nADD {url} /f\n\nFROM scratch\nARG SOURCE_DATE_EPOCH\nCOPY --from=source / /\n")
        .into_bytes()
}

#[test]
fn the_time_of_a_download_is_locked_with_its_content() {
    let lab = Lab::new();
    let answer = Arc::new(Mutex::new(("one", "Thu, 01 Jan 2015 00:00:00 GMT")));
    let served = answer.clone();
    let server = Server::start(move |_, _| {
        let (body, time) = *served.lock().unwrap();
        Reply::new(200, body).with("Last-Modified", time)
    });
    let url = server.url("/f");
    lab.file("c/Dockerfile", &dated(&url));
    let told = good(rbuild(&lab, "s", &["lock", "c"]));
    assert!(told.contains(&format!("{} of 2015-01-01T00:00:00Z", Digest::of(b"one"))), "{told}");
    for epoch in ["1700000000", "source"] {
        let build = ["build", "-q", "--locked", "--source-date-epoch", epoch, "c"];
        let id = good(rbuild(&lab, "s", &build));
        let calls = server.seen().len();
        *answer.lock().unwrap() = ("one", "Sun, 01 Jan 2017 00:00:00 GMT");
        assert_eq!(good(rbuild(&lab, &format!("new {epoch}"), &build)), id, "{epoch}: the server says another time");
        assert!(server.seen().len() > calls);
        *answer.lock().unwrap() = ("two", "Sun, 01 Jan 2017 00:00:00 GMT");
        let calls = server.seen().len();
        assert_eq!(good(rbuild(&lab, &format!("new {epoch}"), &build)), id, "{epoch}");
        assert_eq!(server.seen().len(), calls, "{epoch}: what is here is what is locked");
        let refused = bad(rbuild(&lab, &format!("empty {epoch}"), &build), 1);
        for part in [Digest::of(b"one"), Digest::of(b"two")] {
            assert!(refused.contains(&part.to_string()), "{epoch}: {refused}");
        }
        *answer.lock().unwrap() = ("one", "Thu, 01 Jan 2015 00:00:00 GMT");
    }
}

#[test]
fn a_dockerfile_at_a_url_cannot_be_locked() {
    let lab = Lab::new();
    let server = Server::start(|_, _| Reply::new(200, "FROM scratch\nCOPY f /\n"));
    let url = server.url("/Dockerfile?token=hidden");
    lab.file("c/f", b"f");
    lab.file("l", b"{\"version\": 1}");
    for verb in [&["lock"][..], &["build", "--locked"]] {
        let refused = bad(rbuild(&lab, "s", &[verb, &["--lock-file", "l", "-f", &url, "c"]].concat()), 2);
        assert!(refused.contains(&server.url("/Dockerfile")) && refused.contains("-f"), "{refused}");
        assert!(!refused.contains("hidden"), "{refused}");
    }
    assert_eq!(server.seen().len(), 0);
}

#[test]
fn addresses_that_differ_in_what_is_hidden_are_two() {
    let lab = Lab::new();
    let server = Server::start(|call, _| Reply::new(200, call.target.clone()));
    let (one, two) = (server.url("/f?token=one"), server.url("/f?token=two"));
    lab.file("c/Dockerfile", format!("FROM scratch\nADD {one} /one\nADD {two} /two\n").as_bytes());
    good(rbuild(&lab, "s", &["lock", "c"]));
    let text = std::fs::read_to_string(lab.path("c/rbuild.lock")).unwrap();
    assert_eq!((text.matches("/f?token=xxxxx (").count(), text.contains("token=one")), (2, false), "{text}");
    good(rbuild(&lab, "s", &["build", "-q", "--locked", "c"]));
}
