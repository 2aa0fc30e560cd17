//! Git repositories as contexts.

use crate::daemon::{Daemon, Origin, THEN};
use crate::lab::Lab;
use crate::server::{Reply, Server, files_server};
use crate::tool::{Tool, Who};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const DOCKERFILE: &str = "FROM scratch\nCOPY . /\n";

fn origin(lab: &Lab) -> Origin {
    let files = [
        ("Dockerfile", DOCKERFILE),
        ("sub/Dockerfile", "FROM scratch\nCOPY g /sub-g\n"),
        ("sub/g", "g1\n"),
        ("f", "v1\n"),
        (".dockerignore", "*\n"),
    ];
    Origin::new(&lab.path("www"), "r", &files)
}

fn names(files: &BTreeMap<String, String>) -> Vec<&str> {
    files.keys().map(String::as_str).collect()
}

#[test]
fn every_form_of_address_names_files_of_a_commit() {
    let lab = Lab::new();
    let origin = origin(&lab);
    origin.git(&["tag", "-a", "-m", "annotated", "v1"], THEN);
    let first = origin.git(&["rev-parse", "HEAD"], THEN);
    let second = origin.commit(&[("f", "v2\n"), ("sub/g", "g2\n")], THEN + 60);
    origin.git(&["branch", "deep/er"], THEN);
    let Some(daemon) = Daemon::start(&lab.path("www")) else { return };
    for (form, path, text) in [
        ("", "f", "v2\n"),
        ("#v1", "f", "v1\n"),
        ("#refs/heads/deep/er", "f", "v2\n"),
        ("#:sub", "sub-g", "g2\n"),
        ("#v1:/sub", "sub-g", "g1\n"),
        (&format!("#{first}"), "f", "v1\n"),
        ("?ref=v1", "f", "v1\n"),
        ("?tag=v1&subdir=sub", "sub-g", "g1\n"),
        ("?branch=deep/er", "f", "v2\n"),
        (&format!("?ref=main&checksum={second}"), "f", "v2\n"),
        (&format!("?commit={}&tag=v1", &first[..9]), "f", "v1\n"),
        (&format!("?ref=main&checksum={first}&fetch-by-commit=1"), "f", "v1\n"),
    ] {
        assert_eq!(lab.files(&[&daemon.url(&format!("r.git{form}"))], b"")[path], text, "{form}");
    }
    // The ignore file of a repository is a file like any other.
    let files = lab.files(&[&daemon.url("r.git")], b"");
    assert_eq!(names(&files), [".dockerignore", "Dockerfile", "f", "sub", "sub/Dockerfile", "sub/g"]);
    let said = lab.refusal(&["-f", "sub/Dockerfile", &daemon.url("r.git#:sub")], b"");
    assert!(said.contains("no file sub/Dockerfile in the repository"), "{said}");
}

#[test]
fn the_dockerfile_is_the_repositorys_or_the_callers() {
    let lab = Lab::new();
    let origin = origin(&lab);
    origin.commit(&[("other/My.Dockerfile", "FROM scratch\nCOPY f /mine\n")], THEN);
    let server = files_server(lab.path("www"), |_| false);
    let url = server.url("/r.git");
    assert_eq!(lab.files(&["-f", "other/My.Dockerfile", &url], b"")["mine"], "v1\n");
    assert_eq!(lab.files(&["-f", "-", &url], b"FROM scratch\nCOPY f /in\n")["in"], "v1\n");
    let here = lab.file("here", b"FROM scratch\nCOPY f /here\n");
    assert_eq!(lab.files(&["-f", here.to_str().unwrap(), &url], b"")["here"], "v1\n");
    let said = lab.refusal(&["-f", "none", &url], b"");
    assert!(said.contains("no file none in the repository"), "{said}");
}

#[test]
fn a_branch_that_moved_is_seen_and_what_stayed_is_cached() {
    let lab = Lab::new();
    let origin = Origin::new(
        &lab.path("www"),
        "r",
        &[("Dockerfile", "FROM scratch\nCOPY f /\nCOPY g /\n"), ("f", "1"), ("g", "1")],
    );
    let Some(daemon) = Daemon::start(&lab.path("www")) else { return };
    let url = daemon.url("r.git#main");
    assert_eq!(lab.files(&[&url], b"")["g"], "1");
    origin.commit(&[("g", "2")], THEN + 1);
    let again = lab.build(&[&url], b"").log;
    assert!(again.contains("COPY f /\n#1 CACHED") && again.contains("#2 DONE"), "{again}");
    assert_eq!(lab.files(&[&url], b"")["g"], "2");
    // A commit that is here is not asked for.
    let commit = origin.git(&["rev-parse", "HEAD"], THEN);
    drop(daemon);
    let _ = lab.refusal(&[&url], b"");
    assert!(url.starts_with("git://") && lab.build(&[&url.replace("main", &commit)], b"").code == Some(0));
}

