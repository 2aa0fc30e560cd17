//! A container's processes kept where they are while its files are read. Reads none.

use crate::container::shelf::{Entry, Status};
use crate::error::Result;
use rbuild_runner::{Error, cgroup};

/// Does the work while the container stands still, if it runs and can be stopped: where no control group allows it, the
/// work is done all the same.
pub(super) fn while_still<T>(entry: &Entry, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let Status::Running(pid) = entry.state.status() else { return work() };
    let id = entry.config.id.hex();
    match cgroup::freeze(pid, id) {
        Err(Error::NoFreezer(_)) => work(),
        Err(error) => Err(error.into()),
        Ok(()) => {
            let done = work();
            cgroup::thaw(pid, id)?;
            done
        }
    }
}
