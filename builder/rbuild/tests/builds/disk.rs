//! Disks of their own, made in a file and mounted where only the test sees it: what rbuild says of them, and what it does
//! on a full one and on one that cannot be written to.

use crate::common::{context, fsck, skip};
use crate::tool::{Tool, Who};
use rbuild_store::room;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Mounts a new file system of the kind $1 and of the size $2 and goes on as $3… there. Its file is in memory; all of it
/// goes with the namespaces of what runs there, also when that is killed.
const SCRIPT: &str = r#"
kind=$1 size=$2; shift 2
mount -t tmpfs tmpfs /mnt
mkdir /mnt/disk
truncate -s "$size" /mnt/image
case $kind in ext4) flags='-q -m 0' ;; xfs) flags='-m reflink=1 -q' ;; *) flags=-q ;; esac
mkfs.$kind $flags /mnt/image >&2
mount -o loop /mnt/image /mnt/disk
chmod 1777 /mnt/disk
TMPDIR=/mnt/disk exec "$@"
"#;

const PRIVATE: [&str; 9] =
    ["--pdeathsig=KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-ec"];

/// Runs `role` of this program on a disk; skipped loudly where none can be made.
fn on(kind: &str, size: &str, role: &str) {
    let mkfs = format!("mkfs.{kind}");
    if !rustix::process::geteuid().is_root() || Command::new(&mkfs).arg("-V").output().is_err() {
        skip(&format!("{role} on {kind}: needs root and {mkfs}"));
        return;
    }
    let own = std::env::current_exe().unwrap();
    let mut command = Command::new("setpriv");
    command.args(PRIVATE).args([SCRIPT, "sh", kind, size]).arg(own);
    command.args(["--exact", "disk::child", "--nocapture"]).env("DISK_ROLE", role);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && said.contains("failed to set up loop device") {
        skip(&format!("{role} on {kind}: no loop device"));
        return;
    }
    assert!(output.status.success() && said.contains("was tested"), "{role} on {kind}: {said}");
    println!("{said}");
}

/// What runs on a disk.
#[test]
fn child() {
    let Ok(role) = std::env::var("DISK_ROLE") else { return };
    match &*role {
        "truth" => truth(),
        "full" => full(),
        _ => read_only(),
    }
    println!("{role} was tested");
}

#[test]
fn what_is_said_is_what_the_disk_gives_back() {
    for kind in ["ext4", "xfs", "btrfs"] {
        on(kind, "1G", "truth");
    }
}

#[test]
fn a_full_disk_is_emptied() {
    on("ext4", "256M", "full");
    on("xfs", "512M", "full");
}

#[test]
fn a_store_that_cannot_be_written_to_says_so() {
    on("ext4", "128M", "read-only");
}

