//! Checkouts.

use crate::server::{Reply, Server, files_server};
use crate::world::World;
use rbuild::solve::Shown;
use rbuild_graph::GitOp;
use rbuild_store::Bucket;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A repository to take from: `f` is "v1", then "v2".
struct Origin {
    path: PathBuf,
}

/// When its commits were made.
const FIRST: i64 = 1_577_836_800;
const SECOND: i64 = FIRST + 3600;

impl Origin {
    fn new(path: PathBuf) -> Self {
        fs::create_dir_all(path.join("s")).unwrap();
        let origin = Self { path };
        origin.git(&["init", "-q", "-b", "main"], FIRST);
        origin.write("f", "v1\n");
        origin.write("s/g", "sub\n");
        origin.write("run", "#!/bin/sh\n");
        fs::set_permissions(origin.path.join("run"), fs::Permissions::from_mode(0o775)).unwrap();
        symlink("/etc", origin.path.join("link")).unwrap();
        origin.commit("one", FIRST);
        origin.git(&["tag", "v1"], FIRST);
        origin.git(&["tag", "-a", "-m", "annotated", "v1a"], FIRST);
        origin.write("f", "v2\n");
        origin.commit("two", SECOND);
        origin
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path.join(name), text).unwrap();
    }

    fn commit(&self, message: &str, time: i64) {
        self.git(&["add", "."], time);
        self.git(&["commit", "-q", "-m", message], time);
    }

    fn git(&self, arguments: &[&str], time: i64) -> String {
        git(&self.path, arguments, time)
    }

    fn id(&self, name: &str) -> String {
        self.git(&["rev-parse", name], 0)
    }

    fn op(&self, reference: &str) -> GitOp {
        op(&format!("file://{}", self.path.display()), reference)
    }
}

#[test]
fn offline_a_commit_that_is_here_is_taken_and_no_remote_is_asked() {
    let world = World::new();
    let origin = Origin::new(world.place.path().join("origin"));
    let id = origin.id("main");
    world.git(&origin.op("main")).unwrap();
    fs::remove_dir_all(&origin.path).unwrap();
    let world = world.offline();
    assert_eq!(world.git(&origin.op(&id)).unwrap().read("f"), "v2\n");
    let error = world.git(&origin.op("main")).err().unwrap().to_string();
    assert!(error.contains("offline") && error.contains("main") && error.contains("whole id"), "{error}");
    let other = "a".repeat(40);
    let error = world.git(&origin.op(&other)).err().unwrap().to_string();
    assert!(error.contains(&other) && error.contains("not in the store"), "{error}");
}

