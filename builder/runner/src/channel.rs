//! The socket between a parent and the child that sets up a container: a plan and open files one way, reports the
//! other. Knows no namespace.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recv, recvmsg, send, sendmsg, socketpair,
};

use crate::wire::{Report, decode, encode};

/// Most files one message carries; the kernel's SCM_MAX_FD.
const MAX_FILES: usize = 253;
/// Bytes of a plan per message, well below any socket buffer.
const CHUNK: usize = 64 << 10;
/// The longest report; longer text in it is cut.
const MAX_REPORT: usize = 16 << 10;

/// One end.
#[derive(Debug)]
pub(crate) struct Channel(OwnedFd);

impl Channel {
    /// Both ends, close-on-exec.
    pub(crate) fn pair() -> io::Result<(Self, Self)> {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok((Self(ours), Self(theirs)))
    }

    /// An end that was inherited.
    pub(crate) fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Sends a plan and the files it speaks of.
    pub(crate) fn send_plan(&self, plan: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<()> {
        if files.len() > MAX_FILES {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "more than 253 open files for one container"));
        }
        let header = [(plan.len() as u64).to_le_bytes(), (files.len() as u64).to_le_bytes()].concat();
        send_with_files(&self.0, &header, files)?;
        for chunk in plan.chunks(CHUNK) {
            send(&self.0, chunk, SendFlags::NOSIGNAL)?;
        }
        Ok(())
    }

    /// Receives what [`Channel::send_plan`] sent.
    pub(crate) fn receive_plan(&self) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
        let mut header = [0; 16];
        let (_, files) = receive_with_files(&self.0, &mut header)?;
        let (length, count) = header.split_at(8);
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0usize, |n, &byte| n << 8 | usize::from(byte));
        if files.len() != number(count) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut plan = vec![0; number(length)];
        let mut filled = 0;
        while filled < plan.len() {
            match recv(&self.0, &mut plan[filled..], RecvFlags::empty())? {
                (0, _) => return Err(io::ErrorKind::UnexpectedEof.into()),
                (got, _) => filled += got,
            }
        }
        Ok((plan, files))
    }

    /// Sends a report, with a file if it has one.
    pub(crate) fn report(&self, report: &Report, file: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let mut bytes = encode(report);
        bytes.truncate(MAX_REPORT);
        send_with_files(&self.0, &bytes, file.as_slice())
    }

    /// Lets the child go on after a report that it waits upon.
    pub(crate) fn go_on(&self) -> io::Result<()> {
        send(&self.0, b"!", SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Waits for [`Channel::go_on`].
    pub(crate) fn wait(&self) -> io::Result<()> {
        match recv(&self.0, &mut [0u8; 1][..], RecvFlags::empty())? {
            (0, _) => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Whether the other end is closed.
    pub(crate) fn is_abandoned(&self) -> io::Result<bool> {
        let mut polled = [PollFd::new(&self.0, PollFlags::empty())];
        poll(&mut polled, Some(&Timespec::default()))?;
        Ok(polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR))
    }

    /// The next report; `None` when the other end is closed.
    pub(crate) fn next_report(&self) -> io::Result<Option<(Report, Option<OwnedFd>)>> {
        let mut bytes = vec![0; MAX_REPORT];
        let (length, mut files) = match receive_with_files(&self.0, &mut bytes) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::CONNRESET.raw_os_error()) => return Ok(None),
            other => other?,
        };
        if length == 0 {
            return Ok(None);
        }
        let report = decode(&bytes[..length]).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Some((report, files.pop())))
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn send_with_files(socket: &OwnedFd, bytes: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FILES))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn receive_with_files(socket: &OwnedFd, bytes: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FILES))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(socket, &mut [IoSliceMut::new(bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let files = ancillary
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(files) => Some(files),
            _ => None,
        })
        .flatten()
        .collect();
    Ok((got.bytes, files))
}
