//! What is true after somebody was killed without a word: the container, its supervisor, the rbuild at a terminal, the
//! machine; and when no space is left.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rbuild::container::Status;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::Case;
use crate::background::SERVES;
use crate::terminal::User;
use crate::world::{Mode, World};

pub(crate) const CASES: &[Case] = &[
    ("crash-of-the-container", of_the_container),
    ("crash-of-the-supervisor", of_the_supervisor),
    ("crash-with-another-user", with_another_user),
    ("crash-and-rm", and_rm),
    ("crash-of-who-starts", of_who_starts),
    ("crash-at-a-terminal", at_a_terminal),
    ("stopped-at-a-terminal", stopped_at_a_terminal),
    ("stopped-supervisor", stopped_supervisor),
    ("reboot", reboot),
    ("reboot-and-rm", reboot_and_rm),
    ("torn-by-a-crash", torn),
    ("lost-write", lost_write),
    ("full-disk", full_disk),
];

impl World {
    fn pid(&self, name: &str) -> u32 {
        let Status::Running(pid) = self.status(name) else { panic!("{name} runs") };
        pid
    }

    /// The process that lives the container: the parent of its first process.
    pub(crate) fn supervisor(&self, name: &str) -> Pid {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid(name))).unwrap();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
        Pid::from_raw(parent.trim().parse().unwrap()).unwrap()
    }
}

impl World {
    /// Waits until so many are connected to whoever lives the container: each has a thread of its own there.
    pub(crate) fn until_connected(&self, name: &str, count: usize) {
        let tasks = format!("/proc/{}/task", self.supervisor(name).as_raw_nonzero());
        let is_client = |task: &std::io::Result<fs::DirEntry>| {
            let comm = task.as_ref().map(|task| fs::read_to_string(task.path().join("comm")).unwrap_or_default());
            comm.is_ok_and(|comm| comm.trim_end() == "client")
        };
        let start = Instant::now();
        while fs::read_dir(&tasks).unwrap().filter(is_client).count() != count {
            assert!(start.elapsed() < Duration::from_secs(10), "{count} are connected to {name}");
        }
    }
}

/// Waits for the end of a process that is not a child.
fn until_gone(pid: Pid) {
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    let patience = Timespec { tv_sec: 10, tv_nsec: 0 };
    assert_eq!(poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&patience)).unwrap(), 1, "{pid:?} ends");
}

fn of_the_container(world: &World) {
    world.background(&["--name", "one"], SERVES);
    let pid = Pid::from_raw(world.pid("one").cast_signed()).unwrap();
    let killed = if world.mode == Mode::Subids {
        // It is root's inside: killed from where that is known.
        world.verb(&["kill", "one"]).code == 0
    } else {
        kill_process(pid, Signal::KILL).is_ok()
    };
    assert!(killed);
    assert_eq!(world.does(&["wait", "one"]), "137\n");
    assert_eq!(world.status("one"), Status::Exited(137));
    world.does(&["start", "one"]);
    world.does(&["kill", "one"]);
}

fn of_the_supervisor(world: &World) {
    world.background(&["--name", "one"], &format!("echo kept > /file; {SERVES}"));
    let (pid, supervisor) = (world.pid("one"), world.supervisor("one"));
    // One by one: who connected to see it start may still be about to leave.
    let connect = |count, verb: &[&str]| {
        let child = world.rbuild(verb).stdout(Stdio::piped()).spawn().unwrap();
        world.until_connected("one", count);
        child
    };
    world.until_connected("one", 0);
    let waiting = connect(1, &["wait", "one"]);
    let attached = connect(2, &["attach", "one"]);
    let following = connect(3, &["logs", "-f", "one"]);
    kill_process(supervisor, Signal::KILL).unwrap();
    until_gone(Pid::from_raw(pid.cast_signed()).unwrap());
    assert_eq!(world.status("one"), Status::Lost);
    assert!(world.does(&["ps", "-a"]).contains("Exited (137)"));
    assert_eq!(waiting.wait_with_output().unwrap().stdout, b"137\n");
    assert_eq!(attached.wait_with_output().unwrap().status.code(), Some(137));
    assert_eq!(following.wait_with_output().unwrap().stdout, b"up\n");
    assert_eq!(world.does(&["logs", "one"]), "up\n", "the log of a lost one can be read");
    assert_eq!(world.verb(&["kill", "one"]).code, 1);
    assert_eq!(world.does(&["stop", "one"]), "one\n");
    assert_eq!(world.does(&["wait", "one"]), "137\n");
    world.good(&["--rm", "box", "true"]);
    world.does(&["start", "one"]);
    assert!(world.upper("one").join("file").exists());
    world.does(&["stop", "one"]);
    assert_eq!(world.status("one"), Status::Exited(3));
}

