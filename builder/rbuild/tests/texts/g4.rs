//! G4: storage drivers and volume plugins.

use crate::common::skip;
use crate::plugin_server::{serve, take_calls};
use crate::reader::Reader;
use std::fs;
use std::process::{Command, Stdio};

/// What is said where a storage driver is asked for by that name.
fn refusal(reader: &Reader, name: &str) -> String {
    let said = reader.is_refused(&format!("docker --storage-driver {name} run --rm alpine true"));
    assert!(said.contains(name), "{said}");
    said
}

/// The driver that is used where one is asked for by that name.
fn used(reader: &Reader, name: &str) -> String {
    assert_eq!(
        reader.sees(&format!("docker --storage-driver {name} run --rm alpine cat /data/seed")),
        "from the image\n"
    );
    reader.word(&format!("docker --storage-driver {name} info -f '{{{{.Driver}}}}'"))
}

#[test]
fn aufs() {
    // Truth: docker has it no longer since version 24.
    let said = refusal(&Reader::with_alpine(), "aufs");
    assert!(said.contains("overlay"), "{said}");
}

#[test]
fn overlay() {
    assert_eq!(used(&Reader::with_alpine(), "overlay"), "overlay");
}

#[test]
fn overlay2() {
    assert_eq!(used(&Reader::with_alpine(), "overlay2"), "overlay", "another name for the same");
}

#[test]
fn device_mapper() {
    // Truth: docker has it no longer since version 25.
    let said = refusal(&Reader::with_alpine(), "devicemapper");
    assert!(said.contains("overlay") || said.contains("reflink") || said.contains("btrfs"), "{said}");
}

/// Uses a driver by its name with a store on a file system of its own, made in a file; `skip`s where that cannot be.
fn used_on(kind: &str, driver: &str) {
    let reader = Reader::with_alpine();
    if !rustix::process::geteuid().is_root() {
        return skip(&format!("{driver}: only root mounts a file system of {kind}"));
    }
    let (disk, place) = (reader.path("disk"), reader.path("store"));
    let script = format!(
        "truncate -s 1G {disk} && mkfs.{kind} -q {disk} && mv {place} {place}.old && mkdir {place} && \
         mount -o loop {disk} {place} && cp -a {place}.old/. {place}",
        disk = disk.display(),
        place = place.display()
    );
    let made = Command::new("sh").args(["-c", &script]).stdout(Stdio::null()).output().unwrap();
    if !made.status.success() {
        return skip(&format!("{driver}: {}", String::from_utf8_lossy(&made.stderr)));
    }
    let tried = std::panic::catch_unwind(|| {
        assert_eq!(used(&reader, driver), driver);
        let run = format!("docker --storage-driver {driver} run");
        reader.sees(&format!("{run} --name one alpine sh -c 'echo mine > /data/seed'"));
        assert_eq!(reader.sees(&format!("{run} --rm alpine cat /data/seed")), "from the image\n");
        assert!(reader.store("snapshots.v1").join(driver).is_dir());
    });
    drop(Command::new("umount").arg("-l").arg(&place).status());
    tried.unwrap_or_else(|failure| std::panic::resume_unwind(failure));
}

#[test]
fn btrfs() {
    used_on("btrfs", "btrfs");
    let said = refusal(&Reader::with_alpine(), "btrfs");
    assert!(said.contains("btrfs"), "where the store is on another file system: {said}");
}

#[test]
fn zfs() {
    // What the driver does with a pool is tested with the driver; here is none, and it says what is missing.
    let said = refusal(&Reader::with_alpine(), "zfs");
    assert!(said.contains("zfs"), "{said}");
}

#[test]
fn fuse_overlayfs() {
    let reader = Reader::with_alpine();
    let line = "docker --storage-driver fuse-overlayfs run --rm alpine cat /data/seed";
    let said = reader.types(line);
    if said.code == 0 {
        assert_eq!(said.out, "from the image\n");
    } else {
        // Without the program or the device it says so.
        assert!(said.err.contains("fuse"), "{said:?}");
        skip(&format!("fuse-overlayfs: {}", said.err));
    }
}

#[test]
fn vfs() {
    assert_eq!(used(&Reader::with_alpine(), "vfs"), "copy", "another name for the same");
}

