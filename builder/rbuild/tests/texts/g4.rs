//! G4: storage drivers and volume plugins.

use crate::reader::Reader;

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

#[test]
fn ceph_and_gluster() {
    // Where a cluster's file system is mounted already, it is a bind.
    let reader = Reader::with_alpine();
    std::fs::create_dir(reader.work("mounted")).unwrap();
    reader.sees("docker run --rm -v $(pwd)/mounted:/m alpine touch /m/x");
    assert!(reader.work("mounted/x").exists());
}
