//! What the process sees as files: the overlay, mounts over it, files in memory, and what is left afterwards.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::Arc;

use rbuild_runner::{Access, InjectedFile, MountSpec, Overlay, Propagation, Rootfs, Source, Tmpfs, User, remove_stubs};

use crate::Case;
use crate::world::{World, listing};

pub(crate) const CASES: &[Case] = &[
    ("writes-land-in-upper", writes_land_in_upper),
    ("volatile", volatile),
    ("stubs-go-away", stubs_go_away),
    ("used-stubs-stay", used_stubs_stay),
    ("bind-and-access", bind_and_access),
    ("bind-by-descriptor", bind_by_descriptor),
    ("target-through-symlink", target_through_symlink),
    ("nested-and-duplicate", nested_and_duplicate),
    ("tmpfs-is-bounded", tmpfs_is_bounded),
    ("overlay-as-mount", overlay_as_mount),
    ("files-in-memory", files_in_memory),
    ("nothing-lies-on-the-root", nothing_lies_on_the_root),
    ("read-only-root", read_only_root),
    ("no-lower-layer", no_lower_layer),
    ("many-long-layers", many_long_layers),
    ("owners-are-kept", owners_are_kept),
    ("missing-source", missing_source),
];

fn bind(source: impl Into<std::path::PathBuf>, target: &str, access: Access) -> MountSpec {
    MountSpec {
        source: Source::Path(source.into()),
        target: target.as_bytes().to_vec(),
        access,
        propagation: Propagation::Private,
    }
}

fn writes_land_in_upper(world: &World) {
    world.write("lower/old", "1");
    world.run(&world.shell("echo new > /new; rm /old; cat /new > /tmp/copy"));
    assert_eq!(fs::read_to_string(world.upper().join("new")).unwrap(), "new\n");
    assert!(world.path("lower/old").exists(), "the layer is untouched");
    let gone = fs::symlink_metadata(world.upper().join("old")).unwrap();
    assert_eq!((gone.mode() & 0o170_000, gone.rdev()), (0o020_000, 0), "a whiteout");
}

fn volatile(world: &World) {
    let mut container = world.shell("echo x > /x; dd if=/dev/zero of=/y bs=1k count=9 conv=fsync 2>/dev/null; grep -c '^overlay / .*volatile' /proc/mounts");
    if let Rootfs::Overlay(overlay) = &mut container.rootfs {
        overlay.volatile = true;
    }
    assert_eq!(world.run(&container), "1\n");
    assert_eq!(fs::metadata(world.upper().join("y")).unwrap().len(), 9 << 10);
}

