//! Storage drivers as a user meets them: images are every driver's, layers of containers one's alone, and a program
//! that shows a rootfs ends with its container.

use super::Case;
use super::world::{Ran, World};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

pub(crate) const CASES: &[Case] = &[
    ("drivers: an image is every driver's", images_are_shared),
    ("drivers: what one keeps, another does not start", layers_are_not),
    ("drivers: names of old", names_of_old),
    ("drivers: fuse-overlayfs ends with its container", fuse_ends),
    ("drivers: info says why", info),
];

const ALL: [&str; 6] = ["overlay", "btrfs", "zfs", "reflink", "copy", "fuse-overlayfs"];

/// `rbuild ARGS` with a driver.
fn rbuild(world: &World, driver: &str, args: &[&str]) -> Ran {
    world.rbuild(args).env("RBUILD_STORAGE_DRIVER", driver).output().unwrap().into()
}

/// Whether the driver works here; why not is told.
fn works(world: &World, driver: &str) -> bool {
    let ran = rbuild(world, driver, &["info"]);
    if ran.code != 0 {
        assert!(ran.stderr.contains(&format!("storage driver {driver} is refused: ")), "{ran:?}");
        assert!(driver != "copy", "copying works everywhere: {ran:?}");
        eprintln!("SKIP: {}", ran.stderr.trim());
    }
    ran.code == 0
}

fn images_are_shared(world: &World) {
    for driver in ALL.into_iter().filter(|driver| works(world, driver)) {
        let script = "cat /srv/file; rm /srv/file; echo mine > /mine; ls -l / >/dev/null";
        let ran = rbuild(world, driver, &["run", "--name", driver, "box", "sh", "-c", script]);
        assert_eq!((ran.code, &*ran.stdout), (0, "original\n"), "{driver}: {ran:?}");
        let ran = rbuild(world, driver, &["diff", driver]);
        assert_eq!(ran.stdout, "A /mine\nC /srv\nD /srv/file\n", "{driver}: {ran:?}");
    }
}

fn layers_are_not(world: &World) {
    let Some(driver) = ALL.into_iter().find(|driver| works(world, driver)).filter(|driver| *driver != "copy") else {
        return;
    };
    let ran = rbuild(world, driver, &["run", "--name", "kept", "box", "sh", "-c", "echo run; echo x > /x"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for verb in [&["start", "-a", "kept"][..], &["diff", "kept"]] {
        let ran = rbuild(world, "copy", verb);
        assert!(ran.code != 0 && ran.stderr.contains(&format!("use --storage-driver {driver}")), "{ran:?}");
    }
    let ran = rbuild(world, driver, &["start", "-a", "kept"]);
    assert_eq!((ran.code, &*ran.stdout), (0, "run\n"), "{ran:?}");
}

fn names_of_old(world: &World) {
    for (name, driver) in [("overlay2", "overlay"), ("vfs", "copy")].into_iter().filter(|(name, _)| works(world, name))
    {
        let ran = rbuild(world, name, &["info", "--format", "{{.Driver}}"]);
        assert_eq!((ran.code, ran.stdout.trim()), (0, driver), "{ran:?}");
    }
    for (name, reason) in [("aufs", "overlay does the same"), ("devicemapper", "reflink"), ("nonsense", "there are")] {
        let ran = rbuild(world, name, &["info"]);
        assert!(ran.code != 0 && ran.stderr.contains(reason), "{ran:?}");
    }
}

fn info(world: &World) {
    let ran = rbuild(world, "", &["info"]);
    for line in ["Storage Driver: ", " Backing Filesystem: ", " Supports d_type: ", " Chosen because: ", " Not copy: "]
    {
        assert!(ran.stdout.lines().any(|found| found.starts_with(line)), "{line}: {ran:?}");
    }
}

fn fuse_ends(world: &World) {
    if !works(world, "fuse-overlayfs") {
        return;
    }
    let mut command = world.rbuild(&["run", "--name", "shown", "box", "sh", "-c", "echo up; sleep 100"]);
    let mut child = command.env("RBUILD_STORAGE_DRIVER", "fuse-overlayfs").stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 3];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
    assert_eq!(servers(world), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let began = Instant::now();
    while servers(world) > 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "the program is left over");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains("fuse.fuse-overlayfs"), "{mounts}");
}

/// How many programs show something of this store.
fn servers(world: &World) -> usize {
    let store = world.path("store").display().to_string();
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read(entry.unwrap().path().join("cmdline")).ok());
    processes
        .filter(|line| line.starts_with(b"fuse-overlayfs") && String::from_utf8_lossy(line).contains(&store))
        .count()
}
