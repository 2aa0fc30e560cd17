//! The files of a container: what it changed, an image of that, all of them in a tarball.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;

use crate::Case;
use crate::world::World;

pub(crate) const CASES: &[Case] = &[
    ("diff", diff),
    ("diff-of-what-runs", diff_running),
    ("diff-by-copy", diff_by_copy),
    ("commit", commit),
    ("commit-changes", commit_changes),
    ("commit-of-what-runs", commit_running),
    ("export", export),
];

const MESS: &str = "echo new > /srv/temp.txt; echo more >> /srv/file; rm /etc/group; mkdir -p /opt/deep; \
                    touch /opt/deep/x; chmod 700 /tmp; echo edited >> /etc/hosts";

const MESS_DIFF: &str =
    "C /etc\nD /etc/group\nA /opt\nA /opt/deep\nA /opt/deep/x\nC /srv\nC /srv/file\nA /srv/temp.txt\nC /tmp\n";

fn diff(world: &World) {
    world.good(&[
        "--name",
        "mess",
        "-v",
        "vol:/srv/data",
        "-v",
        "/new/volume",
        "--tmpfs",
        "/run",
        "box",
        "sh",
        "-c",
        MESS,
    ]);
    assert_eq!(world.does(&["diff", "mess"]), MESS_DIFF, "no mount, nothing in one, and /etc/hosts is one");
    assert_eq!(world.does(&["container", "diff", "mess"]), MESS_DIFF);
    world.does(&["create", "--name", "fresh", "-v", "/anon", "box"]);
    assert_eq!(world.does(&["diff", "fresh"]), "");
    world.good(&["--name", "idle", "box", "true"]);
    assert_eq!(world.does(&["diff", "idle"]), "");
    world.good(&[
        "--name",
        "swap",
        "box",
        "sh",
        "-c",
        "rm -rf /srv; mkdir /srv; rm /bin/yes; mkdir /bin/yes; mv /home /house",
    ]);
    let swapped = world.does(&["diff", "swap"]);
    for line in ["D /srv/file", "C /bin/yes", "D /home", "A /house", "A /house/app"] {
        assert!(swapped.lines().any(|found| found == line), "{line} in {swapped}");
    }
    assert!(world.complains(&["diff", "nosuch"]).contains("no such container: nosuch"));
}

fn diff_running(world: &World) {
    let live = world.live(&["--name", "web", "-v", "vol:/some/where", "-v", "/srv/data"], MESS);
    assert_eq!(world.does(&["diff", "web"]), MESS_DIFF, "mount points are no change, though they are there");
    drop(live);
    let idle = world.live(&["--name", "idle"], "true");
    assert_eq!(world.does(&["diff", "idle"]), "");
    drop(idle);
}

