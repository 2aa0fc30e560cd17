//! Into a step: the state in which one failed, entered at once or later, and the ids that every step has.

use crate::user::User;
use crate::world::{World, for_everyone};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

const SECRET: &str = "a-secret-of-this-test";

/// A step that fails with all that a step can have.
const FAILING: &str = "RUN adduser -D -H dev 2>/dev/null; mkdir /w && chmod 777 /w && echo old > /w/old
ENV COLOUR=green
ARG SIZE=large
USER app
WORKDIR /w
RUN --mount=type=bind,source=inner,target=/inner --mount=type=bind,source=inner/file,target=/one,rw \
    --mount=type=cache,target=/cache,id=kept,uid=1234,mode=0777 --mount=type=tmpfs,target=/memory \
    --mount=type=secret,id=token,env=TOKEN --mount=type=secret,id=token,uid=1234 --network=none \
    echo half > /w/half && rm /w/old && echo warm > /cache/warm && echo lost > /memory/x && exit 7";

/// What a look around shows, one fact a line.
const LOOK: &str = "id -u; pwd; echo $COLOUR $SIZE; cat /w/half; ls /w /inner /memory; cat /inner/file /one /cache/warm
    ip link 2>/dev/null | grep -c UP; echo \"token=$TOKEN\"; wc -c < /run/secrets/token; touch /w/new; echo end";

fn prepare(world: &World) -> String {
    world.write("inner/file", "of the context\n");
    let path = world.path("scratch/the-secret");
    fs::write(&path, SECRET).unwrap();
    crate::world::set_mode(&path, 0o644);
    format!("id=token,src={}", path.display())
}

fn output(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Whether the secret is anywhere in the store.
fn leaks(world: &World) -> bool {
    let found = Command::new("grep").arg("-rq").arg(SECRET).arg(world.store()).status().unwrap();
    found.success()
}

#[test]
fn a_failed_step_is_kept_and_entered_later() {
    for_everyone(|world| {
        let given = prepare(world);
        let shown = world.steps(FAILING).args(["--on-error=shell", "--secret", &given]).fails();
        let last = shown.lines().last().unwrap();
        let build = last.strip_prefix("The state in which it failed is kept: rbuild debug ").expect(last);
        // The context may go meanwhile.
        fs::remove_dir_all(world.path("context/inner")).unwrap();
        let uid = if world.user.has_one_id() { "0" } else { "1234" };
        let expected = format!(
            "{uid}\n/w\ngreen large\nhalf\n/inner:\nfile\n\n/memory:\n\n/w:\nhalf\nof the context\nof the context\nwarm\n1\n"
        );
        let entered = world.rbuild(["debug", build, "sh", "-c", LOOK]);
        let (code, out, err) = output(entered);
        assert_eq!(code, Some(0), "{:?}: {out}{err}", world.user);
        assert_eq!(out, expected.clone() + "token=\n0\nend\n", "{:?}", world.user);
        assert!(err.contains("the secret token is not kept"), "{err}");
        assert!(!leaks(world));
        // Without a build it is the youngest; what was written before is gone; secrets can be given again.
        let (_, out, err) = output(world.rbuild(["debug", "--secret", &given, "sh", "-c", LOOK]));
        assert_eq!(out, expected + &format!("token={SECRET}\n{}\nend\n", SECRET.len()), "{err}");
        assert!(!err.contains("not kept"), "{err}");
        let (code, _, _) = output(world.rbuild(["debug", &build[..16], "sh", "-c", "exit 9"]));
        assert_eq!(code, Some(9));
        assert!(!leaks(world));
    });
}

#[test]
fn nothing_is_kept_where_nobody_asks() {
    for_everyone(|world| {
        let shown = world.steps("RUN exit 1").fails();
        assert!(!shown.contains("rbuild debug"), "{shown}");
        let (code, _, err) = output(world.rbuild(["debug"]));
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains("no state of a failed step is kept") && err.contains("--on-error=shell"), "{err}");
        let (code, _, err) = output(world.rbuild(["debug", "0123456789ab"]));
        assert!(code == Some(2) && err.contains("0123456789ab"), "{err}");
        // A step that cannot start is one that failed too.
        let shown = world.steps("RUN [\"nosuch\"]").args(["--on-error", "shell"]).fails();
        assert!(shown.lines().last().unwrap().contains("rbuild debug "), "{shown}");
        assert_eq!(output(world.rbuild(["debug", "latest", "pwd"])).1, "/\n");
        // A build that stops because another step failed is kept once.
        let both = "FROM scratch AS base\nCOPY rootfs/ /\nFROM base AS a\nRUN exit 3\nFROM base\nRUN exit 4\nCOPY --from=a / /\n";
        let shown = world.build(both).args(["--on-error=shell"]).fails();
        assert_eq!(shown.matches("rbuild debug ").count(), 1, "{shown}");
    });
}

