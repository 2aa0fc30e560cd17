//! What every test starts from: a context with a busybox rootfs, an empty store, and someone who builds. Everything goes
//! through the real program; what it kept is read from the store.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::image::Image;
use crate::user::{User, everyone};

/// The busybox that steps run in.
const BUSYBOX: &str = "/bin/busybox";

/// A directory, a store and a user.
#[derive(Debug)]
pub(crate) struct World {
    dir: tempfile::TempDir,
    /// Who builds.
    pub(crate) user: User,
}

/// Begins a Dockerfile whose steps have a shell and accounts.
pub(crate) const BUSYBOX_STAGE: &str = "FROM scratch\nCOPY rootfs/ /\n";

/// Begins a Dockerfile whose steps have nothing but programs in `/bin`.
pub(crate) const BARE_STAGE: &str = "FROM scratch\nCOPY rootfs/bin /bin\n";

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/usr/sbin:/bin/false\n\
     app:x:1234:1235::/home/app:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n";
const GROUP: &str = "root:x:0:\ndaemon:x:1:\nstaff:x:50:\napp:x:1235:\nextra:x:2345:app,daemon\nnogroup:x:65534:\n";

/// Runs a test as everyone it can be run as.
pub(crate) fn for_everyone(test: impl Fn(&World)) {
    if !Path::new(BUSYBOX).exists() {
        skip(&format!("there is no {BUSYBOX}: install it (Debian, Ubuntu: apt-get install busybox-static)"));
        return;
    }
    for user in everyone() {
        eprintln!("as {user:?}");
        test(&World::new(user));
    }
}

impl World {
    fn new(user: User) -> Self {
        let world = Self { dir: tempfile::tempdir().expect("a temporary directory"), user };
        set_mode(world.dir.path(), 0o755);
        for name in ["scratch", "store", "context/rootfs/bin", "context/rootfs/etc", "context/rootfs/tmp"] {
            fs::create_dir_all(world.path(name)).expect("a directory");
            set_mode(&world.path(name), 0o755);
        }
        set_mode(&world.path("context/rootfs/tmp"), 0o1777);
        if rustix::process::geteuid().is_root() {
            chown(world.path("store"), Some(user.uid()), Some(user.uid())).expect("chown");
        }
        world.write("rootfs/etc/passwd", PASSWD);
        world.write("rootfs/etc/group", GROUP);
        let bin = world.path("context/rootfs/bin");
        fs::copy(BUSYBOX, bin.join("busybox")).expect("busybox");
        let applets = Command::new(BUSYBOX).arg("--list").output().expect("busybox runs").stdout;
        for applet in String::from_utf8_lossy(&applets).lines().filter(|applet| *applet != "busybox") {
            symlink("busybox", bin.join(applet)).expect("an applet");
        }
        world
    }

    /// Something in this world's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Another machine of the same user: nothing of this one is there.
    pub(crate) fn another(&self) -> Self {
        Self::new(self.user)
    }

    /// A new directory that the user may write to and everybody may read.
    pub(crate) fn own_dir(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir(&path).expect("a directory");
        set_mode(&path, 0o755);
        if rustix::process::geteuid().is_root() {
            chown(&path, Some(self.user.uid()), Some(self.user.uid())).expect("chown");
        }
        path
    }

    /// The directory of the store.
    pub(crate) fn store(&self) -> PathBuf {
        self.path("store")
    }

