//! Base images as OCI layouts, written with the tar crate: a busybox that every RUN can use, and one of given files.

use rbuild_oci::{
    Descriptor, DiffId, Digest, ImageConfig, Index, Manifest, MediaType, Platform, RootFs, to_canonical_json,
};
use std::fs;
use std::path::Path;

/// The static busybox that the tests make their base image of.
const BUSYBOX: &str = "/bin/busybox";

/// What a base image is made of.
pub(crate) struct Content {
    tar: tar::Builder<Vec<u8>>,
    bytes: usize,
}

impl Content {
    /// Nothing.
    pub(crate) fn new() -> Self {
        Self { tar: tar::Builder::new(Vec::new()), bytes: 0 }
    }

    fn put(mut self, kind: tar::EntryType, name: &str, mode: u32, body: &[u8], link: Option<&str>) -> Self {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_500_000_000);
        header.set_size(body.len() as u64);
        self.bytes += body.len();
        match link {
            Some(target) => self.tar.append_link(&mut header, name, target).unwrap(),
            None => self.tar.append_data(&mut header, name, body).unwrap(),
        }
        self
    }

    /// How many bytes its files have.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// With a directory.
    pub(crate) fn dir(self, name: &str, mode: u32) -> Self {
        self.put(tar::EntryType::Directory, name, mode, b"", None)
    }

    /// With a file.
    pub(crate) fn file(self, name: &str, mode: u32, body: &[u8]) -> Self {
        self.put(tar::EntryType::Regular, name, mode, body, None)
    }

    /// With a character device, the machine's null.
    pub(crate) fn null(mut self, name: &str) -> Self {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Char);
        header.set_mode(0o666);
        header.set_mtime(1_500_000_000);
        header.set_size(0);
        header.set_device_major(1).unwrap();
        header.set_device_minor(3).unwrap();
        self.tar.append_data(&mut header, name, &b""[..]).unwrap();
        self
    }

    /// With a symbolic link.
    pub(crate) fn link(self, name: &str, target: &str) -> Self {
        self.put(tar::EntryType::Symlink, name, 0o777, b"", Some(target))
    }

    /// As a tarball at `path`.
    pub(crate) fn tarball(self, path: &Path) {
        fs::write(path, self.tar.into_inner().unwrap()).unwrap();
    }

    /// As the only image of an OCI layout in `directory`; gives the argument that names it for `FROM name`.
    pub(crate) fn layout(self, name: &str, directory: &Path) -> String {
        let manifest = self.image(directory, &Platform::native());
        top(name, directory, manifest)
    }

    /// Puts the image of a platform among the blobs of a layout.
    fn image(self, directory: &Path, platform: &Platform) -> Descriptor {
        let tarball = self.tar.into_inner().unwrap();
        let layer = put(directory, &tarball, MediaType::OCI_LAYER);
        let mut config = ImageConfig {
            rootfs: RootFs { diff_ids: vec![DiffId(layer.digest)], ..RootFs::default() },
            ..ImageConfig::scratch(platform)
        };
        config.config.env = vec!["PATH=/usr/local/bin:/bin".to_owned()];
        let config = put(directory, &to_canonical_json(&config).unwrap(), MediaType::OCI_CONFIG);
        let manifest = to_canonical_json(&Manifest::oci(config, vec![layer])).unwrap();
        put(directory, &manifest, MediaType::OCI_MANIFEST)
    }
}

/// An image for several platforms as an OCI layout in `directory`; gives the argument that names it for `FROM name`.
pub(crate) fn layout_of(name: &str, directory: &Path, images: Vec<(Platform, Content)>) -> String {
    let manifest = |(platform, content): (Platform, Content)| {
        let manifest = content.image(directory, &platform);
        Descriptor { platform: Some(platform), ..manifest }
    };
    let index = Index::oci(images.into_iter().map(manifest).collect());
    let index = put(directory, &to_canonical_json(&index).unwrap(), MediaType::OCI_INDEX);
    top(name, directory, index)
}

fn put(directory: &Path, bytes: &[u8], kind: &str) -> Descriptor {
    let blobs = directory.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(Digest::of(bytes).hex()), bytes).unwrap();
    Descriptor::of(kind, bytes)
}

fn top(name: &str, directory: &Path, image: Descriptor) -> String {
    fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::write(directory.join("index.json"), to_canonical_json(&Index::oci(vec![image])).unwrap()).unwrap();
    format!("{name}=oci-layout://{}", directory.display())
}

/// A root file system around busybox: the applets, a few accounts, and room to work in.
pub(crate) fn busybox() -> Content {
    around(&fs::read(BUSYBOX).unwrap_or_else(|error| {
        panic!("{BUSYBOX}: {error}; the tests need a static one (Debian, Ubuntu: apt-get install busybox-static)")
    }))
}

/// The same around a busybox of any platform, with the applets that this machine's has.
pub(crate) fn around(program: &[u8]) -> Content {
    let listed = std::process::Command::new(BUSYBOX).arg("--list").output().unwrap();
    let mut content = Content::new()
        .dir("bin", 0o755)
        .file("bin/busybox", 0o755, program)
        .dir("etc", 0o755)
        .file("etc/passwd", 0o644, b"root:x:0:0::/root:/bin/sh\nbuilder:x:1234:1235::/home:/bin/sh\n")
        .file("etc/group", 0o644, b"root:x:0:\nbuilders:x:1235:\n")
        .dir("home", 0o755)
        .dir("root", 0o700)
        .dir("tmp", 0o1777);
    for applet in String::from_utf8(listed.stdout).unwrap().lines().filter(|name| *name != "busybox") {
        content = content.link(&format!("bin/{applet}"), "busybox");
    }
    content
}

/// The busybox base in `directory`, as an argument for `--build-context`.
pub(crate) fn busybox_layout(directory: &Path) -> String {
    busybox().layout("busybox", &directory.join("busybox-layout"))
}
