//! Volume plugins: real ones, in a process of their own, that do as they should and that do not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rbuild::container::{Patience, Plugin as Client, PluginFolders, PluginSettings};
use rbuild_oci::Cancel;
use rbuild_store::VolumeDriver;

use crate::Case;
use crate::plugin_server::{Plugin, take_calls};
use crate::world::{Mode, Ran, World};

pub(crate) const CASES: &[Case] = &[
    ("plugin-conforms", conforms),
    ("plugin-volumes", volumes),
    ("plugin-that-mounts", mounts),
    ("plugin-driver-flag", driver_flag),
    ("plugin-addresses", addresses),
    ("plugin-behind-tls", tls),
    ("plugin-that-misbehaves", misbehaves),
    ("plugin-that-is-gone", gone),
    ("plugin-that-starts-late", late),
    ("plugin-and-ctrl-c", interrupted),
    ("plugin-that-dies-mid-run", dies),
    ("plugin-is-told-after-a-kill", killed),
    ("plugin-and-the-background", background),
];

impl World {
    /// A command with a plugin folder of its own and little patience.
    fn with_plugins(&self, args: &[&str]) -> Command {
        let mut command = self.other_verb(args);
        command.env("RBUILD_PLUGIN_DIR", self.path("plugins")).env("RBUILD_PLUGIN_TIMEOUT", "2");
        command
    }

    fn plugged(&self, args: &[&str]) -> Ran {
        self.with_plugins(args).output().unwrap().into()
    }

    fn good_plugged(&self, args: &[&str]) -> String {
        let ran = self.plugged(args);
        assert!(ran.code == 0, "{args:?}: {ran:?}");
        ran.stdout
    }

    fn plugin(&self) -> Plugin {
        fs::create_dir_all(self.path("plugins")).unwrap();
        Plugin::start(&self.path("state"), &self.path("plugins/test.sock").display().to_string())
    }

    fn files(&self, volume: &str) -> PathBuf {
        self.path("state/volumes").join(volume)
    }
}

/// Without those that only ask.
fn changes(calls: Vec<String>) -> Vec<String> {
    let asks = |call: &String| ["Activate", "Get", "List", "Capabilities"].iter().any(|ask| call.starts_with(ask));
    calls.into_iter().filter(|call| !asks(call)).collect()
}

fn conforms(world: &World) {
    let _plugin = world.plugin();
    let folder = world.path("plugins").display().to_string();
    let folders = PluginFolders::from_env(&|name| (name == "RBUILD_PLUGIN_DIR").then(|| folder.clone()));
    let settings = PluginSettings { folders, patience: Patience::LONG, cancel: Cancel::new() };
    let client = Client::find("test", &settings, &world.store().volume_records()).unwrap().unwrap();
    let wrong = rbuild_store::testing::volumes::conformance(&client).unwrap();
    assert_eq!(wrong, Vec::<String>::new());
    assert!(client.list().unwrap().is_empty());
}

