//! A mount by fuse-overlayfs that is attached nowhere: it is reached by its descriptor, or put where it is wanted with
//! move_mount(2). The program serves a channel that was opened here, and the kernel ends it when nothing holds the mount
//! any more, be it because this process was killed: no mount and no process can be left over.

use super::failed;
use crate::error::{Error, Result};
use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
use std::ffi::OsString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A mount to be made by fuse-overlayfs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuseOverlay {
    /// The lower directories, highest layer first; at least one.
    pub lowers: Vec<PathBuf>,
    /// The upper directory.
    pub upper: PathBuf,
    /// A work directory on the file system of `upper`.
    pub work: PathBuf,
}

/// What a mount is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Read,
    Write,
}

const PROGRAM: &str = "fuse-overlayfs";
const CHANNEL: &str = "/dev/fuse";

impl FuseOverlay {
    /// Mounts it and starts the program. The mount goes with its last descriptor and its last place in a mount
    /// namespace, and the program with the mount.
    pub fn mount(&self) -> Result<OwnedFd> {
        self.mount_for(Use::Write)
    }

    /// The same for reading only, also while somebody else has it mounted.
    pub fn mount_for_reading(&self) -> Result<OwnedFd> {
        self.mount_for(Use::Read)
    }

    fn mount_for(&self, purpose: Use) -> Result<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let channel = rustix::fs::open(CHANNEL, flags, Mode::empty()).map_err(Error::io("open", CHANNEL))?;
        let mounted = mount(&channel).map_err(Error::io("mount", "fuse"))?;
        self.serve(channel, purpose)?;
        rustix::fs::statx(&mounted, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)
            .map_err(Error::io("look into the mount of", PROGRAM))?;
        Ok(mounted)
    }

    /// Starts the program, which goes into the background once it is ready. A shell hands it the channel under a number
    /// that it leaves open then.
    fn serve(&self, channel: OwnedFd, purpose: Use) -> Result<()> {
        let home = self.home()?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", r#"exec "$@" /dev/fd/3 3<&0 </dev/null"#, "sh", PROGRAM, "-o"])
            .arg(self.options(home, purpose)?);
        let output = command.current_dir(home).stdin(channel).stdout(Stdio::null()).output();
        let output = output.map_err(Error::io("start", PROGRAM))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(failed(format!("{PROGRAM} ended with {}: {}", output.status, said.trim().replace('\n', "; "))))
    }

    /// Where the lower directories are: their names are given relative to it, as they must not hold a colon.
    fn home(&self) -> Result<&Path> {
        let lower = self.lowers.first().ok_or_else(|| failed("there is no layer to mount"))?;
        lower.parent().and_then(Path::parent).ok_or_else(|| failed("a layer has no place"))
    }

    fn options(&self, home: &Path, purpose: Use) -> Result<OsString> {
        let mut options = b"lowerdir=".to_vec();
        if purpose == Use::Read {
            if self.upper.as_os_str().as_bytes().contains(&b':') {
                return Err(failed(format!("it cannot read {}, whose name has a colon", self.upper.display())));
            }
            options.extend([&escaped(&self.upper)[..], b":"].concat());
        }
        for (number, lower) in self.lowers.iter().enumerate() {
            let name = lower.strip_prefix(home).map_err(|_| failed("layers are in several places"))?;
            options.extend(if number > 0 { &b":"[..] } else { b"" });
            options.extend(name.as_os_str().as_bytes());
        }
        if purpose == Use::Write {
            for (key, path) in [(&b",upperdir="[..], &self.upper), (b",workdir=", &self.work)] {
                options.extend(key);
                options.extend(escaped(path));
            }
        }
        Ok(OsString::from_vec(options))
    }
}

/// Why the program cannot be started or has no way to the kernel.
pub(super) fn missing() -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|directory| directory.join(PROGRAM).exists()) {
        return Some(format!("{PROGRAM} is not installed: apt-get install fuse-overlayfs"));
    }
    let opened = rustix::fs::open(CHANNEL, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
    opened.err().map(|errno| format!("{CHANNEL} cannot be opened: {}", std::io::Error::from(errno)))
}

/// What the program calls itself.
pub(super) fn version() -> String {
    let output = Command::new(PROGRAM).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&output).into_owned();
    text.lines().find(|line| line.starts_with(PROGRAM)).unwrap_or(PROGRAM).to_owned()
}

/// Options are parted by commas, and a backslash goes before one that is meant.
fn escaped(path: &Path) -> Vec<u8> {
    let byte = |byte: &u8| if matches!(byte, b',' | b'\\') { vec![b'\\', *byte] } else { vec![*byte] };
    path.as_os_str().as_bytes().iter().flat_map(byte).collect()
}

fn mount(channel: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    use rustix::mount as sys;
    let fuse = sys::fsopen("fuse", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let channel = channel.as_raw_fd().to_string();
    let options = [("fd", channel.as_str()), ("rootmode", "40000"), ("user_id", "0"), ("group_id", "0")];
    for (key, value) in [("source", PROGRAM), ("subtype", PROGRAM)].into_iter().chain(options) {
        sys::fsconfig_set_string(&fuse, key, value)?;
    }
    for flag in ["default_permissions", "allow_other"] {
        sys::fsconfig_set_flag(&fuse, flag)?;
    }
    sys::fsconfig_create(&fuse)?;
    sys::fsmount(&fuse, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}
