//! G3: volumes and mounts.

use crate::reader::{Reader, is_there};
use serde_json::{Value, json};
use std::fs;

/// What `docker inspect` says of a container's mounts.
fn mounts(reader: &Reader, container: &str) -> Value {
    serde_json::from_str(&reader.sees(&format!("docker inspect --format '{{{{json .Mounts}}}}' {container}"))).unwrap()
}

/// Where the files of a volume are.
fn data(reader: &Reader, volume: &str) -> std::path::PathBuf {
    reader.store("volumes.v1").join(volume).join("_data")
}

#[test]
fn row_21_volume_create() {
    let reader = Reader::with_alpine();
    assert_eq!(reader.sees("docker volume create data_volume"), "data_volume\n");
    assert!(data(&reader, "data_volume").is_dir());
    assert_eq!(reader.sees("docker volume create data_volume"), "data_volume\n", "again is no error");
    let random = reader.word("docker volume create");
    assert!(random.len() == 64 && random.bytes().all(|byte| byte.is_ascii_hexdigit()), "{random}");
}

#[test]
fn row_22_volume_ls() {
    let reader = Reader::with_alpine();
    assert_eq!(reader.sees("docker volume ls"), "DRIVER    VOLUME NAME\n");
    reader.sees("docker volume create data_volume");
    assert_eq!(reader.sees("docker volume ls"), "DRIVER    VOLUME NAME\nlocal     data_volume\n");
}

#[test]
fn row_23_inspect_tells_the_mounts() {
    let reader = Reader::with_alpine();
    reader.sees("docker volume create data_volume");
    let volume = reader.inspects("docker volume inspect data_volume");
    let keys: Vec<&String> = volume.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["CreatedAt", "Driver", "Labels", "Mountpoint", "Name", "Options", "Scope"]);
    assert_eq!(volume["Mountpoint"], data(&reader, "data_volume").to_str().unwrap());
    fs::create_dir(reader.work("host")).unwrap();
    let host = reader.work("host");
    reader.sees(&format!(
        "docker run --name box -v data_volume:/named:ro -v /chest -v {}:/host alpine true",
        host.display()
    ));
    let mounts = mounts(&reader, "box");
    let of = |target: &str| mounts.as_array().unwrap().iter().find(|mount| mount["Destination"] == target).unwrap();
    let anonymous = of("/chest");
    let name = anonymous["Name"].as_str().unwrap();
    assert!(name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    let expected = json!({
        "Type": "volume", "Name": name, "Source": data(&reader, name), "Destination": "/chest", "Driver": "local",
        "Mode": "", "RW": true, "Propagation": "",
    });
    assert_eq!(*anonymous, expected);
    let keys: Vec<&String> = anonymous.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["Type", "Name", "Source", "Destination", "Driver", "Mode", "RW", "Propagation"],
        "docker's order"
    );
    let named = of("/named");
    assert_eq!((&named["Name"], &named["RW"], &named["Mode"]), (&json!("data_volume"), &json!(false), &json!("ro")));
    let expected = json!({
        "Type": "bind", "Source": host, "Destination": "/host", "Mode": "", "RW": true, "Propagation": "rprivate",
    });
    assert_eq!(*of("/host"), expected);
}

#[test]
fn row_24_a_named_volume_outlives_its_containers() {
    let reader = Reader::with_alpine();
    reader.sees("docker volume create data_volume");
    for (spec, target) in [
        ("data_volume:/var/lib/mysql", "/var/lib/mysql"),
        ("data_1:/var/lib/database", "/var/lib/database"),
        ("volume_1:/var/lib/python", "/var/lib/python"),
    ] {
        reader.sees(&format!("docker run --rm -v {spec} alpine sh -c 'echo row > {target}/table'"));
        let host = data(&reader, spec.split(':').next().unwrap());
        assert_eq!(fs::read_to_string(host.join("table")).unwrap(), "row\n", "seen from the host");
        fs::write(host.join("from-the-host"), "back\n").unwrap();
        let seen =
            reader.sees(&format!("docker run --rm -v {spec} alpine sh -c 'cd {target}; cat table from-the-host'"));
        assert_eq!(seen, "row\nback\n");
    }
    assert!(reader.sees("docker volume ls -q").contains("data_volume\n"));
    reader.sees("docker run --name user -v data_volume:/x alpine true");
    assert!(reader.is_refused("docker volume rm data_volume").contains("data_volume"), "it is in use");
    assert_eq!(reader.sees("docker rm user && docker volume rm data_volume"), "user\ndata_volume\n");
    assert!(!is_there(&reader.store("volumes.v1/data_volume")));
}