    /// A file of the context, readable by all.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path("context").join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("its directory");
        fs::write(&path, content).expect("a file");
        set_mode(&path, 0o644);
        path
    }

    /// A build of these instructions.
    pub(crate) fn build(&self, dockerfile: &str) -> Build<'_> {
        let file = tempfile::Builder::new().prefix("Dockerfile").tempfile_in(self.dir.path()).expect("a file");
        fs::write(file.path(), dockerfile).expect("a Dockerfile");
        set_mode(file.path(), 0o644);
        let mut command = self.user.rbuild(&self.path("scratch"));
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("RBUILD_ROOT", self.store()).arg("build").arg("--progress=plain").arg("-f").arg(file.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Build { world: self, command, file }
    }

    /// A build of steps on busybox.
    pub(crate) fn steps(&self, steps: &str) -> Build<'_> {
        self.build(&format!("{BUSYBOX_STAGE}{steps}\n"))
    }

    /// What the steps of a build that ends well wrote, as text.
    pub(crate) fn said(&self, steps: &str) -> String {
        self.steps(steps).ok().said()
    }

    /// Any command line of rbuild on this store.
    pub(crate) fn rbuild<const N: usize>(&self, args: [&str; N]) -> Command {
        let mut command = self.user.rbuild(&self.path("scratch"));
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("RBUILD_ROOT", self.store()).args(args).stdin(Stdio::null());
        command
    }

    /// The directories of the logs of builds.
    fn logs(&self) -> BTreeSet<PathBuf> {
        let dirs = fs::read_dir(self.store().join("builds.v1")).into_iter().flatten();
        dirs.map(|entry| entry.expect("an entry").path()).collect()
    }
}

/// A build to be started.
#[derive(Debug)]
pub(crate) struct Build<'w> {
    world: &'w World,
    command: Command,
    file: tempfile::NamedTempFile,
}

impl Build<'_> {
    /// Adds arguments.
    pub(crate) fn args<const N: usize>(mut self, args: [&str; N]) -> Self {
        self.command.args(args);
        self
    }

    /// Adds a variable to rbuild's own environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts the build; its standard error is a pipe.
    pub(crate) fn spawn(mut self) -> (Child, tempfile::NamedTempFile) {
        self.command.arg(self.world.path("context"));
        (self.command.spawn().expect("rbuild starts"), self.file)
    }

    /// Runs the build to its end, whatever that is.
    pub(crate) fn end(self) -> Ended {
        let (world, before) = (self.world, self.world.logs());
        let (child, _file) = self.spawn();
        let output = child.wait_with_output().expect("rbuild ends");
        let mut logs: Vec<_> = world.logs().difference(&before).flat_map(|dir| steps_of(dir)).collect();
        logs.sort();
        Ended {
            code: output.status.code(),
            shown: String::from_utf8_lossy(&output.stderr).into_owned(),
            logs: logs.into_iter().map(|(_, bytes)| bytes).collect(),
        }
    }

    /// Runs the build, which ends well.
    pub(crate) fn ok(self) -> Ended {
        let user = self.world.user;
        let ended = self.end();
        assert_eq!(ended.code, Some(0), "as {user:?}: {}", ended.shown);
        ended
    }

    /// Runs the build, which fails, and gives what it showed.
    pub(crate) fn fails(self) -> String {
        let user = self.world.user;
        let ended = self.end();
        assert_eq!(ended.code, Some(1), "as {user:?}: {}", ended.shown);
        ended.shown
    }

    /// Runs the build, which ends well, and reads the image it made.
    pub(crate) fn image(self) -> Image {
        let store = self.world.store();
        self.args(["-t", "result"]).ok();
        Image::read(&store, "result")
    }
}

fn steps_of(dir: &Path) -> Vec<(u32, Vec<u8>)> {
    let files = fs::read_dir(dir).expect("a directory of logs").map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let number = |path: &Path| path.file_stem().and_then(|stem| stem.to_str()?.parse().ok()).expect("N.log");
    files.map(|path| (number(&path), fs::read(&path).expect("a log"))).collect()
}

/// A build at its end.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What rbuild exited with.
    pub(crate) code: Option<i32>,
    /// What rbuild showed.
    pub(crate) shown: String,
    /// What each step wrote that wrote anything, from the logs in the store.
    pub(crate) logs: Vec<Vec<u8>>,
}

impl Ended {
    /// What all steps wrote, as text.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.logs.concat()).into_owned()
    }
}

/// Says what is left out; also where the harness shows the output of failed tests only.
pub(crate) fn skip(what: &str) {
    writeln!(std::io::stderr(), "SKIP: {what}").expect("standard error");
}

/// Sets permission bits.
pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}
