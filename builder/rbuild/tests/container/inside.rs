//! `rbuild exec` and `rbuild top`: what is done in a container that runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rbuild::container::{State, Status};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::tcsetwinsize;

use crate::Case;
use crate::terminal::{User, size};
use crate::world::{Mode, Ran, World};

pub(crate) const CASES: &[Case] = &[
    ("exec-sees-the-container", sees_the_container),
    ("exec-environment", environment),
    ("exec-users", users),
    ("exec-working-directory", working_directory),
    ("exec-exit-codes", exit_codes),
    ("exec-refusals", refusals),
    ("exec-streams", streams),
    ("exec-terminal", terminal),
    ("exec-detached", detached),
    ("exec-detached-errors", detached_errors),
    ("exec-signals", signals),
    ("exec-killed-with-its-rbuild", killed),
    ("exec-ends-with-the-container", ends_with_the_container),
    ("exec-is-as-confined", is_as_confined),
    ("exec-is-limited-with-it", is_limited_with_it),
    ("exec-while-paused", while_paused),
    ("exec-privileged", privileged),
    ("exec-leaks-nothing", leaks_nothing),
    ("exec-many-at-once", many_at_once),
    ("top", top),
    ("top-options", top_options),
];

const SOON: Duration = Duration::from_secs(20);

/// A command that does not end.
const IDLE: &str = "while :; do sleep 1; done";

impl World {
    /// A container called `c1` in the background.
    fn up(&self, options: &[&str]) {
        self.does(&[&["run", "-d", "--name", "c1"], options, &["box", "sh", "-c", IDLE]].concat());
    }

    /// `rbuild exec OPTIONS c1 sh -c SCRIPT`.
    fn try_exec(&self, options: &[&str], script: &str) -> Ran {
        self.verb(&[&["exec"], options, &["c1", "sh", "-c", script]].concat())
    }

    /// The same, that ends well; what it printed.
    fn exec(&self, options: &[&str], script: &str) -> String {
        let ran = self.try_exec(options, script);
        assert!(ran.code == 0, "{options:?} {script}: {ran:?}");
        ran.stdout
    }

