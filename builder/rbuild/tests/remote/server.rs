//! An HTTP server on loopback whose answers are a closure.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A request: its target and its headers by lower-case name.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// An answer; the default is an empty 200.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Ends the connection before so many bytes of the body.
    pub(crate) cut: usize,
    /// Never answers.
    pub(crate) silent: bool,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), cut: 0, silent: false }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The server; dropping it ends it.
pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Call>>>,
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers every request by `answer`, which also gets how many came before.
    pub(crate) fn start(answer: impl Fn(&Call, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, open) = (Arc::<Mutex<Vec<Call>>>::default(), Arc::new(Mutex::new(Some(Vec::new()))));
        let (log, connections, answer) = (seen.clone(), open.clone(), Arc::new(answer));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                match connections.lock().unwrap().as_mut() {
                    Some(open) => open.push(stream.try_clone().unwrap()),
                    None => return,
                }
                let (log, answer) = (log.clone(), answer.clone());
                std::thread::spawn(move || serve(&stream, &log, &*answer));
            }
        });
        Self { address, seen, open, thread: Some(thread) }
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Call> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for stream in self.open.lock().unwrap().take().into_iter().flatten() {
            drop(stream.shutdown(Shutdown::Both));
        }
        drop(TcpStream::connect(self.address));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn serve(mut stream: &TcpStream, log: &Mutex<Vec<Call>>, answer: &dyn Fn(&Call, usize) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(call) = read(&mut reader) {
        let before = {
            let mut log = log.lock().unwrap();
            log.push(call.clone());
            log.len() - 1
        };
        let reply = answer(&call, before);
        if reply.silent {
            continue;
        }
        let headers: String = reply.headers.iter().map(|(name, value)| [name, ": ", value, "\r\n"].concat()).collect();
        let length =
            if reply.status == 304 { String::new() } else { format!("Content-Length: {}\r\n", reply.body.len()) };
        let head = format!("HTTP/1.1 {} Answer\r\n{length}{headers}\r\n", reply.status);
        let body = &reply.body[..reply.body.len() - reply.cut];
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_err() || reply.cut > 0 {
            drop(stream.shutdown(Shutdown::Both));
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Call> {
    let mut lines = reader.lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Some(Call { target, headers: headers.collect() })
}

/// A server of the files of repositories below `root`, bare or not, as any web server can be (the "dumb" protocol).
pub(crate) fn files_server(root: PathBuf, refuse: impl Fn(&str) -> bool + Send + Sync + 'static) -> Server {
    Server::start(move |call, _| {
        let path = call.target.split('?').next().unwrap().trim_start_matches('/');
        if refuse(call.header("authorization")) {
            return Reply::new(401, "").with("WWW-Authenticate", "Basic realm=x");
        }
        let inside = || fs::read(root.join(path.replacen(".git/", ".git/.git/", 1)));
        let found = fs::read(root.join(path)).or_else(|_| inside());
        found.map_or_else(|_| Reply::new(404, ""), |bytes| Reply::new(200, bytes))
    })
}
