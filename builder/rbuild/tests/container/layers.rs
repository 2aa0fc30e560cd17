//! Where writes go: to the container's own layer, never to the image; and what becomes of containers and names.

use std::fs;
use std::path::Path;

use rbuild_oci::Digest;

use crate::Case;
use crate::world::World;

pub(crate) const CASES: &[Case] = &[
    ("image-stays-as-it-is", image_stays),
    ("layers-are-separate", layers_are_separate),
    ("copy-driver", copy_driver),
    ("laid-over-a-sibling", laid_over_a_sibling),
    ("what-is-synced-stays", not_volatile),
    ("places-to-mount-on", places),
    ("names", names),
    ("rm", rm),
];

/// Every blob of the store, hashed again.
fn check_blobs(store: &Path) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(store.join("blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let digest = Digest::of(&fs::read(&path).unwrap());
        assert_eq!(digest.hex(), path.file_name().unwrap().to_str().unwrap());
        count += 1;
    }
    count
}

const MESS: &str = "echo changed > /srv/file; rm -rf /home; mkdir /srv/new; touch /srv/new/x; chmod 700 /srv; \
                    mv /etc/group /etc/moved; echo more >> /etc/passwd";

fn image_stays(world: &World) {
    let before = world.shell(&[], "find / -xdev | sort; cat /srv/file /etc/passwd; stat -c '%a %u %Y' /srv /srv/file");
    world.good(&["--name", "mess", "box", "sh", "-c", MESS]);
    assert_eq!(check_blobs(&world.path("store")), 3);
    let after = world.shell(&[], "find / -xdev | sort; cat /srv/file /etc/passwd; stat -c '%a %u %Y' /srv /srv/file");
    assert_eq!(before, after, "another container sees the image as it was");
    let upper = world.upper("mess");
    assert_eq!(fs::read_to_string(upper.join("srv/file")).unwrap(), "changed\n");
    assert!(upper.join("srv/new/x").exists());
    let left: Vec<_> = ["proc", "sys", "dev", "etc/hosts", "etc/resolv.conf", "etc/hostname"]
        .into_iter()
        .filter(|path| upper.join(path).exists())
        .collect();
    assert_eq!(left, [""; 0], "mount points go with the mounts");
}

fn layers_are_separate(world: &World) {
    let write = |name: &str| world.good(&["--name", name, "box", "sh", "-c", &format!("echo {name} > /mine; ls /")]);
    write("one");
    let seen = write("two");
    assert_eq!(seen.matches("mine").count(), 1);
    for name in ["one", "two"] {
        assert_eq!(fs::read_to_string(world.upper(name).join("mine")).unwrap(), format!("{name}\n"));
    }
    assert!(world.shell(&[], "ls /").lines().all(|line| line != "mine"));
}

fn copy_driver(world: &World) {
    let run = |args: &[&str]| {
        let output = world.command(args).env("RBUILD_STORAGE_DRIVER", "copy").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["--name", "mess", "box", "sh", "-c", MESS]);
    assert_eq!(check_blobs(&world.path("store")), 3);
    assert_eq!(run(&["--rm", "box", "cat", "/srv/file"]), "original\n");
    assert_eq!(run(&["--rm", "-v", "vol:/srv/data", "box", "cat", "/srv/data/seed"]), "from the image\n");
    assert_eq!(fs::read_to_string(world.upper("mess").join("srv/file")).unwrap(), "changed\n");
}

