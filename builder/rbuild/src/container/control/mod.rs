//! How one process speaks to the process that lives a container: a unix socket in the container's directory, reached by
//! way of a descriptor, as the path of a socket is short. What travels is in `wire`; who answers is `Server`; who asks
//! is `Control`. Knows neither images nor the disk.

mod client;
mod server;
mod wire;

pub use client::{Attached, Control, Heard, Speaker};
pub(crate) use server::{Door, Manner, Served, Server};
pub use wire::{Size, Wants};

use crate::error::{Error, Result};
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The socket's name in a container's directory.
const NAME: &str = "control";

/// A short path to the socket; good as long as the descriptor.
fn by_descriptor(dir: &Path) -> Result<(OwnedFd, PathBuf)> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = openat(CWD, dir, flags, Mode::empty()).map_err(Error::io("open", dir.display()))?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", fd.as_raw_fd()));
    Ok((fd, path))
}