#[test]
fn kept_states_hold_their_layers_and_go_with_time() {
    // The rule knows no user.
    for_everyone(|world| {
        if matches!(world.user, User::Root | User::Caller) {
            keeps_five(world);
        }
    });
}

fn keeps_five(world: &World) {
    for number in 0..7 {
        world.steps(&format!("RUN head -c 100000 /dev/urandom > /{number}; exit 1")).args(["--on-error=shell"]).fails();
    }
    let kept = || {
        let builds = fs::read_dir(world.store().join("builds.v1")).unwrap().map(|entry| entry.unwrap().path());
        builds.filter(|path| path.join("failed.json").exists()).count()
    };
    let removal = || {
        world.steps("RUN echo $RANDOM > /r").args(["-t", "gone", "--no-cache"]).ok();
        assert_eq!(output(world.rbuild(["rmi", "gone"])).0, Some(0));
    };
    assert_eq!(kept(), 7);
    removal();
    assert_eq!(kept(), 5, "the five youngest");
    let (_, out, err) = output(world.rbuild(["debug", "latest", "wc", "-c", "/6"]));
    assert_eq!(out, "100000 /6\n", "{err}");
    // Eight days later.
    for build in fs::read_dir(world.store().join("builds.v1")).unwrap() {
        let path = build.unwrap().path().join("failed.json");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let mut state: serde_json::Value = serde_json::from_str(&text).unwrap();
        let then = SystemTime::now() - Duration::from_hours(8 * 24);
        state["when"] = serde_json::to_value(rbuild_oci::Timestamp::from(then)).unwrap();
        fs::write(&path, state.to_string()).unwrap();
    }
    removal();
    assert_eq!(kept(), 0);
}

/// Somebody at a terminal who builds.
struct Seat {
    keys: File,
    inner: std::os::fd::OwnedFd,
    child: std::process::Child,
    seen: String,
}

impl Seat {
    fn take(mut command: Command) -> Self {
        let outer = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&outer).unwrap();
        unlockpt(&outer).unwrap();
        let name = ptsname(&outer, Vec::new()).unwrap();
        let inner = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let stream = || Stdio::from(inner.try_clone().unwrap());
        let child = command.stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap();
        Self { keys: outer.into(), inner, child, seen: String::new() }
    }

    fn until(&mut self, wanted: &str) {
        let start = Instant::now();
        while !self.seen.contains(wanted) {
            assert!(start.elapsed() < Duration::from_secs(30), "no {wanted:?} in {:?}", self.seen);
            let second = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
            if poll(&mut [PollFd::new(&self.keys, PollFlags::IN)], Some(&second)).unwrap() > 0 {
                let mut buffer = [0; 4096];
                let got = self.keys.read(&mut buffer).unwrap();
                self.seen += &String::from_utf8_lossy(&buffer[..got]);
            }
        }
        self.seen.clear();
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.inner).unwrap().local_modes.contains(LocalModes::ECHO)
    }
}