/// An image that differs little from another is laid over what is unpacked of that one, which then stays for as long as a
/// container needs it.
fn laid_over_a_sibling(world: &World) {
    const FILES: usize = 600;
    fs::create_dir(world.path("context")).unwrap();
    world.write("context/Dockerfile", "FROM box\nCOPY . /many\nRUN cat /many/7\n");
    for number in 0..FILES {
        world.write(&format!("context/{number}"), "same");
    }
    let context = world.path("context");
    let build = |tag: &str| world.does(&["build", "--progress", "plain", "-t", tag, context.to_str().unwrap()]);
    build("first");
    world.write("context/7", "other");
    build("second");
    let leaning = world.store().leaning_snapshots().unwrap();
    let under = leaning.values().flatten().next().unwrap().hex();
    let is_unpacked = || {
        let homes = fs::read_dir(world.path("store/snapshots.v1/overlay")).unwrap();
        homes.map(|home| home.unwrap().path().join(&under)).any(|snapshot| snapshot.exists())
    };
    assert!(leaning.len() == 1 && is_unpacked());
    let below = world.does(&["image", "inspect", "-f", "{{.GraphDriver.Data.LowerDir}}", "second"]);
    assert_eq!(below.matches("/fs").count(), 2, "{below}");
    let look = "cat /many/7 /many/8; ls /many | wc -l";
    world.good(&["-d", "--name", "up", "second", "sleep", "100"]);
    world.does(&["rmi", "first"]);
    world.does(&["system", "prune", "-a", "-f"]);
    let seen = format!("othersame{}\n", FILES + 1);
    assert_eq!(world.does(&["exec", "up", "sh", "-c", look]), seen);
    world.does(&["rm", "-f", "up"]);
    assert_eq!(world.good(&["--rm", "second", "sh", "-c", look]), seen);
    assert!(is_unpacked());
    world.does(&["rmi", "second"]);
    assert!(world.store().leaning_snapshots().unwrap().is_empty() && !is_unpacked());
}

fn not_volatile(world: &World) {
    let script = "grep ' / ' /proc/mounts; echo x > /x && sync && cat /x";
    let root = |option| world.good(&[option, "box", "sh", "-c", script]);
    let (stays, goes) = (root("--name=stays"), root("--rm"));
    assert!(!stays.contains("volatile") && stays.ends_with("x\n"), "{stays}");
    // What is removed at the end of the container is not waited for.
    let is_overlay = goes.contains(world.path("store").to_str().unwrap());
    assert!(goes.contains("volatile") == is_overlay && goes.ends_with("x\n"), "{goes}");
}

fn places(world: &World) {
    world.background(&["--name", "up"], "touch /up; cat /proc/self/mountinfo; echo up; sleep 100");
    let upper = world.upper("up");
    let mounts = world.does(&["logs", "up"]);
    let is_mounted = |at: &str| mounts.lines().any(|line| line.split(' ').nth(4) == Some(at));
    assert!(is_mounted("/"), "{mounts}");
    if mounts.lines().any(|line| line.contains(" / / ") && line.contains("- overlay ")) {
        let made: Vec<_> = fs::read_dir(upper).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(made, ["up"], "nothing was made to be mounted on");
    }
    // Whoever mounts nothing on one of these would see it.
    for at in ["/dev", "/proc", "/sys", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname"] {
        assert!(is_mounted(at), "{at}: {mounts}");
    }
    world.does(&["rm", "-f", "up"]);
}

fn names(world: &World) {
    world.good(&["--name", "web", "box", "true"]);
    let ran = world.run(&["--name", "/web", "box", "true"]);
    assert_eq!(ran.code, 125, "{ran:?}");
    let id = world.named("web").config.id;
    assert!(ran.stderr.contains(&format!("container {} has it", id.short())), "{ran:?}");
    // A name whose container never came to be, or went without it, is free.
    std::os::unix::fs::symlink("ab".repeat(32), world.path("store/containers.v1/names/ghost")).unwrap();
    world.good(&["--name", "ghost", "box", "true"]);
    let race: Vec<_> = (0..6).map(|_| world.command(&["--name", "racer", "box", "true"]).spawn().unwrap()).collect();
    let won = race.into_iter().filter_map(|mut child| child.wait().unwrap().success().then_some(())).count();
    assert_eq!(won, 1, "one of six gets the name");
    assert_eq!(world.containers().len(), 3);
}

fn rm(world: &World) {
    for (script, code) in [("echo x > /x", 0), ("exit 3", 3)] {
        assert_eq!(world.run(&["--rm", "--name", "gone", "box", "sh", "-c", script]).code, code);
        assert_eq!(world.run(&["--rm", "--name", "gone", "box", "nosuch"]).code, 127);
    }
    assert!(world.containers().is_empty());
    let left: Vec<_> =
        fs::read_dir(world.path("store/containers.v1")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "names" || name == ".lock"), "{left:?}");
    assert_eq!(fs::read_dir(world.path("store/containers.v1/names")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(world.path("store/tmp.v1")).unwrap().count(), 0);
}
