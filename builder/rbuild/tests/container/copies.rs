//! `rbuild cp`: docker's table of sources and destinations, both ways, in containers that run and that do not; volumes;
//! owners; and what a hostile container tries.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Stdio;

use crate::Case;
use crate::world::{Mode, World};

pub(crate) const CASES: &[Case] = &[
    ("cp-in", copy_in),
    ("cp-in-while-it-runs", copy_in_running),
    ("cp-out", copy_out),
    ("cp-streams", streams),
    ("cp-volumes", volumes),
    ("cp-read-only", read_only),
    ("cp-owners", owners),
    ("cp-hostile", hostile),
    ("cp-usage", usage),
];

/// Files on this side: `f`, `d/` with `d/x` and `d/s/y`, a link to each.
fn outside(world: &World) {
    let at = |name: &str| world.path(name);
    fs::create_dir_all(at("d/s")).unwrap();
    fs::write(at("f"), "eff\n").unwrap();
    fs::write(at("d/x"), "ex\n").unwrap();
    fs::write(at("d/s/y"), "why\n").unwrap();
    fs::set_permissions(at("d/x"), fs::Permissions::from_mode(0o751)).unwrap();
    symlink("f", at("lf")).unwrap();
    symlink("d", at("ld")).unwrap();
}

/// What is in a container, as long as it is text.
fn content(world: &World, path: &str) -> String {
    let ran = world.verb(&["cp", &format!("c1:{path}"), "got"]);
    assert_eq!(ran.code, 0, "{path}: {ran:?}");
    let text = fs::read_to_string(world.path("got")).unwrap();
    fs::remove_file(world.path("got")).unwrap();
    text
}

fn table_in(world: &World) {
    outside(world);
    for (source, to, expected) in [
        ("f", "/new", Ok(("/new", "eff\n"))),
        ("f", "/new/", Err("ot a directory")),
        ("f", "/none/", Err("there is no directory /none/")),
        ("f", "/none/x", Err("cannot find /none/x")),
        ("f", "/srv/file", Ok(("/srv/file", "eff\n"))),
        ("f", "/tmp", Ok(("/tmp/f", "eff\n"))),
        ("f", "/tmp/", Ok(("/tmp/f", "eff\n"))),
        ("f", "tmp/rel", Ok(("/tmp/rel", "eff\n"))),
        ("d", "/dn", Ok(("/dn/s/y", "why\n"))),
        ("d", "/dn", Ok(("/dn/d/x", "ex\n"))),
        ("d/", "/home", Ok(("/home/d/x", "ex\n"))),
        ("d/.", "/home", Ok(("/home/s/y", "why\n"))),
        ("d/.", "/dn2", Ok(("/dn2/x", "ex\n"))),
        ("d", "/srv/file", Err("cannot copy the directory")),
        ("f/", "/tmp", Err("ot a directory")),
        ("none", "/tmp", Err("there is no ")),
        ("ld", "/tmp", Err("")),
        ("ld/.", "/through", Ok(("/through/x", "ex\n"))),
        ("d", "/bin/yes", Err("cannot copy the directory")),
    ] {
        let ran = world.verb(&["cp", source, &format!("c1:{to}")]);
        match expected {
            Ok((path, text)) => {
                assert_eq!(ran.code, 0, "{source} to {to}: {ran:?}");
                assert!(
                    ran.stderr.starts_with("Successfully copied ") && ran.stderr.ends_with(&format!(" to c1:{to}\n")),
                    "{ran:?}"
                );
                assert_eq!(content(world, path), text, "{source} to {to}");
            }
            Err("") => assert_eq!(ran.code, 0, "a link is copied as one: {ran:?}"),
            Err(why) => assert!(ran.code != 0 && ran.stderr.contains(why), "{source} to {to}: {ran:?}"),
        }
    }
    world.does(&["cp", "-q", "lf", "c1:/home/link"]);
    assert_eq!(world.verb(&["cp", "-L", "c1:/home/link", "got"]).code, 1, "it leads nowhere in there");
    world.does(&["cp", "-L", "lf", "c1:/tmp/real"]);
    assert_eq!(content(world, "/tmp/real"), "eff\n");
    // A directory and a file never replace each other, below either.
    world.does(&["cp", "f", "c1:/dn/clash"]);
    fs::create_dir(world.path("d/clash")).unwrap();
    assert!(world.complains(&["cp", "d/.", "c1:/dn"]).contains("cannot overwrite /dn/clash with a directory"));
    fs::remove_dir(world.path("d/clash")).unwrap();
    fs::write(world.path("d/over"), "").unwrap();
    world.does(&["cp", "d", "c1:/dn/over"]);
    assert!(world.complains(&["cp", "d/.", "c1:/dn"]).contains("cannot overwrite /dn/over with a file"));
}