    /// `rbuild exec c1 sh -c SCRIPT` that has said its first line.
    fn attended(&self, script: &str) -> (Child, BufReader<std::process::ChildStdout>) {
        let mut child = self.rbuild(&["exec", "c1", "sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let (mut stdout, mut line) = (BufReader::new(child.stdout.take().unwrap()), String::new());
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
        (child, stdout)
    }

    /// How many processes of the container have `text` in their arguments.
    fn count(&self, text: &str) -> usize {
        self.does(&["top", "c1"]).lines().filter(|line| line.contains(text)).count()
    }

    fn until_count(&self, text: &str, wanted: usize) {
        let start = Instant::now();
        while self.count(text) != wanted {
            assert!(start.elapsed() < SOON, "{} of {text:?}, not {wanted}", self.count(text));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn sees_the_container(world: &World) {
    world.up(&["-h", "host1", "--network", "none", "-v", "data:/data", "--ulimit", "nofile=77:99", "--tmpfs", "/mem"]);
    world.exec(&[], "echo one > /data/file; echo two > /mem/file; echo three > /file");
    let script =
        "cat /data/file /mem/file /file; hostname; pwd; id -u; ulimit -Sn; ulimit -Hn; tr '\\0' ' ' < /proc/1/cmdline";
    let expected = format!("one\ntwo\nthree\nhost1\n/\n0\n77\n99\nsh -c {IDLE} ");
    assert_eq!(world.exec(&[], script), expected);
    assert_eq!(world.exec(&[], "ip -o link | wc -l"), "1\n", "lo alone");
    for space in ["mnt", "pid", "net", "ipc", "uts", "cgroup", "user"] {
        let script = format!("[ $(readlink /proc/self/ns/{space}) = $(readlink /proc/1/ns/{space}) ] && echo same");
        assert_eq!(world.exec(&[], &script), "same\n", "{space}");
    }
    let id = world.named("c1").config.id;
    for name in [id.hex(), id.short(), "/c1"] {
        assert_eq!(world.does(&["exec", name, "hostname"]), "host1\n");
    }
    let Status::Running(pid) = world.named("c1").state.status() else { panic!("it runs on") };
    assert!(pid > 1);
}

fn environment(world: &World) {
    world.image("vars", |config| config.env = vec!["PATH=/bin".into(), "FROM_IMAGE=1".into(), "BOTH=image".into()]);
    world.does(&["run", "-d", "--name", "c1", "-h", "host1", "-e", "OWN=2", "-e", "BOTH=run", "vars", "sleep", "300"]);
    let sorted = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines.join(" ")
    };
    let own = "FROM_IMAGE=1 HOME=/root HOSTNAME=host1 OWN=2 PATH=/bin";
    assert_eq!(sorted(world.does(&["exec", "c1", "env"])), format!("BOTH=run {own}"));
    let file = world.write("vars.env", "# note\nBOTH=file\nFROM_FILE=a b\n");
    let mut command = world.rbuild(&["exec", "--env-file", file.to_str().unwrap(), "-e", "HERE", "-e", "OWN=3"]);
    let output = command.args(["-e", "FROM_IMAGE", "c1", "env"]).env("HERE", "it is").env_remove("FROM_IMAGE").output();
    let said = sorted(String::from_utf8(output.unwrap().stdout).unwrap());
    assert_eq!(said, "BOTH=file FROM_FILE=a b HERE=it is HOME=/root HOSTNAME=host1 OWN=3 PATH=/bin");
    assert_eq!(world.does(&["exec", "-t", "c1", "sh", "-c", "echo $TERM"]), "xterm\r\n");
    assert_eq!(world.does(&["exec", "-e", "HOME=/tmp", "c1", "sh", "-c", "echo $HOME"]), "/tmp\n");
}

fn users(world: &World) {
    if world.is_single() {
        eprintln!("SKIP: users with a single id: there is only one");
        return;
    }
    world.image("app", |config| config.user = "app".into());
    world.does(&["run", "-d", "--name", "c1", "app", "sleep", "300"]);
    let who = "echo $(id -u):$(id -g) $(id -G) $HOME";
    assert_eq!(world.exec(&[], who), "1234:1234 1234 77 /home/app\n");
    for (user, expected) in
        [("root", "0:0 0 /root\n"), ("app:extra", "1234:77 77 /home/app\n"), ("4321:8", "4321:8 8 /\n")]
    {
        assert_eq!(world.exec(&["-u", user], who), expected, "-u {user}");
    }
    let ran = world.try_exec(&["-u", "late"], who);
    assert!(
        ran.code == 1 && ran.stderr.contains("unable to find user late: no matching entries in passwd file"),
        "{ran:?}"
    );
    world.exec(&["-u", "0"], "echo late:x:99:98::/home/late: >> /etc/passwd; echo more:x:97:late >> /etc/group");
    assert_eq!(world.exec(&["-u", "late"], who), "99:98 98 97 /home/late\n", "the container's own, as they are now");
    assert_eq!(world.exec(&[], "echo x 2>/dev/null > /file || echo refused"), "refused\n");
    assert_eq!(world.exec(&["-u", "late", "-t"], "echo x > $(tty) && stat -c %u $(tty)"), "x\r\n99\r\n");
    // Links of a container lead nowhere but into it.
    world.exec(&["-u", "0"], "rm /etc/passwd; ln -s /proc/1/root/../../../../etc/passwd /etc/passwd");
    let ran = world.try_exec(&["-u", "tester"], "id");
    assert_eq!(ran.code, 1, "{ran:?}");
}

fn working_directory(world: &World) {
    world.image("there", |config| config.working_dir = "/opt/dir".into());
    world.does(&["run", "-d", "--name", "c1", "there", "sleep", "300"]);
    assert_eq!(world.exec(&[], "pwd"), "/opt/dir\n");
    assert_eq!(world.exec(&["-w", "/srv/./data/"], "pwd"), "/srv/data\n");
    let ran = world.try_exec(&["-w", "/none"], "pwd");
    assert!(ran.code == 126 && ran.stderr.contains("/none") && ran.stdout.is_empty(), "{ran:?}");
    let ran = world.try_exec(&["-w", "srv"], "pwd");
    assert!(ran.code == 1 && ran.stderr.contains("is not absolute"), "{ran:?}");
}

fn exit_codes(world: &World) {
    world.up(&[]);
    for (argv, code, said) in [
        (&["true"][..], 0, ""),
        (&["sh", "-c", "exit 7"], 7, ""),
        (&["sh", "-c", "kill -9 $$"], 137, ""),
        (&["sh", "-c", "kill -USR1 $$; sleep 5"], 138, ""),
        (&["nosuch"], 127, "executable file not found in $PATH"),
        (&["/srv/nosuch"], 127, "no such file or directory"),
        (&["/srv/file"], 126, "permission denied on /srv/file"),
        (&["/srv"], 126, "/srv is a directory"),
    ] {
        let ran = world.verb(&[&["exec", "c1"], argv].concat());
        assert!(ran.code == code && ran.stderr.contains(said) && ran.stdout.is_empty(), "{argv:?}: {ran:?}");
    }
    assert!(world.named("c1").state.is_running(), "nothing of it ended the container");
}

fn refusals(world: &World) {
    world.does(&["run", "--name", "done", "box", "true"]);
    world.up(&[]);
    for (args, code, said) in [
        (&["exec", "nosuch", "true"][..], 1, "no such container: nosuch"),
        (&["exec", "done", "true"], 1, "container done is not running"),
        (&["exec", "-d", "done", "true"], 1, "container done is not running"),
        (&["top", "done"], 1, "container done is not running"),
        (&["exec", "-it", "c1", "true"], 1, "needs a terminal"),
        (&["exec", "--env-file", "none", "c1", "true"], 1, "cannot read none"),
        (&["exec", "-e", "=x", "c1", "true"], 1, "names no variable"),
        (&["exec", "c1", ""], 1, "the command is empty"),
        (&["exec", "--bogus", "c1", "true"], 125, "--bogus"),
        (&["exec", "c1"], 125, "COMMAND"),
    ] {
        let ran = world.verb(args);
        assert!(ran.code == code && ran.stderr.contains(said) && ran.stdout.is_empty(), "{args:?}: {ran:?}");
    }
    assert_eq!(world.exec(&["--detach-keys", "ctrl-p,ctrl-q"], "echo taken"), "taken\n");
}

fn streams(world: &World) {
    world.up(&[]);
    let ran = world.try_exec(&[], "echo out; echo err >&2");
    assert!(ran.stdout == "out\n" && ran.stderr == "err\n", "{ran:?}");
    let fed = |options: &[&str], input: &str| {
        let mut command = world.rbuild(&[&["exec"], options, &["c1", "cat"]].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // Who does not read may be gone.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    assert_eq!(fed(&[], "never seen"), "", "without -i input is empty");
    assert_eq!(fed(&["-i"], "seen\n"), "seen\n");
    let long = "0123456789abcdef".repeat(20_000);
    assert_eq!(fed(&["-i"], &long).len(), long.len());
    assert_eq!(world.exec(&["-i"], "test -t 0 || test -t 1 || test -t 2 || echo no terminal"), "no terminal\n");
    let mut loud = world.rbuild(&["exec", "c1", "yes"]).stdout(Stdio::piped()).spawn().unwrap();
    loud.stdout.take().unwrap().read_exact(&mut [0; 4]).unwrap();
    assert_eq!(loud.wait().unwrap().code(), Some(141));
    world.until_count("yes", 0);
}

fn terminal(world: &World) {
    world.up(&[]);
    let script = "tty; stty size; echo $TERM; read line; echo \"<$line>\"; stty size
        trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.05; done";
    let mut user = User::at(world, &["exec", "-it", "c1", "sh", "-c", script]);
    let seen = user.until("xterm\r\n");
    assert!(seen.contains("/dev/pts/0\r\n33 99\r\n"), "{seen:?}");
    assert!(!user.echoes(), "raw while it runs");
    if world.mode == Mode::Root {
        tcsetwinsize(&user.inner, size(44, 111)).unwrap();
        kill_process(Pid::from_child(&user.child), Signal::WINCH).unwrap();
        std::thread::sleep(Duration::from_millis(200));
    }
    user.keys.write_all(b"typed\r").unwrap();
    let seen = user.until("ready\r\n");
    let expected = if world.mode == Mode::Root { "44 111" } else { "33 99" };
    assert!(seen.contains(&format!("<typed>\r\n{expected}\r\n")), "{seen:?}");
    assert_eq!(world.exec(&["-t"], "tty"), "/dev/pts/1\r\n", "a second one beside it");
    user.keys.write_all(b"\x03").unwrap();
    user.until("interrupted\r\n");
    assert_eq!(user.end(), 5);
    // Job control: the shell's session is the terminal's.
    let mut user = User::at(world, &["exec", "-it", "c1", "sh"]);
    user.keys.write_all(b"sleep 4713\r").unwrap();
    world.until_count("sleep 4713", 1);
    user.until("sleep 4713\r\n");
    user.keys.write_all(b"\x1a").unwrap();
    user.until("Stopped");
    user.keys.write_all(b"fg\r").unwrap();
    user.until("sleep 4713\r\n");
    // The shell says what it continues before it gives it the terminal.
    let start = Instant::now();
    while world.count("sleep 4713") > 0 {
        assert!(start.elapsed() < SOON, "it goes on");
        user.keys.write_all(b"\x03").unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    user.keys.write_all(b"exit 6\r").unwrap();
    assert_eq!(user.end(), 6);
    let mut user = User::at(world, &["exec", "-it", "c1", "nosuch"]);
    user.until("not found");
    assert_eq!(user.end(), 127);
}

fn detached(world: &World) {
    world.up(&[]);
    let start = Instant::now();
    let ran = world.try_exec(&["-d"], "echo lost; echo lost >&2; test -t 1 || echo plain > /tmp/a; exec sleep 4714");
    assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, "", ""), "it says nothing and holds no stream");
    let ran = world.try_exec(&["-d", "-i", "-t"], "echo shown; tty > /tmp/b; exec sleep 4715");
    assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, "", ""));
    assert!(start.elapsed() < Duration::from_secs(10), "nobody waits for the end: {:?}", start.elapsed());
    world.until_count("sleep 471", 2);
    assert_eq!(world.exec(&[], "cat /tmp/a /tmp/b"), "plain\n/dev/pts/0\n");
    let State::Running { process, .. } = world.named("c1").state else { panic!("it runs") };
    let pids: Vec<String> = world
        .does(&["top", "c1", "-o", "pid,args"])
        .lines()
        .filter(|line| line.contains("sleep 471"))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    world.does(&["kill", "c1"]);
    let gone =
        |pid: &String| !std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("471"));
    let start = Instant::now();
    while !pids.iter().all(gone) {
        assert!(start.elapsed() < SOON, "{pids:?} outlived the container {process:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(pids.len(), 2);
}

fn detached_errors(world: &World) {
    world.up(&[]);
    let ran = world.verb(&["exec", "-d", "c1", "nosuch"]);
    assert!(ran.code == 127 && ran.stderr.contains("executable file not found in $PATH"), "{ran:?}");
    let ran = world.verb(&["exec", "-d", "-u", "ghost", "c1", "true"]);
    assert!(ran.code == 1 && ran.stderr.contains("unable to find user ghost"), "{ran:?}");
    let ran = world.verb(&["exec", "-d", "c1", "false"]);
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "how it ends nobody hears");
}

fn signals(world: &World) {
    world.up(&[]);
    let (mut child, mut stdout) =
        world.attended("trap 'echo got it; exit 9' TERM; echo up; while :; do sleep 0.02; done");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!((child.wait().unwrap().code(), &*rest), (Some(9), "got it\n"));
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::USR1, 138)] {
        let (mut child, _stdout) = world.attended("echo up; exec sleep 4716");
        world.until_count("sleep 4716", 1);
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal:?}");
        world.until_count("sleep 4716", 0);
    }
    assert!(world.named("c1").state.is_running());
}