fn git(directory: &Path, arguments: &[&str], time: i64) -> String {
    let mut command = Command::new("git");
    command.current_dir(directory).args(arguments).env("HOME", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        let variable = |what: &str| format!("GIT_{who}_{what}");
        command.env(variable("NAME"), "k").env(variable("EMAIL"), "k@k").env(variable("DATE"), format!("{time} +0000"));
    }
    let done = command.output().unwrap();
    assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

fn op(remote: &str, reference: &str) -> GitOp {
    GitOp {
        remote: remote.to_owned(),
        reference: reference.to_owned(),
        subdir: String::new(),
        checksum: None,
        keep_git_dir: false,
        submodules: true,
        fetch_by_commit: false,
    }
}

fn world() -> (World, Origin) {
    let world = World::new();
    let origin = Origin::new(world.place.path().join("origin"));
    (world, origin)
}

fn publish(origin: &Origin, bare: &Path) {
    let (from, to) = (origin.path.display().to_string(), bare.display().to_string());
    git(Path::new("/"), &["clone", "-q", "--bare", &from, &to], 0);
    git(bare, &["update-server-info"], 0);
}

#[test]
fn files_look_the_same_on_every_machine() {
    let (world, origin) = world();
    let solved = world.git(&origin.op("v1")).unwrap();
    let expected = [
        ("f", 0o644, "v1\n"),
        ("link", 0o777, "/etc"),
        ("run", 0o755, "#!/bin/sh\n"),
        ("s", 0o755, ""),
        ("s/g", 0o644, "sub\n"),
    ];
    let expected = expected.map(|(path, mode, text)| (path.to_owned(), (mode, FIRST, text.to_owned())));
    assert_eq!(solved.listing(), expected.into());
    assert_eq!(solved.shown, Shown::Done);
    assert!(fs::read_dir(world.store.dir(Bucket::Tmp)).unwrap().next().is_none());
}

#[test]
fn every_kind_of_reference_is_understood() {
    let (world, origin) = world();
    origin.git(&["update-ref", "refs/pull/7/head", "v1"], 0);
    let (first, second, tag) = (origin.id("v1"), origin.id("main"), origin.id("v1a"));
    for (reference, text) in [
        ("", "v2\n"),
        ("HEAD", "v2\n"),
        ("main", "v2\n"),
        ("refs/heads/main", "v2\n"),
        ("v1", "v1\n"),
        ("v1a", "v1\n"),
        ("tags/v1a", "v1\n"),
        ("pull/7/head", "v1\n"),
        (&*first, "v1\n"),
        (&*second, "v2\n"),
        (&*tag, "v1\n"),
    ] {
        assert_eq!(world.git(&origin.op(reference)).unwrap().read("f"), text, "{reference}");
    }
    let error = world.git(&origin.op("nowhere")).err().unwrap().to_string();
    assert!(error.contains("nowhere") && error.contains("origin"), "{error}");
    let error = world.git(&origin.op(&"d".repeat(40))).err().unwrap().to_string();
    assert!(error.contains(&"d".repeat(40)), "{error}");
}

#[test]
fn a_branch_is_followed_and_a_commit_stays() {
    let (world, origin) = world();
    let second = origin.id("main");
    assert_eq!(world.git(&origin.op("main")).unwrap().read("f"), "v2\n");
    origin.write("f", "v3\n");
    origin.commit("three", SECOND + 1);
    assert_eq!(world.git(&origin.op("main")).unwrap().read("f"), "v3\n");
    fs::remove_dir_all(&origin.path).unwrap();
    let solved = world.git(&origin.op(&second)).unwrap();
    assert_eq!((solved.shown, solved.read("f")), (Shown::Cached, "v2\n".to_owned()));
    let error = world.git(&origin.op("main")).err().unwrap().to_string();
    assert!(error.contains("git cannot reach"), "{error}");
}

#[test]
fn a_commit_in_the_middle_of_history_is_found() {
    let (world, origin) = world();
    let middle = origin.id("main");
    origin.write("f", "v3\n");
    origin.commit("three", SECOND + 1);
    // What is here already has no history: it must not stand in the way.
    world.git(&origin.op("main")).unwrap();
    assert_eq!(world.git(&origin.op(&middle)).unwrap().read("f"), "v2\n");
    let kept = GitOp { keep_git_dir: true, ..origin.op(&middle) };
    assert_eq!(world.git(&kept).unwrap().read(".git/HEAD").trim(), middle);
}

#[test]
fn a_checksum_is_the_commit_or_the_tag_or_their_beginning() {
    let (world, origin) = world();
    let (first, second, tag) = (origin.id("v1"), origin.id("main"), origin.id("v1a"));
    let with = |reference: &str, checksum: &str| GitOp { checksum: Some(checksum.to_owned()), ..origin.op(reference) };
    for checksum in [&first[..], &first[..7], &tag[..], &tag.to_uppercase()[..9]] {
        assert_eq!(world.git(&with("v1a", checksum)).unwrap().read("f"), "v1\n", "{checksum}");
    }
    let error = world.git(&with("main", &first)).err().unwrap().to_string();
    assert!(error.contains(&first) && error.contains(&second), "{error}");
    let by_commit = GitOp { fetch_by_commit: true, ..with("main", &first) };
    assert_eq!(world.git(&by_commit).unwrap().read("f"), "v1\n");
}

#[test]
fn a_directory_inside_becomes_the_root() {
    let (world, origin) = world();
    let below = |subdir: &str| GitOp { subdir: subdir.to_owned(), keep_git_dir: true, ..origin.op("v1") };
    assert_eq!(world.git(&below("s")).unwrap().listing().into_keys().collect::<Vec<_>>(), ["g"]);
    for wrong in ["none", "f", "link", "link/cron.d", "s/../../..", "f/x"] {
        let error = world.git(&below(wrong)).err().unwrap().to_string();
        assert!(error.contains("has no directory"), "{wrong}: {error}");
    }
}

#[test]
fn a_kept_repository_stands_on_its_own() {
    let (world, origin) = world();
    let solved = world.git(&GitOp { keep_git_dir: true, ..origin.op("v1a") }).unwrap();
    let copy = world.place.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for (path, (mode, time, text)) in solved.listing() {
        assert_eq!(time, FIRST, "{path}");
        let place = copy.join(&path);
        if mode == 0o777 {
            symlink(text, place).unwrap();
        } else if solved.tree.lookup(path.as_bytes()).unwrap().unwrap().node.is_directory() {
            fs::create_dir(place).unwrap();
        } else {
            let mut from = solved.tree.lookup(path.as_bytes()).unwrap().map(|entry| {
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut solved.tree.open(&entry.path, entry.digest()).unwrap(), &mut bytes)
                    .unwrap();
                bytes
            });
            fs::write(&place, from.take().unwrap()).unwrap();
            fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();
        }
    }
    fs::remove_dir_all(world.store.root()).unwrap();
    fs::rename(&origin.path, world.place.path().join("away")).unwrap();
    assert_eq!(git(&copy, &["status", "--porcelain"], 0), "");
    assert_eq!(git(&copy, &["describe", "--tags"], 0), "v1a");
    assert_eq!(git(&copy, &["log", "--format=%s"], 0), "one");
    assert_eq!(git(&copy, &["config", "remote.origin.url"], 0), origin.op("").remote);
    git(&copy, &["fsck", "--strict"], 0);
    assert!(!copy.join(".git/hooks").exists() && !copy.join(".git/logs").exists());
}

