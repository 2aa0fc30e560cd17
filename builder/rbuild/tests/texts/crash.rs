//! What is left when something is killed or the disk is full: a store in which containers can be listed and removed, and
//! the next one runs.

use crate::common::skip;
use crate::reader::{Reader, Said};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The first process of a container, as the host counts.
fn process(reader: &Reader, container: &str) -> Pid {
    let number = reader.word(&format!("docker inspect --format '{{{{.State.Pid}}}}' {container}"));
    Pid::from_raw(number.parse().unwrap()).unwrap()
}

/// The parent of a process.
fn parent(process: Pid) -> Pid {
    let status = fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
    Pid::from_raw(line.trim().parse().unwrap()).unwrap()
}

fn kill(process: Pid) {
    kill_process(process, Signal::KILL).unwrap();
}

fn until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_alive(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

/// The column STATUS of a container.
fn status(reader: &Reader, container: &str) -> String {
    reader.word(&format!("docker ps -a --filter name={container} --format '{{{{.Status}}}}'"))
}

/// What must work, whatever happened: a container that is down is listed as that, starts again, goes; others run.
fn goes_on(reader: &Reader, container: &str) {
    assert!(!status(reader, container).starts_with("Up"), "{}", status(reader, container));
    assert_eq!(reader.sees("docker ps -q"), "", "nothing runs");
    reader.sees(&format!("docker start {container}"));
    assert!(status(reader, container).starts_with("Up"), "{}", status(reader, container));
    assert_eq!(reader.sees(&format!("docker exec {container} cat /mine")), "written\n", "its layer is what it was");
    reader.sees(&format!("docker rm -f {container}"));
    assert_eq!(reader.sees("docker ps -aq"), "");
    assert_eq!(reader.sees("docker run --rm alpine cat /data/seed"), "from the image\n");
}

const SLEEPER: &str = "alpine sh -c 'echo written > /mine; exec sleep 1000'";

#[test]
fn a_container_killed_with_9() {
    let reader = Reader::with_alpine();
    reader.sees(&format!("docker run -d --name hi {SLEEPER}"));
    until("it wrote", || reader.types("docker exec hi cat /mine").code == 0);
    kill(process(&reader, "hi"));
    assert_eq!(reader.sees("docker wait hi"), "137\n");
    assert!(status(&reader, "hi").starts_with("Exited (137)"), "{}", status(&reader, "hi"));
    goes_on(&reader, "hi");
}

#[test]
fn a_supervisor_killed_with_9() {
    let reader = Reader::with_alpine();
    reader.sees(&format!("docker run -d --name hi {SLEEPER}"));
    until("it wrote", || reader.types("docker exec hi cat /mine").code == 0);
    let first = process(&reader, "hi");
    kill(parent(first));
    until("the container dies with its supervisor", || !is_alive(first));
    goes_on(&reader, "hi");
    // One that was to be removed at its end, and is not there any more for whoever looks.
    reader.sees(&format!("docker run -d --rm --name gone {SLEEPER}"));
    let first = process(&reader, "gone");
    kill(parent(first));
    until("the container dies with its supervisor", || !is_alive(first));
    reader.sees("docker run --rm alpine true");
    assert_eq!(reader.sees("docker ps -aq"), "", "the next run takes it away");
}

#[test]
fn a_run_killed_with_9() {
    let reader = Reader::with_alpine();
    let mut command = reader.command(&format!("exec docker run --name hi {SLEEPER}"));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("it runs", || reader.types("docker exec hi cat /mine").code == 0);
    let first = process(&reader, "hi");
    child.kill().unwrap();
    child.wait().unwrap();
    until("the container dies with it", || !is_alive(first));
    goes_on(&reader, "hi");
}

/// A small file system below the store of a reader, for as long as this value lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn below(reader: &Reader, megabytes: u32) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root mounts one".to_owned());
        }
        let (image, place) = (reader.path("disk"), reader.path("store"));
        fs::create_dir(&place).unwrap();
        let script = format!(
            "truncate -s {megabytes}M {image} && mkfs.ext4 -q -m 0 {image} && mount -o loop {image} {place} && rmdir {place}/lost+found",
            image = image.display(),
            place = place.display()
        );
        let done = Command::new("sh").args(["-c", &script]).output().unwrap();
        if done.status.success() { Ok(Self(place)) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk() {
    let reader = Reader::new();
    let _disk = match SmallDisk::below(&reader, 48) {
        Ok(disk) => disk,
        Err(reason) => return skip(&format!("a full disk: {reason}")),
    };
    reader.import(
        "alpine",
        crate::common::base::busybox().dir("data", 0o755).file("data/seed", 0o644, b"from the image\n"),
        0,
    );
    let fill = "alpine sh -c 'echo written > /mine; cat /dev/zero > /fill 2>/dev/null; cat /dev/zero > /more 2>/dev/null; \
                echo full; while :; do echo line; sleep 0.1; done'";
    reader.sees("docker volume create vol");
    reader.sees(&format!("docker run -d --name hi {fill}"));
    until("the disk is full", || reader.types("docker exec hi test -e /more").code == 0);
    std::thread::sleep(Duration::from_millis(300));
    // Everything answers, be it with a refusal.
    assert!(status(&reader, "hi").starts_with("Up"), "{}", status(&reader, "hi"));
    for line in
        ["docker run --name two alpine true", "docker run -d --name three alpine sleep 1", "docker create alpine true"]
    {
        let Said { code, err, .. } = reader.types(line);
        assert!(code == 0 || err.contains("No space left on device"), "{line}: {code} {err}");
    }
    reader.sees("docker ps -a");
    reader.sees("docker stop -t 1 hi");
    assert!(!status(&reader, "hi").starts_with("Up"), "{}", status(&reader, "hi"));
    assert_eq!(reader.sees("docker volume rm vol"), "vol\n", "what frees space works without any");
    assert_eq!(reader.sees("docker rm hi"), "hi\n");
    reader.sees("docker ps -aq | xargs -r docker rm -f");
    assert_eq!(reader.sees("docker ps -aq"), "");
    assert_eq!(reader.sees("docker run --rm alpine cat /data/seed"), "from the image\n");
}
