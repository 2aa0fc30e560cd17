//! What volumes can be beside a directory, who may take them away, and mounts of images and of other containers.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Case;
use crate::world::{AS_RBUILD, Mode, Ran, World};

pub(crate) const CASES: &[Case] = &[
    ("volumes-from", volumes_from),
    ("mount-of-an-image", of_an_image),
    ("volume-in-memory", in_memory),
    ("volume-that-binds", that_binds),
    ("volume-of-other-file-systems", other_file_systems),
    ("volume-in-use", in_use),
    ("volume-prune", prune),
    ("volume-removed-and-used-at-once", removed_and_used),
    ("volume-filled-despite-kills", filled_despite_kills),
    ("volume-ownership-on-the-host", ownership),
    ("bind-recursive", recursive),
    ("bind-propagation", propagation),
    ("bind-of-the-hosts-root", hosts_root),
];

impl World {
    /// `rbuild ARGS`, to be started.
    pub(crate) fn other_verb(&self, args: &[&str]) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(AS_RBUILD).arg("--root").arg(self.path("store")).args(args);
        command.stdin(Stdio::null()).current_dir(self.path(""));
        command
    }

    fn did(&self, args: &[&str]) -> Ran {
        self.other_verb(args).output().unwrap().into()
    }

    fn done(&self, args: &[&str]) -> String {
        let ran = self.did(args);
        assert!(ran.code == 0, "{args:?}: {ran:?}");
        ran.stdout
    }
}

fn volumes_from(world: &World) {
    fs::create_dir(world.path("host")).unwrap();
    let bind = format!("{}:/host", world.path("host").display());
    let id = world.done(&["create", "--name", "data", "-v", "/share-vol", "-v", &bind, "--tmpfs", "/t", "box", "nop"]);
    let volumes = world.done(&["volume", "ls", "-q"]);
    assert_eq!(volumes.trim_end().len(), 64, "an anonymous volume is made with its container: {volumes}");
    world.good(&[
        "--name",
        "AA",
        "--volumes-from",
        "data",
        "box",
        "sh",
        "-c",
        "echo red > /share-vol/wine; touch /host/h",
    ]);
    assert!(world.path("host/h").exists());
    let by_id = ["--rm", "--volumes-from", id.trim_end(), "box", "ls", "/share-vol"];
    assert_eq!(world.good(&by_id), "wine\n", "one volume, and none of it goes with --rm");
    let script = "cat /share-vol/wine; touch /share-vol/x /host/x 2>&1 | wc -l; grep -c ' /t ' /proc/mounts";
    assert_eq!(world.run(&["--rm", "--volumes-from", "AA:ro", "box", "sh", "-c", script]).stdout, "red\n2\n0\n");
    let own = ["--volumes-from", "data", "-v", "mine:/share-vol"];
    assert_eq!(world.shell(&own, "ls /share-vol | wc -l"), "0\n", "one's own goes before");
    let ran = world.run(&["--rm", "--volumes-from", "nobody", "box", "true"]);
    assert!(ran.code == 125 && ran.stderr.contains("no such container: nobody"), "{ran:?}");
    world.done(&["rm", "-v", "data"]);
    assert_eq!(world.shell(&["--volumes-from", "AA"], "cat /share-vol/wine"), "red\n", "AA still has it");
}

fn of_an_image(world: &World) {
    let mount = |more: &str| format!("type=image,source=box,target=/img{more}");
    assert_eq!(world.shell(&["--mount", &mount("")], "cat /img/srv/file; ls /img/srv/data"), "original\nseed\n");
    let script = "touch /img/x 2>/dev/null || echo refused; mount -o remount,rw /img 2>/dev/null || echo refused";
    assert_eq!(world.shell(&["--mount", &mount("")], script), "refused\nrefused\n");
    assert_eq!(world.shell(&["--mount", &mount(",image-subpath=srv/data")], "cat /img/seed"), "from the image\n");
    assert_eq!(world.shell(&["--mount", &mount(",image-subpath=srv/file")], "cat /img"), "original\n");
    let ran = world.run(&["--rm", "--mount", &mount(",image-subpath=none"), "box", "true"]);
    assert!(ran.code == 125 && ran.stderr.contains("the image box has no none"), "{ran:?}");
    let missing = "type=image,source=nothing,target=/img";
    let ran = world.run(&["--rm", "--pull", "never", "--mount", missing, "box", "true"]);
    assert!(ran.code == 125 && ran.stderr.contains("nothing"), "{ran:?}");
    let shown =
        |name: &str| world.done(&["inspect", "-f", "{{(index .Mounts 0).Type}} {{(index .Mounts 0).Source}}", name]);
    world.done(&["create", "--name", "with", "--mount", &mount(""), "box", "true"]);
    assert_eq!(shown("with"), "image box\n");
    let ran = world.did(&["rmi", "box"]);
    assert!(ran.code == 1, "an image that is mounted stays: {ran:?}");
}

