//! The parent's side: starts the keeper of a helper and waits until the network is ready. Knows no helper.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, poll};

use super::keeper::KEEPER_NAME;
use super::{Private, Task};
use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::sandbox::Child;
use crate::spawn::Spawn;
use crate::userns::IdMap;
use crate::wire::{Report, encode};

/// A keeper whose helper has joined the namespace `netns`; dropping it ends the helper. `exe` is this program; the wait
/// is over when the process behind `until` ends.
pub(crate) fn attach(
    exe: BorrowedFd<'_>,
    private: &Private,
    netns: BorrowedFd<'_>,
    until: BorrowedFd<'_>,
) -> Result<Child> {
    let failed = |error: io::Error| Error::io("start", "the keeper of a network", error);
    let task = Task { private: private.clone(), root: IdMap::current()? == IdMap::Root };
    let (ours, theirs) = Channel::pair().map_err(failed)?;
    let number = CString::new(theirs.as_fd().as_raw_fd().to_string()).map_err(|error| failed(error.into()))?;
    let keeper = Child::spawn(&Spawn {
        namespaces: (libc::CLONE_NEWPID | libc::CLONE_NEWNS) as u64,
        exe,
        argv: &[KEEPER_NAME.to_owned(), number],
        env: &[],
        keep: Some(theirs.as_fd()),
        gate: None,
        beside: None,
        group: None,
    })
    .map_err(failed)?;
    drop(theirs);
    ours.send_plan(&encode(&task), &[netns]).map_err(failed)?;
    let mut polled = [PollFd::new(&ours, PollFlags::IN), PollFd::from_borrowed_fd(until, PollFlags::IN)];
    while let Err(rustix::io::Errno::INTR) = poll(&mut polled, None) {}
    if polled[0].revents().is_empty() {
        return Err(Error::Network("the container ended meanwhile".to_owned()));
    }
    match ours.next_report().map_err(failed)? {
        Some((Report::Ready {}, _)) => Ok(keeper),
        Some((Report::Refused { reason }, _)) => Err(Error::Network(String::from_utf8_lossy(&reason).into_owned())),
        _ => Err(Error::Network("the keeper of its helper ended".to_owned())),
    }
}