#[test]
fn row_25_v_makes_a_missing_volume() {
    let reader = Reader::with_alpine();
    reader.sees("docker run --rm -v data_volume2:/data alpine cat /data/seed");
    assert_eq!(reader.sees("docker volume ls"), "DRIVER    VOLUME NAME\nlocal     data_volume2\n");
    assert_eq!(
        fs::read_to_string(data(&reader, "data_volume2").join("seed")).unwrap(),
        "from the image\n",
        "copied up"
    );
}

#[test]
fn row_26_an_anonymous_volume() {
    let reader = Reader::with_alpine();
    reader.sees("docker run --name hi -v /chest alpine touch /chest/coins");
    let mounts = mounts(&reader, "hi");
    let source = mounts[0]["Source"].as_str().unwrap();
    assert_eq!(reader.sees(&format!("ls {source}")), "coins\n");
    reader.sees("docker rm hi");
    assert_eq!(reader.sees("docker volume ls -q").lines().count(), 1, "plain rm keeps it");
    assert!(is_there(std::path::Path::new(source)));
    reader.sees("docker run --rm -v /chest alpine touch /chest/coins");
    assert_eq!(reader.sees("docker volume ls -q").lines().count(), 1, "--rm takes it along");
    reader.sees("docker run --name other -v /chest alpine true && docker rm -v other");
    assert_eq!(reader.sees("docker volume ls -q").lines().count(), 1, "rm -v takes it along");
    assert!(reader.sees("docker volume prune -f").contains("Total reclaimed space:"));
    assert_eq!(reader.sees("docker volume ls -q"), "");
}

#[test]
fn row_27_volumes_from_a_container_that_never_runs() {
    let reader = Reader::with_alpine();
    // There is no program called nop: create does not ask.
    let id = reader.word("docker create --name box -v /share-vol alpine nop");
    assert_eq!(id.len(), 64);
    assert_eq!(reader.sees("docker volume ls -q").lines().count(), 1, "made with the container");
    reader.sees("docker run --name AA --volumes-from box alpine touch /share-vol/wine");
    assert_eq!(reader.sees("docker run --name BB --volumes-from box alpine ls /share-vol"), "wine\n");
    assert_eq!(mounts(&reader, "AA")[0]["Name"], mounts(&reader, "box")[0]["Name"]);
    let refused = reader.types("docker run --rm --volumes-from box:ro alpine touch /share-vol/beer");
    assert!(refused.code != 0 && refused.err.contains("Read-only"), "{refused:?}");
    let nop = reader.types("docker start -a box");
    assert!(nop.code != 0 && nop.err.contains("nop"), "{nop:?}");
}

#[test]
fn row_28_a_directory_of_the_host() {
    let reader = Reader::with_alpine();
    // `-v` makes the missing directory.
    let mysql = reader.path("data/mysql");
    let spec = format!("{}:/var/lib/mysql", mysql.display());
    reader.sees(&format!("docker run --rm -v {spec} alpine sh -c 'echo row > /var/lib/mysql/table'"));
    assert_eq!(fs::read_to_string(mysql.join("table")).unwrap(), "row\n");
    reader.sees("docker run --name hi -v $(pwd)/host/dir:/data alpine touch /data/hi && docker rm hi");
    assert!(is_there(&reader.work("host/dir/hi")), "the file stays when the container goes");
    assert_eq!(reader.sees("docker run --rm -v $(pwd)/host/dir:/data alpine ls /data"), "hi\n");
    // Truth: "full path needed" was so before engine 23.
    assert_eq!(reader.sees("docker run --rm -v ./host/dir:/data alpine ls /data"), "hi\n");
    // Truth: 004 writes `- v`, which is a dash and a word.
    assert_ne!(reader.types(&format!("docker run - v {spec} alpine true")).code, 0);
}

#[test]
fn row_29_mount_key_by_key() {
    let reader = Reader::with_alpine();
    let host = reader.path("data/mysql");
    fs::create_dir_all(&host).unwrap();
    fs::write(host.join("table"), "row\n").unwrap();
    let cat = "alpine cat /var/lib/mysql/table";
    for (source, target) in [("source", "target"), ("src", "dst"), ("source", "destination")] {
        let spec = format!("type=bind,{source}={},{target}=/var/lib/mysql", host.display());
        assert_eq!(reader.sees(&format!("docker run --rm --mount {spec} {cat}")), "row\n");
    }
    let write = "alpine sh -c 'echo more > /m/f && cat /m/f'";
    assert_eq!(reader.sees(&format!("docker run --rm --mount type=volume,source=vol,target=/m {write}")), "more\n");
    assert_eq!(reader.sees(&format!("docker run --rm --mount type=tmpfs,target=/m,tmpfs-size=1m {write}")), "more\n");
    for (spec, word) in [
        ("type=bind,source=SRC,target=/m,readonly", "Read-only"),
        ("type=volume,source=vol,target=/m,ro", "Read-only"),
        ("type=bind,source=SRC,target=/m,colour=red", "colour"),
        ("type=volume,source=vol", "target"),
        ("type=floppy,target=/m", "floppy"),
        ("type=bind,target=/m", "source"),
        ("type=volume,source=vol,target=m", "absolute"),
        ("type=npipe,source=a,target=/m", "npipe"),
    ] {
        let spec = spec.replace("SRC", host.to_str().unwrap());
        let said = reader.is_refused(&format!("docker run --rm --mount {spec} {write}"));
        assert!(said.contains(word), "{spec}: {said}");
    }
}

