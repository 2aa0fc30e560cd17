//! Volumes and binds: made, filled, shared, kept, removed.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::Case;
use crate::world::World;

pub(crate) const CASES: &[Case] = &[
    ("named-volumes", named),
    ("anonymous-volumes", anonymous),
    ("volumes-of-the-image", of_the_image),
    ("copy-up", copy_up),
    ("volume-subpath", subpath),
    ("binds", binds),
    ("binds-that-are-missing", missing_binds),
    ("shared-at-once", shared_at_once),
];

impl World {
    fn volumes(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path("store/volumes.v1"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn named(world: &World) {
    world.shell(&["-v", "data_volume:/var/lib/mysql"], "echo kept > /var/lib/mysql/file");
    assert_eq!(world.volumes(), ["data_volume"]);
    let files = world.path("store/volumes.v1/data_volume/_data");
    assert_eq!(fs::read_to_string(files.join("file")).unwrap(), "kept\n");
    assert_eq!(
        world.shell(&["-v", "data_volume:/other:ro"], "cat /other/file; touch /other/x 2>&1 | wc -l"),
        "kept\n1\n"
    );
    let mount = "type=volume,source=data_volume,target=/third";
    assert_eq!(world.shell(&["--mount", mount], "cat /third/file"), "kept\n");
    world.good(&["--name", "user", "-v", "data_volume:/d", "box", "touch", "/d/x", "/y"]);
    assert!(!world.upper("user").join("d").exists(), "nothing of a volume is in the layer");
    let store = world.store();
    let users = rbuild::container::Containers::new(&store).with_volume("data_volume").unwrap();
    assert_eq!(users, [world.named("user").config.id]);
    let ran = world.run(&["--rm", "--mount", "type=volume,source=xx,target=/x,volume-driver=convoy", "box", "true"]);
    assert!(ran.code == 125 && ran.stderr.contains("there is no volume driver \"convoy\""), "{ran:?}");
}

fn anonymous(world: &World) {
    assert_eq!(world.shell(&["-v", "/chest"], "touch /chest/coins; ls /chest"), "coins\n");
    assert!(world.volumes().is_empty(), "--rm takes it away");
    world.good(&["--name", "kept", "-v", "/chest", "box", "touch", "/chest/coins"]);
    let [name] = &world.volumes()[..] else { panic!("one volume") };
    assert_eq!(name.len(), 64);
    assert!(world.path("store/volumes.v1").join(name).join("_data/coins").exists());
    assert!(world.named("kept").config.uses_volume(name));
    world.shell(&["-v", &format!("{name}:/x"), "-v", "named:/y"], "ls /x");
    assert_eq!(world.volumes().len(), 2, "neither a named volume nor another container's goes with --rm");
}

fn of_the_image(world: &World) {
    world.image("db", |config| {
        config.volumes.insert("/srv/data".into(), serde_json::json!({}));
    });
    world.good(&["--name", "one", "db", "sh", "-c", "cat /srv/data/seed; echo row > /srv/data/table"]);
    let [name] = &world.volumes()[..] else { panic!("one volume") };
    let table = world.path("store/volumes.v1").join(name).join("_data/table");
    if !world.is_single() && !rustix::process::geteuid().is_root() {
        eprintln!("note: the volume's files belong to another id and are not looked at");
    } else {
        assert_eq!(fs::read_to_string(table).unwrap(), "row\n");
    }
    assert_eq!(world.good(&["--rm", "-v", "mine:/srv/data", "db", "cat", "/srv/data/seed"]), "from the image\n");
    assert_eq!(world.volumes().len(), 2, "a volume of one's own takes the place of the image's");
}

fn copy_up(world: &World) {
    let look = "cd /srv/data; echo *; cat seed; stat -c '%a %u:%g' . seed";
    let owner = if world.is_single() { "0:0" } else { "1234:1234" };
    let expected = format!("seed\nfrom the image\n2750 {owner}\n640 {owner}\n");
    assert_eq!(world.shell(&["-v", "vol:/srv/data"], look), expected);
    world.shell(&["-v", "vol:/srv/data"], "rm /srv/data/seed; touch /srv/data/own");
    assert_eq!(world.shell(&["-v", "vol:/srv/data"], "ls /srv/data"), "own\n", "only an empty volume is filled");
    assert_eq!(world.shell(&["-v", "bare:/srv/data:nocopy"], "ls /srv/data"), "");
    assert_eq!(world.shell(&["-v", "new:/not/there"], "ls /not/there; stat -c %a /not/there"), "755\n");
    let bind = format!("{}:/srv/data", world.path("dir").display());
    assert_eq!(world.shell(&["-v", &bind], "ls /srv/data"), "", "a bind is never filled");
}

fn subpath(world: &World) {
    world.shell(&["-v", "vol:/v"], "mkdir -p /v/a/b; echo deep > /v/a/b/f; ln -s /etc /v/escape");
    let mount = |path: &str| format!("type=volume,source=vol,target=/x,volume-subpath={path}");
    assert_eq!(world.shell(&["--mount", &mount("a/b")], "cat /x/f; touch /x/new"), "deep\n");
    assert_eq!(world.shell(&["-v", "vol:/v"], "ls /v/a/b"), "f\nnew\n");
    for path in ["none", "escape", "../../.."] {
        let ran = world.run(&["--rm", "--mount", &mount(path), "box", "ls", "/x"]);
        assert!(!ran.stdout.contains("passwd") && !ran.stdout.contains("volumes.v1"), "{path}: {ran:?}");
    }
    let ran = world.run(&["--rm", "--mount", &mount("none"), "box", "true"]);
    assert!(ran.code == 125 && ran.stderr.contains("volume vol has no \"none\""), "{ran:?}");
}

fn binds(world: &World) {
    let dir = world.path("host");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("hi"), "from the host\n").unwrap();
    let spec = |options: &str| format!("{}:/data{options}", dir.display());
    assert_eq!(world.shell(&["-v", &spec("")], "cat /data/hi; echo back > /data/there"), "from the host\n");
    assert_eq!(fs::read_to_string(dir.join("there")).unwrap(), "back\n");
    assert_eq!(fs::metadata(dir.join("there")).unwrap().uid(), rustix::process::geteuid().as_raw());
    assert_eq!(world.shell(&["-v", &spec(":ro")], "touch /data/x 2>/dev/null || echo refused"), "refused\n");
    assert_eq!(world.shell(&["-v", "./host:/data"], "cat /data/hi"), "from the host\n");
    let file = format!("{}:/one/file", dir.join("hi").display());
    assert_eq!(world.shell(&["-v", &file], "cat /one/file"), "from the host\n");
    let mount = format!("type=bind,source={},target=/data,readonly", dir.display());
    assert_eq!(world.shell(&["--mount", &mount], "cat /data/hi; touch /data/x 2>&1 | wc -l"), "from the host\n1\n");
    let nested = ["-v", &spec(""), "-v", "inner:/data/inner", "--tmpfs", "/data/inner/t"];
    assert_eq!(world.shell(&nested, "touch /data/inner/f /data/inner/t/g; ls /data/inner"), "f\nt\n");
}

fn missing_binds(world: &World) {
    let dir = world.path("made/for/it");
    world.shell(&["-v", &format!("{}:/data", dir.display())], "touch /data/x");
    assert!(dir.join("x").exists(), "-v makes the directory");
    let spec = |more: &str| format!("type=bind,source={},target=/data{more}", world.path("other").display());
    let ran = world.run(&["--rm", "--mount", &spec(""), "box", "true"]);
    assert!(ran.code == 125 && ran.stderr.contains("to bind: make it"), "{ran:?}");
    assert!(!world.path("other").exists());
    world.shell(&["--mount", &spec(",bind-create-src")], "touch /data/x");
    assert!(world.path("other/x").exists());
}

fn shared_at_once(world: &World) {
    let script = "for n in 1 2 3 4 5; do echo $HOSTNAME >> /v/log; done; cat /v/seed > /dev/null";
    let args = ["--rm", "-v", "log:/v", "--mount", "type=volume,source=fill,target=/srv/data", "box", "sh", "-c"];
    let children: Vec<_> = (0..6)
        .map(|_| world.command(&[&args[..], &[&script.replace("/v/seed", "/srv/data/seed")]].concat()).spawn().unwrap())
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(world.shell(&["-v", "log:/v"], "wc -l < /v/log"), "30\n");
    assert_eq!(world.shell(&["-v", "fill:/f"], "ls -A /f"), "seed\n");
}