fn killed(world: &World) {
    world.up(&[]);
    let (mut child, _stdout) = world.attended("echo up; exec sleep 4717");
    world.until_count("sleep 4717", 1);
    child.kill().unwrap();
    child.wait().unwrap();
    world.until_count("sleep 4717", 0);
    let mut user = User::at(world, &["exec", "-it", "c1", "sh", "-c", "echo ready; exec sleep 4718"]);
    user.until("ready");
    world.until_count("sleep 4718", 1);
    user.child.kill().unwrap();
    world.until_count("sleep 4718", 0);
    assert!(world.named("c1").state.is_running(), "the container goes on");
}

fn ends_with_the_container(world: &World) {
    world.up(&[]);
    let (mut child, mut stdout) = world.attended("trap '' TERM; echo up; while :; do sleep 1; done");
    world.does(&["kill", "c1"]);
    let (start, mut rest) = (Instant::now(), String::new());
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(137));
    assert!(start.elapsed() < SOON);
    let ran = world.try_exec(&[], "true");
    assert!(ran.code == 1 && ran.stderr.contains("container c1 is not running"), "{ran:?}");
}

/// What a process is held by.
const HELD: &str = "grep -E '^(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups|Umask)' /proc/$P/status; grep -E 'open files' /proc/$P/limits; cat /proc/$P/cgroup";