fn in_memory(world: &World) {
    let create =
        ["volume", "create", "fast", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,mode=750,noexec"];
    world.done(&create);
    let script =
        "stat -c %a /v; grep ' /v ' /proc/mounts | cut -d' ' -f1,3; head -c 2000000 /dev/zero > /v/big || echo full";
    let ran = world.run(&["--rm", "-v", "fast:/v", "box", "sh", "-c", script]);
    assert_eq!(ran.stdout, "750\ntmpfs tmpfs\nfull\n", "{ran:?}");
    let copied = "cat /srv/data/seed; rm /srv/data/seed; ls /w";
    assert_eq!(world.shell(&["-v", "fast:/srv/data", "-v", "fast:/w"], copied), "from the image\n", "one volume twice");
    assert_eq!(world.shell(&["-v", "fast:/v"], "ls /v"), "", "it goes with its container");
    assert!(fs::read_dir(world.path("store/volumes.v1/fast/_data")).unwrap().next().is_none());
    assert!(!mounts().contains("volumes.v1"), "nothing is mounted on the machine");
}

fn that_binds(world: &World) {
    let dir = world.path("bound");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("hi"), "from the host\n").unwrap();
    let device = format!("device={}", dir.display());
    world.done(&["volume", "create", "bound", "-o", "type=none", "-o", "o=bind", "-o", &device]);
    assert_eq!(world.shell(&["-v", "bound:/v"], "cat /v/hi; touch /v/new"), "from the host\n");
    assert!(dir.join("new").exists());
    world.done(&["volume", "create", "ro", "-o", "type=bind", "-o", "o=ro", "-o", &device]);
    assert_eq!(
        world.shell(&["-v", "ro:/v"], "cat /v/hi; touch /v/x 2>/dev/null || echo refused"),
        "from the host\nrefused\n"
    );
    world.done(&["volume", "rm", "bound", "ro"]);
    assert!(dir.join("hi").exists(), "what is bound stays");
    let mount = format!("type=volume,source=kk,target=/v,volume-opt=type=none,volume-opt=o=bind,volume-opt={device}x");
    let ran = world.run(&["--rm", "--mount", &mount, "box", "true"]);
    assert!(ran.code == 125 && ran.stderr.contains("volume kk is refused: failed to mount"), "{ran:?}");
}

fn other_file_systems(world: &World) {
    let ran = world.did(&["volume", "create", "net", "-o", "type=nfs", "-o", "device=:/x", "-o", "o=addr=127.0.0.1"]);
    if world.mode != Mode::Root {
        let expected = "volume net is refused: the kernel lets only root mount nfs";
        assert!(ran.code == 1 && ran.stderr.contains(expected), "{ran:?}");
        return;
    }
    assert_eq!(ran.code, 0, "{ran:?}");
    if fs::read_to_string("/proc/filesystems").unwrap().contains("nfs") {
        eprintln!("SKIP: volume-of-other-file-systems: this kernel has nfs, and no server answers");
        return;
    }
    let ran = world.run(&["--rm", "-v", "net:/v", "box", "true"]);
    assert!(
        ran.code == 125 && ran.stderr.contains("volume net is refused: the kernel knows no file system nfs"),
        "{ran:?}"
    );
}

