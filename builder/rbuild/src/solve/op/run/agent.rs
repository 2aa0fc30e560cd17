//! The socket of an ssh agent as a step sees it: with the owner and mode that its mount asks for, whoever owns the agent's.
//! Hands bytes on both ways; knows nothing of what they say.

use crate::error::{Error, Result};
use rbuild_store::{Store, TmpDir};
use rustix::net::{Shutdown, shutdown};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// A socket in front of an agent's; it is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Agent {
    listener: Arc<UnixListener>,
    server: Option<JoinHandle<()>>,
    dir: TmpDir,
}

/// The name of the socket in its directory.
const NAME: &str = "agent";

impl Agent {
    /// Listens for the agent behind `socket`. Where there are other ids than one, `owner` owns the new socket.
    pub(super) fn new(store: &Store, socket: PathBuf, mode: u32, owner: Option<(u32, u32)>) -> Result<Self> {
        let dir = store.tmp_dir()?;
        let path = dir.path().join(NAME);
        let failed = |source| Error::io("listen for an ssh agent at", path.display())(source);
        let listener = Arc::new(listen(dir.path()).map_err(failed)?);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).map_err(failed)?;
        if let Some((uid, gid)) = owner {
            chown(&path, Some(uid), Some(gid)).map_err(failed)?;
        }
        let accepting = listener.clone();
        let server = thread::Builder::new().name("ssh-agent".to_owned()).spawn(move || serve(&accepting, &socket));
        Ok(Self { server: Some(server.map_err(failed)?), listener, dir })
    }

    /// The socket.
    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().join(NAME)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Wakes the server, which then finds that it is over; where that fails the process's end does it.
        let woken = shutdown(&*self.listener, Shutdown::Both);
        if let (Ok(()), Some(server)) = (woken, self.server.take()) {
            let _ = server.join();
        }
    }
}

/// A path to a socket has at most 107 bytes, so the directory is named by its descriptor.
fn listen(dir: &Path) -> io::Result<UnixListener> {
    let dir = std::fs::File::open(dir)?;
    UnixListener::bind(format!("/proc/self/fd/{}/{NAME}", dir.as_raw_fd()))
}

/// Serves until the listener is shut down. Who cannot reach the agent finds the connection closed, as without an agent.
fn serve(listener: &UnixListener, socket: &Path) {
    while let Ok((client, _)) = listener.accept() {
        if let Ok(agent) = UnixStream::connect(socket)
            && let (Ok(client_too), Ok(agent_too)) = (client.try_clone(), agent.try_clone())
        {
            thread::spawn(move || hand_on(&client, &agent));
            thread::spawn(move || hand_on(&agent_too, &client_too));
        }
    }
}

/// Copies until one side ends, and then tells the other.
fn hand_on(mut from: &UnixStream, mut to: &UnixStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn both_sides_hear_each_other_to_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        let behind = dir.path().join("behind");
        let real = UnixListener::bind(&behind).unwrap();
        let echo = thread::spawn(move || {
            let (mut client, _) = real.accept().unwrap();
            io::copy(&mut client.try_clone().unwrap(), &mut client).unwrap()
        });
        let agent = Agent::new(&store, behind, 0o620, None).unwrap();
        assert_eq!(agent.path().metadata().unwrap().mode() & 0o777, 0o620);
        let mut client = UnixStream::connect(agent.path()).unwrap();
        client.write_all(b"who is there?").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!((answer.as_str(), echo.join().unwrap()), ("who is there?", 13));
        let path = agent.path();
        drop(agent);
        assert!(!path.exists());
    }

    #[test]
    fn without_an_agent_the_connection_ends() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        let agent = Agent::new(&store, dir.path().join("nobody"), 0o600, None).unwrap();
        let mut client = UnixStream::connect(agent.path()).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }
}