fn copy_in(world: &World) {
    world.does(&["create", "--name", "c1", "box"]);
    table_in(world);
    let diff = world.does(&["diff", "c1"]);
    assert!(diff.contains("C /srv/file\n") && diff.contains("A /dn/d/s/y\n"), "{diff}");
    assert_eq!(world.shell(&[], "cat /srv/file"), "original\n", "another container sees nothing of it");
}

fn copy_in_running(world: &World) {
    let _live = world.live(&["--name", "c1"], "true");
    table_in(world);
    world.does(&["cp", "f", "c1:/dev/shm/f"]);
    assert_eq!(content(world, "/dev/shm/f"), "eff\n", "what is mounted in it is reached");
}

fn copy_out(world: &World) {
    let script = "ln -s file /srv/link; mkdir -p /d/s; echo ex > /d/x; echo why > /d/s/y; ln /d/x /d/twin; chmod 751 /d/x; ln -s d /ld";
    world.good(&["--name", "c1", "box", "sh", "-c", script]);
    fs::create_dir(world.path("dir")).unwrap();
    fs::write(world.path("file"), "old\n").unwrap();
    for (from, to, expected) in [
        ("/srv/file", "new", Ok(("new", "original\n"))),
        ("/srv/file", "none/", Err("there is no directory")),
        ("/srv/file", "none/x", Err("cannot find")),
        ("/srv/file", "file", Ok(("file", "original\n"))),
        ("/srv/file", "dir", Ok(("dir/file", "original\n"))),
        ("srv/file", ".", Ok(("file", "original\n"))),
        ("/d", "dn", Ok(("dn/s/y", "why\n"))),
        ("/d", "dn", Ok(("dn/d/x", "ex\n"))),
        ("/d/.", "dir", Ok(("dir/s/y", "why\n"))),
        ("/ld/.", "dir2", Ok(("dir2/x", "ex\n"))),
        ("/d", "file", Err("cannot copy the directory")),
        ("/none", "dir", Err("there is no /none")),
        ("/srv/file/", "dir", Err("ot a directory")),
    ] {
        let ran = world.verb(&["cp", &format!("c1:{from}"), to]);
        match expected {
            Ok((path, text)) => {
                assert_eq!(ran.code, 0, "{from} to {to}: {ran:?}");
                assert_eq!(fs::read_to_string(world.path(path)).unwrap(), text, "{from} to {to}");
            }
            Err(why) => assert!(ran.code != 0 && ran.stderr.contains(why), "{from} to {to}: {ran:?}"),
        }
    }
    let stat = |path: &str| fs::symlink_metadata(world.path(path)).unwrap();
    assert_eq!(stat("dn/x").mode() & 0o7777, 0o751);
    assert_eq!(stat("dn/x").ino(), stat("dn/twin").ino());
    assert_eq!(stat("dn/x").uid(), rustix::process::geteuid().as_raw(), "files are of who copies");
    world.does(&["cp", "c1:/srv/link", "link"]);
    assert!(stat("link").is_symlink());
    world.does(&["cp", "-L", "c1:/srv/link", "followed"]);
    assert_eq!(fs::read_to_string(world.path("followed")).unwrap(), "original\n");
}

fn fed(world: &World, args: &[&str], input: &[u8]) -> crate::world::Ran {
    let mut command = world.rbuild(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdin.take().unwrap().write_all(input));
    child.wait_with_output().unwrap().into()
}