fn in_use(world: &World) {
    let missing = format!("type=bind,source={},target=/d", world.path("none").display());
    let ran = world.did(&["create", "--mount", &missing, "-v", "made:/m", "box", "true"]);
    assert!(ran.code != 0 && ran.stderr.contains("to bind: make it"), "{ran:?}");
    assert!(world.containers().is_empty(), "a container that cannot be made is not there");
    world.good(&["--name", "one", "-v", "data:/d", "box", "true"]);
    world.done(&["create", "--name", "two", "-v", "data:/d", "box", "true"]);
    let mut ids = ["one", "two"].map(|name| world.named(name).config.id.hex().to_owned());
    ids.sort();
    let ran = world.did(&["volume", "rm", "data"]);
    let expected = format!("remove data: volume is in use - [{}]", ids.join(", "));
    assert!(ran.code == 1 && ran.stderr.contains(&expected), "{ran:?}");
    assert_eq!(world.did(&["volume", "rm", "-f", "data"]).code, 1, "by force neither");
    world.done(&["rm", "one", "two"]);
    assert_eq!(world.done(&["volume", "rm", "data"]), "data\n");
}

fn prune(world: &World) {
    world.good(&["--name", "keeps", "-v", "/used", "box", "true"]);
    world.good(&[
        "--name",
        "left",
        "-v",
        "/unused",
        "-v",
        "named:/n",
        "box",
        "sh",
        "-c",
        "head -c 3000 /dev/zero > /unused/f",
    ]);
    world.done(&["rm", "left"]);
    let count = || world.done(&["volume", "ls", "-q"]).lines().count();
    assert_eq!(count(), 3);
    let ran = world.did(&["volume", "prune"]);
    let asked = "WARNING! This will remove anonymous local volumes not used by at least one container.\n\
                 Are you sure you want to continue? [y/N] ";
    assert!(ran.code == 0 && ran.stdout == asked && count() == 3, "{ran:?}");
    let said = world.done(&["volume", "prune", "-f"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines[0], lines[1].len(), lines[2], lines.len()), ("Deleted Volumes:", 64, "", 4));
    assert!(lines[3].starts_with("Total reclaimed space: ") && lines[3].ends_with("kB"), "{said}");
    assert_eq!(world.done(&["volume", "ls", "-q", "--filter", "dangling=true"]), "named\n");
    assert!(world.done(&["volume", "prune", "-a", "-f"]).starts_with("Deleted Volumes:\nnamed\n"));
    assert_eq!(count(), 1);
}