fn diff_by_copy(world: &World) {
    let by_copy = |args: &[&str]| {
        let output = world.rbuild(args).env("RBUILD_STORAGE_DRIVER", "copy").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    by_copy(&["run", "--name", "mess", "-v", "/new/volume", "box", "sh", "-c", MESS]);
    assert_eq!(by_copy(&["diff", "mess"]), MESS_DIFF);
    let id = by_copy(&["commit", "mess"]);
    assert_eq!(by_copy(&["run", "--rm", id.trim_end(), "cat", "/srv/temp.txt", "/srv/file"]), "new\noriginal\nmore\n");
    assert_eq!(by_copy(&["inspect", "--format", "{{.Driver}}", "mess"]), "copy\n");
    fs::write(world.path("in"), "put in\n").unwrap();
    by_copy(&["cp", "in", "mess:/srv/in"]);
    by_copy(&["cp", "mess:/srv/in", "out"]);
    assert_eq!(fs::read_to_string(world.path("out")).unwrap(), "put in\n");
}

fn commit(world: &World) {
    world.good(&[
        "--name",
        "mess",
        "-v",
        "/srv/data",
        "-v",
        "/vol",
        "box",
        "sh",
        "-c",
        &format!("{MESS}; touch /vol/x /srv/data/y"),
    ]);
    let id = world.does(&["commit", "-a", "Ada <ada@example.com>", "-m", "a comment", "mess", "app:1"]);
    assert!(id.starts_with("sha256:") && id.len() == 72, "{id}");
    let run = |image: &str, script: &str| world.good(&["--rm", image, "sh", "-c", script]);
    let seen = run(id.trim_end(), "cat /srv/temp.txt; tail -n 1 /srv/file; ls /opt/deep; stat -c %a /tmp");
    assert_eq!(seen, "new\nmore\nx\n700\n");
    let gone = run("app:1", "ls -d /vol /etc/group 2>&1; ls /srv/data");
    assert_eq!(gone, "ls: /vol: No such file or directory\nls: /etc/group: No such file or directory\nseed\n");
    let history = world.does(&["history", "--no-trunc", "--format", "{{.ID}} {{.CreatedBy}} {{.Comment}}", "app:1"]);
    let top = history.lines().next().unwrap();
    assert!(
        top.starts_with(id.trim_end()) && top.contains("sh -c echo new") && top.ends_with("a comment"),
        "{history}"
    );
    assert_eq!(history.lines().count(), 2, "the base's line is below: {history}");
    assert_eq!(
        world.does(&["inspect", "--format", "{{.Author}} {{len .RootFS.Layers}}", "app:1"]),
        "Ada <ada@example.com> 2\n"
    );
    // Without a change there is a line and no layer.
    world.does(&["create", "--name", "same", "box"]);
    world.does(&["commit", "same", "same:1"]);
    assert_eq!(
        world.does(&["inspect", "--format", "{{len .RootFS.Layers}} {{json .Config.Cmd}}", "same:1"]),
        "1 [\"sh\"]\n"
    );
    assert_eq!(world.does(&["rmi", "app:1"]).lines().next().unwrap(), "Untagged: app:1");
}

fn commit_changes(world: &World) {
    world.image("base", |config| {
        config.env = vec!["PATH=/bin".to_owned(), "A=1".to_owned()];
        config.entrypoint = Some(vec!["sh".to_owned()]);
        config.cmd = Some(vec!["-c".to_owned(), "echo base".to_owned()]);
    });
    world.good(&["--name", "one", "-e", "B=2", "-l", "mine=1", "-w", "/srv", "base", "-c", "touch /x"]);
    world.does(&["commit", "one", "plain"]);
    let show = |name: &str, format: &str| world.does(&["inspect", "--format", format, name]).trim_end().to_owned();
    assert_eq!(show("plain", "{{json .Config.Env}}"), r#"["PATH=/bin","A=1","B=2"]"#);
    assert_eq!(show("plain", "{{json .Config.Entrypoint}} {{json .Config.Cmd}}"), r#"["sh"] ["-c","touch /x"]"#);
    assert_eq!(show("plain", "{{json .Config.Labels}} {{.Config.WorkingDir}}"), r#"{"mine":"1"} /srv"#);
    let changes = [
        "CMD [\"-c\", \"echo $A $C\"]",
        "ENV C=${A}x",
        "EXPOSE 80",
        "LABEL x=y",
        "USER app",
        "VOLUME /v",
        "WORKDIR data",
        "ONBUILD RUN id",
    ];
    let mut args = vec!["commit"];
    args.extend(changes.iter().flat_map(|change| ["-c", change]));
    args.extend(["one", "changed"]);
    world.does(&args);
    assert_eq!(world.good(&["--rm", "changed"]), "1 1x\n");
    assert_eq!(show("changed", "{{json .Config.ExposedPorts}} {{json .Config.Volumes}}"), r#"{"80/tcp":{}} {"/v":{}}"#);
    assert_eq!(
        show("changed", "{{.Config.User}} {{.Config.WorkingDir}} {{json .Config.OnBuild}}"),
        r#"app /srv/data ["RUN id"]"#
    );
    assert_eq!(show("changed", "{{json .Config.Labels}}"), r#"{"mine":"1","x":"y"}"#);
    let refused = world.complains(&["commit", "-c", "RUN rm -rf /", "one"]);
    assert!(refused.contains("--change cannot be RUN"), "{refused}");
}

fn commit_running(world: &World) {
    let _live = world.live(&["--name", "web", "-v", "/made/for/it"], MESS);
    let id = world.does(&["commit", "web"]);
    let listed = world.good(&["--rm", id.trim_end(), "sh", "-c", "cat /srv/temp.txt; ls -d /made 2>&1; true"]);
    assert_eq!(listed, "new\nls: /made: No such file or directory\n");
    assert_eq!(world.does(&["ps", "--format", "{{.State}}"]), "running\n", "it goes on");
    world.does(&["commit", "--no-pause", "web", "again"]);
}

/// The names in a tarball, and the content of one file.
fn names(tarball: &[u8], wanted: &str) -> (BTreeSet<String>, String) {
    let (mut found, mut content) = (BTreeSet::new(), String::new());
    for entry in tar::Archive::new(tarball).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        if name == wanted {
            entry.read_to_string(&mut content).unwrap();
        }
        found.insert(name);
    }
    (found, content)
}

fn export(world: &World) {
    let script = format!("{MESS}; touch /vol/x");
    world.good(&["--name", "mess", "-v", "/vol", "box", "sh", "-c", &script]);
    let output = world.rbuild(&["export", "mess"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let (found, content) = names(&output.stdout, "srv/file");
    assert_eq!(content, "original\nmore\n");
    for (name, is_there) in [
        ("bin/busybox", true),
        ("srv/temp.txt", true),
        ("opt/deep/x", true),
        ("etc/passwd", true),
        ("etc/group", false),
        ("vol", false),
        ("vol/x", false),
        ("etc/hosts", false),
        ("proc", false),
    ] {
        let is_found = found.contains(name) || found.contains(&format!("{name}/"));
        assert_eq!(is_found, is_there, "{name} in {found:?}");
    }
    world.does(&["export", "-o", "all.tar", "mess"]);
    assert_eq!(fs::read(world.path("all.tar")).unwrap(), output.stdout, "equal files, equal bytes");
    let _live = world.live(&["--name", "web", "-v", "/vol"], &script);
    let output = world.rbuild(&["container", "export", "web"]).output().unwrap();
    let (running, content) = names(&output.stdout, "srv/file");
    assert_eq!((running, content.as_str()), (found, "original\nmore\n"), "whether it runs makes no difference");
    // What was exported can be a base.
    let id = world.does(&["import", "all.tar"]);
    assert_eq!(world.good(&["--rm", id.trim_end(), "cat", "/srv/temp.txt"]), "new\n");
}
