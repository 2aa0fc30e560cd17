//! Where an archive goes: a file that appears under its name once it is whole, or a stream. Knows no format.

use crate::error::{Error, Result};
use rbuild_oci::Cancel;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How a user writes standard output.
const STDOUT: &str = "-";

/// An archive being written. Errors of writing name where it goes.
#[derive(Debug)]
pub(crate) struct Target {
    out: File,
    /// For people.
    name: String,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// To a name of its own first.
    Beside(Unfinished),
    /// Right to a pipe, terminal or device, where one write may wait for ever.
    Stream(Cancel),
    /// Right to a file that somebody else has opened.
    Open,
}

impl Target {
    /// Opens `dest`. What is there stays until the archive is whole; pipes and devices are written to as they are.
    pub(crate) fn open(dest: &Path, cancel: &Cancel) -> Result<Self> {
        if is_stdout(dest) {
            return Self::stdout(cancel);
        }
        let place = match dest.canonicalize() {
            Ok(place) => place,
            Err(error) if error.kind() == ErrorKind::NotFound => dest.to_owned(),
            Err(error) => return Err(Error::io("find", dest.display())(error)),
        };
        let name = dest.display().to_string();
        match place.symlink_metadata() {
            Ok(there) if there.is_dir() => {
                Err(Error::Usage(format!("{name} is a directory: an archive needs the name of a file")))
            }
            Ok(there) if !there.is_file() => {
                let out = OpenOptions::new().write(true).open(&place).map_err(Error::io("open", &name))?;
                Ok(Self { out, name, way: Way::Stream(cancel.clone()) })
            }
            _ => {
                let (out, unfinished) = Unfinished::file(place)?;
                Ok(Self { out, name, way: Way::Beside(unfinished) })
            }
        }
    }

    /// Puts the archive in its place; what was there before is gone.
    pub(crate) fn finish(self) -> Result<()> {
        match self.way {
            Way::Beside(unfinished) => unfinished.finish(),
            Way::Stream(_) | Way::Open => Ok(()),
        }
    }

    fn stdout(cancel: &Cancel) -> Result<Self> {
        let stdout = io::stdout();
        if stdout.is_terminal() {
            let reason = "standard output is a terminal, which an archive would garble: redirect it or give a file";
            return Err(Error::Usage(reason.to_owned()));
        }
        let name = "standard output".to_owned();
        let out = stdout.as_fd().try_clone_to_owned().map(File::from).map_err(Error::io("open", &name))?;
        let kind = out.metadata().map_err(Error::io("stat", &name))?.file_type();
        let waits = kind.is_fifo() || kind.is_socket() || kind.is_char_device();
        Ok(Self { out, name, way: if waits { Way::Stream(cancel.clone()) } else { Way::Open } })
    }
}

/// Whether a destination is standard output.
pub(crate) fn is_stdout(dest: &Path) -> bool {
    dest.as_os_str() == STDOUT
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &self.way {
            Way::Stream(cancel) => write_waiting(&self.out, bytes, cancel),
            Way::Beside(_) | Way::Open => self.out.write(bytes),
        };
        written.map_err(|error| match error.kind() {
            ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, format!("{}: {error}", self.name)),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes as much as goes without waiting, once anything does; gives up when asked to stop.
fn write_waiting(mut out: &File, bytes: &[u8], cancel: &Cancel) -> io::Result<usize> {
    /// What a pipe that takes anything takes at once.
    const PIPE_BUF: usize = 4096;
    const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    loop {
        cancel.check().map_err(io::Error::other)?;
        if poll(&mut [PollFd::new(out, PollFlags::OUT)], Some(&LOOK))? > 0 {
            return out.write(&bytes[..bytes.len().min(PIPE_BUF)]);
        }
    }
}

/// A file or directory on its way, next to its place under a name nobody looks at; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Unfinished {
    path: PathBuf,
    place: PathBuf,
}

impl Unfinished {
    /// A new file, open for writing.
    pub(crate) fn file(place: PathBuf) -> Result<(File, Self)> {
        Self::new(place, |path| OpenOptions::new().write(true).create_new(true).open(path))
    }

    /// A new directory.
    pub(crate) fn directory(place: PathBuf) -> Result<Self> {
        Ok(Self::new(place, |path| std::fs::create_dir(path))?.1)
    }

    /// Where it is until it is finished.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves it to its place.
    pub(crate) fn finish(self) -> Result<()> {
        std::fs::rename(&self.path, &self.place).map_err(Error::io("rename to", self.place.display()))
    }

    fn new<T>(place: PathBuf, make: impl Fn(&Path) -> io::Result<T>) -> Result<(T, Self)> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = place.with_file_name(format!(".rbuild-{}-{number}", std::process::id()));
            match make(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io("create", place.display())(error)),
                Ok(made) => return Ok((made, Self { path, place })),
            }
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let removed = match self.path.symlink_metadata() {
            Ok(there) if there.is_dir() => std::fs::remove_dir_all(&self.path),
            Ok(_) => std::fs::remove_file(&self.path),
            Err(_) => Ok(()),
        };
        // There is nobody to tell: why it was given up is already on its way up.
        drop(removed);
    }
}
