//! For tests of this crate's users: an executor that starts nothing, and what every executor must do.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rbuild_oci::{Cancel, Platform};

use crate::container::{Container, Rootfs};
use crate::error::{Error, Result};
use crate::executor::{Begun, Birth, Executor, Exit, Outcome, Output, Process, Stream};

/// What a script does in place of the program: acts on the directory that takes the container's writes.
pub type Script = dyn Fn(&Container, &Path, &mut dyn Output) -> io::Result<Exit> + Send + Sync;

/// An executor whose programs are closures, found by the arguments joined with spaces. As there is no process,
/// [`Output::started`] is never called.
#[derive(Default)]
pub struct Scripted {
    scripts: BTreeMap<Vec<u8>, Box<Script>>,
    ran: Mutex<Vec<String>>,
    not_for: Vec<Platform>,
}

impl Scripted {
    /// One that knows no program.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a program.
    #[must_use]
    pub fn on(
        mut self,
        command: &str,
        script: impl Fn(&Container, &Path, &mut dyn Output) -> io::Result<Exit> + Send + Sync + 'static,
    ) -> Self {
        self.scripts.insert(command.as_bytes().to_vec(), Box::new(script));
        self
    }

    /// Refuses that platform.
    #[must_use]
    pub fn not_for(mut self, platform: Platform) -> Self {
        self.not_for.push(platform);
        self
    }

    /// Commands run so far, in order of their start.
    pub fn ran(&self) -> Vec<String> {
        self.ran.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripted").field("ran", &self.ran()).finish_non_exhaustive()
    }
}

impl Executor for Scripted {
    fn begin(&self, _: &Birth) -> Result<Begun> {
        Ok(Begun::default())
    }

    fn go_on(&self, _: Begun, container: &Container, output: &mut dyn Output, cancel: &Cancel) -> Result<Outcome> {
        cancel.check()?;
        let command = container.argv.join(&b' ');
        let shown = String::from_utf8_lossy(&command).into_owned();
        self.ran.lock().unwrap_or_else(PoisonError::into_inner).push(shown.clone());
        let script = self.scripts.get(&command).ok_or_else(|| Error::Program {
            program: shown.clone(),
            reason: "no such script".to_owned(),
            code: 127,
        })?;
        let writable = match &container.rootfs {
            Rootfs::Overlay(overlay) => overlay.upper.clone(),
            Rootfs::Bind(path) => path.clone(),
            Rootfs::Mounted(mounted) => format!("/proc/self/fd/{}", mounted.0.as_raw_fd()).into(),
        };
        let exit = script(container, &writable, output).map_err(|error| Error::io("run script", shown, error))?;
        cancel.check()?;
        Ok(Outcome { exit, stubs: Vec::new(), out_of_memory: false })
    }

    fn runs(&self, platform: &Platform) -> Result<()> {
        if !self.not_for.contains(platform) {
            return Ok(());
        }
        let (native, reason) = (Platform::native().to_string(), "it was not written for it".to_owned());
        Err(Error::Platform { platform: platform.to_string(), native, reason, hint: "take another".to_owned() })
    }
}

/// An output that keeps everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// What went to stdout.
    pub stdout: Vec<u8>,
    /// What went to stderr.
    pub stderr: Vec<u8>,
    /// Whether the program was started.
    pub started: bool,
}

impl Output for Collected {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        match stream {
            Stream::Stdout => self.stdout.extend_from_slice(bytes),
            Stream::Stderr => self.stderr.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn started(&mut self, _: &Process) {
        self.started = true;
    }
}

/// Containers that mean the same to every executor.
#[derive(Clone, Debug)]
pub struct Conformance {
    /// Prints `hello` to stdout and `oops` to stderr, each with a newline, and exits with 3.
    pub speaks: Container,
    /// Its program does not exist.
    pub missing: Container,
}

/// What every executor must do.
///
/// # Panics
/// When it does not.
pub fn conformance(executor: &dyn Executor, containers: &Conformance) {
    let mut said = Collected::default();
    let outcome = executor.run(&containers.speaks, &mut said, &Cancel::new());
    assert_eq!(outcome.ok().map(|outcome| outcome.exit), Some(Exit::Code(3)), "the program's own exit");
    assert_eq!((said.stdout.as_slice(), said.stderr.as_slice()), (&b"hello\n"[..], &b"oops\n"[..]), "its streams");

    let mut said = Collected::default();
    let missing = executor.run(&containers.missing, &mut said, &Cancel::new());
    assert!(matches!(missing, Err(Error::Program { code: 127, .. })), "a missing program: {missing:?}");
    assert!(said.stdout.is_empty() && said.stderr.is_empty(), "nobody spoke");

    assert!(executor.runs(&Platform::native()).is_ok(), "the machine's own programs");
    let canceled = Cancel::new();
    canceled.cancel();
    let stopped = executor.run(&containers.speaks, &mut Collected::default(), &canceled);
    assert!(matches!(stopped, Err(Error::Canceled(_))), "canceled before the start: {stopped:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::{Access, Confinement, Network, Stdio, User};
    use crate::userns::IdMap;

    fn container(program: &str) -> Container {
        Container {
            rootfs: Rootfs::Bind("/".into()),
            root_access: Access::ReadOnly,
            mounts: Vec::new(),
            files: Vec::new(),
            argv: vec![program.into()],
            env: Vec::new(),
            cwd: b"/".to_vec(),
            user: User::default(),
            hostname: Vec::new(),
            network: Network::None,
            confinement: Confinement::docker(),
            stdio: Stdio::Captured,
            shm_size: 0,
            limits: Vec::new(),
            domainname: Vec::new(),
            sysctls: Vec::new(),
            oom_score_adj: None,
            control: None,
            init: false,
            ids: IdMap::Root,
        }
    }

    #[test]
    fn scripts_conform() {
        let scripted = Scripted::new().on("speak", |_, _, output| {
            output.write(Stream::Stdout, b"hello\n")?;
            output.write(Stream::Stderr, b"oops\n")?;
            Ok(Exit::Code(3))
        });
        conformance(&scripted, &Conformance { speaks: container("speak"), missing: container("missing") });
        assert_eq!(scripted.ran(), ["speak", "missing"]);
    }
}