fn volumes(world: &World) {
    let plugin = world.plugin();
    let create = ["volume", "create", "-d", "test", "-o", "size=10", "--label", "a=b", "far"];
    assert_eq!(world.good_plugged(&create), "far\n");
    assert_eq!(changes(plugin.take_calls()), ["Create far"]);
    assert_eq!(world.good_plugged(&create), "far\n");
    assert_eq!(changes(plugin.take_calls()), [""; 0], "what is there is not made again");
    world.good_plugged(&["volume", "create", "near"]);
    assert_eq!(world.good_plugged(&["volume", "ls"]), "DRIVER    VOLUME NAME\ntest      far\nlocal     near\n");
    let format = "{{.Driver}} {{.Scope}} {{.Mountpoint}} {{.Status.options}} {{.Labels}} {{.Options}}";
    let shown = world.good_plugged(&["volume", "inspect", "-f", format, "far"]);
    assert_eq!(
        shown,
        format!("test global {} {{\"size\":\"10\"}} map[a:b] map[size:10]\n", world.files("far").display())
    );
    plugin.take_calls();
    world.good_plugged(&[
        "run",
        "--name",
        "one",
        "-v",
        "far:/srv/data",
        "box",
        "sh",
        "-c",
        "echo new >> /srv/data/seed",
    ]);
    let id = world.named("one").config.id;
    assert_eq!(changes(plugin.take_calls()), [format!("Mount far {id}"), format!("Unmount far {id}")]);
    if !world.is_single() && !rustix::process::geteuid().is_root() {
        eprintln!("note: the volume's files belong to another id and are not looked at");
    } else {
        assert_eq!(fs::read_to_string(world.files("far").join("seed")).unwrap(), "from the image\nnew\n");
    }
    let two = ["-v", "far:/a", "--mount", "type=volume,source=far,target=/b"];
    world.good_plugged(&[&["run", "--rm"], &two[..], &["box", "test", "/a/seed", "-ef", "/b/seed"]].concat());
    assert_eq!(changes(plugin.take_calls()).len(), 2, "a container mounts a volume once");
    let ran = world.plugged(&["volume", "create", "-d", "local", "far"]);
    assert!(ran.code == 1 && ran.stderr.contains("in use by a volume of the driver test"), "{ran:?}");
    let ran = world.plugged(&["volume", "rm", "far"]);
    assert!(ran.stderr.contains(&format!("remove far: volume is in use - [{}]", id.hex())), "{ran:?}");
    world.good_plugged(&["rm", "one"]);
    assert_eq!(world.good_plugged(&["volume", "rm", "far"]), "far\n");
    assert_eq!(changes(plugin.take_calls()), ["Remove far"]);
    assert_eq!(world.good_plugged(&["volume", "ls", "-q"]), "near\n");
    fs::create_dir(world.files("theirs")).unwrap();
    assert_eq!(world.good_plugged(&["volume", "ls", "-q", "--filter", "driver=test"]), "theirs\n");
    world.good_plugged(&["run", "--rm", "-v", "theirs:/t", "box", "touch", "/t/x"]);
    assert!(world.files("theirs").join("x").exists(), "a volume that the plugin has already is its");
    assert!(world.good_plugged(&["info"]).contains("\n Volume: local test\n"));
}

fn mounts(world: &World) {
    if world.mode != Mode::Root {
        eprintln!("SKIP: plugin-that-mounts: to mount something takes root");
        return;
    }
    let _plugin = world.plugin();
    world.good_plugged(&["volume", "create", "-d", "test", "-o", "type=tmpfs", "real"]);
    let script = "grep -c ' /v tmpfs ' /proc/mounts; touch /v/f";
    assert_eq!(world.good_plugged(&["run", "--rm", "-v", "real:/v", "box", "sh", "-c", script]), "1\n");
    assert!(!world.files("real").join("f").exists(), "it is in what was mounted");
}

