//! A further process in a container that runs: what it sees, what it holds, how it ends, and what of the host the container
//! could reach through it.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio as HostStdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rbuild_oci::Cancel;
use rbuild_runner::testing::Collected;
use rbuild_runner::{
    Caps, Confinement, Container, Error, Exit, IdMap, Joining, Limit, Network, Output, Process, Resource, Stdio,
    Stream, User,
};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::Signal;

use crate::Case;
use crate::world::{Ran, World, chain};

pub(crate) const CASES: &[Case] = &[
    ("join", join),
    ("join-is-as-confined", is_as_confined),
    ("join-as-a-user", as_a_user),
    ("join-refusals", refusals),
    ("join-cannot-be-looked-at", cannot_be_looked_at),
    ("join-program-cannot-be-written", program_cannot_be_written),
    ("join-leaks-no-descriptor", leaks_no_descriptor),
    ("join-ends-with-the-container", ends_with_the_container),
    ("join-canceled", canceled),
    ("join-dies-with-its-parent", dies_with_its_parent),
    ("join-is-counted", is_counted),
];

/// Sends on what is printed.
struct Said(std::sync::mpsc::Sender<String>, Option<std::sync::mpsc::Sender<Process>>);

impl Output for Said {
    fn write(&mut self, _: Stream, bytes: &[u8]) -> std::io::Result<()> {
        self.0.send(String::from_utf8_lossy(bytes).into_owned()).map_err(std::io::Error::other)
    }

    fn started(&mut self, process: &Process) {
        if let Some(sender) = &self.1 {
            sender.send(process.clone()).expect("somebody waits");
        }
    }
}

const SOON: Duration = Duration::from_secs(20);

/// What the container prints until `wanted` is in it.
fn until(said: &Receiver<String>, wanted: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(wanted) {
        let more = said.recv_timeout(SOON);
        seen += &more.unwrap_or_else(|error| panic!("no {wanted:?} in {seen:?}: {error}"));
    }
    seen
}

