//! The registry's life: its socket and threads, what it holds, what it was told to do wrong, what it saw.

use super::api::{Entry, admit, answer};
use super::uploads::keep_part;
use super::wire::{Call, read_body, read_head, write_reply};
use rbuild_oci::testing::TestImage;
use rbuild_oci::{Descriptor, Digest, Reference};
use std::collections::BTreeMap;
use std::io::{self, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A registry on a free port of 127.0.0.1. Dropping it closes its connections and joins its threads.
pub struct Registry {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

/// What can go wrong with an answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Another status, with these headers and a message.
    Status(u16, Vec<(&'static str, String)>),
    /// The body breaks off after so many bytes.
    Truncate(usize),
    /// The first byte of the body is another.
    Corrupt,
    /// The answer is asked for elsewhere: `Location` is this text and the path.
    Redirect(String),
    /// No answer; the connection stays open.
    Silence,
    /// The body comes byte by byte, so long apart.
    Trickle(Duration),
    /// Ranges and digests are not honoured: the whole body, no `Docker-Content-Digest`.
    Plain,
    /// The connection breaks once so many bytes of the request's body came in. An upload keeps them.
    Break(usize),
    /// The request's body is read with a pause before every 64 KiB.
    Slow(Duration),
    /// The answer says that something else came in.
    OtherDigest,
}

/// What a registry may do differently from others.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// It wants pieces of that many bytes at least.
    pub least: Option<u64>,
    /// It takes no request of more bytes.
    pub most: Option<usize>,
    /// It takes a blob in one request only.
    pub whole_only: bool,
    /// It takes uploads at that other address, as `http://127.0.0.1:5000`.
    pub uploads_at: Option<String>,
    /// It lists what refers to a manifest, two on a page.
    pub lists_referrers: bool,
}

/// Who is let in.
#[derive(Clone, Debug)]
pub enum Login {
    /// Everyone.
    Open,
    /// This user name and password, by Basic.
    Basic(String, String),
    /// Who has a token. Tokens are given to everyone for pulling, for pushing to this user name and password.
    Token(String, String),
    /// As `Token`, bought with this identity token.
    Identity(String),
}

/// A request that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// The `Range` header; may be empty.
    pub range: String,
    /// The `Authorization` header; may be empty.
    pub authorization: String,
    /// The `Content-Range` header; may be empty.
    pub content_range: String,
}

pub(super) type Manifest = (Descriptor, Arc<Vec<u8>>);

/// A fault of the first `times` requests whose path has `path` in it.
pub(super) struct Rule {
    pub(super) path: String,
    pub(super) fault: Fault,
    pub(super) times: usize,
}

pub(super) struct Held {
    pub(super) blobs: BTreeMap<(String, Digest), Arc<Vec<u8>>>,
    /// By repository and tag or digest.
    pub(super) manifests: BTreeMap<(String, String), Manifest>,
    /// What came in of uploads, by their path.
    pub(super) uploads: BTreeMap<String, Vec<u8>>,
    pub(super) rules: Vec<Rule>,
    pub(super) seen: Vec<Seen>,
    /// The most tags on a page.
    pub(super) page: usize,
}

impl Default for Held {
    fn default() -> Self {
        let (blobs, manifests, uploads) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { blobs, manifests, uploads, rules: Vec::new(), seen: Vec::new(), page: 2 }
    }
}

pub(super) struct Shared {
    pub(super) host: String,
    pub(super) login: Login,
    pub(super) manners: Manners,
    held: Mutex<Held>,
    closing: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

impl Shared {
    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// An empty registry that lets everyone in.
    pub fn start() -> io::Result<Self> {
        Self::with_login(Login::Open)
    }

    /// An empty registry.
    pub fn with_login(login: Login) -> io::Result<Self> {
        Self::with_manners(login, Manners::default())
    }

    /// An empty registry that does some things in its own way.
    pub fn with_manners(login: Login, manners: Manners) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            host: address.to_string(),
            login,
            manners,
            held: Mutex::default(),
            closing: AtomicBool::new(false),
            connections: Mutex::default(),
        });
        let served = shared.clone();
        Ok(Self { address, shared, listener: Some(thread::spawn(move || listen(&listener, &served))) })
    }

    /// Its host as it stands in references: `127.0.0.1:PORT`.
    pub fn host(&self) -> &str {
        &self.shared.host
    }

    /// The reference of `name`, `repository[:tag]`, in this registry.
    pub fn reference(&self, name: &str) -> rbuild_oci::Result<Reference> {
        format!("{}/{name}", self.host()).parse()
    }

    /// Holds `image` under `repository` and `tag`.
    pub fn put_image(&self, repository: &str, tag: &str, image: &TestImage) {
        for (digest, bytes) in &image.blobs {
            if *digest == image.descriptor.digest {
                self.put_manifest(repository, tag, &image.descriptor, bytes.clone());
            } else {
                self.put_blob(repository, bytes.clone());
            }
        }
    }

    /// Holds a blob.
    pub fn put_blob(&self, repository: &str, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.shared.held().blobs.insert((repository.to_owned(), digest), Arc::new(bytes));
        digest
    }

    /// Holds `bytes` as the manifest of `descriptor`, whether they fit it or not, under its digest and `tag`.
    pub fn put_manifest(&self, repository: &str, tag: &str, descriptor: &Descriptor, bytes: Vec<u8>) {
        let entry = (descriptor.clone(), Arc::new(bytes));
        for name in [tag.to_owned(), descriptor.digest.to_string()] {
            self.shared.held().manifests.insert((repository.to_owned(), name), entry.clone());
        }
    }

    /// The blob or manifest of that digest.
    pub fn get(&self, repository: &str, digest: &Digest) -> Option<Vec<u8>> {
        let held = self.shared.held();
        let blob = held.blobs.get(&(repository.to_owned(), *digest));
        let manifest = || held.manifests.get(&(repository.to_owned(), digest.to_string())).map(|(_, bytes)| bytes);
        blob.or_else(manifest).map(|bytes| bytes.to_vec())
    }

    /// Makes the next `times` requests go wrong whose path has `path` in it, as `/blobs/`. Rules are tried in the order
    /// they were made; HEAD requests only meet [`Fault::Status`] and [`Fault::Plain`], only what has a body meets
    /// [`Fault::Break`] and [`Fault::Slow`].
    pub fn fail(&self, path: &str, fault: Fault, times: usize) {
        self.shared.held().rules.push(Rule { path: path.to_owned(), fault, times });
    }

    /// The requests so far, oldest first, without those of the token server.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.held().seen.clone()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        drop(TcpStream::connect_timeout(&self.address, Duration::from_secs(1)));
        if let Some(listener) = self.listener.take() {
            drop(listener.join());
        }
    }
}