/// A program that changes its user loses the kernel's promise to end it with its parent.
fn with_another_user(world: &World) {
    if world.is_single() {
        return eprintln!("SKIP: crash-with-another-user: there is one user only");
    }
    let script = "echo up; exec busybox su app -c 'exec sleep 300'";
    world.background(&["--name", "one"], script);
    let (pid, supervisor) = (world.pid("one"), world.supervisor("one"));
    let start = Instant::now();
    while fs::metadata(format!("/proc/{pid}")).unwrap().uid() == rustix::process::geteuid().as_raw() {
        assert!(start.elapsed() < Duration::from_secs(5), "it becomes app");
    }
    world.background(&["--name", "two", "-u", "app"], SERVES);
    let (other, its) = (world.pid("two"), world.supervisor("two"));
    for (pid, supervisor) in [(pid, supervisor), (other, its)] {
        kill_process(supervisor, Signal::KILL).unwrap();
        until_gone(Pid::from_raw(pid.cast_signed()).unwrap());
    }
    assert_eq!(world.status("one"), Status::Lost);
    world.does(&["start", "two"]);
    world.does(&["kill", "two"]);
}

/// The next run makes `--rm` good.
fn and_rm(world: &World) {
    world.background(&["--rm", "--name", "temp", "-v", "/anon"], SERVES);
    world.background(&["--name", "kept"], SERVES);
    let pids: Vec<_> = ["temp", "kept"].map(|name| (world.pid(name), world.supervisor(name))).into();
    world.good(&["--rm", "box", "true"]);
    assert_eq!(world.containers().len(), 2, "a running container is not swept away");
    for (pid, supervisor) in pids {
        kill_process(supervisor, Signal::KILL).unwrap();
        until_gone(Pid::from_raw(pid.cast_signed()).unwrap());
    }
    world.good(&["--rm", "box", "true"]);
    let names: Vec<String> = world.containers().into_iter().map(|entry| entry.config.name).collect();
    assert_eq!(names, ["kept"]);
    assert_eq!(fs::read_dir(world.path("store/volumes.v1")).unwrap().count(), 0);
}

