//! Other programs read every output: skopeo and podman all of them, umoci (Debian's) directories whose layers are gzip
//! or uncompressed, whose media types are OCI's, of one platform: others it does not know.

use crate::common::skip;
use crate::world::{Emulators, World};
use rbuild_oci::Platform;
use std::path::Path;
use std::process::Command;

const DOCKERFILE: &str =
    "FROM busybox\nCOPY . /context/\nCOPY --chmod=4755 f /setuid\nENV A=b\nCMD [\"cat\", \"/arch\"]\n";

/// An output in one of its forms.
#[derive(Clone, Copy, Debug)]
struct Form {
    kind: &'static str,
    tar: bool,
    compression: &'static str,
    oci: bool,
}

impl Form {
    fn all(kinds: &[(&'static str, bool)]) -> Vec<Self> {
        let mut all = Vec::new();
        for (kind, tar) in kinds {
            for compression in ["gzip", "zstd", "uncompressed"] {
                for oci in [true, false] {
                    let form = Self { kind, tar: *tar, compression, oci };
                    all.extend(Some(form).filter(|form| form.oci || form.compression != "zstd"));
                }
            }
        }
        all
    }

    fn file(&self) -> String {
        let ending = if self.tar { ".tar" } else { "" };
        format!("{}-{}-{}{ending}", self.kind, self.compression, if self.oci { "oci" } else { "docker" })
    }

    fn output(&self) -> String {
        let Self { kind, tar, compression, oci } = self;
        let what = format!("type={kind},dest={},tar={tar},oci-mediatypes={oci}", self.file());
        format!("{what},compression={compression},force-compression=true,name=app:{compression}")
    }

    /// How skopeo calls the image: in a layout it looks for tags among OCI's media types only, and takes the only image
    /// whatever its type.
    fn name(&self, world: &World) -> String {
        let (path, tag) = (world.path(&self.file()), self.compression);
        match (self.kind, self.tar) {
            ("docker", true) => format!("docker-archive:{}:app:{tag}", path.display()),
            (_, tar) => {
                let transport = if tar { "oci-archive" } else { "oci" };
                let tag = if self.oci { format!(":{tag}") } else { String::new() };
                format!("{transport}:{}{tag}", path.display())
            }
        }
    }
}

fn built(forms: &[Form], platforms: &str) -> World {
    let world = World::new(&[("Dockerfile", DOCKERFILE), ("f", "x"), ("d/long", &"long ".repeat(9000))]);
    let outputs: Vec<String> = forms.iter().map(Form::output).collect();
    let outputs = outputs.iter().flat_map(|output| ["-o", output]);
    world.build(&["--platform", platforms].into_iter().chain(outputs).collect::<Vec<_>>());
    world
}

const EVERYWHERE: [(&str, bool); 3] = [("oci", true), ("oci", false), ("docker", true)];

/// What a program prints; none, with a word about it, if the machine does not have it.
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(arguments).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skip(&format!("{program} is not installed (Debian, Ubuntu: apt-get install {program})"));
            return None;
        }
        other => other.unwrap(),
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {out}{err}");
    Some(out.into_owned())
}

fn is_root(what: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip(&format!("{what} needs root"));
    }
    root
}

#[test]
fn skopeo_copies_every_form() {
    let native = Platform::native().to_string();
    for (kinds, platforms, expected) in
        [(&EVERYWHERE[..], native.as_str(), 1), (&EVERYWHERE[..2], "linux/amd64,linux/arm64,linux/arm/v7", 3)]
    {
        let forms = Form::all(kinds);
        let world = built(&forms, platforms);
        for form in forms {
            let (name, copy) = (form.name(&world), world.path(&format!("{}-copy", form.file())));
            let target = format!("dir:{}", copy.display());
            let copied =
                run("skopeo", &["copy", "-q", "--all", "--preserve-digests", "--insecure-policy", &name, &target]);
            if form.kind != "docker" && copied.is_none() {
                return;
            }
            let config = run("skopeo", &["inspect", "--config", &name]).unwrap();
            assert!(config.contains("\"A=b\""), "{form:?}: {config}");
            let manifests = std::fs::read_dir(&copy).unwrap().map(|entry| entry.unwrap().file_name());
            let manifests = manifests.filter(|name| name.to_string_lossy().ends_with("manifest.json")).count();
            assert_eq!(manifests, if expected == 1 { 1 } else { expected + 1 }, "{form:?}");
        }
    }
}

#[test]
fn podman_loads_and_runs_every_archive() {
    if !is_root("podman load") {
        return;
    }
    let native = Platform::native().to_string();
    let several = format!("linux/riscv64,{native}");
    for (kinds, platforms) in [(&[("oci", true), ("docker", true)][..], &native), (&[("oci", true)][..], &several)] {
        let forms = Form::all(kinds);
        let world = built(&forms, platforms);
        let (root, runroot) = (world.path("root"), world.path("runroot"));
        let common = ["--root", root.to_str().unwrap(), "--runroot", runroot.to_str().unwrap(), "--storage-driver=vfs"];
        let podman = |arguments: &[&str]| run("podman", &[&common[..], arguments].concat());
        for form in forms {
            let Some(said) = podman(&["load", "-q", "-i", world.path(&form.file()).to_str().unwrap()]) else { return };
            let name = format!("app:{}", form.compression);
            assert!(said.contains(&name), "{form:?}: {said}");
            let name = format!("docker.io/library/{name}");
            let mounted = podman(&["image", "mount", &name]).unwrap();
            let arch = std::fs::read_to_string(Path::new(mounted.trim()).join("arch")).unwrap();
            assert_eq!(arch, native, "{form:?}");
            podman(&["image", "umount", &name]).unwrap();
            podman(&["rmi", "-f", &name]).unwrap();
        }
    }
}

#[test]
fn umoci_unpacks_what_it_knows() {
    if !is_root("umoci unpack") {
        return;
    }
    let forms: Vec<Form> = Form::all(&[("oci", false)]).into_iter().filter(|form| form.oci).collect();
    let world = built(&forms, &Platform::native().to_string());
    for form in forms.iter().filter(|form| form.compression != "zstd") {
        let image = format!("{}:{}", world.path(&form.file()).display(), form.compression);
        let bundle = world.path(&format!("{}-bundle", form.file()));
        if run("umoci", &["unpack", "--image", &image, bundle.to_str().unwrap()]).is_none() {
            return;
        }
        assert_eq!(std::fs::read_to_string(bundle.join("rootfs/arch")).unwrap(), Platform::native().to_string());
    }
}

#[test]
fn what_nobody_reads_is_not_written() {
    let world = World::new(&[("Dockerfile", DOCKERFILE), ("f", "x")]);
    let said = world.attempt(Emulators::Machine, &["-o", "type=docker,dest=x,compression=zstd,oci-mediatypes=false"]);
    assert!(said.code == Some(2) && said.err.contains("no media type of Docker's"), "{}", said.err);
}