/// Serves each connection on a thread of its own, until the registry is dropped.
fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    while let Ok((stream, _)) = listener.accept() {
        if shared.closing.load(Ordering::SeqCst) {
            break;
        }
        shared.connections().extend(stream.try_clone());
        let served = shared.clone();
        threads.push(thread::spawn(move || serve(stream, &served)));
    }
    for connection in shared.connections().drain(..) {
        drop(connection.shutdown(Shutdown::Both));
    }
    for thread in threads {
        drop(thread.join());
    }
}

/// Answers one connection's requests. What breaks a connection ends it, and nothing else.
fn serve(mut stream: TcpStream, shared: &Shared) {
    let Ok(mut reader) = stream.try_clone().map(BufReader::new) else { return };
    while let Ok(Some(call)) = read_head(&mut reader) {
        if !serve_call(&mut stream, &mut reader, shared, call).unwrap_or(false) {
            break;
        }
    }
    drop(stream.shutdown(Shutdown::Both));
}

/// Answers one request; whether the connection may be used again.
fn serve_call(
    stream: &mut TcpStream,
    reader: &mut BufReader<TcpStream>,
    shared: &Shared,
    mut call: Call,
) -> io::Result<bool> {
    let entry = admit(shared, &call);
    if call.is_held_back() {
        if let Entry::Refused(reply) = &entry {
            write_reply(stream, reply, false)?;
            return Ok(false);
        }
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let pause = if let Entry::Admitted(Some(Fault::Slow(pause))) = &entry { *pause } else { Duration::ZERO };
    if let Entry::Admitted(Some(Fault::Break(at))) = &entry {
        let length = call.length().min(*at);
        read_body(reader, &mut call, length, pause)?;
        keep_part(shared, &call);
        return Ok(false);
    }
    let length = call.length();
    read_body(reader, &mut call, length, pause)?;
    let reply = match entry {
        Entry::Refused(reply) => reply,
        Entry::Silent => return Ok(true),
        Entry::Admitted(fault) => answer(shared, &call, fault.as_ref()),
    };
    write_reply(stream, &reply, call.method == "HEAD")
}
