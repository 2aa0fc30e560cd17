//! What is told of containers and done with them as a whole: made, listed, inspected, renamed, removed.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use crate::Case;
use crate::world::World;

pub(crate) const CASES: &[Case] = &[
    ("create", create),
    ("ps", ps),
    ("ps-filters", ps_filters),
    ("inspect-mounts", inspect_mounts),
    ("inspect-state", inspect_state),
    ("rename", rename),
    ("rm-of-what-runs", rm_running),
    ("rm-and-volumes", rm_and_volumes),
    ("prune", prune),
    ("images-in-use", images_in_use),
];

/// A container that runs until this is dropped.
pub(crate) struct Live(Child);

impl World {
    /// How `rbuild ARGS` complains, which ends with 1 or 2.
    pub(crate) fn complains(&self, args: &[&str]) -> String {
        let ran = self.verb(args);
        assert!(matches!(ran.code, 1 | 2), "{args:?}: {ran:?}");
        ran.stderr
    }

    /// Runs a container that does what a script says and then waits.
    pub(crate) fn live(&self, options: &[&str], script: &str) -> Live {
        let script = format!("{script}; echo up; sleep 300");
        let args = [options, &["box", "sh", "-c", &script]].concat();
        let mut child = self.command(&args).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
        Live(child)
    }

