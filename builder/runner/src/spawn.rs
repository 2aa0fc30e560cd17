//! A new process, as data: which program, born with what. Starts nothing.

use std::ffi::CString;
use std::os::fd::{BorrowedFd, OwnedFd};

/// A new process: which program, with what.
#[derive(Debug)]
pub(crate) struct Spawn<'a> {
    /// `CLONE_NEW*` bits.
    pub(crate) namespaces: u64,
    /// The program, opened.
    pub(crate) exe: BorrowedFd<'a>,
    /// Its arguments.
    pub(crate) argv: &'a [CString],
    /// Its environment.
    pub(crate) env: &'a [CString],
    /// The one file, besides the standard streams, that it inherits.
    pub(crate) keep: Option<BorrowedFd<'a>>,
    /// What the program waits for before it starts; not with a process namespace, which hides the parent.
    pub(crate) gate: Option<Gate<'a>>,
    /// The user namespace that the child enters, to be user 0 in it, with mounts of its own.
    pub(crate) beside: Option<Beside<'a>>,
    /// The control group of version 2 that it is born in; its parent's where there is none.
    pub(crate) group: Option<BorrowedFd<'a>>,
}

/// A user namespace that is there already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside<'a> {
    /// The pidfd of a process in it.
    pub(crate) process: BorrowedFd<'a>,
    /// A pipe that gets the error number where the child is not let in, and ends where it is.
    pub(crate) refusal: BorrowedFd<'a>,
}

/// A pipe that keeps a child back: it goes on at the first byte, and ends at end of file or where its parent is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate<'a> {
    /// The child's end.
    pub(crate) read: BorrowedFd<'a>,
    /// The parent's end; the child's copy of it would keep the pipe open.
    pub(crate) write: BorrowedFd<'a>,
}

/// A process that was spawned.
#[derive(Debug)]
pub(crate) struct Spawned {
    /// Its number.
    pub(crate) pid: i32,
    /// Its pidfd.
    pub(crate) pidfd: OwnedFd,
}