#[test]
fn row_30_what_mount_makes_and_what_not() {
    let reader = Reader::with_alpine();
    // Truth: the text says that -v makes a volume and --mount does not. It does; what it does not make is the host's
    // directory of a bind.
    reader.sees("docker run --rm --mount type=volume,source=made,target=/m alpine touch /m/x");
    assert_eq!(reader.sees("docker volume ls -q"), "made\n");
    let missing = reader.path("not/there");
    let said = reader
        .is_refused(&format!("docker run --rm --mount type=bind,source={},target=/m alpine true", missing.display()));
    assert!(said.contains(missing.to_str().unwrap()) && !is_there(&missing), "{said}");
    let spec = format!("type=bind,source={},target=/m,bind-create-src", missing.display());
    reader.sees(&format!("docker run --rm --mount {spec} alpine touch /m/x"));
    assert!(is_there(&missing.join("x")));
}

#[test]
fn row_31_a_volume_driver() {
    let reader = Reader::with_alpine();
    reader.sees("docker run --rm --volume-driver local -v vol:/m alpine touch /m/x");
    assert!(is_there(&data(&reader, "vol").join("x")));
    // Truth: 004 gives --volume-driver beside --mount, which docker heeds for -v alone; a mount names its driver itself.
    for line in [
        "docker run --rm --mount src=ebs-vol,target=/var/lib/mysql,volume-driver=rexray/ebs alpine true",
        "docker run --rm --volume-driver rexray -v ebs-vol:/var/lib/mysql alpine true",
        "docker volume create -d rexray ebs-vol",
    ] {
        let said = reader.is_refused(line);
        assert!(said.contains("rexray"), "{said}");
    }
}

#[test]
fn row_32_volumes_bypass_the_layers() {
    let reader = Reader::with_alpine();
    let kinds = "stat -f -c %T / /m | xargs";
    let [root, volume] = ["/", "/m"].map(|path| {
        reader
            .word(&format!("docker run --rm -v vol:/m alpine sh -c 'grep \" {path} \" /proc/mounts | cut -d\" \" -f3'"))
    });
    assert_ne!(volume, "overlay", "{kinds}");
    if reader.word("docker info -f '{{.Driver}}'") == "overlay" {
        assert_eq!(root, "overlay");
    }
    let script = "for n in $(seq 100); do echo $HOSTNAME >> /m/log; done";
    let line = format!("docker run --rm -v vol:/m alpine sh -c '{script}'");
    let children: Vec<_> = (0..4).map(|_| reader.command(&line).spawn().unwrap()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let log = fs::read_to_string(data(&reader, "vol").join("log")).unwrap();
    let writers: std::collections::BTreeSet<&str> = log.lines().collect();
    assert_eq!((log.lines().count(), writers.len()), (400, 4));
}

#[test]
fn row_33_volumes_are_in_no_diff_and_no_commit() {
    let reader = Reader::with_alpine();
    reader.sees(
        "docker run --name hi -v vol:/data -v /chest alpine sh -c 'echo x > /data/x; echo y > /chest/y; touch /z'",
    );
    let diff = reader.sees("docker diff hi");
    assert!(diff.contains("A /z") && !diff.contains("/data/x") && !diff.contains("/chest/y"), "{diff}");
    reader.sees("docker commit hi committed");
    let look = "ls /data /z; test ! -e /chest/y";
    assert_eq!(reader.sees(&format!("docker run --rm committed sh -c '{look}'")), "/z\n\n/data:\nseed\n");
}

#[test]
fn row_34_volumes_have_drivers_of_their_own() {
    let reader = Reader::with_alpine();
    let info = reader.sees("docker info");
    let storage = info.lines().find(|line| line.trim_start().starts_with("Storage Driver:")).unwrap();
    let volume = info.lines().find(|line| line.trim_start().starts_with("Volume:")).unwrap();
    assert!(info.contains("Plugins:") && volume.contains("local") && !storage.contains("local"), "{info}");
    let driver = reader.word("docker info -f '{{.Driver}}'");
    reader.sees("docker run --rm -v vol:/m alpine touch /m/x");
    // Whatever the storage driver is, the volume is the same directory.
    assert_eq!(reader.sees("RBUILD_STORAGE_DRIVER=copy docker run --rm -v vol:/m alpine ls /m"), "x\n", "{driver}");
}