#[test]
fn a_kept_repository_is_the_same_bytes_when_made_again() {
    let (world, origin) = world();
    let kept = GitOp { keep_git_dir: true, ..origin.op("v1") };
    assert_eq!(world.git(&kept).unwrap().listing(), World::new().git(&kept).unwrap().listing());
}

#[test]
fn submodules_of_this_machine_are_refused() {
    let (world, origin) = world();
    let inner = Origin::new(world.place.path().join("inner"));
    let url = format!("file://{}", inner.path.display());
    origin.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "in"], SECOND);
    origin.commit("submodule", SECOND);
    let error = world.git(&origin.op("main")).err().unwrap().to_string();
    assert!(error.contains("submodules") && error.contains("'file' not allowed"), "{error}");
    let without = GitOp { submodules: false, ..origin.op("main") };
    assert_eq!(world.git(&without).unwrap().paths(), [".gitmodules", "f", "in", "link", "run", "s", "s/g"]);
}

#[test]
fn submodules_come_over_plain_http_with_the_login_of_the_address() {
    let (world, origin) = world();
    let root = world.place.path().join("www");
    publish(&Origin::new(world.place.path().join("inner")), &root.join("inner.git"));
    let (inner, commit) = (root.join("inner.git").display().to_string(), "main");
    origin
        .git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "-b", commit, &inner, "in"], SECOND);
    origin.git(&["config", "-f", ".gitmodules", "submodule.in.url", "../inner.git"], SECOND);
    origin.commit("submodule", SECOND);
    publish(&origin, &root.join("r.git"));
    let server = files_server(root, |authorization| authorization != "Basic bWU6aHVzaA==");
    let remote = format!("http://me:hush@127.0.0.1:{}/r.git", server.port());
    let kept = GitOp { keep_git_dir: true, ..op(&remote, "main") };
    for (op, inside) in [(op(&remote, "main"), false), (kept, true)] {
        let solved = world.git(&op).unwrap();
        assert_eq!(solved.read("in/s/g"), "sub\n");
        let paths = solved.paths();
        assert_eq!(paths.contains(&"in/.git".to_owned()), inside, "{paths:?}");
        assert!(solved.listing().values().all(|(_, _, text)| !text.contains("hush")));
    }
    assert!(!world.told().contains("hush"), "{}", world.told());
}

#[test]
fn secrets_open_repositories_and_are_told_to_nobody() {
    let (world, origin) = world();
    let root = world.place.path().join("www");
    publish(&origin, &root.join("r.git"));
    // x-access-token:hush
    let server = files_server(root, |authorization| authorization != "basic eC1hY2Nlc3MtdG9rZW46aHVzaA==");
    let remote = server.url("/r.git");
    let error = world.git(&op(&remote, "v1")).err().unwrap().to_string();
    assert!(error.contains("GIT_AUTH_TOKEN"), "{error}");
    let world = World::new().secret(&format!("GIT_AUTH_TOKEN.127.0.0.1:{}", server.port()), "hush");
    assert_eq!(world.git(&op(&remote, "v1")).unwrap().read("f"), "v1\n");
    assert_eq!(world.git(&op(&remote, &origin.id("main"))).unwrap().read("f"), "v2\n");
    let config =
        fs::read_dir(world.store.dir(Bucket::Git).join("repositories")).unwrap().next().unwrap().unwrap().path();
    let config = fs::read_to_string(config.join("config")).unwrap();
    assert!(!config.contains("eC1h") && !world.told().contains("eC1h"), "{config}");
}

#[test]
fn many_at_once_fetch_once() {
    let (world, origin) = world();
    let texts: Vec<_> = std::thread::scope(|scope| {
        let ask = || world.git(&origin.op("main")).unwrap().read("f");
        let asked: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(texts, ["v2\n"; 4]);
    assert_eq!(fs::read_dir(world.store.dir(Bucket::Git).join("checkouts")).unwrap().count(), 1);
}

#[test]
fn a_raised_flag_ends_git_within_a_second() {
    let server = Server::start(|_, _| Reply { silent: true, ..Reply::new(200, "") });
    let world = World::new();
    let cancel = world.cancel.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        cancel.cancel();
    });
    let begin = Instant::now();
    assert!(world.git(&op(&server.url("/r.git"), "main")).err().unwrap().is_canceled());
    assert!(begin.elapsed() < Duration::from_millis(1300), "{:?}", begin.elapsed());
}

#[test]
fn other_protocols_are_refused() {
    let world = World::new();
    for remote in ["ext::sh -c 'touch /tmp/x'", "ftp://h/r.git"] {
        let error = world.git(&op(remote, "main")).err().unwrap().to_string();
        assert!(error.contains("not allowed"), "{remote}: {error}");
    }
}
