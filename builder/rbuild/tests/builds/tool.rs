//! The program under test: who runs it, where its store is, and what it leaves behind.

use crate::common::{self, user};
use rbuild_runner::userns::IdMapPlan;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// The time that layers are clamped to where digests are compared.
pub(crate) const EPOCH: &str = "SOURCE_DATE_EPOCH=1600000000";

/// Who runs the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Whoever runs the tests.
    Caller,
    /// An ordinary user with a range of subordinate ids.
    User,
}

impl Who {
    /// All that this machine can be, the others skipped loudly.
    pub(crate) fn all() -> Vec<Self> {
        static CAN: OnceLock<bool> = OnceLock::new();
        let can = *CAN.get_or_init(|| {
            let reason = user::reason_against();
            if let Some(reason) = &reason {
                crate::common::skip(&format!("builds as another user: {reason}"));
            }
            reason.is_none()
        });
        if can { vec![Self::Caller, Self::User] } else { vec![Self::Caller] }
    }
}

/// Why the caller cannot give files to others, if so.
pub(crate) fn note_on_ids() -> Option<String> {
    match IdMapPlan::detect(&std::env::var_os("PATH").unwrap_or_default()).unwrap() {
        IdMapPlan::Single { note, .. } => Some(note),
        _ => None,
    }
}

/// A store, a base image, and the program.
pub(crate) struct Tool {
    place: TempDir,
    who: Who,
    base: String,
    program: PathBuf,
    driver: Option<&'static str>,
}

/// A build that was run.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) output: Output,
    /// The image id; empty for a build that failed.
    pub(crate) id: String,
}

impl Built {
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// The instructions of the steps that ran.
    pub(crate) fn started(&self) -> Vec<String> {
        events(&self.log()).filter_map(|event| started(&event)).collect()
    }
}

/// The events in what a build wrote.
pub(crate) fn events(log: &str) -> impl Iterator<Item = Value> + '_ {
    log.lines().filter_map(|line| serde_json::from_str(line).ok())
}

/// The instruction that an event tells the beginning of; the import of a base is none.
pub(crate) fn started(event: &Value) -> Option<String> {
    let vertex = &event["vertexes"][0];
    let name = vertex["name"].as_str().filter(|_| vertex["completed"].is_null())?;
    let line = name.split_once("] ").map_or(name, |(_, line)| line);
    (!line.starts_with("FROM ")).then(|| line.to_owned())
}

impl Tool {
    /// A new store of `who`.
    pub(crate) fn new(who: Who) -> Self {
        let place = common::public_dir();
        let base = common::base::busybox_layout(place.path());
        fs::create_dir(place.path().join("home")).unwrap();
        let built = Path::new(env!("CARGO_BIN_EXE_rbuild"));
        let program = match who {
            Who::Caller => built.to_owned(),
            Who::User => {
                chown(place.path().join("home"), Some(user::UID), Some(user::UID)).unwrap();
                user::accounts(place.path());
                let copy = place.path().join("rbuild");
                fs::copy(built, &copy).unwrap();
                fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
                copy
            }
        };
        Self { place, who, base, program, driver: None }
    }

    /// The same, with a storage driver by name.
    pub(crate) fn with_driver(self, driver: &'static str) -> Self {
        Self { driver: Some(driver), ..self }
    }

    /// The base image, as an argument for `--build-context`.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The store.
    pub(crate) fn root(&self) -> PathBuf {
        self.place.path().join("home/store")
    }

    /// A place for a further layout.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The program with these arguments, as its user.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = match self.who {
            Who::Caller => Command::new(&self.program),
            Who::User => user::command(self.place.path(), &self.program),
        };
        command.args(self.driver.iter().flat_map(|driver| ["--storage-driver", driver])).args(args);
        command.env("RBUILD_ROOT", self.root()).env("HOME", self.place.path().join("home"));
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove("SOURCE_DATE_EPOCH");
        command
    }

    /// A build of `context`.
    pub(crate) fn build_command(&self, context: &Path, args: &[&str]) -> Command {
        let ids = self.ids();
        self.command_with_id(context, &[&["--iidfile", ids.to_str().unwrap()], args].concat())
    }

    /// A build of `context` whose id goes where the arguments say.
    pub(crate) fn command_with_id(&self, context: &Path, args: &[&str]) -> Command {
        let words = ["build", "--progress", "rawjson", "--build-context", &self.base];
        let words = words.into_iter().chain(args.iter().copied()).chain([context.to_str().unwrap()]);
        self.command(&words.collect::<Vec<_>>())
    }

    fn ids(&self) -> PathBuf {
        self.place.path().join("home/id")
    }

    /// Builds, and succeeds or not.
    pub(crate) fn attempt(&self, context: &Path, args: &[&str]) -> Built {
        let _ = fs::remove_file(self.ids());
        let output = self.build_command(context, args).output().unwrap();
        let id = fs::read_to_string(self.ids()).unwrap_or_default();
        Built { output, id }
    }

    /// Builds, and succeeds.
    pub(crate) fn build(&self, context: &Path, args: &[&str]) -> Built {
        let built = self.attempt(context, args);
        assert!(built.output.status.success(), "{}", built.log());
        built
    }

    /// Starts a build that somebody ends.
    pub(crate) fn start(&self, context: &Path, args: &[&str]) -> Child {
        self.build_command(context, args).spawn().unwrap()
    }

    /// Mounts and processes that a build left; what is dying has a moment to die.
    pub(crate) fn traces(&self) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_secs(2);
        loop {
            let found: Vec<String> = self.mounts().into_iter().chain(self.processes()).collect();
            if found.is_empty() || Instant::now() > deadline {
                return found;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn mounts(&self) -> Vec<String> {
        let place = self.place.path().to_str().unwrap();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        mounts.lines().filter(|line| line.contains(place)).map(str::to_owned).collect()
    }

    /// Processes that have the store's place in their environment, arguments or root directory.
    fn processes(&self) -> Vec<String> {
        let place = self.place.path().to_str().unwrap().as_bytes();
        let names_it = |bytes: Vec<u8>| bytes.windows(place.len()).any(|window| window == place);
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            if !entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
            if names_it(read("environ")) || names_it(read("cmdline")) || names_it(read("mountinfo")) {
                let shown = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
                found.push(format!("{}: {shown}", entry.file_name().to_string_lossy()));
            }
        }
        found
    }

    /// Files in the store that nobody finished.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let unfinished =
            |path: &Path| path.parent().is_some_and(|parent| parent.ends_with("tmp") || parent.ends_with("tmp.v1"));
        let found = common::walk(&self.root()).into_iter().filter(|path| unfinished(path));
        found.map(|path| path.display().to_string()).collect()
    }

    /// Makes unfinished files look as if it was long ago that somebody was killed.
    pub(crate) fn age_leftovers(&self) {
        let old = SystemTime::now() - Duration::from_hours(1);
        for path in self.leftovers() {
            fs::File::open(path).unwrap().set_modified(old).unwrap();
        }
    }

    /// What could tell that somebody wrote to the store: every file with its inode, size and times.
    pub(crate) fn stamps(&self) -> Vec<String> {
        common::walk(&self.root())
            .into_iter()
            .map(|path| {
                let meta = path.symlink_metadata().unwrap();
                let times = (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
                format!("{} {} {} {times:?}", path.display(), meta.ino(), meta.size())
            })
            .collect()
    }
}