fn is_as_confined(world: &World) {
    for options in [
        &[][..],
        &["--security-opt", "no-new-privileges", "--cap-drop", "ALL"],
        &["--cap-add", "SYS_PTRACE", "--security-opt", "seccomp=unconfined", "--ulimit", "nofile=50"],
        &["--init"],
        &["--pids-limit", "50", "--memory", "64m", "--network", "none", "--group-add", "77"],
    ] {
        world.up(&[&["--rm"], options].concat());
        let theirs = world.exec(&["-e", "P=1"], HELD);
        assert_eq!(world.exec(&["-e", "P=self"], HELD), theirs, "{options:?}");
        let script = "mount -t tmpfs x /mnt 2>/dev/null || echo no mount; echo x 2>/dev/null > /proc/sys/kernel/core_pattern \
                      || echo no core pattern; cat /proc/kcore 2>/dev/null | wc -c";
        assert_eq!(world.exec(&[], script), "no mount\nno core pattern\n0\n", "{options:?}");
        world.does(&["kill", "c1"]);
        let start = Instant::now();
        while !world.containers().is_empty() {
            assert!(start.elapsed() < SOON, "--rm");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn is_limited_with_it(world: &World) {
    if world.mode != Mode::Root {
        eprintln!("SKIP: exec-is-limited-with-it: limits are root's here");
        return;
    }
    world.up(&["--pids-limit", "5"]);
    let ran = world.try_exec(&[], "for n in 1 2 3 4 5 6 7 8; do sleep 4720 & done; echo all");
    assert!(ran.stderr.contains("can't fork") && !ran.stdout.contains("all"), "{ran:?}");
    let counted = world.does(&["top", "c1"]).matches("sleep 4720").count();
    assert!((1..5).contains(&counted), "{counted} beside the container's own");
}

fn while_paused(world: &World) {
    world.up(&[]);
    let paused = world.verb(&["pause", "c1"]);
    if paused.code != 0 {
        eprintln!("SKIP: exec-while-paused: {}", paused.stderr);
        return;
    }
    for options in [&["exec"][..], &["exec", "-d"]] {
        let ran = world.verb(&[options, &["c1", "true"]].concat());
        let said = "container c1 is paused, unpause the container before exec";
        assert!(ran.code == 1 && ran.stderr.contains(said), "{ran:?}");
    }
    assert!(world.does(&["top", "c1"]).contains("while :; do"), "it can be looked at");
    world.does(&["unpause", "c1"]);
    assert_eq!(world.exec(&[], "echo again"), "again\n");
    // One that joined is frozen, and goes on, with the rest.
    world.exec(&["-d"], "while :; do echo x >> /beat; sleep 0.02; done");
    world.does(&["pause", "c1"]);
    let beat = || std::fs::metadata(world.upper("c1").join("beat")).map_or(0, |meta| meta.len());
    let before = beat();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(beat(), before, "frozen");
    world.does(&["unpause", "c1"]);
    let start = Instant::now();
    while beat() == before {
        assert!(start.elapsed() < SOON, "it goes on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn privileged(world: &World) {
    world.up(&["--cap-drop", "ALL"]);
    let caps = "grep -E 'Cap(Prm|Eff|Bnd)|^Seccomp:' /proc/$P/status";
    let none = "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nSeccomp:\t2\n";
    assert_eq!(world.exec(&["-e", "P=self"], caps), none);
    let all = world.exec(&["--privileged", "-e", "P=self"], caps);
    let held = |name: &str| {
        let line = all.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t")).unwrap();
        u64::from_str_radix(line, 16).unwrap()
    };
    assert!(held("CapEff") == held("CapPrm") && held("CapEff") == held("CapBnd"), "{all}");
    assert!(held("CapEff").count_ones() > 30 && all.contains("Seccomp:\t2"), "{all}");
    assert_eq!(world.exec(&["-e", "P=1"], caps), none, "the container's own process got nothing by it");
    assert_eq!(world.exec(&["--privileged"], "chown 0:0 /srv/file && echo done"), "done\n");
}

/// What this program inherited of the host leads nowhere (CVE-2024-21626), also by an image's WORKDIR.
fn leaks_nothing(world: &World) {
    world.up(&[]);
    let leaky = |args: &[&str]| -> Ran {
        let command = world.rbuild(args);
        let mut leaky = Command::new("sh");
        leaky.args(["-c", "exec 9< / 8< /etc/passwd; exec \"$0\" \"$@\""]).arg(command.get_program());
        leaky.args(command.get_args()).stdin(Stdio::null()).current_dir(world.path("")).output().unwrap().into()
    };
    let list = "cd /proc/self/fd; for fd in *; do [ -e $fd ] && echo $fd; done; true";
    assert_eq!(leaky(&["exec", "c1", "sh", "-c", list]).stdout, "0\n1\n2\n");
    for number in 3..16 {
        let place = format!("/proc/self/fd/{number}");
        for args in [&["exec", "-w", &place, "c1", "ls"][..], &["exec", "-w", &format!("{place}/.."), "c1", "ls"]] {
            let ran = leaky(args);
            assert!(
                ran.code == 126 || ran.stdout == world.does(&["exec", "-w", "/proc/self", "c1", "ls"]),
                "{args:?} {ran:?}"
            );
        }
    }
    let ran = leaky(&["run", "--rm", "-w", "/proc/self/fd/9", "box", "ls"]);
    assert!(ran.code == 125 && ran.stdout.is_empty(), "{ran:?}");
}

fn many_at_once(world: &World) {
    world.up(&[]);
    let children: Vec<_> = (0..8)
        .map(|n| {
            let script = format!("echo {n}; sleep 0.1; exit {n}");
            world.rbuild(&["exec", "c1", "sh", "-c", &script]).stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for (n, child) in children.into_iter().enumerate() {
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert_eq!((ran.code, ran.stdout), (n as i32, format!("{n}\n")));
    }
}

fn top(world: &World) {
    world.up(&[]);
    world.exec(&["-d"], "exec sleep 4719");
    world.until_count("sleep 4719", 1);
    let table = world.does(&["top", "c1"]);
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(lines.next().unwrap().join(" "), "UID PID PPID C STIME TTY TIME CMD");
    assert!(table.starts_with("UID                 PID                 PPID                C  "), "{table}");
    let Status::Running(pid) = world.named("c1").state.status() else { panic!("it runs") };
    let first = lines.next().unwrap();
    assert_eq!(
        (first[1], first[5], &first[7..]),
        (&*pid.to_string(), "?", &["sh", "-c", "while", ":;", "do", "sleep", "1;", "done"][..])
    );
    assert!(first[4].len() == 5 && first[4].contains(':') && first[6] == "00:00:00", "{first:?}");
    let own = rustix::process::getuid().as_raw().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
    let mine = accounts.lines().find(|line| line.split(':').nth(2) == Some(&own));
    let me = mine.map_or(&*own, |line| line.split(':').next().unwrap());
    assert_eq!(first[0], me, "user 0 of the container as the machine knows it");
    assert!(table.lines().count() >= 3 && table.contains("sleep 4719"), "{table}");
    let host = table.lines().any(|line| line.contains("rbuild") || line.contains("supervise"));
    assert!(!host, "nothing of the host: {table}");
}

fn top_options(world: &World) {
    world.up(&[]);
    let heading = |args: &[&str]| {
        let table = world.does(&[&["top", "c1"], args].concat());
        table.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(heading(&["aux"]), "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND");
    assert_eq!(heading(&["-o", "pid,comm"]), "PID COMMAND");
    for (args, said) in
        [(&["-o", "comm"][..], "have to have pid"), (&["-Z"], "does not know"), (&["-o", "pid,odd"], "no column")]
    {
        let ran = world.verb(&[&["top", "c1"], args].concat());
        assert!(ran.code == 2 && ran.stderr.contains(said), "{args:?}: {ran:?}");
    }
}