impl Drop for Seat {
    /// A failed test leaves nothing running.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn at_a_terminal_a_failed_step_opens_a_shell() {
    for_everyone(|world| {
        let given = prepare(world);
        let dockerfile = world.path("scratch/Dockerfile");
        fs::write(&dockerfile, format!("FROM scratch\nCOPY rootfs/ /\n{FAILING}\n")).unwrap();
        let (file, context) = (dockerfile.display().to_string(), world.path("context").display().to_string());
        let build = ["build", "--on-error=shell", "--secret", &given, "-f", &file, &context];
        let mut seat = Seat::take(world.rbuild(build));
        seat.until("this is the state it left");
        seat.until("\r\n/w ");
        assert!(!seat.echoes(), "raw while the shell runs");
        seat.keys.write_all(b"tty; cat half; echo \"<$TOKEN>\"; cat one /cache/warm\n").unwrap();
        seat.until(&format!("/dev/pts/0\r\nhalf\r\n<{SECRET}>\r\n"));
        seat.keys.write_all(b"exit 5\n").unwrap();
        let code = seat.child.wait().unwrap().code();
        assert_eq!(code, Some(1), "{:?}: the build failed, whatever the shell says", world.user);
        assert!(seat.echoes(), "the terminal is as it was");
        let kept = Command::new("find").arg(world.store()).args(["-name", "failed.json"]).output().unwrap().stdout;
        assert!(kept.is_empty() && !leaks(world));
    });
}

/// The ids that a build prints, each with its step.
fn ids(shown: &str) -> Vec<(String, String)> {
    let line = |number: &str| shown.lines().find(|line| line.starts_with(&format!("{number} ["))).unwrap().to_owned();
    let printed = shown.lines().filter_map(|line| line.split_once(" ---> "));
    printed.map(|(number, id)| (line(number), id.to_owned())).collect()
}

#[test]
fn every_step_has_an_id_that_runs() {
    const STAGES: &str = "FROM scratch AS base
COPY rootfs/ /
FROM base AS side
ENV WHERE=side
WORKDIR /side
RUN echo of-the-side > file
FROM base
ENV WHERE=main
COPY --link plain /linked
RUN --mount=from=side,target=/s cat /s/side/file > /out
RUN true
LABEL last=1
";
    for_everyone(|world| {
        world.write("plain", "plain\n");
        let first = world.build(STAGES).args(["-t", "result", "--label", "more=1"]).ok().shown;
        let printed = ids(&first);
        assert_eq!(printed.len(), 6, "{first}");
        let of = |text: &str| printed.iter().find(|(step, _)| step.contains(text)).map(|(_, id)| id.as_str()).unwrap();
        let run = |id: &str, script: &str| {
            let (code, out, err) = output(world.rbuild(["run", "--rm", id, "sh", "-c", script]));
            assert_eq!(code, Some(0), "{id}: {err}");
            out
        };
        assert_eq!(run(of("COPY rootfs/"), "echo $WHERE; ls /out /side 2>/dev/null; pwd"), "\n/\n");
        assert_eq!(run(of("WORKDIR /side"), "echo $WHERE; ls; pwd"), "side\n/side\n");
        assert_eq!(run(of("of-the-side"), "echo $WHERE; cat file"), "side\nof-the-side\n");
        assert_eq!(run(of("COPY --link"), "echo $WHERE; cat /linked; ls /out 2>/dev/null; true"), "main\nplain\n");
        assert_eq!(run(of("/s/side/file"), "cat /out"), "of-the-side\n");
        // They are the ids of the history's lines, found or made.
        let (_, history, _) = output(world.rbuild(["history", "-q", "result"]));
        for step in ["COPY rootfs/", "COPY --link", "/s/side/file", "RUN true"] {
            assert!(history.lines().any(|line| line == of(step)), "{step}: {} in {history}", of(step));
        }
        for line in history.lines() {
            run(line, "true");
        }
        let again = world.build(STAGES).args(["-t", "result", "--label", "more=1"]).ok().shown;
        let (mut one, mut two) = (printed.clone(), ids(&again));
        one.sort();
        two.sort();
        assert_eq!(one, two, "{:?}", world.user);
        // Steps that were done before one failed have theirs.
        if world.user == User::Root {
            let failed = world.build(&format!("{STAGES}RUN exit 1\n")).fails();
            assert_eq!(ids(&failed).len(), 6, "{failed}");
        }
    });
}