#[test]
fn the_repository_itself_is_kept_where_it_is_asked_for() {
    let lab = Lab::new();
    origin(&lab);
    let Some(daemon) = Daemon::start(&lab.path("www")) else { return };
    let has_git = |args: &[&str]| lab.files(args, b"").contains_key(".git/HEAD");
    let url = daemon.url("r.git");
    assert!(!has_git(&[&url]));
    assert!(has_git(&[&format!("{url}?keep-git-dir=true")]));
    for (value, kept) in [("1", true), ("true", true), ("0", false), ("maybe", false)] {
        assert_eq!(has_git(&["--build-arg", &format!("BUILDKIT_CONTEXT_KEEP_GIT_DIR={value}"), &url]), kept, "{value}");
    }
}

#[test]
fn submodules_come_along_unless_they_are_not_wanted() {
    let lab = Lab::new();
    let root = lab.path("www");
    Origin::new(&root, "inner", &[("i", "inner\n")]);
    let origin = origin(&lab);
    let inner = root.join("inner.git").display().to_string();
    origin.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &inner, "in"], THEN);
    origin.git(&["config", "-f", ".gitmodules", "submodule.in.url", "../inner.git"], THEN);
    origin.commit(&[], THEN);
    let Some(daemon) = Daemon::start(&root) else { return };
    assert_eq!(lab.files(&[&daemon.url("r.git")], b"")["in/i"], "inner\n");
    assert!(!lab.files(&[&daemon.url("r.git?submodules=false")], b"").contains_key("in/i"));
}

#[test]
fn secrets_open_repositories_and_are_told_to_nobody() {
    let lab = Lab::new();
    origin(&lab);
    // me:hush, and x-access-token:hush
    let known = ["Basic bWU6aHVzaA==", "basic eC1hY2Nlc3MtdG9rZW46aHVzaA=="];
    let server = files_server(lab.path("www"), move |authorization| !known.contains(&authorization));
    let said = lab.refusal(&[&server.url("/r.git")], b"");
    assert!(said.contains("GIT_AUTH_TOKEN"), "{said}");
    let token = lab.file("token", b"hush");
    let secret = format!("id=GIT_AUTH_TOKEN,src={}", token.display());
    let within = format!("http://me:hush@127.0.0.1:{}/r.git", server.port());
    for args in [&["--secret", &secret, &server.url("/r.git")][..], &[&within], &["-t", "x", &format!("{within}#:sub")]]
    {
        let ran = lab.build(args, b"");
        assert!(ran.code == Some(0) && !ran.log.contains("hush") && !ran.log.contains("aHVza"), "{}", ran.log);
    }
    for wrong in [format!("{within}?nope=1"), format!("{within}#none"), format!("{within}#:none")] {
        let said = lab.refusal(&[&wrong], b"");
        assert!(!said.contains("hush"), "{said}");
    }
    for path in crate::common::walk(&lab.path("store")).iter().filter(|path| path.is_file()) {
        let bytes = fs::read(path).unwrap();
        assert!(!bytes.windows(4).any(|window| window == b"hush" || window == b"aHVz"), "{}", path.display());
    }
}

#[test]
fn what_an_address_cannot_be_is_refused_by_name() {
    let lab = Lab::new();
    origin(&lab);
    let Some(daemon) = Daemon::start(&lab.path("www")) else { return };
    let marker = lab.path("pwned");
    let inject = format!("touch {}", marker.display());
    for (form, names) in [
        ("r.git#--upload-pack=x", "--upload-pack=x"),
        ("r.git#-x", "\"-x\""),
        (&format!("r.git?ref=--upload-pack={inject}"), "--upload-pack"),
        ("r.git#main:../..", ""),
        ("r.git#main:none", "no directory \"none\""),
        ("r.git#main:f", "no directory \"f\""),
        ("r.git?checksum=zz", "checksum"),
        ("r.git?ref=main&checksum=abcdef0", "abcdef0"),
        ("r.git?nope=1", "nope"),
        ("none.git", "none.git"),
    ] {
        if names.is_empty() {
            // Above the top there is only the top, as in BuildKit.
            assert_eq!(lab.build(&[&daemon.url(form)], b"").code, Some(0), "{form}");
            continue;
        }
        let said = lab.refusal(&[&daemon.url(form)], b"");
        assert!(said.contains(names), "{form}: {said}");
    }
    for address in [
        format!("ssh://-oProxyCommand={inject}/r.git"),
        "git@-oProxyCommand=x:r.git".to_owned(),
        "ssh://127.0.0.1:1/r.git".to_owned(),
        format!("ext::sh -c {inject}"),
    ] {
        let said = lab.refusal(&[&address], b"");
        assert!(said.contains("ERROR"), "{said}");
    }
    assert!(!marker.exists());
}