fn stubs_go_away(world: &World) {
    world.write("lower/etc/keep", "");
    let before = fs::metadata(world.path("lower/etc")).unwrap().mtime();
    let upper_before = fs::metadata(world.upper()).unwrap().mtime_nsec();
    let mut container = world.container(&["true"]);
    let resolv = InjectedFile {
        path: b"/etc/resolv.conf".to_vec(),
        content: b"nameserver 192.0.2.1\n".to_vec(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        access: Access::ReadOnly,
    };
    container.files = vec![resolv.clone(), InjectedFile { path: b"/run/secrets/deep/s".to_vec(), ..resolv }];
    let ran = world.try_run(&container).unwrap();
    let made: Vec<String> = ran.outcome.stubs.iter().map(|s| String::from_utf8_lossy(&s.path).into_owned()).collect();
    assert_eq!(
        made,
        ["proc", "sys", "dev", "etc/resolv.conf", "run", "run/secrets", "run/secrets/deep", "run/secrets/deep/s"]
    );
    remove_stubs(&world.upper(), &ran.outcome.stubs).unwrap();
    assert_eq!(listing(&world.upper()), ["etc"], "only the copied-up parent of a stub is left");
    assert_eq!(fs::metadata(world.upper().join("etc")).unwrap().mtime(), before);
    assert_eq!(fs::metadata(world.upper()).unwrap().mtime_nsec(), upper_before);
}

fn used_stubs_stay(world: &World) {
    let mut container = world.shell("echo mine > /run/pid; sleep 0.1; touch /etc-like");
    container.files = vec![InjectedFile {
        path: b"/run/secret".to_vec(),
        content: b"s".to_vec(),
        mode: 0o400,
        uid: 0,
        gid: 0,
        access: Access::ReadOnly,
    }];
    let ran = world.try_run(&container).unwrap();
    let touched = fs::metadata(world.upper()).unwrap().mtime_nsec();
    remove_stubs(&world.upper(), &ran.outcome.stubs).unwrap();
    assert_eq!(listing(&world.upper()), ["etc-like", "run", "run/pid"]);
    assert_eq!(fs::metadata(world.upper()).unwrap().mtime_nsec(), touched, "a real change keeps its time");
}

fn bind_and_access(world: &World) {
    world.write("host/a", "alpha\n");
    let mut container = world.shell("cat /src/a /one; echo b > /src/b; echo c > /rw/c; echo d > /one");
    container.mounts = vec![
        bind(world.path("host"), "/src", Access::ReadOnly),
        bind(world.path("host/a"), "one", Access::ReadOnly),
        MountSpec { propagation: Propagation::Slave, ..bind(world.path("host"), "/rw", Access::ReadWrite) },
    ];
    let ran = world.try_run(&container).unwrap();
    assert_eq!(ran.stdout, "alpha\nalpha\n");
    assert_eq!(ran.stderr.matches("Read-only file system").count(), 2, "{ran:?}");
    assert_eq!(listing(&world.path("host")), ["a", "c"]);
    remove_stubs(&world.upper(), &ran.outcome.stubs).unwrap();
    assert!(listing(&world.upper()).is_empty());
}

fn bind_by_descriptor(world: &World) {
    world.write("host/a", "alpha\n");
    let open = |name: &str| Arc::new(fs::File::open(world.path(name)).unwrap().into());
    let mut container = world.shell("cat /z/a /y");
    let spec = |fd, target: &str| MountSpec { source: Source::Fd(fd), ..bind("", target, Access::ReadOnly) };
    container.mounts = vec![spec(open("host"), "/z"), spec(open("host/a"), "/y")];
    assert_eq!(world.run(&container), "alpha\nalpha\n");
}

fn target_through_symlink(world: &World) {
    let file = world.write("a.txt", "alpha\n");
    let outside = world.path("outside");
    fs::create_dir(&outside).unwrap();
    let climb = format!("{}{}", "../".repeat(20), outside.display());
    symlink(&climb, world.path("lower/esc")).unwrap();
    symlink("/deep/er", world.path("lower/abs")).unwrap();
    symlink("loop", world.path("lower/loop")).unwrap();
    let mut container = world.shell(&format!("cat {}/f /deep/er/g /top", outside.display()));
    container.mounts = vec![
        bind(&file, "/esc/f", Access::ReadOnly),
        bind(&file, "/abs/g", Access::ReadOnly),
        bind(&file, "/../../x/../top", Access::ReadOnly),
    ];
    let ran = world.try_run(&container).unwrap();
    assert_eq!(ran.stdout, "alpha\nalpha\nalpha\n", "{ran:?}");
    assert!(listing(&outside).is_empty(), "nothing leaves the rootfs");
    remove_stubs(&world.upper(), &ran.outcome.stubs).unwrap();
    assert_eq!(listing(&world.upper()), ["tmp"], "what was in the layer is copied up, no more");
    container.mounts = vec![bind(&outside, "/./", Access::ReadOnly)];
    assert!(world.refusal(&container).0.contains("cannot be the root"));
    container.mounts = vec![bind(&file, "/loop/x", Access::ReadOnly)];
    assert!(world.refusal(&container).0.contains("/loop/x"));
}

fn nested_and_duplicate(world: &World) {
    let (a, b) = (world.write("a.txt", "alpha\n"), world.write("b.txt", "beta\n"));
    let tmpfs = MountSpec { source: Source::Tmpfs(Tmpfs::new(None, 0o755)), ..bind("", "/t", Access::ReadWrite) };
    let mut container = world.shell("cat /t/in/f /1; grep -c ' /t' /proc/mounts");
    container.mounts = vec![
        bind(&a, "/t/in/f", Access::ReadOnly),
        tmpfs,
        bind(&a, "/1", Access::ReadOnly),
        bind(&b, "/1", Access::ReadOnly),
    ];
    let ran = world.try_run(&container).unwrap();
    assert_eq!(ran.stdout, "alpha\nbeta\n2\n", "{ran:?}");
    remove_stubs(&world.upper(), &ran.outcome.stubs).unwrap();
    assert!(listing(&world.upper()).is_empty());
}

fn tmpfs_is_bounded(world: &World) {
    let mut container =
        world.shell("stat -c %a /t; dd if=/dev/zero of=/t/big bs=1k count=200 2>&1 | grep -c 'No space'");
    let source = Source::Tmpfs(Tmpfs::new(Some(64 << 10), 0o1770));
    container.mounts = vec![MountSpec { source, ..bind("", "/t", Access::ReadWrite) }];
    assert_eq!(world.run(&container), "1770\n1\n");
}

fn overlay_as_mount(world: &World) {
    world.write("ctx/a", "alpha\n");
    fs::create_dir_all(world.path("up2")).unwrap();
    fs::create_dir_all(world.path("work2")).unwrap();
    let Rootfs::Overlay(root) = world.container(&["true"]).rootfs else { return };
    let view = Overlay { lowers: vec![world.path("ctx")], upper: world.path("up2"), work: world.path("work2"), ..root };
    let mut container = world.shell("cat /src/a; echo x > /src/a; echo y > /src/b");
    container.mounts = vec![MountSpec { source: Source::Overlay(view), ..bind("", "/src", Access::ReadWrite) }];
    assert_eq!(world.run(&container), "alpha\n");
    assert_eq!(fs::read_to_string(world.path("ctx/a")).unwrap(), "alpha\n");
    assert_eq!(listing(&world.path("up2")), ["a", "b"]);
}

fn files_in_memory(world: &World) {
    let other = u32::from(!world.is_single()) * 3;
    let mut container = world.shell("stat -c '%a %u %g' /run/secrets/tok; cat /run/secrets/tok; echo x > /run/secrets/tok; cat /etc/hosts; echo y > /etc/hosts; cat /etc/hosts");
    let secret = InjectedFile {
        path: b"/run/secrets/tok".to_vec(),
        content: b"s3cr3t\n".to_vec(),
        mode: 0o444,
        uid: other,
        gid: other,
        access: Access::ReadOnly,
    };
    let hosts = InjectedFile {
        path: b"/etc/hosts".to_vec(),
        content: b"127.0.0.1 localhost\n".to_vec(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        access: Access::ReadWrite,
    };
    container.files = vec![secret, hosts];
    let ran = world.try_run(&container).unwrap();
    let expected = format!("444 {other} {other}\ns3cr3t\n127.0.0.1 localhost\ny\n");
    assert_eq!(ran.stdout, expected, "{ran:?}");
    assert!(ran.stderr.contains("Read-only file system"));
    remove_stubs(&world.upper(), &ran.outcome.stubs).unwrap();
    assert!(listing(&world.upper()).is_empty(), "no trace in the layer");
    let printed = rbuild_runner::plan(&container).to_string();
    assert!(!printed.contains("s3cr3t"), "plans never print contents");
}

/// Files in memory come from a mount of their own, which must not keep the host's root from going.
fn nothing_lies_on_the_root(world: &World) {
    let mut container = world.shell("cut -d' ' -f5 /proc/self/mountinfo | grep -cx /; test -e /../bin/busybox; ls /..");
    let file = b"/file".to_vec();
    container.files =
        vec![InjectedFile { path: file, content: Vec::new(), mode: 0o444, uid: 0, gid: 0, access: Access::ReadOnly }];
    assert_eq!(world.run(&container), "1\nbin\ndev\nfile\nproc\nsys\ntmp\n");
    container.files.clear();
    assert_eq!(world.run(&container), "1\nbin\ndev\nfile\nproc\nsys\ntmp\n", "the stub is still there");
}

fn read_only_root(world: &World) {
    let mut container = world.shell("touch /x 2>&1; touch /tmp/y /dev/shm/z && echo fine");
    container.root_access = Access::ReadOnly;
    let tmpfs = Source::Tmpfs(Tmpfs::new(None, 0o1777));
    container.mounts = vec![MountSpec { source: tmpfs, ..bind("", "/tmp", Access::ReadWrite) }];
    assert_eq!(world.run(&container), "touch: /x: Read-only file system\nfine\n");
}

fn no_lower_layer(world: &World) {
    fs::create_dir(world.upper().join("bin")).unwrap();
    fs::copy("/bin/busybox", world.upper().join("bin/busybox")).unwrap();
    let mut container = world.container(&["/bin/busybox", "touch", "/made"]);
    if let Rootfs::Overlay(overlay) = &mut container.rootfs {
        overlay.lowers.clear();
    }
    let ran = world.try_run(&container).unwrap();
    remove_stubs(&world.upper(), &ran.outcome.stubs).unwrap();
    assert_eq!(listing(&world.upper()), ["bin", "bin/busybox", "made"]);
    container.argv = vec![b"/bin/sh".to_vec(), b"-c".to_vec(), b"true".to_vec()];
    assert!(world.refusal(&container).0.contains("exec: \"/bin/sh\": no such file or directory"));
}

fn many_long_layers(world: &World) {
    let mut container = world.shell("cat /n0 /n119 /same");
    let mut lowers = Vec::new();
    for number in 0..120 {
        let dir = world.path(&format!("{}/colon:comma,{number}/{}", "d".repeat(200), "e".repeat(100)));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(format!("n{number}")), format!("{number}\n")).unwrap();
        fs::write(dir.join("same"), format!("{number}\n")).unwrap();
        lowers.push(dir);
    }
    if let Rootfs::Overlay(overlay) = &mut container.rootfs {
        lowers.append(&mut overlay.lowers);
        overlay.lowers = lowers;
    }
    assert_eq!(world.run(&container), "0\n119\n0\n", "the first is the topmost");
    if let Rootfs::Overlay(overlay) = &mut container.rootfs {
        overlay.lowers = vec![world.path("lower"); 501];
    }
    assert!(world.refusal(&container).0.contains("501 layers"));
}

fn owners_are_kept(world: &World) {
    if world.is_single() {
        eprintln!("SKIP: owners with a single id");
        return;
    }
    let mut container = world.shell("touch /tmp/mine && stat -c '%u %g' /tmp/mine");
    container.user = User { uid: 1234, gid: 1235, groups: vec![] };
    assert_eq!(world.run(&container), "1234 1235\n");
    let made = fs::metadata(world.upper().join("tmp/mine")).unwrap();
    assert_eq!((made.uid(), made.gid()), (1234, 1235));
}

fn missing_source(world: &World) {
    let mut container = world.container(&["true"]);
    container.mounts = vec![bind("/no/such/source", "/x", Access::ReadOnly)];
    let (message, _) = world.refusal(&container);
    assert!(message.contains("bind /no/such/source on /x") && message.contains("No such file"), "{message}");
}
