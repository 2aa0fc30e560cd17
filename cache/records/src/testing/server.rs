//! A small HTTP server on loopback, for stand-ins of what is far away. Knows requests and answers, and nothing of what
//! they are about.

use rbuild_registry::testing::wire::{Call, Reply, read_body, read_head, write_reply};
use std::fmt;
use std::io::{self, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What answers a request; none to say nothing and keep the connection.
type Answers = dyn Fn(&Call) -> Option<Reply> + Send + Sync;

/// A server on a free port of 127.0.0.1. Dropping it closes its connections and joins its threads.
pub struct Server {
    address: SocketAddr,
    closing: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers each request by `answers`.
    pub fn start(answers: impl Fn(&Call) -> Option<Reply> + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let closing = Arc::new(AtomicBool::new(false));
        let (seen, answers): (_, Arc<Answers>) = (closing.clone(), Arc::new(answers));
        Ok(Self { address, closing, listener: Some(thread::spawn(move || listen(&listener, &seen, &answers))) })
    }

    /// Its address: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        drop(TcpStream::connect_timeout(&self.address, Duration::from_secs(1)));
        if let Some(listener) = self.listener.take() {
            drop(listener.join());
        }
    }
}

fn listen(listener: &TcpListener, closing: &AtomicBool, answers: &Arc<Answers>) {
    let connections = Mutex::new(Vec::new());
    thread::scope(|scope| {
        while let Ok((stream, _)) = listener.accept() {
            let mut open = connections.lock().unwrap_or_else(PoisonError::into_inner);
            if closing.load(Ordering::SeqCst) {
                open.drain(..).for_each(|stream: TcpStream| drop(stream.shutdown(Shutdown::Both)));
                break;
            }
            open.extend(stream.try_clone());
            scope.spawn(|| serve(stream, &**answers));
        }
    });
}

/// Answers one connection's requests. What breaks it ends it, and nothing else.
fn serve(mut stream: TcpStream, answers: &Answers) {
    let Ok(mut reader) = stream.try_clone().map(BufReader::new) else { return };
    while let Ok(Some(mut call)) = read_head(&mut reader) {
        if !serve_call(&mut stream, &mut reader, answers, &mut call).unwrap_or(false) {
            break;
        }
    }
    drop(stream.shutdown(Shutdown::Both));
}

fn serve_call(
    stream: &mut TcpStream,
    reader: &mut BufReader<TcpStream>,
    answers: &Answers,
    call: &mut Call,
) -> io::Result<bool> {
    if call.is_held_back() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    read_body(reader, call, call.length(), Duration::ZERO)?;
    match answers(call) {
        Some(reply) => write_reply(stream, &reply, call.method == "HEAD"),
        None => Ok(true),
    }
}