/// Whoever starts a container may die at any moment: the container lives, or is as it was.
fn of_who_starts(world: &World) {
    world.good(&["--name", "one", "box", "true"]);
    for delay in [0, 2, 5, 10, 20, 40, 80] {
        let mut child =
            world.rbuild(&["run", "-d", "--rm", "box", "sleep", "300"]).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    world.good(&["--rm", "box", "true"]);
    for entry in world.containers().into_iter().filter(|entry| entry.config.name != "one") {
        drop(world.verb(&["kill", entry.config.id.hex()]));
    }
    let start = Instant::now();
    while world.containers().len() > 1 {
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", world.containers());
        world.good(&["--rm", "box", "true"]);
        for entry in world.containers().into_iter().filter(|entry| entry.state.is_running()) {
            drop(world.verb(&["kill", entry.config.id.hex()]));
        }
    }
}

fn at_a_terminal(world: &World) {
    world.good(&["-dit", "--name", "back", "box", "sh"]);
    for args in [&["run", "--name", "front", "-it", "box", "sh"][..], &["attach", "back"]] {
        let mut user = User::at(world, args);
        user.until("# ");
        assert!(!user.echoes(), "raw: {args:?}");
        kill_process(Pid::from_child(&user.child), Signal::KILL).unwrap();
        user.child.wait().unwrap();
        let start = Instant::now();
        while !user.echoes() {
            assert!(start.elapsed() < Duration::from_secs(5), "the terminal is as it was: {args:?}");
        }
    }
    assert!(matches!(world.status("back"), Status::Running(_)));
    world.does(&["kill", "back"]);
}

/// While rbuild is stopped the terminal is the user's again.
fn stopped_at_a_terminal(world: &World) {
    world.good(&["-dit", "--name", "back", "box", "sh"]);
    for args in [&["attach", "back"][..], &["run", "--rm", "-it", "box", "sh"]] {
        if args[0] == "run" && world.mode != Mode::Root {
            eprintln!(
                "SKIP: stopped-at-a-terminal with run: the rbuild inside of the namespace is not a child of this"
            );
            continue;
        }
        let mut user = User::at(world, args);
        user.until("# ");
        let until = |echoes: bool| {
            let start = Instant::now();
            while user.echoes() != echoes {
                assert!(start.elapsed() < Duration::from_secs(5), "{args:?}: echo {echoes}");
            }
        };
        until(false);
        kill_process(Pid::from_child(&user.child), Signal::TSTP).unwrap();
        until(true);
        let stat = format!("/proc/{}/stat", user.child.id());
        let start = Instant::now();
        while !fs::read_to_string(&stat).unwrap().contains(") T ") {
            assert!(start.elapsed() < Duration::from_secs(5), "it stops");
        }
        kill_process(Pid::from_child(&user.child), Signal::CONT).unwrap();
        until(false);
        user.keys.write_all(b"exit 6\r").unwrap();
        assert_eq!(user.end(), 6);
    }
}

/// Who lives the container stands still, and is woken by whoever wants something of it.
fn stopped_supervisor(world: &World) {
    for ending in [&["stop", "-t", "0"][..], &["kill"], &["rm", "-f"]] {
        world.background(&["--name", "asleep"], SERVES);
        kill_process(world.supervisor("asleep"), Signal::STOP).unwrap();
        world.does(&[ending, &["asleep"]].concat());
        if ending[0] != "rm" {
            world.does(&["rm", "-f", "asleep"]);
        }
    }
    assert!(world.containers().is_empty());
}

fn reboot(world: &World) {
    world.background(&["--name", "one"], SERVES);
    machine_goes_down(world, "one");
    assert_eq!(world.status("one"), Status::Lost);
    assert_eq!(world.does(&["wait", "one"]), "137\n");
    world.does(&["start", "one"]);
    world.does(&["stop", "one"]);
}

/// What a container with `--rm` wrote is not synced: after a crash of the machine nobody gets to see it.
fn reboot_and_rm(world: &World) {
    world.background(&["--rm", "--name", "torn"], SERVES);
    machine_goes_down(world, "torn");
    let tarball = world.path("files.tar");
    for args in [
        &["commit", "torn", "whole"][..],
        &["export", "-o", tarball.to_str().unwrap(), "torn"],
        &["cp", "torn:/etc", "-"],
    ] {
        let output = world.rbuild(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains("container torn was made with --rm and was running"),
            "{said}"
        );
    }
    let output = world.rbuild(&["restart", "torn"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("no such container: torn"), "{output:?}");
    assert!(world.containers().is_empty());
}

/// A container is killed with its supervisor, and all that is known of its process is of another boot.
fn machine_goes_down(world: &World, name: &str) {
    let supervisor = world.supervisor(name);
    let path = world.path("store/containers.v1").join(world.named(name).config.id.hex()).join("state.json");
    let running = fs::read_to_string(&path).unwrap();
    kill_process(supervisor, Signal::KILL).unwrap();
    until_gone(supervisor);
    // The same numbers, another boot: whoever has them now is somebody else.
    let own = std::process::id();
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit(')').next().unwrap().split_ascii_whitespace().nth(19).unwrap().to_owned();
    let mut state: serde_json::Value = serde_json::from_str(&running).unwrap();
    state["process"]["pid"] = own.into();
    state["process"]["ticks"] = ticks.parse::<u64>().unwrap().into();
    state["process"]["boot"] = "00000000-0000-0000-0000-000000000000".into();
    fs::write(&path, state.to_string()).unwrap();
}

/// The machine went down before what a container is made of was on the disk: it keeps nobody from the others.
fn torn(world: &World) {
    world.good(&["--name", "fine", "box", "true"]);
    world.good(&["--name", "torn", "box", "true"]);
    let dir = |name: &str| world.path("store/containers.v1").join(world.named(name).config.id.hex());
    let (torn, id) = (dir("torn"), world.named("torn").config.id);
    fs::write(torn.join("config.json"), "").unwrap();
    let listed = world.verb(&["ps", "-a", "--format", "{{.Names}}"]);
    assert_eq!((listed.code, &*listed.stdout), (0, "fine\n"));
    let told =
        [&*format!("container {} is damaged: its config.json", id.short()), &format!("rbuild rm {}", id.short())];
    assert!(told.iter().all(|part| listed.stderr.contains(part)), "{}", listed.stderr);
    world.good(&["--rm", "-v", "/anonymous", "box", "true"]);
    for words in [&["start", "torn"][..], &["rename", "torn", "other"], &["image", "prune", "-f"]] {
        let refused = world.verb(words);
        assert!(refused.code != 0 && refused.stderr.contains(told[1]), "{words:?}: {}", refused.stderr);
    }
    world.does(&["images"]);
    world.does(&["rm", "torn"]);
    assert_eq!(world.verb(&["ps", "-a", "-q"]).stderr, "");
    world.good(&["--name", "torn", "box", "true"]);
    // One with --rm goes by itself.
    for tear in [|path| fs::write(path, ""), |path: PathBuf| fs::remove_file(path)] {
        world.background(&["--rm", "--name", "brief"], SERVES);
        let (brief, supervisor) = (dir("brief"), world.supervisor("brief"));
        kill_process(supervisor, Signal::KILL).unwrap();
        until_gone(supervisor);
        for name in ["config.json", "state.json"] {
            tear(brief.join(name)).unwrap();
        }
        world.good(&["--rm", "box", "true"]);
        assert!(!brief.exists());
    }
    assert_eq!(world.containers().len(), 2);
    // One that still runs.
    world.background(&["--name", "lives"], SERVES);
    let (lives, supervisor) = (dir("lives"), world.supervisor("lives"));
    let config = fs::read(lives.join("config.json")).unwrap();
    fs::write(lives.join("config.json"), "").unwrap();
    let refused = world.verb(&["rm", "lives"]);
    assert!(refused.code == 1 && refused.stderr.contains("another rbuild has it"), "{}", refused.stderr);
    fs::write(lives.join("config.json"), &config).unwrap();
    assert!(matches!(world.status("lives"), Status::Running(_)));
    fs::write(lives.join("config.json"), "").unwrap();
    world.does(&["rm", "-f", "lives"]);
    until_gone(supervisor);
    assert!(!lives.exists());
    assert_eq!(world.containers().len(), 2);
}

/// Where once something could not be written, and nobody asked about it, the kernel gives no mount without sync.
fn lost_write(world: &World) {
    if world.mode != Mode::Root {
        return eprintln!("SKIP: lost-write: needs root to mount a disk that loses what is written");
    }
    let make =
        "cd $disk && truncate -s 400M image && mkdir files && mkfs.ext4 -q -F -O ^has_journal -E nodiscard image &&
        mount -o loop image files && cp -a $store/. files && mount --bind files $store";
    with_a_disk(world, make, "umount $store; umount $disk/files; umount $disk", |sh| {
        assert!(!sh("head -c 150M /dev/zero >$store/large && sync $store/large"), "more than there is room for");
        assert!(sh("rm $store/large && fstrim $store"));
        world.good(&["--rm", "box", "true"]);
    });
}

/// The log never stops a container, and its end is written down all the same.
fn full_disk(world: &World) {
    if world.mode != Mode::Root {
        return eprintln!("SKIP: full-disk: needs root to mount a disk that is full");
    }
    let make = "cp -a $store/. $disk && rm -rf $store && mkdir $store && mount --move $disk $store";
    with_a_disk(world, make, "umount $store", |_| on_a_full_disk(world));
}

/// Lives with the store on a disk that `make` makes of one in memory, of 64 MiB on `$disk`; `unmake` takes it away again
/// whatever happens.
fn with_a_disk(world: &World, make: &str, unmake: &str, live: impl FnOnce(&dyn Fn(&str) -> bool)) {
    world.good(&["--rm", "box", "true"]);
    let (store, disk) = (world.path("store"), world.path("disk"));
    fs::create_dir(&disk).unwrap();
    let sh = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("store", &store).env("disk", &disk).status().unwrap().success()
    };
    assert!(sh("mount -t tmpfs -o size=64m none $disk"));
    let made = sh(make);
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
        assert!(made);
        live(&sh);
    }));
    assert!(sh(unmake));
    outcome.unwrap();
}

