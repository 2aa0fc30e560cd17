//! Answers whoever connects to a container's socket, and lets those who attached see its output. A client that does not
//! read, says nonsense, or is gone loses its connection, and nothing else happens. Knows nothing of what a signal does.

use super::wire::{self, Ask, LONGEST, Size, Tell, Wants};
use super::{NAME, by_descriptor};
use crate::error::{Error, Result};
use rbuild_runner::Stream;
use rbuild_store::if_there;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown, send, shutdown};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What clients can ask for.
pub(crate) trait Served: Send + Sync {
    /// How it is attended.
    fn manner(&self) -> Manner;
    /// Sends a signal by number.
    fn signal(&self, number: i32) -> io::Result<()>;
    /// Keeps it from being removed when it ends.
    fn keep(&self);
    /// Types.
    fn input(&self, bytes: &[u8]);
    /// Ends the input, where it is not to outlive its giver.
    fn end_input(&self);
    /// Changes the size of the terminal.
    fn resize(&self, size: Size);
}

/// How a container is attended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Whether it has a terminal.
    pub(crate) terminal: bool,
    /// Whether clients' input reaches it.
    pub(crate) input: bool,
}

/// Those who are connected to a container's socket, served until this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    listener: UnixListener,
    clients: Arc<Mutex<Clients>>,
}

/// Where those who connect come in: readable while somebody waits there.
pub(crate) struct Door {
    listener: UnixListener,
    clients: Arc<Mutex<Clients>>,
    served: Arc<dyn Served>,
}

/// All who are connected.
#[derive(Debug, Default)]
struct Clients {
    all: Vec<Client>,
    next: u64,
    /// Whether nobody is admitted any more.
    closed: bool,
}

#[derive(Debug)]
struct Client {
    number: u64,
    stream: UnixStream,
    /// None until it has attached.
    wants: Option<Wants>,
}

/// More at once are turned away.
const MOST: usize = 64;
/// A client that takes nothing for so long holds the container back no more.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long nobody is let in where that failed.
const MOMENT: Duration = Duration::from_millis(10);

impl Server {
    /// Binds the socket in a container's directory, in place of one that a killed process left. Somebody has to answer at
    /// the door.
    pub(crate) fn start(dir: &Path, served: Arc<dyn Served>) -> Result<(Self, Door)> {
        let (_dir, path) = by_descriptor(dir)?;
        let name = dir.join(NAME);
        let failed = || Error::io("serve", name.display());
        if_there(std::fs::remove_file(&path)).map_err(failed())?;
        let listener = UnixListener::bind(&path).map_err(failed())?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed())?;
        let clients = Arc::<Mutex<Clients>>::default();
        let door = Door { listener: listener.try_clone().map_err(failed())?, clients: clients.clone(), served };
        Ok((Self { listener, clients }, door))
    }

    /// Shows output to those who want it.
    pub(crate) fn show(&self, stream: Stream, bytes: &[u8]) {
        let wanted = |client: &Client| client.wants.is_some_and(|wants| wants.has(stream));
        for piece in bytes.chunks(LONGEST) {
            let mut clients = lock(&self.clients);
            if !clients.all.iter().any(wanted) {
                return;
            }
            let (frame, deadline) = (wire::output(stream, piece), Instant::now() + PATIENCE);
            clients.all.retain(|client| !wanted(client) || client.tell(&frame, deadline));
        }
    }

    /// Tells those who attached how the container ended.
    pub(crate) fn tell_end(&self, code: u8) {
        let (frame, deadline) = (Tell::Ended(code).encode(), Instant::now() + PATIENCE);
        lock(&self.clients).all.retain(|client| client.wants.is_some() && client.tell(&frame, deadline));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The door is closed by that, and admits nobody any more.
        let _ = shutdown(&self.listener, Shutdown::Both);
        let mut clients = lock(&self.clients);
        clients.closed = true;
        clients.all.clear();
    }
}

impl Client {
    /// Whether all of it was taken in time; a client that did not is cut off.
    fn tell(&self, mut bytes: &[u8], deadline: Instant) -> bool {
        while !bytes.is_empty() {
            match send(&self.stream, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if can_write(&self.stream, deadline) => {}
                Err(_) => return false,
            }
        }
        true
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Its thread waits for what it says next. What was sent stays to be read.
        let _ = shutdown(&self.stream, Shutdown::Both);
    }
}

impl Wants {
    const fn has(self, stream: Stream) -> bool {
        match stream {
            Stream::Stdout => self.stdout,
            Stream::Stderr => self.stderr,
        }
    }
}

/// Whether there is room before the deadline.
fn can_write(stream: &UnixStream, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    let Ok(left) = Timespec::try_from(left) else { return false };
    let mut watched = [PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::OUT)];
    matches!(poll(&mut watched, Some(&left)), Ok(1..) | Err(Errno::INTR))
}

impl Door {
    /// Lets in one who waits, and does not wait for those who are in; false once nobody is to come any more.
    pub(crate) fn answer(&self) -> bool {
        match self.listener.accept() {
            Ok((stream, _)) => {
                // Each client holds one, beside the server and this.
                if Arc::strong_count(&self.clients) < MOST + 2 {
                    let (clients, served) = (self.clients.clone(), self.served.clone());
                    let serve = move || drop(serve(stream, &clients, &*served));
                    // Who cannot be served is turned away.
                    drop(std::thread::Builder::new().name("client".to_owned()).spawn(serve));
                }
                true
            }
            Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => false,
            // Too many files, or too little memory: others may let go of theirs.
            Err(_) => {
                std::thread::sleep(MOMENT);
                true
            }
        }
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("listener", &self.listener).finish_non_exhaustive()
    }
}

/// All that one client is: admitted, heard to its end, forgotten.
fn serve(stream: UnixStream, clients: &Mutex<Clients>, served: &dyn Served) -> io::Result<()> {
    let mut all = lock(clients);
    if all.closed {
        return Ok(());
    }
    let (number, own) = (all.next, stream.try_clone()?);
    all.next += 1;
    all.all.push(Client { number, stream, wants: None });
    drop(all);
    // Whatever goes wrong is the client's doing.
    let heard = converse(own, number, clients, served);
    lock(clients).all.retain(|client| client.number != number);
    heard
}

fn converse(mut stream: UnixStream, number: u64, clients: &Mutex<Clients>, served: &dyn Served) -> io::Result<()> {
    while let Some(ask) = Ask::read(&mut stream)? {
        let answer = match ask {
            Ask::Input(bytes) => {
                served.input(&bytes);
                continue;
            }
            Ask::EndOfInput => {
                served.end_input();
                continue;
            }
            Ask::Resize(size) => {
                served.resize(size);
                continue;
            }
            Ask::Signal(signal) => match served.signal(signal) {
                Ok(()) => Tell::Done,
                Err(error) => Tell::Refused(error.to_string()),
            },
            Ask::Keep => {
                served.keep();
                Tell::Done
            }
            Ask::Attach(_) => {
                let Manner { terminal, input } = served.manner();
                Tell::Attached { terminal, input }
            }
        };
        let mut clients = lock(clients);
        let Some(client) = clients.all.iter_mut().find(|client| client.number == number) else { return Ok(()) };
        if let Ask::Attach(wants) = ask {
            client.wants = Some(wants);
        }
        if !client.tell(&answer.encode(), Instant::now() + PATIENCE) {
            return Ok(());
        }
    }
    Ok(())
}

fn lock(clients: &Mutex<Clients>) -> MutexGuard<'_, Clients> {
    clients.lock().unwrap_or_else(PoisonError::into_inner)
}
