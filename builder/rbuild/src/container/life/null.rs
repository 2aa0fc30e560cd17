//! The device that holds nothing and keeps nothing.

use crate::error::{Error, Result};
use rustix::fs::{Mode, OFlags};
use std::os::fd::OwnedFd;

/// Opens `/dev/null`, to read and to write.
pub(crate) fn null() -> Result<OwnedFd> {
    rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(Error::io("open", "/dev/null"))
}