fn on_a_full_disk(world: &World) {
    let script = "echo up; read go; i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; echo end; exit 5";
    world.background(&["-i", "--name", "one"], script);
    world.background(&["-i", "--name", "two"], script);
    let fill = world.path("store/tmp.v1/fill");
    drop(Command::new("dd").args(["if=/dev/zero", "bs=4k"]).arg(format!("of={}", fill.display())).output().unwrap());
    let attach = |name: &str| {
        let mut command = world.rbuild(&["attach", name]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
        child.wait_with_output().unwrap()
    };
    let output = attach("one");
    assert_eq!(output.status.code(), Some(5));
    assert!(output.stdout.ends_with(b"line 1999\nend\n"), "who is attached sees all of it");
    assert_eq!(world.status("one"), Status::Exited(5), "its end is written down");
    assert!(world.does(&["logs", "one"]).starts_with("up\n"));
    assert_eq!(world.does(&["wait", "one"]), "5\n");
    assert_eq!(world.does(&["start", "one"]), "one\n", "one that is there can be started");
    world.does(&["kill", "one"]);
    assert_eq!(world.status("one"), Status::Exited(137));
    assert!(world.does(&["ps", "-a"]).contains("Exited (137)"));
    assert_eq!(world.does(&["rm", "one"]), "one\n", "one can be removed");
    fs::remove_file(fill).unwrap();
    let output = attach("two");
    assert_eq!(output.status.code(), Some(5));
    let log = world.does(&["logs", "two"]);
    assert!(log.ends_with("line 1999\nend\n"), "the log goes on where there is space again");
    world.good(&["--rm", "box", "true"]);
}