    fn volume_names(&self) -> Vec<String> {
        self.does(&["volume", "ls", "-q"]).lines().map(str::to_owned).collect()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn images_in_use(world: &World) {
    let count = || world.does(&["images", "--format", "{{.Repository}} {{.Containers}}"]);
    assert_eq!(count(), "box 0\n");
    assert!(!world.does(&["images", "--format", "usage"]).contains(" U\n"));
    for name in ["one", "two"] {
        world.does(&["create", "--name", name, "box"]);
    }
    assert_eq!(count(), "box 2\n");
    let usage = world.does(&["images", "--format", "usage"]);
    assert!(
        usage.starts_with("IMAGE        ID             DISK USAGE   CONTENT SIZE   EXTRA\nbox:latest   "),
        "{usage}"
    );
    assert!(usage.ends_with(" U\n"), "{usage}");
}

fn create(world: &World) {
    let cidfile = world.path("cid");
    let words = ["create", "--name", "box1", "--cidfile", cidfile.to_str().unwrap()];
    let id = world.does(&[&words[..], &["-v", "/share-vol", "-v", "vol:/srv/data", "box", "nop"]].concat());
    assert_eq!(id.len(), 65);
    assert_eq!(fs::read_to_string(cidfile).unwrap(), id.trim_end());
    let entry = world.named("box1");
    assert_eq!(entry.config.id.hex(), id.trim_end());
    let names = world.volume_names();
    assert_eq!(names.len(), 2, "its volumes are there: {names:?}");
    assert_eq!(world.shell(&["-v", "vol:/v"], "cat /v/seed"), "from the image\n");
    assert_eq!(world.does(&["ps", "-q"]), "");
    assert_eq!(world.does(&["ps", "-a", "--format", "{{.Names}} {{.Status}} {{.Command}}"]), "box1 Created \"nop\"\n");
    let again = world.complains(&["create", "--name", "box1", "box"]);
    assert!(again.contains("container name box1 is refused"), "{again}");
    assert!(world.complains(&["create", "--pull", "never", "nosuch"]).contains("nosuch"));
    let nowhere = world.complains(&["create", "--name", "box2", "--cidfile", "/nowhere/id", "box"]);
    assert!(nowhere.contains("/nowhere/id"), "{nowhere}");
    world.complains(&["create", "--name", "box1", "--cidfile", world.path("cid2").to_str().unwrap(), "box"]);
    assert!(!world.path("cid2").exists(), "no id of a container that is not");
    assert_eq!(world.containers().len(), 1);
    world.does(&["create", "--name", "later", "-v", "vol:/v", "box", "sh", "-c", "cat /v/seed; exit 3"]);
    let started = world.verb(&["start", "-a", "later"]);
    assert_eq!((started.code, started.stdout.as_str()), (3, "from the image\n"), "{started:?}");
    world.does(&["create", "--rm", "--name", "once", "box", "true"]);
    world.good(&["--rm", "box", "true"]);
    world.does(&["start", "-a", "once"]);
    let names: Vec<String> = world.containers().into_iter().map(|entry| entry.config.name).collect();
    assert_eq!(names, ["box1", "later"], "--rm counts from its end on");
    let missing = ["--mount", "type=volume,source=vol,target=/x,volume-subpath=none"];
    assert_eq!(world.verb(&[&["create"], &missing[..], &["box"]].concat()).code, 2);
    assert_eq!(world.containers().len(), 2, "what cannot be made is not there");
    let usage = world.verb(&["create", "-d", "box"]);
    assert_eq!(usage.code, 2, "there is no -d: {usage:?}");
}

fn ps(world: &World) {
    world.good(&["--name", "done", "box", "true"]);
    assert_eq!(world.run(&["--name", "bad", "-l", "tier=db", "box", "sh", "-c", "exit 3"]).code, 3);
    let _live = world.live(&["--name", "web", "-l", "tier=web"], "true");
    let header = "CONTAINER ID   IMAGE     COMMAND                  CREATED";
    let table = world.does(&["ps"]);
    assert!(table.starts_with(header) && table.lines().count() == 2, "{table}");
    assert!(table.contains(" Up ") && table.contains(" web\n"), "{table}");
    let names = |args: &[&str]| {
        let all = [&["ps", "--format", "{{.Names}}"], args].concat();
        world.does(&all).lines().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&["-a"]), "web bad done");
    assert_eq!(names(&["-n", "2"]), "web bad");
    assert_eq!(names(&["-l"]), "web");
    let statuses = world.does(&["ps", "-a", "--format", "{{.Names}}: {{.Status}}"]);
    assert!(statuses.contains("done: Exited (0) ") && statuses.contains("bad: Exited (3) "), "{statuses}");
    let id = world.named("web").config.id;
    assert_eq!(world.does(&["ps", "-q"]), format!("{}\n", id.short()));
    assert_eq!(world.does(&["ps", "-q", "--no-trunc"]), format!("{id}\n"));
    let json = world.does(&["ps", "--format", "json"]);
    for field in ["\"State\":\"running\"", "\"Labels\":\"tier=web\"", "\"Networks\":\"host\"", "\"Names\":\"web\""] {
        assert!(json.contains(field), "{json}");
    }
    assert_eq!(world.does(&["ps", "--format", r#"{{.Label "tier"}}"#]), "web\n");
    let sizes = world.does(&["ps", "-s", "--format", "{{.Size}}"]);
    assert_eq!(world.does(&["ps", "--format", "{{.Size}}"]), sizes, "a template that asks for sizes gets them");
    assert!(sizes.starts_with("0B (virtual ") && sizes.ends_with("MB)\n"), "{sizes}");
    assert_eq!(world.does(&["container", "ls", "-q"]), format!("{}\n", id.short()));
}

fn ps_filters(world: &World) {
    world.image("other", |config| config.cmd = Some(vec!["true".to_owned()]));
    for (name, image, label) in [("one", "box", "n=1"), ("two", "other", "n=2"), ("three", "box", "n=1")] {
        world.does(&["create", "--name", name, "-l", label, "-v", &format!("v{name}:/x"), image, "true"]);
    }
    world.run(&["--name", "four", "--network", "none", "box", "sh", "-c", "exit 7"]);
    let names = |filters: &[&str]| {
        let mut args = vec!["ps", "-a", "--format", "{{.Names}}"];
        args.extend(filters.iter().flat_map(|filter| ["-f", filter]));
        world.does(&args).lines().collect::<Vec<_>>().join(" ")
    };
    let id = world.named("one").config.id;
    for (filters, expected) in [
        (&["name=o"][..], "four two one"),
        (&["name=^o"], "one"),
        (&["name=one", "name=two"], "two one"),
        (&["label=n"], "three two one"),
        (&["label=n=1"], "three one"),
        (&["label=n=1", "label=m"], ""),
        (&["status=created"], "three two one"),
        (&["status=exited"], "four"),
        (&["exited=7"], "four"),
        (&["exited=0"], ""),
        (&["before=three"], "two one"),
        (&["since=two"], "four three"),
        (&["since=one", "before=four"], "three two"),
        (&["volume=vtwo"], "two"),
        (&["volume=/x", "label=n=1"], "three one"),
        (&["network=none"], "four"),
        (&["ancestor=other"], "two"),
        (&["id=0", "id=1", "name=zzz"], ""),
        (&["publish=80"], ""),
        (&["expose=80"], ""),
    ] {
        assert_eq!(names(filters), expected, "{filters:?}");
    }
    assert_eq!(names(&[&format!("id={}", id.short())]), "one");
    world.does(&["create", "--name", "five", "--expose", "8080", "box", "true"]);
    assert_eq!((names(&["expose=8000-8090"]), names(&["publish=8080"])), ("five".to_owned(), String::new()));
    world.does(&["rm", "five"]);
    assert_eq!(world.does(&["ps", "--format", "{{.Names}}", "-f", "status=exited"]), "four\n", "no -a needed");
    for (filter, why) in [("name", "write KEY=VALUE"), ("status=x", "a status is one of"), ("nope=1", "known are id,")]
    {
        assert!(world.complains(&["ps", "-f", filter]).contains(why), "{filter}");
    }
}

fn inspect_mounts(world: &World) {
    let mounts = |name: &str| world.does(&["inspect", "--format", "{{json .Mounts}}", name]);
    let store = world.path("store").canonicalize().unwrap();
    world.good(&["--name", "anon", "-v", "/chest", "box", "true"]);
    let text = mounts("anon");
    let name = text.split("\"Name\":\"").nth(1).and_then(|rest| rest.get(..64)).expect("a name of 64 digits");
    let source = world.path("store").join("volumes.v1").join(name).join("_data");
    let expected = format!(
        r#"[{{"Type":"volume","Name":"{name}","Source":"{}","Destination":"/chest","Driver":"local","Mode":"","RW":true,"Propagation":""}}]"#,
        source.display()
    );
    assert_eq!(text, format!("{expected}\n"));
    assert!(store.join("volumes.v1").join(name).join("_data").is_dir());
    let bind = format!("{}:/bound:ro", world.path("dir").display());
    world.good(&["--name", "many", "-v", "data:/d", "-v", &bind, "--tmpfs", "/t", "box", "true"]);
    let text = mounts("many");
    let bound = format!(
        r#"{{"Type":"bind","Source":"{}","Destination":"/bound","Mode":"ro","RW":false,"Propagation":"rprivate"}}"#,
        world.path("dir").display()
    );
    assert!(text.starts_with(&format!("[{bound},{{\"Type\":\"volume\",\"Name\":\"data\",")), "{text}");
    assert!(text.contains(r#""Destination":"/d","Driver":"local","Mode":"z","RW":true,"Propagation":""}"#), "{text}");
    assert!(text.ends_with("{\"Type\":\"tmpfs\",\"Source\":\"\",\"Destination\":\"/t\",\"Mode\":\"\",\"RW\":true,\"Propagation\":\"\"}]\n"), "{text}");
}

fn inspect_state(world: &World) {
    let show = |name: &str, format: &str| world.does(&["inspect", "--format", format, name]).trim_end().to_owned();
    world.run(&["--name", "bad", "-e", "A=1", "--entrypoint", "sh", "box", "-c", "echo x > /x; exit 3"]);
    assert_eq!(
        show("bad", "{{.State.Status}} {{.State.Running}} {{.State.ExitCode}} {{.State.Pid}}"),
        "exited false 3 0"
    );
    assert_eq!(show("bad", "{{.Name}} {{.Path}} {{json .Args}}"), r#"/bad sh ["-c","echo x > /x; exit 3"]"#);
    assert_eq!(show("bad", "{{json .Config.Entrypoint}}{{json .Config.Cmd}}"), r#"["sh"]["-c","echo x > /x; exit 3"]"#);
    assert!(show("bad", "{{json .Config.Env}}").ends_with(r#""A=1"]"#));
    assert_eq!(fs::read_to_string(format!("{}/x", show("bad", "{{.GraphDriver.Data.UpperDir}}"))).unwrap(), "x\n");
    assert_eq!(show("bad", "{{.GraphDriver.Name}} {{.Driver}}"), "overlay overlay");
    assert_eq!(world.does(&["inspect", "-s", "--format", "{{.SizeRw}}", "bad"]), "2\n");
    let _live = world.live(&["--name", "web"], "true");
    assert_eq!(show("web", "{{.State.Status}} {{.State.Running}} {{.State.Paused}}"), "running true false");
    let pid = show("web", "{{.State.Pid}}");
    assert!(fs::exists(format!("/proc/{pid}/stat")).unwrap());
    assert_eq!(show("web", "{{.GraphDriver.Data.MergedDir}}"), format!("/proc/{pid}/root"));
    let whole = world.does(&["inspect", "web"]);
    assert!(whole.starts_with("[\n    {\n        \"Id\": \""), "{whole}");
    assert!(world.complains(&["inspect", "--type", "image", "web"]).contains("web not found"));
    assert!(world.complains(&["container", "inspect", "box"]).contains("no such container: box"));
    assert!(world.does(&["inspect", "--type", "image", "box"]).contains("\"RepoTags\""));
}

fn rename(world: &World) {
    world.does(&["create", "--name", "old", "box"]);
    let live = world.live(&["--name", "web"], "true");
    world.does(&["rename", "old", "new"]);
    world.does(&["rename", "web", "site"]);
    assert_eq!(world.does(&["ps", "-a", "--format", "{{.Names}}"]), "site\nnew\n");
    assert_eq!(world.does(&["inspect", "--format", "{{.Name}}", "site"]), "/site\n");
    assert!(world.complains(&["rename", "new", "site"]).contains("container name site is refused"));
    assert!(world.complains(&["rename", "new", "new"]).contains("has that name already"));
    assert!(world.complains(&["rename", "old", "x1"]).contains("no such container: old"));
    assert!(world.complains(&["rename", "new", "-x"]).len() > 1);
    drop(live);
    world.does(&["create", "--name", "old", "box"]);
    world.does(&["rm", "-f", "old", "new", "site"]);
    assert_eq!(fs::read_dir(world.path("store/containers.v1/names")).unwrap().count(), 0);
}

fn rm_running(world: &World) {
    let mut live = world.live(&["--name", "web"], "true");
    let refused = world.verb(&["rm", "web"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let words = "container web is running: stop the container before removing or force remove";
    assert!(refused.stderr.contains(words), "{refused:?}");
    world.does(&["create", "--name", "still", "box"]);
    let mixed = world.verb(&["rm", "web", "still", "nosuch"]);
    assert!(mixed.code == 1 && mixed.stdout == "still\n", "one that cannot go keeps no other: {mixed:?}");
    assert_eq!(world.does(&["rm", "-f", "web", "nosuch"]), "web\n");
    assert_eq!(live.0.wait().unwrap().code(), Some(137));
    assert!(world.containers().is_empty());
    assert_eq!(world.verb(&["rm", "nosuch"]).code, 1);
    // One whose rbuild was killed is not running.
    let mut live = world.live(&["--name", "lost"], "true");
    live.0.kill().unwrap();
    live.0.wait().unwrap();
    world.does(&["rm", "-f", "lost"]);
    assert!(world.containers().is_empty());
}

fn rm_and_volumes(world: &World) {
    let make = |name: &str| world.good(&["--name", name, "-v", "/anon", "-v", "named:/n", "box", "touch", "/anon/x"]);
    make("one");
    world.does(&["rm", "one"]);
    let names = world.volume_names();
    assert_eq!(names.len(), 2, "plain rm keeps them: {names:?}");
    make("two");
    world.does(&["rm", "-v", "two"]);
    assert_eq!(world.volume_names(), names, "rm -v takes the anonymous one of this container, and no named one");
    world.shell(&["-v", "/anon"], "true");
    assert_eq!(world.volume_names(), names, "so does --rm");
    make("three");
    make("four");
    let of_three = world.volume_names().into_iter().filter(|name| !names.contains(name)).count();
    assert_eq!(of_three, 2);
    assert_eq!(world.does(&["container", "rm", "-v", "three", "four"]), "three\nfour\n");
    assert_eq!(world.volume_names(), names);
}

fn prune(world: &World) {
    world.good(&["--name", "old", "-v", "/anon", "box", "sh", "-c", "echo 12345 > /file"]);
    world.does(&["create", "--name", "keep", "-l", "keep=1", "box"]);
    let _live = world.live(&["--name", "web"], "true");
    let ask = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ";
    assert_eq!(world.does(&["container", "prune"]), ask, "nothing is no");
    assert_eq!(world.containers().len(), 3);
    let none = world.does(&["container", "prune", "-f", "--filter", "until=24h"]);
    assert_eq!(none, "Total reclaimed space: 0B\n");
    let id = world.named("old").config.id;
    let mut command = world.rbuild(&["container", "prune", "--filter", "label!=keep"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"y\n").unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    let freed = text.strip_prefix(&format!("{ask}Deleted Containers:\n{id}\n\nTotal reclaimed space: "));
    assert!(freed.is_some_and(|freed| freed.ends_with("kB\n")), "what the disk gives back: {text}");
    assert_eq!(world.containers().len(), 2);
    assert_eq!(world.volume_names().len(), 1, "volumes stay");
    assert!(world.complains(&["container", "prune", "-f", "--filter", "x=1"]).contains("known are until=TIME, label="));
}