#[test]
fn a_server_cannot_send_git_elsewhere() {
    let lab = Lab::new();
    let origin = origin(&lab);
    let place = format!("file://{}", origin.path.display());
    for location in [place.clone(), format!("{place}/info/refs?service=git-upload-pack"), "ext::sh -c id".to_owned()] {
        let server = Server::start(move |_, _| Reply::new(302, "").with("Location", location.clone()));
        let said = lab.refusal(&[&server.url("/r.git")], b"");
        assert!(said.contains("git cannot reach http://127.0.0.1"), "{said}");
    }
    let nonsense = Server::start(|_, _| Reply::new(200, "001e# service=git-upload-pack\n0000ffff\u{1b}[31mred"));
    let said = lab.refusal(&[&nonsense.url("/r.git")], b"");
    assert!(said.contains("git cannot reach") && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn links_of_a_repository_lead_nowhere_else() {
    let lab = Lab::new();
    let origin = Origin::new(&lab.path("www"), "r", &[("f", "x")]);
    std::os::unix::fs::symlink("/etc/passwd", origin.path.join("Dockerfile")).unwrap();
    std::os::unix::fs::symlink("../../../../etc", origin.path.join("up")).unwrap();
    origin.commit(&[], THEN);
    let server = files_server(lab.path("www"), |_| false);
    let said = lab.refusal(&[&server.url("/r.git")], b"");
    assert!(said.contains("no file Dockerfile") && !said.contains("root:"), "{said}");
    let said = lab.refusal(&["-f", "-", &server.url("/r.git")], b"FROM scratch\nCOPY up/passwd /\n");
    assert!(said.contains("/up/passwd not found"), "{said}");
}

#[test]
fn both_forms_of_ssh_reach_the_host_with_the_agent() {
    let lab = Lab::new();
    let origin = origin(&lab);
    // A stand-in for ssh: it notes how it was called and runs the command here instead of there.
    let told = lab.path("told");
    let script = format!(
        "#!/bin/sh\necho \"$SSH_AUTH_SOCK $*\" >> '{}'\nfor last; do :; done\nexec sh -c \"$last\"\n",
        told.display()
    );
    let ssh = lab.file("bin/ssh", script.as_bytes());
    fs::set_permissions(ssh, fs::Permissions::from_mode(0o755)).unwrap();
    let agent = lab.path("agent");
    let _listening = std::os::unix::net::UnixListener::bind(&agent).unwrap();
    let path = format!("{}:{}", lab.path("bin").display(), std::env::var("PATH").unwrap());
    let place = origin.path.display();
    for address in [format!("ssh://git@h.example:2222{place}#main"), format!("git@h.example:{place}#main:sub")] {
        let given = format!("default={}", agent.display());
        let done = lab.command(&["--ssh", &given, &address]).env("PATH", &path).output().unwrap();
        assert!(done.status.success(), "{address}: {}", String::from_utf8_lossy(&done.stderr));
        let said = fs::read_to_string(&told).unwrap();
        assert!(said.starts_with(&format!("{} ", agent.display())) && said.contains("git@h.example"), "{said}");
        assert!(said.contains("git-upload-pack") && said.contains("BatchMode=yes"), "{said}");
        fs::remove_file(&told).unwrap();
    }
}

#[test]
fn an_ordinary_user_builds_a_repository() {
    for who in Who::all() {
        let tool = Tool::new(who);
        let root = tool.path("www");
        let origin = Origin::new(&root, "r", &[("Dockerfile", "FROM busybox\nCOPY f /\nRUN cat /f\n"), ("f", "1\n")]);
        let server = files_server(root, |_| false);
        let url = server.url("/r.git#main");
        let first = tool.build(url.as_ref(), &[]);
        assert_eq!(first.started().len(), 3, "{}", first.log());
        let again = tool.build(url.as_ref(), &[]);
        assert_eq!((&again.id, again.started().len()), (&first.id, 1), "{}", again.log());
        origin.commit(&[("f", "2\n")], THEN + 1);
        assert_ne!(tool.build(url.as_ref(), &[]).id, first.id);
        assert_eq!((tool.leftovers(), tool.traces()), (Vec::new(), Vec::new()));
    }
}

#[test]
fn the_graph_of_a_repository_is_shown_without_building_it() {
    let lab = Lab::new();
    origin(&lab);
    let server = files_server(lab.path("www"), |_| false);
    let mut command = Command::new(env!("CARGO_BIN_EXE_rbuild"));
    command.args(["graph", "-f", "sub/Dockerfile", &server.url("/r.git")]).env("RBUILD_ROOT", lab.path("store"));
    let done = command.output().unwrap();
    let graph = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        done.status.success() && graph.contains("COPY g /sub-g"),
        "{graph} {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn a_directory_that_is_called_like_an_address_is_that_directory() {
    let lab = Lab::new();
    lab.file("github.com/me/r/Dockerfile", b"FROM scratch\nCOPY f /\n");
    lab.file("github.com/me/r/f", b"near");
    assert_eq!(lab.files(&["github.com/me/r"], b"")["f"], "near");
}