fn streams(world: &World) {
    world.good(&["--name", "c1", "box", "sh", "-c", "mkdir -p /d/s; echo ex > /d/x; ln /d/x /d/a; echo why > /d/s/y"]);
    let names = |path: &str| {
        let output = world.rbuild(&["cp", &format!("c1:{path}"), "-"]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let mut archive = tar::Archive::new(&output.stdout[..]);
        let names: Vec<String> =
            archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
        (names.join(" "), output.stdout)
    };
    let (listed, tarball) = names("/d");
    assert_eq!(listed, "d/ d/a d/s/ d/s/y d/x");
    assert_eq!(names("/d/s/y").0, "y");
    assert_eq!(names("/d/.").0, "./ a s/ s/y x");
    let ran = fed(world, &["cp", "-", "c1:/srv"], &tarball);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(content(world, "/srv/d/a") + &content(world, "/srv/d/s/y"), "ex\nwhy\n");
    let ran = fed(world, &["cp", "-", "c1:/srv/file"], &tarball);
    assert!(ran.code != 0 && ran.stderr.contains("destination /srv/file must be a directory"), "{ran:?}");
    let ran = fed(world, &["cp", "-", "c1:/srv/none"], &tarball);
    assert!(ran.code != 0 && ran.stderr.contains("there is no /srv/none"), "{ran:?}");
    let ran = fed(
        world,
        &["cp", "-", "c1:/srv"],
        b"this is no tarball, but it is long enough to be looked at; ".repeat(20).as_slice(),
    );
    assert!(ran.code != 0, "{ran:?}");
}

fn volumes(world: &World) {
    outside(world);
    let bind = world.path("bound");
    fs::create_dir(&bind).unwrap();
    let options = ["-v", "vol:/deep/vol", "-v", &format!("{}:/bound", bind.display())];
    world.does(&[&["create", "--name", "c1"], &options[..], &["box"]].concat());
    world.does(&["cp", "f", "c1:/deep/vol/f"]);
    world.does(&["cp", "d", "c1:/bound"]);
    assert_eq!(world.shell(&["-v", "vol:/v"], "cat /v/f"), "eff\n", "a volume is reached before it is mounted");
    assert_eq!(fs::read_to_string(bind.join("d/x")).unwrap(), "ex\n");
    assert_eq!(content(world, "/deep/vol/f"), "eff\n");
    assert_eq!(world.does(&["diff", "c1"]), "");
    world.does(&["cp", "f", "c1:/etc/hosts"]);
    assert_eq!(content(world, "/etc/hosts"), "eff\n");
    assert_eq!(world.does(&["diff", "c1"]), "", "the container's own files of /etc are in no layer");
    world.does(&["rm", "c1"]);
    let _live = world.live(&[&["--name", "c1"], &options[..]].concat(), "true");
    world.does(&["cp", "d/x", "c1:/deep/vol/x"]);
    assert_eq!(world.shell(&["-v", "vol:/v"], "cat /v/x"), "ex\n");
    world.does(&["cp", "c1:/deep", "all"]);
    assert_eq!(fs::read_to_string(world.path("all/vol/x")).unwrap(), "ex\n");
}

fn read_only(world: &World) {
    outside(world);
    for run in [false, true] {
        let options = ["--name", "c1", "--read-only", "-v", "vol:/v", "-v", "other:/o:ro", "--tmpfs", "/tmp"];
        let _live = if run {
            Some(world.live(&options, "true"))
        } else {
            world.does(&[&["create"], &options[..], &["box"]].concat());
            None
        };
        let refused = world.complains(&["cp", "f", "c1:/srv/f"]);
        assert!(refused.contains("container rootfs is marked read-only"), "{refused}");
        let refused = world.complains(&["cp", "f", "c1:/o/f"]);
        assert!(refused.contains("mounted volume is marked read-only"), "{refused}");
        world.does(&["cp", "f", "c1:/v/f"]);
        assert_eq!(content(world, "/v/f"), "eff\n");
        assert_eq!(content(world, "/srv/file"), "original\n", "reading is fine");
        world.does(&["rm", "-f", "c1"]);
    }
}

fn owners(world: &World) {
    outside(world);
    world.good(&["--name", "c1", "box", "sh", "-c", "true"]);
    world.does(&["cp", "d", "c1:/srv/root"]);
    let id = world.does(&["commit", "c1"]);
    let owner = |path: &str| world.good(&["--rm", id.trim_end(), "stat", "-c", "%u:%g %a", path]);
    assert_eq!(owner("/srv/root/x"), "0:0 751\n");
    if world.mode == Mode::Root {
        std::os::unix::fs::lchown(world.path("d/x"), Some(1234), Some(77)).unwrap();
        world.does(&["cp", "-a", "d", "c1:/srv/kept"]);
        world.does(&["cp", "-a", "c1:/srv/data", "data"]);
        world.does(&["cp", "c1:/srv/data", "mine"]);
        let stat = |path: &str| fs::metadata(world.path(path)).map(|meta| (meta.uid(), meta.mode() & 0o7777)).unwrap();
        assert_eq!((stat("data/seed"), stat("mine/seed")), ((1234, 0o640), (0, 0o640)));
        let id = world.does(&["commit", "c1"]);
        assert_eq!(world.good(&["--rm", id.trim_end(), "stat", "-c", "%u:%g %a", "/srv/kept/x"]), "1234:77 751\n");
    }
    // In a tarball owners are those of the container, whatever this machine makes of them.
    let output = world.rbuild(&["cp", "c1:/srv/data", "-"]).output().unwrap();
    let mut archive = tar::Archive::new(&output.stdout[..]);
    let uids: Vec<u64> = archive.entries().unwrap().map(|entry| entry.unwrap().header().uid().unwrap()).collect();
    assert_eq!(uids, [1234, 1234]);
}

/// A container full of links out of it: nothing of this machine is read or written through them.
fn hostile(world: &World) {
    outside(world);
    let secret = world.path("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("key"), "of this machine\n").unwrap();
    let up = "../".repeat(20);
    let secret = secret.display().to_string();
    let script = format!(
        "ln -s {secret} /abs; ln -s {up}{secret} /up; ln -s {secret}/key /key; mkdir -p /tree{secret}; ln -s {secret} /tree/inner; \
         ln -s /proc/1/root /magic; ln -s loop /loop; mkdir -p {secret}; echo inside > {secret}/key; ln -s /gone/away /dangling"
    );
    let check = |running: bool| {
        assert_eq!(content(world, "/abs/key"), "inside\n", "links mean what they mean in there");
        assert_eq!(content(world, "/up/key"), "inside\n");
        world.does(&["cp", "f", "c1:/abs/planted"]);
        world.does(&["cp", "f", "c1:/up/planted2"]);
        world.does(&["cp", "f", "c1:/key"]);
        assert_eq!(content(world, &format!("{secret}/key")), "eff\n", "a link at the end is followed, inside");
        world.does(&["cp", "c1:/tree", &format!("tree-{running}")]);
        let inner = world.path(&format!("tree-{running}/inner"));
        assert!(fs::symlink_metadata(&inner).unwrap().is_symlink(), "a link comes out as one");
        let outside: Vec<_> = fs::read_dir(&secret).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(outside, ["key"], "nothing was planted");
        assert_eq!(fs::read_to_string(format!("{secret}/key")).unwrap(), "of this machine\n");
        for (source, to) in [("c1:/loop/x", "got"), ("f", "c1:/loop/x"), ("f", "c1:/dangling"), ("c1:/none/x", "got")] {
            assert_eq!(world.verb(&["cp", source, to]).code, 1, "{source} {to}");
        }
        // Out of the container into a directory whose own link leads elsewhere: the copy does not go through it.
        fs::create_dir(world.path("target")).unwrap();
        symlink(&secret, world.path("target/s")).unwrap();
        world.does(&["cp", "d", "c1:/d"]);
        assert!(world.complains(&["cp", "c1:/d/.", "target"]).contains("cannot overwrite"));
        assert!(!fs::exists(format!("{secret}/y")).unwrap());
        fs::remove_dir_all(world.path("target")).unwrap();
        // A tarball may not lead out either.
        let ran = fed(world, &["cp", "-", "c1:/srv"], &evil_tarball(&secret));
        assert!(!fs::exists(format!("{secret}/evil")).unwrap() && !fs::exists(world.path("evil")).unwrap(), "{ran:?}");
    };
    world.good(&["--name", "c1", "box", "sh", "-c", &script]);
    check(false);
    world.does(&["rm", "c1"]);
    let _live = world.live(&["--name", "c1"], &script);
    check(true);
}

/// A link to a directory of this machine, then a file through it, and files that climb.
fn evil_tarball(secret: &str) -> Vec<u8> {
    let mut tarball = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tarball.append_link(&mut header, "out", secret).unwrap();
    for name in ["out/evil", "../../../../../evil", "/evil"] {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(5);
        header.set_mode(0o644);
        header.set_cksum();
        tarball.append(&header, &b"evil\n"[..]).unwrap();
    }
    tarball.into_inner().unwrap()
}

fn usage(world: &World) {
    world.does(&["create", "--name", "c1", "box"]);
    for (args, why) in [
        (&["a", "b"][..], "one of the two has to be CONTAINER:PATH"),
        (&["c1:/a", "c1:/b"], "copying between containers is not supported"),
        (&["nosuch:/a", "b"], "no such container: nosuch"),
        (&["", "c1:/"], "a path is empty"),
    ] {
        let refused = world.complains(&[&["cp"], args].concat());
        assert!(refused.contains(why), "{args:?}: {refused}");
    }
}