#[test]
fn the_driver_is_chosen_and_told() {
    let reader = Reader::with_alpine();
    let info = reader.sees("docker info");
    for line in ["Containers: 0", " Running: 0", " Paused: 0", " Stopped: 0", "Images: 1", "Storage Driver: "] {
        assert!(info.lines().any(|shown| shown.starts_with(line)), "{line}: {info}");
    }
    assert!(info.contains("Chosen because: "), "{info}");
    reader.sees("docker create alpine true");
    assert!(reader.sees("docker info").contains("Containers: 1"));
}

#[test]
fn the_plugin_local() {
    let reader = Reader::with_alpine();
    let source = reader.path("elsewhere");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("hi"), "from the host\n").unwrap();
    reader.sees(&format!("docker volume create -o type=none -o o=bind -o device={} bound", source.display()));
    assert_eq!(reader.sees("docker run --rm -v bound:/m alpine cat /m/hi"), "from the host\n");
    reader.sees("docker volume create -o type=tmpfs -o device=tmpfs -o o=size=1m memory");
    assert_eq!(
        reader.word("docker run --rm -v memory:/m alpine sh -c 'df -k /m | tail -1' | tr -s ' ' | cut -d' ' -f2"),
        "1024"
    );
    let value = reader.inspects("docker volume inspect memory");
    assert_eq!((&value["Driver"], &value["Options"]["type"]), (&"local".into(), &"tmpfs".into()));
}

/// Uses the plugin of a storage system by its name: it makes a volume, mounts it for a container, lets go of it.
fn used_through_its_plugin(name: &str) {
    let reader = Reader::with_alpine();
    let (state, sockets) = (reader.path("state"), reader.path("plugins"));
    fs::create_dir_all(state.join("volumes")).unwrap();
    fs::create_dir(&sockets).unwrap();
    let socket = sockets.join(format!("{name}.sock"));
    let told = [&state, &socket].map(|path| path.display().to_string());
    std::thread::spawn(move || serve(&told));
    while !socket.exists() {
        std::thread::yield_now();
    }
    let types = |line: &str| reader.sees(&format!("export RBUILD_PLUGIN_DIR={}; {line}", sockets.display()));
    assert!(types("docker info -f '{{.Plugins.Volume}}'").contains(name));
    assert_eq!(types(&format!("docker volume create -d {name} -o size=20GB data_volume")), "data_volume\n");
    types("docker run --rm -v data_volume:/var/lib/mysql alpine sh -c 'echo row > /var/lib/mysql/table'");
    assert_eq!(fs::read_to_string(state.join("volumes/data_volume/table")).unwrap(), "row\n", "where the plugin says");
    let driver = format!("docker run --rm --volume-driver {name} -v another:/m alpine touch /m/x");
    types(&driver);
    assert!(state.join("volumes/another/x").exists());
    let listed = types("docker volume ls --format '{{.Driver}} {{.Name}}'");
    assert!(listed.contains(&format!("{name} data_volume\n")), "{listed}");
    types("docker volume rm data_volume");
    assert!(!state.join("volumes/data_volume").exists());
    let calls = take_calls(&state);
    let count = |what: &str| calls.iter().filter(|call| call.starts_with(what)).count();
    assert!(count("Create ") >= 2 && count("Remove data_volume") == 1, "{calls:?}");
    assert_eq!((count("Mount "), count("Unmount ")), (2, 2), "{calls:?}");
}

#[test]
fn convoy() {
    used_through_its_plugin("convoy");
}

#[test]
fn azure_file_storage() {
    used_through_its_plugin("azurefile");
}

#[test]
fn flocker() {
    used_through_its_plugin("flocker");
}

#[test]
fn rex_ray() {
    used_through_its_plugin("rexray");
}

#[test]
fn digital_ocean_block_storage() {
    used_through_its_plugin("dobs");
}

#[test]
fn vmware_vsphere_storage() {
    used_through_its_plugin("vsphere");
}

#[test]
fn ceph_and_gluster() {
    // Where a cluster's file system is mounted already, it is a bind.
    let reader = Reader::with_alpine();
    std::fs::create_dir(reader.work("mounted")).unwrap();
    reader.sees("docker run --rm -v $(pwd)/mounted:/m alpine touch /m/x");
    assert!(reader.work("mounted/x").exists());
}
