//! What runs: the command, its exit code, its streams, its environment, its user.

use crate::Case;
use crate::world::World;

pub(crate) const CASES: &[Case] = &[
    ("exit-codes", exit_codes),
    ("refusals", refusals),
    ("streams", streams),
    ("command-rules", command_rules),
    ("environment", environment),
    ("users", users),
    ("accounts-as-they-are-now", accounts_now),
    ("working-directory", working_directory),
    ("init", init),
];

fn exit_codes(world: &World) {
    for (script, code) in [("true", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$; sleep 5", 137)] {
        // Pid 1 cannot kill itself: with --init it is not pid 1.
        let ran = world.run(&["--rm", "--init", "box", "sh", "-c", script]);
        assert_eq!(ran.code, code, "{script}: {ran:?}");
    }
    for (program, code, said) in [
        ("nosuch", 127, "executable file not found in $PATH"),
        ("/no/such", 127, "no such file or directory"),
        ("/srv/file", 126, "permission denied"),
        ("/srv", 126, "is a directory"),
    ] {
        let ran = world.run(&["--name", "failed", "box", program]);
        assert_eq!(ran.code, code, "{program}: {ran:?}");
        assert!(ran.stderr.contains(said), "{program}: {ran:?}");
        let state = serde_json::to_value(&world.named("failed").state).unwrap();
        assert_eq!((&state["code"], &state["started"]), (&code.into(), &serde_json::Value::Null), "{state}");
        assert_eq!(world.run(&["--rm", "--name", "failed", "box", "true"]).code, 125);
        let dir = world.path("store/containers.v1").join(world.named("failed").config.id.hex());
        std::fs::rename(dir, world.path(&format!("away{}", program.replace('/', "-")))).unwrap();
    }
}

fn refusals(world: &World) {
    for (args, said) in [
        (&["--pull", "never", "nosuch"][..], "image nosuch not found"),
        (&["--pull", "never", "--platform", "linux/s390x", "box"], "which is for linux/"),
        (&["--bogus", "box"], "--bogus"),
        (&["--name=-x", "box"], "--name \"-x\" is not valid"),
        (&["-v", "x", "box"], "has to be absolute"),
        (&["-d", "-a", "stdout", "box"], "--attach is for the foreground"),
        (&["--network", "custom", "box"], "--network custom"),
        (&["--env-file", "none", "box"], "cannot read none"),
        (&["-u", "ghost", "box", "true"], "unable to find user ghost"),
        (&["--mount", "type=bind,source=/no/such/dir,target=/x", "box", "true"], "there is no /no/such/dir to bind"),
        (&["--entrypoint", "", "box"], "no command specified"),
        (&["-it", "box"], "needs a terminal"),
        (&["-v", "/etc/passwd:/srv", "box", "true"], "Is a directory"),
        (&["-v", "/etc:/srv/file", "box", "true"], "Not a directory"),
    ] {
        let ran = world.run(&[&["--rm"], args].concat());
        assert_eq!(ran.code, 125, "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(said), "{args:?}: {ran:?}");
        assert_eq!(ran.stdout, "", "{args:?}");
    }
    assert!(world.containers().is_empty(), "nothing is left of what was refused");
}

fn streams(world: &World) {
    let ran = world.run(&["--rm", "box", "sh", "-c", "echo out; echo err >&2"]);
    assert!(ran.stdout == "out\n" && ran.stderr.ends_with("err\n") && !ran.stderr.contains("out"), "{ran:?}");
    assert_eq!(world.fed(&["--rm", "box", "cat"], "never seen").stdout, "", "without -i input is empty");
    assert_eq!(world.fed(&["--rm", "-i", "box", "cat"], "seen\n").stdout, "seen\n");
    let long = "0123456789abcdef".repeat(20_000);
    assert_eq!(world.fed(&["--rm", "-i", "box", "cat"], &long).stdout.len(), long.len());
    assert_eq!(world.shell(&["-i"], "test -t 0 || test -t 1 || test -t 2 || echo no terminal"), "no terminal\n");
}

fn command_rules(world: &World) {
    world.image("echo", |config| {
        config.entrypoint = Some(vec!["echo".into(), "own".into()]);
        config.cmd = Some(vec!["default".into()]);
    });
    assert_eq!(world.good(&["--rm", "echo"]), "own default\n");
    assert_eq!(world.good(&["--rm", "echo", "given", "-v", "--rm"]), "own given -v --rm\n");
    assert_eq!(world.good(&["--rm", "echo", "-v", "x:/y"]), "own -v x:/y\n");
    assert_eq!(world.good(&["--rm", "--entrypoint", "pwd", "echo"]), "/\n");
    assert_eq!(world.good(&["--rm", "--entrypoint", "", "echo", "echo", "bare"]), "bare\n");
    let argv = world.good(&["--rm", "box", "sh", "-c", "echo \"$0|$1|$2\"", "a b", "", "ü"]);
    assert_eq!(argv, "a b||ü\n");
}

fn environment(world: &World) {
    world.image("vars", |config| config.env = vec!["PATH=/bin".into(), "FROM_IMAGE=1".into(), "BOTH=image".into()]);
    let file = world.write("vars.env", "# note\nFROM_FILE=a b\nBOTH=file\nHERE\n");
    let ran = world
        .command(&["--rm", "-h", "host1", "--env-file", file.to_str().unwrap(), "-e", "BOTH=flag", "-e", "HERE"])
        .args(["-e", "FROM_IMAGE", "vars", "env"])
        .env("HERE", "it is")
        .env_remove("FROM_IMAGE")
        .output()
        .unwrap();
    let mut lines: Vec<String> = String::from_utf8(ran.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["BOTH=flag", "FROM_FILE=a b", "HERE=it is", "HOME=/root", "HOSTNAME=host1", "PATH=/bin"]);
    let plain = world.good(&["--rm", "box", "env"]);
    assert!(plain.contains("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"), "{plain}");
    assert!(!plain.contains("TERM=") && !plain.contains("CARGO"), "nothing of the host: {plain}");
    assert_eq!(world.shell(&["-e", "HOME=/tmp"], "echo $HOME"), "/tmp\n");
}

fn users(world: &World) {
    if world.is_single() {
        eprintln!("SKIP: users with a single id: there is only one");
        return;
    }
    world.image("app", |config| config.user = "app".into());
    let who = "echo $(id -u):$(id -g) $(id -G) $HOME";
    assert_eq!(world.good(&["--rm", "app", "sh", "-c", who]), "1234:1234 1234 77 /home/app\n");
    for (user, expected) in [
        ("root", "0:0 0 /root\n"),
        ("1234", "1234:1234 1234 77 /home/app\n"),
        ("app:extra", "1234:77 77 /home/app\n"),
        ("4321:8", "4321:8 8 /\n"),
        ("", "1234:1234 1234 77 /home/app\n"),
    ] {
        assert_eq!(world.good(&["--rm", "-u", user, "app", "sh", "-c", who]), expected, "-u {user:?}");
    }
    // Written by an earlier start of no container: names come from the rootfs itself.
    assert_eq!(world.shell(&["-u", "app"], "touch /home/app/x; stat -c %u /home/app/x"), "1234\n");
}

fn working_directory(world: &World) {
    world.image("there", |config| config.working_dir = "/opt/new/dir".into());
    assert_eq!(world.good(&["--rm", "there", "sh", "-c", "pwd; stat -c %a:%u /opt/new"]), "/opt/new/dir\n755:0\n");
    assert_eq!(world.shell(&["-w", "/srv/./data/"], "pwd"), "/srv/data\n");
    assert_eq!(world.shell(&["-w", "/made/here", "--read-only"], "pwd"), "/made/here\n");
    assert_eq!(world.shell(&["-w", "/vol/sub", "-v", "work:/vol"], "pwd; touch x"), "/vol/sub\n");
    assert_eq!(world.shell(&["-v", "work:/vol"], "ls /vol/sub"), "x\n");
    let ran = world.run(&["--rm", "-w", "/srv/file", "box", "true"]);
    assert_eq!(ran.code, 125, "{ran:?}");
    assert!(ran.stderr.contains("/srv/file"), "{ran:?}");
}

fn init(world: &World) {
    assert_eq!(world.shell(&[], "echo $$"), "1\n");
    assert_ne!(world.shell(&["--init"], "echo $$; true"), "1\n");
    assert_eq!(world.run(&["--rm", "--init", "box", "sh", "-c", "exit 9"]).code, 9);
}

/// Names are those of the container's own files at each start, wherever these are.
fn accounts_now(world: &World) {
    if world.is_single() {
        return;
    }
    assert_eq!(world.good(&["--name", "c1", "-u", "app", "box", "id", "-u"]), "1234\n", "of the image");
    let again = || world.does(&["start", "-a", "c1"]);
    let accounts = |id: u32| {
        world.write("passwd", &format!("root:x:0:0:root:/root:/bin/sh\napp:x:{id}:1234::/:/bin/sh\n"));
    };
    accounts(4321);
    world.does(&["cp", "-q", "passwd", "c1:/etc/passwd"]);
    assert_eq!(again(), "4321\n", "of the container's own layer");
    // Behind a link, which only the whole rootfs can follow; and gone.
    for (change, uid) in
        [("mv /etc/passwd /srv/p; ln -s ../srv/p /etc/passwd", Some("1234\n")), ("rm /etc/passwd", None)]
    {
        world.good(&["--name", "d1", "box", "sh", "-c", change]);
        world.does(&["commit", "d1", "changed"]);
        let ran = world.run(&["--rm", "-u", "app", "changed", "id", "-u"]);
        assert_eq!((ran.code == 0).then_some(&*ran.stdout), uid, "{change}: {ran:?}");
        world.does(&["rm", "d1"]);
    }
}