fn removed_and_used(world: &World) {
    let script = "echo mine > /v/f && sleep 0.1 && cat /v/f";
    let removers: Vec<_> = (0..2)
        .map(|_| {
            let store = world.path("store");
            let mut command = Command::new("sh");
            let program = std::env::current_exe().unwrap();
            command.args([
                "-c",
                "while ! [ -e \"$2\" ]; do \"$0\" --as-rbuild --root \"$1\" volume rm -f vol 2>/dev/null; done",
            ]);
            command.arg(program).arg(store).arg(world.path("enough")).stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for _ in 0..6 {
        let runs: Vec<_> = (0..2)
            .map(|_| {
                let mut command = world.command(&["--rm", "-v", "vol:/v", "box", "sh", "-c", script]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for run in runs {
            let ran: Ran = run.wait_with_output().unwrap().into();
            assert!(ran.code == 0 && ran.stdout == "mine\n", "{ran:?}");
        }
    }
    fs::write(world.path("enough"), "").unwrap();
    for mut remover in removers {
        remover.wait().unwrap();
    }
}

/// Killed at any moment, a container leaves a volume that the next one finds whole.
fn filled_despite_kills(world: &World) {
    let look = "ls -A /bin | wc -l; wc -c < /bin/busybox; stat -c %a:%u /bin";
    let expected = world.shell(&[], look);
    for attempt in 0..12 {
        let spec = format!("fill{attempt}:/bin");
        let mut child = world.command(&["--rm", "-v", &spec, "box", "true"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(attempt * 12));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(world.shell(&["-v", &spec], look), expected, "killed after {} ms", attempt * 12);
    }
}

/// What root of a container writes is the user's own on the machine; others get subordinate ids, or with a single id are
/// the user's too.
fn ownership(world: &World) {
    world.shell(
        &["-v", "own:/v"],
        "touch /v/root; mkdir /v/dir; touch /v/app; chown app:app /v/app 2>/dev/null || true",
    );
    let files = world.path("store/volumes.v1/own/_data");
    let owner = |name: &str| fs::metadata(files.join(name)).unwrap().uid();
    let own = rustix::process::geteuid().as_raw();
    assert_eq!((owner("root"), owner("dir")), (own, own));
    let expected = match world.mode {
        Mode::Root => 1234,
        Mode::Subids if own == 54321 => 700_000 + 1233,
        Mode::Subids => owner("app"),
        Mode::Single => own,
    };
    assert_eq!(owner("app"), expected);
    fs::write(files.join("from-host"), "hello\n").unwrap();
    assert_eq!(world.shell(&["-v", "own:/v"], "cat /v/from-host; stat -c %u /v/from-host"), "hello\n0\n");
}

/// A file system mounted on the machine; unmounted when dropped.
struct OnHost(PathBuf);

impl OnHost {
    fn memory(path: &Path) -> Self {
        fs::create_dir_all(path).unwrap();
        assert!(Command::new("mount").args(["-t", "tmpfs", "none"]).arg(path).status().unwrap().success());
        Self(path.to_owned())
    }
}

impl Drop for OnHost {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

fn recursive(world: &World) {
    let mount = |more: &str| format!("type=bind,source={},target=/h{more}", world.path("host").display());
    if world.mode != Mode::Root {
        let ran =
            world.run(&["--rm", "--mount", "type=bind,source=/dev,target=/h,bind-recursive=disabled", "box", "true"]);
        assert!(ran.code == 125 && ran.stderr.contains("to an ordinary user only together"), "{ran:?}");
        fs::create_dir(world.path("host")).unwrap();
        assert_eq!(world.shell(&["--mount", &mount(",bind-recursive=disabled")], "touch /h/x; ls /h"), "x\n");
        return;
    }
    let below = OnHost::memory(&world.path("host/below"));
    fs::write(below.0.join("f"), "").unwrap();
    let script =
        "ls /h/below; touch /h/x 2>/dev/null || echo no; touch /h/below/x 2>/dev/null || echo no; rm -f /h/below/x";
    let shell = |more: &str| world.shell(&["--mount", &mount(more)], script);
    assert_eq!(shell(""), "f\n");
    assert_eq!(shell(",bind-recursive=disabled"), "");
    assert_eq!(shell(",readonly"), "f\nno\nno\n");
    assert_eq!(shell(",readonly,bind-recursive=readonly"), "f\nno\nno\n");
    assert_eq!(shell(",readonly,bind-recursive=writable"), "f\nno\n");
    assert_eq!(shell(",readonly,bind-recursive=disabled"), "no\nno\n");
}

fn propagation(world: &World) {
    if world.mode != Mode::Root {
        return;
    }
    let _host = OnHost::memory(&world.path("host"));
    let host = world.path("host");
    assert!(Command::new("mount").arg("--make-shared").arg(&host).status().unwrap().success());
    for (kind, seen) in [("rslave", "late\n"), ("rprivate", "")] {
        fs::create_dir_all(host.join("sub")).unwrap();
        let mount = format!("type=bind,source={},target=/h,bind-propagation={kind}", host.display());
        let script = "touch /h/started; while ! [ -e /h/go ]; do sleep 0.05; done; ls /h/sub";
        let mut command = world.command(&["--rm", "--mount", &mount, "box", "sh", "-c", script]);
        let child = command.stdout(Stdio::piped()).spawn().unwrap();
        while !host.join("started").exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let late = OnHost::memory(&host.join("sub"));
        fs::write(late.0.join("late"), "").unwrap();
        fs::write(host.join("go"), "").unwrap();
        assert_eq!(Ran::from(child.wait_with_output().unwrap()).stdout, seen, "{kind}");
        fs::remove_file(host.join("go")).unwrap();
        fs::remove_file(host.join("started")).unwrap();
    }
}

fn hosts_root(world: &World) {
    let (file, link) = (world.write("marker", "of the host\n"), world.path("root"));
    std::os::unix::fs::symlink("/", &link).unwrap();
    for source in ["/", "/proc/..", link.to_str().unwrap()] {
        let (mount, path) = (format!("{source}:/m:ro"), file.display());
        assert_eq!(world.shell(&["-v", &mount], &format!("cat /m{path}")), "of the host\n", "{source}");
    }
}

fn mounts() -> String {
    fs::read_to_string("/proc/self/mounts").unwrap()
}
