//! A wire between a machine and a server on loopback that counts what goes over it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Counts the bytes of all connections to one server.
pub(crate) struct Meter {
    /// The host and port that lead to the server.
    pub(crate) host: String,
    up: Arc<AtomicU64>,
    down: Arc<AtomicU64>,
}

impl Meter {
    /// A wire to that host and port.
    pub(crate) fn new(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (up, down) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (server, counts) = (server.to_owned(), (up.clone(), down.clone()));
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(&server) else { continue };
                carry(&near, &far, counts.0.clone());
                carry(&far, &near, counts.1.clone());
            }
        });
        Self { host, up, down }
    }

    /// The bytes that went to the server and came from it since the last call.
    pub(crate) fn read(&self) -> (u64, u64) {
        (self.up.swap(0, Ordering::SeqCst), self.down.swap(0, Ordering::SeqCst))
    }
}

fn carry(from: &TcpStream, to: &TcpStream, count: Arc<AtomicU64>) {
    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let done = pump(&from, &to, &count);
        drop((done, to.shutdown(Shutdown::Write)));
    });
}

fn pump(mut from: &TcpStream, mut to: &TcpStream, count: &AtomicU64) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        count.fetch_add(length as u64, Ordering::SeqCst);
        to.write_all(&buffer[..length])?;
    }
}