fn driver_flag(world: &World) {
    let plugin = world.plugin();
    let flag = ["run", "--rm", "--volume-driver", "test"];
    world.good_plugged(&[&flag[..], &["-v", "named:/n", "-v", "/anonymous", "box", "true"]].concat());
    let calls = changes(plugin.take_calls());
    let count = |word: &str| calls.iter().filter(|call| call.starts_with(word)).count();
    assert_eq!((count("Create"), count("Mount"), count("Unmount"), count("Remove")), (2, 2, 2, 1), "{calls:?}");
    assert_eq!(world.good_plugged(&["volume", "ls", "-q"]), "named\n");
    let mount = "type=volume,source=keyed,target=/k,volume-driver=test,volume-opt=speed=high,volume-opt=size=1";
    world.good_plugged(&["run", "--rm", "--mount", mount, "box", "true"]);
    let options = fs::read_to_string(world.path("state/options-keyed")).unwrap();
    assert_eq!(options, r#"{"size":"1","speed":"high"}"#);
}

fn addresses(world: &World) {
    fs::create_dir_all(world.path("plugins/sub")).unwrap();
    let spec = format!("tcp:{}", world.path("plugins/web.spec").display());
    let _web = Plugin::start(&world.path("state"), &spec);
    world.good_plugged(&["run", "--rm", "--volume-driver", "web", "-v", "one:/n", "box", "touch", "/n/x"]);
    assert!(world.files("one").join("x").exists());
    let _sub = Plugin::start(&world.path("other"), &world.path("plugins/sub/sub.sock").display().to_string());
    world.good_plugged(&["volume", "create", "-d", "sub", "two"]);
    let addr = format!("unix://{}", world.path("plugins/sub/sub.sock").display());
    fs::write(world.path("plugins/json.json"), format!(r#"{{"Name":"json","Addr":"{addr}"}}"#)).unwrap();
    world.good_plugged(&["volume", "create", "-d", "json", "three"]);
    assert!(world.path("other/volumes/three").exists());
    fs::write(world.path("plugins/bad.spec"), "what is this").unwrap();
    let ran = world.plugged(&["volume", "create", "-d", "bad", "four"]);
    assert!(ran.stderr.contains("bad.spec: \"what is this\" is no address"), "{ran:?}");
    let ran = world.plugged(&["volume", "create", "-d", "convoy", "four"]);
    assert!(
        ran.stderr.contains("there is no volume driver \"convoy\": there is local, bad, json, sub, web"),
        "{ran:?}"
    );
}

/// An authority, and what it signed for the plugin and for us.
fn certificates(dir: &Path) -> bool {
    fs::create_dir_all(dir).unwrap();
    let script = "set -e; new() { n=$1; shift; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
                  -days 2 -keyout $n.key -out $n.pem -subj /CN=$n \"$@\" 2>/dev/null; }; new ca; for n in server client; do \
                  new $n -CA ca.pem -CAkey ca.key -addext basicConstraints=critical,CA:FALSE \
                  -addext subjectAltName=IP:127.0.0.1; done";
    Command::new("sh").args(["-c", script]).current_dir(dir).status().unwrap().success()
}

fn tls(world: &World) {
    let dir = world.path("certificates");
    if !certificates(&dir) {
        eprintln!("SKIP: plugin-behind-tls: no openssl 3 to make certificates with");
        return;
    }
    let _plugin = Plugin::start(&world.path("state"), &format!("tls:{}", dir.display()));
    let port = fs::read_to_string(dir.join("port")).unwrap();
    fs::create_dir_all(world.path("plugins")).unwrap();
    let create = |tls: &str, volume: &str| {
        let tls = tls.replace("DIR", &dir.display().to_string());
        let json = format!(r#"{{"Name":"safe","Addr":"tcp://127.0.0.1:{port}","TLSConfig":{{{tls}}}}}"#);
        fs::write(world.path("plugins/safe.json"), json).unwrap();
        world.plugged(&["volume", "create", "-d", "safe", volume])
    };
    let own = r#""CertFile":"DIR/client.pem","KeyFile":"DIR/client.key""#;
    let ca = r#""CAFile":"DIR/ca.pem""#;
    let ran = create(&format!("{ca},{own}"), "one");
    assert!(ran.code == 0 && world.files("one").exists(), "{ran:?}");
    let ran = create(&format!(r#""InsecureSkipVerify":true,{own}"#), "two");
    assert!(ran.code == 0 && world.files("two").exists(), "{ran:?}");
    let ran = create(own, "three");
    assert!(ran.code == 1 && ran.stderr.contains("invalid peer certificate: UnknownIssuer"), "{ran:?}");
    let ran = create(ca, "four");
    assert!(ran.code == 1 && ran.stderr.contains("it did not answer Plugin.Activate"), "{ran:?}");
    let ran = create(r#""CAFile":"DIR/none.pem""#, "five");
    assert!(ran.code == 1 && ran.stderr.contains("none.pem: No such file"), "{ran:?}");
    assert_eq!(fs::read_dir(world.path("state/volumes")).unwrap().count(), 2);
}

fn misbehaves(world: &World) {
    let plugin = world.plugin();
    world.good_plugged(&["volume", "create", "-d", "test", "good"]);
    let run = ["run", "--rm", "-v", "good:/v", "box", "true"];
    let create = ["volume", "create", "-d", "test", "bad"];
    for (method, how, args, expected) in [
        ("Activate", "network", &create[..], "it is no VolumeDriver: it implements NetworkDriver"),
        ("Activate", "garbage", &create, "its answer to Plugin.Activate is not what it should be"),
        ("Create", "garbage", &create, "its answer to VolumeDriver.Create is not what it should be"),
        ("Create", "wrong", &create, "its answer to VolumeDriver.Create is not what it should be"),
        ("Create", "huge", &create, "its answer to VolumeDriver.Create is longer than 1048576 bytes"),
        ("Create", "status", &create, "it answered VolumeDriver.Create with HTTP status 500: out of cheese"),
        ("Create", "refuse", &create, "volume driver test: cannot create bad: no room for it"),
        ("Create", "silent", &create, "it did not answer VolumeDriver.Create: "),
        ("Create", "short", &create, "it did not answer VolumeDriver.Create: "),
        ("Create", "slow", &create, "it did not answer VolumeDriver.Create within 2s"),
        ("Mount", "refuse", &run, "volume driver test: cannot mount good: no room for it"),
        ("Mount", "nowhere", &run, "it says that the volume is at /no/such/place: No such file"),
        ("Mount", "relative", &run, "it says that the volume is at \"volumes/x\", which is no absolute path"),
        ("Mount", "slow", &run, "it did not answer VolumeDriver.Mount within 2s"),
    ] {
        plugin.behave(method, how);
        let begin = Instant::now();
        let ran = world.plugged(args);
        assert!(ran.code == if args[0] == "run" { 125 } else { 1 }, "{how}: {ran:?}");
        assert!(
            ran.stderr.contains(expected) && ran.stderr.contains("volume driver test: "),
            "{method} {how}: {ran:?}"
        );
        assert!(begin.elapsed() < Duration::from_secs(20), "{method} {how}");
        plugin.behave(method, "");
        assert_eq!(world.good_plugged(&["volume", "ls", "-q"]), "good\n", "{method} {how}: nothing is left");
        assert!(world.containers().is_empty(), "{method} {how}");
        let calls = changes(plugin.take_calls());
        let mounts = calls.iter().filter(|call| call.starts_with("Mount")).count();
        let unmounts = calls.iter().filter(|call| call.starts_with("Unmount")).count();
        assert_eq!(mounts, unmounts, "{method} {how}: {calls:?}");
    }
    plugin.behave("List", "slow");
    let ran = world.plugged(&["volume", "ls", "-q"]);
    assert!(ran.code == 0 && ran.stdout == "good\n" && ran.stderr.contains("WARNING: volume driver test: "), "{ran:?}");
    plugin.behave("Remove", "refuse");
    let ran = world.plugged(&["volume", "rm", "good"]);
    assert!(ran.code == 1 && ran.stderr.contains("cannot remove good: no room for it"), "{ran:?}");
    plugin.behave("List", "");
    assert_eq!(world.good_plugged(&["volume", "ls", "-q"]), "good\n");
    plugin.behave("Unmount", "refuse");
    let ran = world.plugged(&["run", "--name", "kept", "-v", "good:/v", "box", "sh", "-c", "exit 3"]);
    assert_eq!(ran.code, 3, "the container's own end counts: {ran:?}");
    plugin.behave("Unmount", "");
    plugin.take_calls();
    world.good_plugged(&["rm", "kept"]);
    assert_eq!(changes(plugin.take_calls()).len(), 1, "it is told again when the container is removed");
}

fn gone(world: &World) {
    let plugin = world.plugin();
    world.good_plugged(&["volume", "create", "-d", "test", "far"]);
    plugin.kill();
    let ran = world.plugged(&["run", "--rm", "-v", "far:/v", "box", "true"]);
    assert!(ran.code == 125 && ran.stderr.contains("test.sock does not answer"), "{ran:?}");
    assert!(world.containers().is_empty());
    assert_eq!(world.good_plugged(&["volume", "ls", "-q"]), "far\n");
    assert_eq!(world.good_plugged(&["volume", "inspect", "-f", "{{.Driver}}", "far"]), "test\n");
    let ran = world.plugged(&["volume", "rm", "far"]);
    assert!(ran.code == 1 && ran.stderr.contains("does not answer"), "{ran:?}");
    assert_eq!(world.good_plugged(&["volume", "rm", "-f", "far"]), "far\n", "by force it is forgotten");
    assert_eq!(world.good_plugged(&["volume", "ls", "-q"]), "");
    assert_eq!(world.shell(&["-v", "near:/v"], "echo fine"), "fine\n", "other volumes do not mind");
}

fn late(world: &World) {
    let socket = world.path("plugins/test.sock");
    let plugin = world.plugin();
    plugin.kill();
    assert!(socket.exists(), "a socket that nobody listens at");
    let child = world.with_plugins(&["volume", "create", "-d", "test", "far"]).stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let _plugin = world.plugin();
    assert!(child.wait_with_output().unwrap().status.success());
}

fn interrupted(world: &World) {
    let plugin = world.plugin();
    world.good_plugged(&["volume", "create", "-d", "test", "far"]);
    plugin.take_calls();
    plugin.behave("Mount", "slow");
    let mut command = world.with_plugins(&["run", "--rm", "-v", "far:/v", "box", "true"]);
    let child = command.env("RBUILD_PLUGIN_TIMEOUT", "50").stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while !fs::read_to_string(world.path("state/calls")).unwrap_or_default().contains("Mount") {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(10));
    }
    let begin = Instant::now();
    let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert!(ran.code == 130 && begin.elapsed() < Duration::from_secs(5), "{ran:?} after {:?}", begin.elapsed());
    let calls = changes(plugin.take_calls());
    assert!(calls.len() == 2 && calls[1].starts_with("Unmount far "), "{calls:?}");
    assert!(world.containers().is_empty());
}

fn dies(world: &World) {
    let plugin = world.plugin();
    let args = ["run", "--name", "one", "-v", "far:/v", "--volume-driver", "test", "box", "sh", "-c"];
    let script = "touch /v/started; while ! [ -e /v/go ]; do sleep 0.05; done; echo done";
    let mut command = world.with_plugins(&[&args[..], &[script]].concat());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&world.files("far").join("started"));
    let id = world.named("one").config.id;
    let mounted = world.path("store/containers.v1").join(id.hex()).join("volumes-mounted");
    plugin.kill();
    take_calls(&world.path("state"));
    fs::write(world.files("far").join("go"), "").unwrap();
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert!(ran.code == 0 && ran.stdout == "done\n", "{ran:?}");
    assert!(mounted.exists());
    let plugin = world.plugin();
    assert_eq!(world.good_plugged(&["run", "--rm", "box", "echo", "next"]), "next\n");
    assert_eq!(changes(plugin.take_calls()), [""; 0], "one that did not listen is left alone for a minute");
    world.good_plugged(&["start", "-a", "one"]);
    let (mount, unmount) = (format!("Mount far {id}"), format!("Unmount far {id}"));
    assert_eq!(changes(plugin.take_calls()), [unmount.clone(), mount, unmount]);
    assert!(!mounted.exists());
}

fn killed(world: &World) {
    let plugin = world.plugin();
    for keep in [true, false] {
        let name = if keep { &["--name", "one"][..] } else { &["--rm"] };
        let args = ["-v", "far:/v", "--volume-driver", "test", "box", "sh", "-c", "touch /v/started; sleep 60"];
        let mut child = world.with_plugins(&[&["run"], name, &args].concat()).spawn().unwrap();
        wait_for(&world.files("far").join("started"));
        fs::remove_file(world.files("far").join("started")).unwrap();
        let id = world.containers().last().unwrap().config.id.clone();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(changes(plugin.take_calls()).last().unwrap(), &format!("Mount far {id}"));
        // The container dies with its rbuild; who takes its lock next tells the plugin.
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            world.good_plugged(&["run", "--rm", "box", "true"]);
            let calls = changes(plugin.take_calls());
            if !calls.is_empty() {
                assert_eq!(calls, [format!("Unmount far {id}")]);
                break;
            }
            assert!(Instant::now() < until, "the plugin is told");
        }
    }
    assert_eq!(world.containers().len(), 1);
}

fn background(world: &World) {
    let plugin = world.plugin();
    let flags = ["run", "-d", "--name", "bg", "--volume-driver", "test", "-v", "far:/v", "box", "sh", "-c"];
    world.good_plugged(&[&flags[..], &["touch /v/started; exec sleep 60"]].concat());
    let id = world.named("bg").config.id;
    let (mount, unmount) = (format!("Mount far {id}"), format!("Unmount far {id}"));
    let started = world.files("far").join("started");
    for again in [false, true] {
        if again {
            world.good_plugged(&["start", "bg"]);
        }
        wait_for(&started);
        fs::remove_file(&started).unwrap();
        assert_eq!(changes(plugin.take_calls()).last(), Some(&mount));
        let ran = world.plugged(&["volume", "rm", "far"]);
        assert!(ran.stderr.contains("volume is in use"), "{ran:?}");
        world.good_plugged(&["stop", "-t", "0", "bg"]);
        assert_eq!(changes(plugin.take_calls()), std::slice::from_ref(&unmount));
    }
    world.good_plugged(&["start", "bg"]);
    wait_for(&started);
    plugin.take_calls();
    world.good_plugged(&["rm", "-f", "bg"]);
    assert_eq!(changes(plugin.take_calls()), [unmount]);
    assert_eq!(world.good_plugged(&["volume", "rm", "far"]), "far\n");
}

fn wait_for(path: &Path) {
    let until = Instant::now() + Duration::from_secs(20);
    while !path.exists() {
        assert!(Instant::now() < until, "{}", path.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}
