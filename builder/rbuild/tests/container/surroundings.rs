//! What a process sees around it: host name, hosts, resolver, network, memory, limits, and what is written down of it.

use std::fs;

use crate::Case;
use crate::world::World;

pub(crate) const CASES: &[Case] = &[
    ("etc", etc),
    ("etc-of-an-odd-image", etc_of_an_odd_image),
    ("network", network),
    ("limits", limits),
    ("tmpfs", tmpfs),
    ("configuration", configuration),
];

fn etc(world: &World) {
    let seen =
        world.shell(&["-h", "web.example", "--add-host", "db:10.1.2.3"], "hostname; cat /etc/hostname /etc/hosts");
    assert!(seen.starts_with("web.example\nweb.example\n127.0.0.1\tlocalhost\n"), "{seen}");
    assert!(seen.contains("\tweb.example\n") && seen.contains("10.1.2.3\tdb\n"), "{seen}");
    let host = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    assert_eq!(world.shell(&[], "cat /etc/resolv.conf"), host);
    let script = "hostname; echo 10.9.9.9 added >> /etc/hosts; grep added /etc/hosts";
    let seen = world.good(&["--name", "kept", "box", "sh", "-c", script]);
    let id = world.named("kept").config.id;
    assert_eq!(seen, format!("{}\n10.9.9.9 added\n", id.short()));
    let own = fs::read_to_string(world.path("store/containers.v1").join(id.hex()).join("etc/hosts")).unwrap();
    assert!(own.contains("10.9.9.9 added"), "{own}");
    assert!(!world.upper("kept").join("etc").join("hosts").exists(), "no mount point stays in the layer");
    let mine = world.write("hosts", "10.0.0.1 mine\n");
    let bind = format!("{}:/etc/hosts:ro", mine.display());
    assert_eq!(world.shell(&["-v", &bind], "cat /etc/hosts"), "10.0.0.1 mine\n");
}

/// Where the image has links that lead nowhere, the files are still found.
fn etc_of_an_odd_image(world: &World) {
    let script =
        "rm -rf /etc; mkdir /etc; ln -s ../run/resolve/stub.conf /etc/resolv.conf; cat /etc/resolv.conf | wc -c";
    drop(world.run(&["--rm", "box", "sh", "-c", script]));
    assert_eq!(world.shell(&[], "wc -l < /etc/hostname"), "1\n");
}

fn network(world: &World) {
    let list = "ls /sys/class/net";
    assert_eq!(world.shell(&["--network", "none"], list), "lo\n");
    let up = world.shell(&["--network", "none"], "ip addr show lo");
    assert!(up.contains("127.0.0.1"), "{up}");
    let host: Vec<String> = fs::read_dir("/proc/self/net/dev_snmp6").map_or_else(
        |_| Vec::new(),
        |dir| dir.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect(),
    );
    let seen = world.shell(&["--network", "host"], "ls /proc/net/dev_snmp6");
    for interface in host {
        assert!(seen.contains(&interface), "{interface} of {seen}");
    }
}

fn limits(world: &World) {
    assert_eq!(world.shell(&["--ulimit", "nofile=64:128"], "ulimit -n; ulimit -Hn"), "64\n128\n");
    let own = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let shown = own.map_or_else(|| "unlimited".to_owned(), |own| own.to_string());
    assert_eq!(world.shell(&["--ulimit", "nofile=1073741816"], "ulimit -Hn"), format!("{shown}\n"), "never raised");
    assert_eq!(world.shell(&["--shm-size", "1m"], "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2"), "1024\n");
    assert_eq!(world.shell(&[], "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2"), "65536\n");
}

fn tmpfs(world: &World) {
    let script = "stat -c %a /t; df -k /t | tail -1 | tr -s ' ' | cut -d' ' -f2; touch /t/x && ls /t";
    assert_eq!(world.shell(&["--tmpfs", "/t:size=2m,mode=711"], script), "711\n2048\nx\n");
    assert_eq!(world.shell(&["--mount", "type=tmpfs,target=/t,tmpfs-size=3m"], script), "1777\n3072\nx\n");
    let script = "cp /bin/busybox /t/true; /t/true 2>/dev/null && echo yes || echo no; stat -c %u:%g /t";
    assert_eq!(world.shell(&["--tmpfs", "/t:rw,noexec,nosuid,size=65536k"], script), "no\n0:0\n");
    let (ids, seen) = if world.is_single() { ("", "yes\n0:0\n") } else { (",uid=5,gid=6", "yes\n5:6\n") };
    assert_eq!(world.shell(&["--tmpfs", &format!("/t:exec{ids}")], script), seen);
    assert_eq!(world.shell(&["--tmpfs", "/t:ro"], "touch /t/x 2>/dev/null || echo refused"), "refused\n");
}

fn configuration(world: &World) {
    world.image("labelled", |config| {
        config.labels.insert("theirs".into(), "1".into());
        config.stop_signal = "SIGINT".into();
    });
    let id_file = world.path("id");
    let file = id_file.to_str().unwrap();
    let args = ["--name", "one", "-l", "mine=2", "--cidfile", file, "-e", "A=1", "labelled", "true"];
    assert_eq!(world.good(&args), "");
    let entry = world.named("one");
    assert_eq!(fs::read_to_string(&id_file).unwrap(), entry.config.id.hex());
    assert_eq!(entry.config.labels.len(), 2);
    assert_eq!((entry.config.stop_signal.as_str(), entry.config.image.reference.as_str()), ("SIGINT", "labelled"));
    let state = serde_json::to_value(&entry.state).unwrap();
    assert_eq!((&state["status"], &state["code"]), (&"exited".into(), &0.into()));
    let ran = world.run(&["--cidfile", file, "box", "true"]);
    assert_eq!(ran.code, 125);
    assert!(ran.stderr.contains("exists already"), "{ran:?}");
    assert_eq!(world.containers().len(), 1, "a refused cidfile leaves no container");
    let random = world.good(&["box", "true"]);
    assert_eq!(random, "");
    let name = world.containers().into_iter().map(|entry| entry.config.name).find(|name| name != "one").unwrap();
    assert!(name.split('_').count() == 2 && name.is_ascii(), "{name}");
}
