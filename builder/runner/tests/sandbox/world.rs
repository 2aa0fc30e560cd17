//! What every case starts from: a busybox rootfs as a lower layer, a fresh upper and work directory, a sandbox.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rbuild_oci::Cancel;
use rbuild_runner::testing::Collected;
use rbuild_runner::{
    Access, Confinement, Container, Executor, IdMap, Network, Outcome, Overlay, Result, Rootfs, Sandbox, Stdio, User,
    docker_filter,
};

/// One case's surroundings; removed at its end.
#[derive(Debug)]
pub(crate) struct World {
    dir: tempfile::TempDir,
    pub(crate) ids: IdMap,
    pub(crate) sandbox: Sandbox,
}

/// A run with what it printed.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

const APPLETS: [&str; 41] = [
    "sh", "cat", "chmod", "chown", "cp", "cut", "dd", "echo", "env", "false", "find", "grep", "head", "hostname", "id",
    "kill", "ln", "ls", "mkdir", "mknod", "mount", "mv", "nc", "ps", "pwd", "readlink", "rm", "seq", "sleep", "sort",
    "stat", "stty", "tail", "test", "touch", "tr", "true", "tty", "umount", "unshare", "wc",
];

impl World {
    pub(crate) fn new(ids: IdMap) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
        let world = Self { dir, ids, sandbox: Sandbox::new().expect("a sandbox") };
        let bin = world.path("lower/bin");
        fs::create_dir_all(&bin).expect("lower");
        fs::copy("/bin/busybox", bin.join("busybox")).expect("busybox");
        for applet in APPLETS {
            symlink("busybox", bin.join(applet)).expect("applet");
        }
        fs::create_dir_all(world.path("lower/tmp")).expect("tmp");
        fs::set_permissions(world.path("lower/tmp"), fs::Permissions::from_mode(0o1777)).expect("chmod");
        fs::create_dir(world.path("upper")).expect("upper");
        fs::set_permissions(world.path("upper"), fs::Permissions::from_mode(0o755)).expect("chmod");
        fs::create_dir(world.path("work")).expect("work");
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn upper(&self) -> PathBuf {
        self.path("upper")
    }

    /// A file beside the rootfs.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("parent");
        fs::write(&path, content).expect("write");
        path
    }

    pub(crate) fn is_single(&self) -> bool {
        self.ids == IdMap::Single
    }

    /// `argv` in the default surroundings of a build.
    pub(crate) fn container(&self, argv: &[&str]) -> Container {
        let mut confinement = Confinement::docker();
        confinement.seccomp = Some(docker_filter(confinement.caps).expect("the profile compiles"));
        Container {
            rootfs: Rootfs::Overlay(Overlay {
                lowers: vec![self.path("lower")],
                upper: self.upper(),
                work: self.path("work"),
                volatile: false,
                userxattr: self.ids != IdMap::Root,
            }),
            root_access: Access::ReadWrite,
            mounts: Vec::new(),
            files: Vec::new(),
            argv: argv.iter().map(|arg| arg.as_bytes().to_vec()).collect(),
            env: vec![b"PATH=/bin".to_vec()],
            cwd: b"/".to_vec(),
            user: User::default(),
            hostname: b"box".to_vec(),
            network: Network::Host,
            confinement,
            stdio: Stdio::Captured,
            shm_size: 64 << 20,
            limits: Vec::new(),
            domainname: Vec::new(),
            sysctls: Vec::new(),
            oom_score_adj: None,
            control: None,
            init: false,
            ids: self.ids.clone(),
        }
    }

    pub(crate) fn shell(&self, script: &str) -> Container {
        self.container(&["sh", "-c", script])
    }

    pub(crate) fn try_run(&self, container: &Container) -> Result<Ran> {
        let mut collected = Collected::default();
        let outcome = self.sandbox.run(container, &mut collected, &Cancel::new())?;
        assert!(collected.started, "started() comes before the end");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Ran { outcome, stdout: text(collected.stdout), stderr: text(collected.stderr) })
    }

    /// Runs to a good end and gives what went to stdout.
    pub(crate) fn run(&self, container: &Container) -> String {
        let ran = self.try_run(container).unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert!(ran.outcome.exit.is_success(), "{ran:?}");
        ran.stdout
    }

    /// The chain of causes of a run that could not start.
    pub(crate) fn refusal(&self, container: &Container) -> (String, u8) {
        let error = self.try_run(container).expect_err("this cannot start");
        (chain(&error), error.exit_code())
    }
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {}", chain(source)));
    format!("{error}{}", source.unwrap_or_default())
}

/// Everything below a directory, sorted.
pub(crate) fn listing(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![dir.to_path_buf()];
    while let Some(here) = todo.pop() {
        for entry in fs::read_dir(&here).expect("a directory") {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("a type").is_dir() {
                todo.push(entry.path());
            }
            found.push(entry.path().strip_prefix(dir).expect("below").display().to_string());
        }
    }
    found.sort();
    found
}