fn output(tool: &Tool, args: &[&str]) -> String {
    let output = tool.command(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The bytes of a size in docker's words.
fn bytes(text: &str) -> f64 {
    let split = text.find(|char: char| char.is_alphabetic()).unwrap();
    let power = ["B", "kB", "MB", "GB"].iter().position(|unit| *unit == &text[split..]).unwrap();
    text[..split].parse::<f64>().unwrap() * 1000_f64.powi(power as i32)
}

/// The size at the end of what a prune says.
fn total(said: &str) -> f64 {
    bytes(said.trim_end().rsplit_once(' ').unwrap().1)
}

/// What is free on the disk once everything is there, and what was removed is gone.
#[allow(clippy::cast_precision_loss)] // it has a gigabyte
fn free(place: &Path) -> f64 {
    let (began, mut before) = (Instant::now(), 0);
    loop {
        rustix::fs::syncfs(std::fs::File::open(place).unwrap()).unwrap();
        let now = room(place).unwrap().1;
        if now == before || began.elapsed() > Duration::from_secs(20) {
            return now as f64;
        }
        before = now;
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn close(what: &str, said: f64, found: f64) {
    println!("{what}: said {said}, found {found}, {:+.3} %", (said - found) / found * 100.0);
    assert!((said - found).abs() <= found / 100.0, "{what}: said {said}, found {found}");
}

const LARGE: &str = "FROM busybox AS made
RUN dd if=/dev/urandom of=/big bs=1M count=24 2>/dev/null
RUN for n in $(seq 400); do head -c $((n * 31)) /dev/urandom > /small.$n; done; ln /big /again
RUN --mount=type=cache,target=/c head -c 5000000 /dev/urandom > /c/x; rm /small.1*
FROM busybox
COPY --from=made /small.2 /
COPY file /file
RUN dd if=/dev/urandom of=/own bs=1M count=12 2>/dev/null
";

fn truth() {
    let context = context(&[("Dockerfile", LARGE), ("file", "one\n")]);
    let tool = Tool::new(Who::Caller);
    let empty = free(context.path());
    tool.build(context.path(), &["-t", "app"]);
    std::fs::write(context.path().join("file"), "two\n").unwrap();
    tool.build(context.path(), &["-t", "app"]);
    output(&tool, &["create", "--name", "one", "app", "true"]);
    let sizes = output(&tool, &["system", "df", "--format", "{{.Size}}"]);
    let full = free(context.path());
    close("df", sizes.lines().map(bytes).sum(), empty - full);
    let (would, done) = (output(&tool, &["builder", "prune", "--dry-run"]), output(&tool, &["builder", "prune", "-f"]));
    let without_cache = free(context.path());
    close("builder prune", total(&done), without_cache - full);
    assert!((total(&would) - total(&done)).abs() <= total(&done) / 1000.0, "{would}{done}");
    let done = output(&tool, &["image", "prune", "-f"]);
    let without_nameless = free(context.path());
    close("image prune", total(&done), without_nameless - without_cache);
    let done = output(&tool, &["system", "prune", "-a", "-f"]);
    close("system prune", total(&done), free(context.path()) - without_nameless);
    assert_eq!(fsck::check(&tool.root()).blobs, 0);
}

fn full() {
    let context = context(&[("Dockerfile", LARGE), ("file", "one\n")]);
    let tool = Tool::new(Who::Caller);
    tool.build(context.path(), &["-t", "app:1", "-t", "app:2"]);
    output(&tool, &["create", "--name", "one", "app:1", "true"]);
    let fill = || {
        let script = "cat /dev/zero > fill.1; while echo x > fill.$((n=n+1)).small; do :; done; cat /dev/zero > fill.3";
        Command::new("sh").args(["-c", script]).current_dir(context.path()).output().unwrap();
    };
    fill();
    assert!(!tool.attempt(context.path(), &["--no-cache"]).output.status.success(), "the disk is not full");
    fill();
    let done = output(&tool, &["image", "prune", "-a", "-f"]);
    assert!(done.contains("untagged: app:2") || total(&done) == 0.0, "{done}");
    fill();
    let done = output(&tool, &["builder", "prune", "-f"]);
    assert!(total(&done) > 50e6, "{done}");
    fsck::check(&tool.root());
    std::fs::write(context.path().join("Dockerfile"), "FROM busybox\nRUN dd if=/dev/zero of=/new bs=1M count=8\n")
        .unwrap();
    tool.build(context.path(), &["-t", "new"]);
    fill();
    let done = output(&tool, &["system", "prune", "-a", "-f"]);
    assert!(total(&done) > 20e6, "{done}");
    assert_eq!(fsck::check(&tool.root()).blobs, 0);
}

fn read_only() {
    let context = context(&[("Dockerfile", "FROM busybox\nRUN echo x > /x\n"), ("file", "one\n")]);
    let tool = Tool::new(Who::Caller);
    tool.build(context.path(), &["-t", "app"]);
    assert!(Command::new("mount").args(["-o", "remount,ro", "/mnt/disk"]).status().unwrap().success());
    assert!(output(&tool, &["system", "df"]).contains("Images"));
    assert!(output(&tool, &["system", "prune", "-a", "--dry-run"]).contains("app:latest"));
    for args in [&["builder", "prune"][..], &["image", "prune", "-a", "-f"], &["system", "prune", "-f"]] {
        let output = tool.command(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty(), "{args:?}: {said}");
        assert!(said.contains("cannot remove anything from") && said.contains("read-only"), "{args:?}: {said}");
    }
    assert!(Command::new("mount").args(["-o", "remount,rw", "/mnt/disk"]).status().unwrap().success());
}