/// Does something while the container runs, which says "up" once it does.
pub(crate) fn beside<T>(
    world: &World,
    container: &Container,
    act: impl FnOnce(&Process, &Receiver<String>, &Cancel) -> T,
) -> T {
    use rbuild_runner::Executor;
    let ((sender, said), (process, started), stop) = (channel(), channel(), Cancel::new());
    std::thread::scope(|scope| {
        let cancel = &stop;
        scope.spawn(move || world.sandbox.run(container, &mut Said(sender, Some(process)), cancel));
        let process = started.recv_timeout(SOON).expect("it starts");
        until(&said, "up\n");
        let outcome = catch_unwind(AssertUnwindSafe(|| act(&process, &said, &stop)));
        stop.cancel();
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// A shell script that joins a container made by [`World::container`].
pub(crate) fn joining(world: &World, process: &Process, script: &str) -> Joining {
    let container = world.shell(script);
    Joining {
        process: process.clone(),
        cgroups: Vec::new(),
        argv: container.argv,
        env: container.env,
        cwd: container.cwd,
        user: container.user,
        confinement: container.confinement,
        stdio: container.stdio,
        limits: container.limits,
        ids: container.ids,
    }
}

fn try_join(world: &World, joining: &Joining) -> Result<Ran, Error> {
    let mut collected = Collected::default();
    let exit = world.sandbox.join(joining, &mut collected, &Cancel::new())?;
    assert!(collected.started, "started() comes before the end");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let outcome = rbuild_runner::Outcome { exit, stubs: Vec::new(), out_of_memory: false };
    Ok(Ran { outcome, stdout: text(collected.stdout), stderr: text(collected.stderr) })
}

/// Runs to a good end and gives what went to stdout.
fn run(world: &World, joining: &Joining) -> String {
    let ran = try_join(world, joining).unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert!(ran.outcome.exit.is_success(), "{ran:?}");
    ran.stdout
}

fn up(world: &World) -> Container {
    world.shell("echo made > /made; echo up; while :; do sleep 1; done")
}

fn join(world: &World) {
    for network in [Network::Host, Network::None] {
        let world = World::new(world.ids.clone());
        beside(&world, &Container { network: network.clone(), ..up(&world) }, |process, _, _| {
            let seen = run(&world, &joining(&world, process, "cat /made /proc/1/comm; hostname; echo $PPID; pwd"));
            assert_eq!(seen, "made\nsh\nbox\n0\n/\n");
            for space in ["mnt", "pid", "ipc", "uts", "cgroup", "net", "user"] {
                let link = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/{space}")).unwrap();
                let theirs = link(&process.pid().to_string());
                let seen = run(&world, &joining(&world, process, &format!("readlink /proc/self/ns/{space}")));
                assert_eq!(Path::new(seen.trim_end()), theirs, "{space}");
                let shared = space == "user" || (space == "net" && network == Network::Host);
                assert_eq!(theirs == link("self"), shared, "{space}");
            }
            let ran = try_join(&world, &joining(&world, process, "echo out; echo err >&2; exit 9")).unwrap();
            assert_eq!((ran.outcome.exit, &*ran.stdout, &*ran.stderr), (Exit::Code(9), "out\n", "err\n"));
            let ran = try_join(&world, &joining(&world, process, "kill -USR1 $$; sleep 5")).unwrap();
            assert_eq!(ran.outcome.exit, Exit::Signal(libc_usr1()));
            let session = run(&world, &joining(&world, process, "cut -d ' ' -f 1,5,6,7 /proc/self/stat; exit"));
            let numbers: Vec<&str> = session.split_whitespace().collect();
            assert_eq!((numbers[1], numbers[2], numbers[3]), (numbers[2], numbers[1], "0"), "a session of its own");
        });
    }
}

fn libc_usr1() -> i32 {
    Signal::USR1.as_raw()
}

fn is_as_confined(world: &World) {
    let default = world.container(&[]).confinement;
    let with_caps = |caps| Confinement { caps, seccomp: None, ..Confinement::docker() };
    for confinement in [
        default.clone(),
        Confinement { no_new_privileges: true, ..default },
        with_caps(Caps::NONE),
        with_caps(Caps::docker_default().with(19)),
    ] {
        let world = World::new(world.ids.clone());
        let limit = Limit { resource: Resource::Nofile, soft: Some(77), hard: Some(99) };
        let container = Container { confinement: confinement.clone(), limits: vec![limit], ..up(&world) };
        beside(&world, &container, |process, _, _| {
            let facts = "grep -E '^(Cap|NoNew|Seccomp|Groups|Uid|Gid|Umask)' /proc/$1/status; \
                         grep 'Max open' /proc/$1/limits; cat /proc/$1/cgroup /proc/$1/oom_score_adj";
            let mut probe = joining(&world, process, facts);
            probe.argv.extend([b"sh".to_vec(), b"1".to_vec()]);
            probe.confinement = confinement.clone();
            probe.limits = vec![limit];
            let theirs = run(&world, &probe);
            probe.argv[4] = b"self".to_vec();
            assert_eq!(run(&world, &probe), theirs);
            assert!(theirs.contains("99"), "{theirs}");
        });
    }
}

fn as_a_user(world: &World) {
    beside(world, &up(world), |process, _, _| {
        let mut joining =
            joining(world, process, "id -u; id -g; grep CapEff /proc/self/status; echo x > /made || echo no");
        joining.user = User { uid: 1234, gid: 1235, groups: vec![77] };
        joining.stdio = Stdio::Captured;
        let ran = try_join(world, &joining).unwrap();
        if world.is_single() {
            assert!(ran.stdout.starts_with("0\n0\n"), "there is only one id: {ran:?}");
        } else {
            assert_eq!(ran.stdout, "1234\n1235\nCapEff:\t0000000000000000\nno\n");
        }
    });
}

fn refusals(world: &World) {
    let own = Process::open(std::process::id()).unwrap().unwrap();
    let error = try_join(world, &joining(world, &own, "true")).unwrap_err();
    assert!(error.to_string().contains("is in no container"), "{error}");
    beside(world, &up(world), |process, _, _| {
        let refused = |change: &dyn Fn(&mut Joining)| {
            let mut joining = joining(world, process, "true");
            change(&mut joining);
            let error = try_join(world, &joining).unwrap_err();
            (chain(&error), error.exit_code())
        };
        let (text, code) = refused(&|joining| joining.argv = vec![b"nosuch".to_vec()]);
        assert!(text.contains("executable file not found in $PATH") && code == 127, "{text} {code}");
        let (text, code) = refused(&|joining| joining.argv = vec![b"/made".to_vec()]);
        assert!(text.contains("permission denied on /made") && code == 126, "{text} {code}");
        let (text, _) = refused(&|joining| joining.cwd = b"/no/such".to_vec());
        assert!(text.contains("change to working directory /no/such: No such file"), "{text}");
        let (text, _) = refused(&|joining| joining.cwd = b"relative".to_vec());
        assert!(text.contains("is not absolute"), "{text}");
        let (text, _) = refused(&|joining| joining.argv = vec![b"a\0b".to_vec()]);
        assert!(text.contains("NUL"), "{text}");
        let (text, _) = refused(&|joining| joining.cgroups = vec![PathBuf::from("/no/such/cgroup.procs")]);
        assert!(text.contains("be counted in /no/such/cgroup.procs"), "{text}");
    });
}

/// A PATH that takes long to look through: for that time the process is in the container and not yet its program.
fn long_path() -> Vec<u8> {
    let mut path = b"PATH=/bin/none".to_vec();
    while path.len() < 120_000 {
        path.extend_from_slice(b":/x");
    }
    path.extend_from_slice(b":/bin");
    path
}

/// What a process of the container does to each process that appears there: says what it can of it.
const WATCH: &str = "cd /proc; echo up
    while [ ! -e /stop ]; do for p in [0-9]*; do
        [ $p = 1 ] && continue
        read name < $p/comm 2>/dev/null || continue
        case $name in sh|sleep|touch|ls|readlink|cat|true|busybox|head|wc) continue;; esac
        echo \"found $name\"
        EACH
    done; done";

/// Joins while a process of the container watches; the lines that said.
fn watched(world: &World, confinement: &Confinement, each: &str) -> String {
    let container = Container { confinement: confinement.clone(), ..world.shell(&WATCH.replace("EACH", each)) };
    beside(world, &container, |process, said, _| {
        for _ in 0..3 {
            let mut slow = joining(world, process, "true");
            slow.argv = vec![b"true".to_vec()];
            slow.env = vec![long_path()];
            assert_eq!(try_join(world, &slow).unwrap().outcome.exit, Exit::Code(0));
        }
        run(world, &joining(world, process, "touch /stop"));
        let mut all = String::new();
        while let Ok(more) = said.recv_timeout(Duration::from_millis(300)) {
            all += &more;
        }
        all.lines().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join("\n") + "\n"
    })
}

/// CVE-2016-9962: until it is the program, the process cannot be looked into by those who are its equals afterwards.
fn cannot_be_looked_at(world: &World) {
    // What is read counts only if it is still not the program that it was read of.
    let each = "still() { read again < $p/comm && [ \"$again\" = \"$name\" ]; } 2>/dev/null
        for link in exe cwd root fd/0 fd/1 fd/3 ns/pid; do seen=$(readlink $p/$link) && still && echo \"LOOKED $seen\"; done
        for file in environ maps auxv; do head -c 1 $p/$file >/dev/null 2>&1 && still && echo LOOKED $file; done";
    let said = watched(world, &world.container(&[]).confinement, each);
    assert!(said.contains("found "), "it was there to be looked at: {said:?}");
    assert!(!said.contains("LOOKED"), "{said:?}");
}

/// CVE-2019-5736: who has every capability in the container, and may trace the process, gets hold of a copy of this
/// program that cannot be written, and of no file of the host.
fn program_cannot_be_written(world: &World) {
    let before = fs::read("/proc/self/exe").unwrap();
    // A redirection that fails ends the shell with `exec` alone: the process may be gone by then.
    let each = "command exec 5<$p/exe || continue; echo held; ls -l $p/fd/ | while read a b c d e f g h fd arrow to; do
            case $to in socket:*|pipe:*|/dev/null|'') ;; *) echo \"LEAK $to\";; esac; done
        cd $p/cwd 2>/dev/null && { [ \"$(stat -c %d:%i .)\" = \"$(stat -c %d:%i /)\" ] || echo LEAK cwd; }; cd /proc
        (echo x >> /proc/self/fd/5) 2>&1 && echo WROTE; touch /proc/self/fd/5 2>&1; exec 5<&-";
    let confinement = Confinement { caps: Caps::ALL, ..Confinement::insecure() };
    let said = watched(world, &confinement, each);
    assert!(said.contains("held\n"), "it was there to be held: {said:?}");
    assert!(!said.contains("LEAK"), "{said:?}");
    // While it runs, writing is refused to all; a copy that can be written could still be touched, by its owner.
    let reason = if world.ids == IdMap::Root { "Read-only file system" } else { "Permission denied" };
    assert!(said.contains(&format!("touch: /proc/self/fd/5: {reason}")), "{said:?}");
    assert!(!said.contains("WROTE"), "{said:?}");
    assert!(fs::read("/proc/self/exe").unwrap() == before, "this program was changed");
    // A script whose interpreter is the process itself: the same file by another way.
    let container = world.shell("printf '#!/proc/self/exe\\n' > /evil; chmod 755 /evil; echo up; sleep 300");
    let world = &World::new(world.ids.clone());
    beside(world, &Container { rootfs: world.container(&[]).rootfs, ..container }, |process, _, _| {
        let mut evil = joining(world, process, "");
        evil.argv = vec![b"/evil".to_vec()];
        drop(try_join(world, &evil));
    });
    assert!(fs::read("/proc/self/exe").unwrap() == before, "this program was changed");
}

/// CVE-2024-21626: a descriptor of the host that this program itself inherited leads nowhere, neither as a descriptor of
/// the process nor as its working directory.
fn leaks_no_descriptor(world: &World) {
    let host = fs::File::open("/").unwrap();
    fcntl_setfd(&host, FdFlags::empty()).unwrap();
    let number = host.as_raw_fd();
    let held = format!("/proc/self/fd/{number}").into_bytes();
    beside(world, &up(world), |process, _, _| {
        let list = run(
            world,
            &joining(world, process, "cd /proc/self/fd; for fd in *; do [ -e $fd ] && echo $fd; done; true"),
        );
        assert_eq!(list, "0\n1\n2\n");
        let mut there = joining(world, process, "ls");
        there.cwd.clone_from(&held);
        let error = chain(&try_join(world, &there).unwrap_err());
        assert!(error.contains("change to working directory"), "{error}");
        for number in 3..20 {
            there.cwd = format!("/proc/self/fd/{number}").into_bytes();
            assert!(try_join(world, &there).is_err(), "{number}");
        }
        let error =
            run(world, &joining(world, process, "echo x 2>/dev/null > /proc/sys/kernel/core_pattern || echo refused"));
        assert_eq!(error, "refused\n", "CVE-2022-0811 and its kin");
    });
    // The container's own first process had the same to lose.
    let world = &World::new(world.ids.clone());
    let first = Container { cwd: held, ..world.shell("ls") };
    world.refusal(&first);
    drop(host);
}

fn ends_with_the_container(world: &World) {
    let gone = beside(world, &up(world), |process, _, stop| {
        let (sender, said) = channel();
        let started = Instant::now();
        let ended = std::thread::scope(|scope| {
            let joining = joining(world, process, "echo joined; sleep 300");
            let run = scope.spawn(move || world.sandbox.join(&joining, &mut Said(sender, None), &Cancel::new()));
            until(&said, "joined");
            stop.cancel();
            run.join().unwrap()
        });
        assert!(matches!(ended, Ok(Exit::Signal(9))), "{ended:?}");
        assert!(started.elapsed() < SOON);
        process.clone()
    });
    let late = try_join(world, &joining(world, &gone, "true"));
    assert!(matches!(late, Err(Error::Ended)), "{late:?}");
}

fn canceled(world: &World) {
    beside(world, &up(world), |process, _, _| {
        let ((sender, said), stop) = (channel(), Cancel::new());
        let (ended, took) = std::thread::scope(|scope| {
            let (joining, stop) = (joining(world, process, "trap '' TERM; echo joined; exec sleep 4712"), &stop);
            let run = scope.spawn(move || world.sandbox.join(&joining, &mut Said(sender, None), stop));
            until(&said, "joined");
            let asked = Instant::now();
            stop.cancel();
            (run.join().unwrap(), asked.elapsed())
        });
        assert!(matches!(ended, Err(Error::Canceled(_))), "{ended:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(run(world, &joining(world, process, "ps -o args | grep -c '[4]712' || true")), "0\n");
        assert!(!process.has_ended().unwrap(), "the container goes on");
    });
}

/// The process of `dies_with_its_parent`: joins process `pid` for ever.
pub(crate) fn hold(pid: &str) -> ExitCode {
    let world = World::new(IdMap::current().expect("own id map"));
    let process = Process::open(pid.parse().expect("a number")).expect("pidfd").expect("a process");
    let joining = joining(&world, &process, "exec sleep 4711");
    let ended = world.sandbox.join(&joining, &mut Collected::default(), &Cancel::new());
    eprintln!("{ended:?}");
    ExitCode::FAILURE
}

fn dies_with_its_parent(world: &World) {
    beside(world, &up(world), |process, _, _| {
        let mut parent = Command::new("/proc/self/exe")
            .args(["--join", &process.pid().to_string()])
            .stdout(HostStdio::null())
            .spawn()
            .unwrap();
        let count = || run(world, &joining(world, process, "ps -o args | grep -c '[4]711' || true"));
        let deadline = Instant::now() + SOON;
        while count() == "0\n" && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(count(), "1\n", "it is there");
        parent.kill().unwrap();
        parent.wait().unwrap();
        while count() != "0\n" && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(count(), "0\n", "it outlived its parent");
    });
}

/// Of control groups, where they can be made here.
fn is_counted(world: &World) {
    let base = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"]
        .into_iter()
        .find(|path| Path::new(path).join("cgroup.procs").exists());
    let Some(group) = base.map(|base| Path::new(base).join(format!("rbuild-test-{}", std::process::id()))) else {
        eprintln!("SKIP: join-is-counted: no control groups");
        return;
    };
    if let Err(error) = fs::create_dir(&group) {
        eprintln!("SKIP: join-is-counted: {}: {error}", group.display());
        return;
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        beside(world, &up(world), |process, _, _| {
            let (sender, said) = channel();
            let mut joining = joining(world, process, "echo joined; sleep 300");
            joining.cgroups = vec![group.join("cgroup.procs")];
            let stop = Cancel::new();
            std::thread::scope(|scope| {
                let (stop, joining) = (&stop, &joining);
                scope.spawn(move || world.sandbox.join(joining, &mut Said(sender, None), stop));
                until(&said, "joined");
                let members = fs::read_to_string(group.join("cgroup.procs")).unwrap();
                stop.cancel();
                assert_eq!(members.lines().count(), 1, "the process alone: {members:?}");
            });
        });
    }));
    let deadline = Instant::now() + SOON;
    while fs::remove_dir(&group).is_err() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    outcome.unwrap_or_else(|panic| resume_unwind(panic));
}
