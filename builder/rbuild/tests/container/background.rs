//! Containers that live on by themselves: begun, looked at, stopped, begun again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rbuild::container::{ContainerId, Status};

use crate::Case;
use crate::world::World;

pub(crate) const CASES: &[Case] = &[
    ("background-to-the-end", to_the_end),
    ("background-again", again),
    ("background-that-cannot-start", cannot_start),
    ("background-options", options),
    ("background-storage", storage),
    ("stop", stop),
    ("kill", kill),
    ("wait", wait),
    ("restart", restart),
    ("names-of-containers", names),
    ("start-twice-at-once", twice_at_once),
    ("start-attended", attended),
    ("logs", logs),
    ("logs-in-part", logs_in_part),
];

/// Says that it is up, then does nothing until it is asked to end.
pub(crate) const SERVES: &str = "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.02; done";

impl World {
    /// A container in the background that has said its first line.
    pub(crate) fn background(&self, options: &[&str], script: &str) -> String {
        let id = self.good(&[&["-d"], options, &["box", "sh", "-c", script]].concat());
        let id = id.trim_end().to_owned();
        self.until_logged(&id, "up\n");
        id
    }

    /// Waits until its log has the text.
    pub(crate) fn until_logged(&self, name: &str, text: &str) {
        let start = Instant::now();
        while !self.does(&["logs", name]).contains(text) {
            assert!(start.elapsed() < Duration::from_secs(10), "{:?}", self.verb(&["logs", name]));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn status(&self, name: &str) -> Status {
        self.named(name).state.status()
    }
}

fn to_the_end(world: &World) {
    let printed = world.good(&["-d", "--name", "one", "box", "sh", "-c", "echo out; echo err >&2; sleep 0.1; exit 7"]);
    let id = ContainerId::parse(printed.trim_end()).expect("the whole id");
    assert_eq!(world.named("one").config.id, id);
    assert_eq!(world.does(&["wait", "one"]), "7\n");
    assert_eq!(world.status("one"), Status::Exited(7));
    let logs = world.verb(&["logs", "one"]);
    assert_eq!((logs.stdout.as_str(), logs.stderr.as_str()), ("out\n", "err\n"));
    let log = world.path("store/containers.v1").join(id.hex()).join(format!("{id}-json.log"));
    let line: serde_json::Value =
        serde_json::from_str(fs::read_to_string(log).unwrap().lines().next().unwrap()).unwrap();
    assert_eq!((&line["log"], &line["stream"]), (&"out\n".into(), &"stdout".into()));
    assert!(line["time"].as_str().unwrap().parse::<rbuild_oci::Timestamp>().is_ok());
    assert_eq!(world.verb(&["attach", "one"]).code, 1);
    assert_eq!(world.verb(&["kill", "one"]).stderr.lines().next(), Some("ERROR: container one is not running"));
    assert_eq!(world.does(&["stop", "one"]), "one\n", "stopping what has stopped is fine");
}

/// The writable layer and the files of /etc stay; the state and the log go on.
fn again(world: &World) {
    let script = "echo x >> /mine; echo 10.1.1.1 x >> /etc/hosts; cat /mine | wc -l; grep -c 10.1.1.1 /etc/hosts";
    let id = world.good(&["-d", "--name", "one", "box", "sh", "-c", script]);
    for count in 1..=3 {
        assert_eq!(world.does(&["wait", "one"]), "0\n");
        let expected: String = (1..=count).map(|n| format!("{n}\n{n}\n")).collect();
        assert_eq!(world.does(&["logs", "one"]), expected);
        assert_eq!(world.does(&["start", &id[..12]]), format!("{}\n", &id[..12]));
    }
    world.does(&["wait", "one"]);
    assert_eq!(fs::read_to_string(world.upper("one").join("mine")).unwrap_or_default().len(), 8);
}

fn cannot_start(world: &World) {
    world.write("noexec", "text");
    let bind = format!("{}:/noexec", world.path("noexec").display());
    for (options, code, said) in [
        (&["box", "nosuch"][..], 127, "exec: \"nosuch\": executable file not found in $PATH"),
        (&["-v", &bind, "box", "/noexec"], 126, "permission denied"),
        (&["-u", "nobody", "box", "true"], 125, "unable to find user nobody"),
        (&["none:such", "true"], 125, ""),
    ] {
        let ran = world.run(&[&["-d", "--rm", "--pull", "never"], options].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{ran:?}");
        assert!(ran.stderr.contains(said), "{ran:?}");
        assert!(world.containers().is_empty(), "--rm: nothing is left");
    }
    let ran = world.run(&["-d", "--name", "kept", "box", "nosuch"]);
    assert_eq!(ran.code, 127);
    assert_eq!(world.status("kept"), Status::Exited(127));
    let ran = world.verb(&["start", "kept", "missing"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.contains("not found in $PATH") && ran.stderr.contains("no such container: missing"), "{ran:?}");
    let ran = world.verb(&["supervise", world.named("kept").config.id.hex()]);
    assert!(ran.code == 125 || ran.code == 2, "only rbuild itself supervises: {ran:?}");
    assert_eq!(world.status("kept"), Status::Exited(127));
}

fn options(world: &World) {
    let id_file = world.path("id");
    let id = world.background(&["--rm", "--name", "web", "--cidfile", id_file.to_str().unwrap()], SERVES);
    assert_eq!(fs::read_to_string(&id_file).unwrap(), id);
    let log = world.path("store/containers.v1").join(&id).join(format!("{id}-json.log"));
    assert_eq!(fs::metadata(log).unwrap().permissions().mode() & 0o022, 0);
    assert_eq!(world.run(&["-d", "--name", "web", "box", "true"]).code, 125, "the name is taken");
    assert_eq!(world.run(&["-d", "-a", "stdout", "box", "true"]).code, 125);
    world.does(&["stop", "web"]);
    assert!(world.containers().is_empty(), "--rm: stop leaves nothing");
    let script = "exec 9>&1; exec \"$@\"";
    let run = world.command(&["-d", "--name", "apart", "box", "sleep", "300"]);
    let mut through = std::process::Command::new("sh");
    through.args(["-c", script, "sh"]).arg(run.get_program()).args(run.get_args());
    assert!(through.output().unwrap().status.success(), "what the caller has open is not kept open: this returned");
    world.does(&["kill", "apart"]);
    let out = world.run(&["--rm", "-a", "stderr", "box", "sh", "-c", "echo out; echo err >&2"]);
    assert!(out.stdout.is_empty() && out.stderr.ends_with("err\n"), "{out:?}");
}

fn storage(world: &World) {
    let options = ["--storage-driver", "copy", "--storage-opt", "zfs.fsname=tank/rbuild"];
    world.does(&[&options[..], &["run", "-d", "--name", "one", "box", "sleep", "300"]].concat());
    let line = fs::read_to_string(format!("/proc/{}/cmdline", world.supervisor("one").as_raw_nonzero())).unwrap();
    let line = line.replace('\0', " ");
    assert!(line.contains(&options.join(" ")), "the supervisor works with the same storage: {line}");
    world.does(&["kill", "one"]);
}

fn stop(world: &World) {
    world.background(&["--name", "polite"], SERVES);
    assert_eq!(world.does(&["stop", "polite"]), "polite\n");
    assert_eq!(world.status("polite"), Status::Exited(3));
    assert!(world.does(&["logs", "polite"]).ends_with("bye\n"));
    let deaf = "trap '' TERM; echo up; while :; do sleep 0.02; done";
    for (options, arguments) in [(&[][..], &["-t", "0"][..]), (&["--stop-timeout", "0"], &[]), (&[], &["--time", "1"])]
    {
        let id = world.background(options, deaf);
        let start = Instant::now();
        world.does(&[&["stop"], arguments, &[&id]].concat());
        assert!(start.elapsed() < Duration::from_secs(5));
        let entry = world.containers().into_iter().find(|entry| entry.config.id.hex() == id).unwrap();
        assert_eq!(entry.state.status(), Status::Exited(137));
    }
    let script = "trap 'exit 5' USR1; trap 'exit 6' RTMIN+3; echo up; while :; do sleep 0.02; done";
    world.image("sig", |config| config.stop_signal = "SIGUSR1".into());
    world.good(&["-d", "--name", "own", "sig", "sh", "-c", script]);
    world.until_logged("own", "up\n");
    world.does(&["stop", "own"]);
    assert_eq!(world.status("own"), Status::Exited(5), "the image's signal");
    for (name, options, arguments) in
        [("aa", &["--stop-signal", "RTMIN+3"][..], &[][..]), ("bb", &[], &["--signal", "SIGRTMIN+3"])]
    {
        world.background(&[&["--name", name], options].concat(), &script.replace("RTMIN+3", "37"));
        world.does(&[&["stop"], arguments, &[name]].concat());
        assert_eq!(world.status(name), Status::Exited(6), "{name}");
    }
    let ran = world.verb(&["stop", "-s", "TREM", "aa"]);
    assert!(ran.code == 2 && ran.stderr.contains("did you mean TERM?"), "{ran:?}");
}

fn kill(world: &World) {
    let script = "trap 'echo got it' HUP; echo up; while :; do sleep 0.02; done";
    world.background(&["--name", "one"], script);
    assert_eq!(world.does(&["kill", "--signal", "hup", "one"]), "one\n");
    world.until_logged("one", "got it\n");
    assert!(matches!(world.status("one"), Status::Running(_)));
    assert_eq!(world.does(&["kill", "one"]), "one\n");
    assert_eq!(world.status("one"), Status::Exited(137));
    world.background(&["--name", "two", "--init"], "echo up; exec sleep 300");
    world.does(&["stop", "two"]);
    assert_eq!(world.status("two"), Status::Exited(143));
}

fn wait(world: &World) {
    world.background(&["--name", "one"], "trap 'exit 4' TERM; echo up; while :; do sleep 0.02; done");
    world.background(&["--name", "two", "--rm"], "trap 'exit 5' TERM; echo up; while :; do sleep 0.02; done");
    let waiting = world.rbuild(&["wait", "one", "two"]).stdout(Stdio::piped()).spawn().unwrap();
    world.does(&["stop", "two", "one"]);
    let printed = String::from_utf8(waiting.wait_with_output().unwrap().stdout).unwrap();
    // Of one with --rm nothing is left to be asked once it has ended.
    assert!(printed == "4\n" || printed == "4\n5\n", "{printed:?}");
    world.background(&["--name", "three", "--rm"], "trap 'exit 6' TERM; echo up; while :; do sleep 0.02; done");
    let waiting = world.rbuild(&["wait", "three"]).stdout(Stdio::piped()).spawn().unwrap();
    world.until_connected("three", 1);
    world.does(&["stop", "three"]);
    assert_eq!(waiting.wait_with_output().unwrap().stdout, b"6\n");
    assert_eq!(world.verb(&["wait", "three"]).code, 1);
}

fn restart(world: &World) {
    world.background(&["--name", "one"], &format!("echo x >> /count; cat /count; {SERVES}"));
    let Status::Running(before) = world.status("one") else { panic!("it runs") };
    assert_eq!(world.does(&["restart", "-t", "5", "one"]), "one\n");
    let Status::Running(after) = world.status("one") else { panic!("it runs") };
    assert_ne!(before, after);
    world.until_logged("one", "x\nx\nup\n");
    assert!(world.does(&["logs", "one"]).contains("bye\nx\nx\n"), "it was asked to stop first");
    world.does(&["stop", "one"]);
    assert_eq!(world.does(&["restart", "one"]), "one\n", "one that had stopped is started");
    world.does(&["kill", "one"]);
    world.background(&["--rm", "--name", "temp"], &format!("echo x >> /count; cat /count; {SERVES}"));
    assert_eq!(world.does(&["restart", "temp"]), "temp\n");
    world.until_logged("temp", "bye\nx\nx\nup\n");
    world.does(&["stop", "temp"]);
    assert_eq!(world.containers().len(), 1, "the end after that one removes it");
}

fn names(world: &World) {
    let id = world.background(&["--name", "web"], SERVES);
    for name in ["web", "/web", &id, &id[..12], &id[..5]] {
        assert_eq!(world.does(&["start", name]), format!("{name}\n"), "it runs already");
    }
    let ran = world.verb(&["logs", "wbe"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("no such container: wbe") && ran.stderr.contains("did you mean web?"), "{ran:?}");
    assert!(world.verb(&["stop", "other"]).stderr.contains("rbuild ps -a"));
    world.does(&["kill", "web"]);
}

fn twice_at_once(world: &World) {
    world.background(&["--name", "one"], SERVES);
    for _ in 0..3 {
        world.does(&["stop", "one"]);
        let starts: Vec<_> =
            (0..4).map(|_| world.rbuild(&["start", "one"]).stdout(Stdio::piped()).spawn().unwrap()).collect();
        for start in starts {
            let output = start.wait_with_output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        assert!(matches!(world.status("one"), Status::Running(_)));
    }
    let ups = || world.does(&["logs", "one"]).matches("up\n").count();
    let start = Instant::now();
    while ups() < 4 {
        assert!(start.elapsed() < Duration::from_secs(5));
    }
    assert_eq!(ups(), 4, "each time one of them started it");
    world.does(&["kill", "one"]);
}

fn attended(world: &World) {
    let script = "echo out; echo err >&2; read line; echo \"<$line>\"; exit 9";
    let ran = world.fed(&["-i", "--name", "one", "box", "sh", "-c", script], "typed\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (9, "out\n<typed>\n"));
    let mut child = world
        .rbuild(&["start", "-ai", "one"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"again\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(9), &b"out\n<again>\n"[..]));
    assert_eq!(world.does(&["logs", "one"]), "out\n<typed>\nout\n<again>\n", "the foreground writes the log too");
}

fn logs(world: &World) {
    world.background(
        &["--name", "one"],
        "echo up; i=0; while [ $i -lt 20 ]; do echo $i; echo e$i >&2; i=$((i+1)); sleep 0.02; done; printf half",
    );
    let followed = world.verb(&["logs", "--follow", "one"]);
    let numbers: String = (0..20).map(|n| format!("{n}\n")).collect();
    assert_eq!(followed.stdout, format!("up\n{numbers}half"), "to the end, though it began before");
    assert_eq!(followed.stderr.lines().count(), 20);
    assert_eq!(world.verb(&["logs", "one"]).stdout, followed.stdout);
    assert_eq!(world.does(&["logs", "-f", "one"]), followed.stdout, "following what has ended ends too");
    world.good(&["--name", "quiet", "box", "true"]);
    assert_eq!(world.does(&["logs", "-f", "quiet"]), "");
    // A reader that goes away is no error.
    let mut child = world.rbuild(&["logs", "one"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

fn logs_in_part(world: &World) {
    world.good(&["--name", "one", "box", "sh", "-c", "echo a; echo b; sleep 0.3; echo c; echo d >&2"]);
    let show = |args: &[&str]| {
        let ran = world.verb(&[&["logs"], args, &["one"]].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.stdout + &ran.stderr
    };
    for (args, expected) in [
        (&["--tail", "1"][..], "d\n"),
        (&["-n2"], "c\nd\n"),
        (&["-n", "0"], ""),
        (&["--tail=all"], "a\nb\nc\nd\n"),
        (&["--tail", "-1"], "a\nb\nc\nd\n"),
        (&["--since", "1h"], "a\nb\nc\nd\n"),
        (&["--until", "1h"], ""),
        (&["--since", "2000-01-01T00:00:00Z", "--until", "2100-01-01"], "a\nb\nc\nd\n"),
        (&["--since", "4102444800"], ""),
    ] {
        assert_eq!(show(args), expected, "{args:?}");
    }
    let stamped = show(&["-t"]);
    let times: Vec<&str> = stamped.lines().map(|line| line.split_once(' ').unwrap().0).collect();
    assert!(times.iter().all(|time| time.len() == "2024-05-01T10:00:00.000000000Z".len()), "{times:?}");
    assert_eq!(show(&["--since", times[2]]), "c\nd\n");
    assert_eq!(show(&["--until", times[1]]), "a\nb\n");
    for args in [&["--since", "yesterday"], &["--tail", "few"]] {
        assert_eq!(world.verb(&[&["logs"], &args[..], &["one"]].concat()).code, 2);
    }
}
