//! The registry's life: its socket and threads, what it holds, what it was told to do wrong, what it saw.

use super::api::answer;
use super::wire::{read_call, write_reply};
use rbuild_oci::testing::TestImage;
use rbuild_oci::{Descriptor, Digest, Reference};
use std::collections::BTreeMap;
use std::io::{self, BufReader};
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
    pub(super) rules: Vec<Rule>,
    pub(super) seen: Vec<Seen>,
    /// The most tags on a page.
    pub(super) page: usize,
}

impl Default for Held {
    fn default() -> Self {
        let (blobs, manifests) = (BTreeMap::new(), BTreeMap::new());
        Self { blobs, manifests, rules: Vec::new(), seen: Vec::new(), page: 2 }
    }
}

pub(super) struct Shared {
    pub(super) host: String,
    pub(super) login: Login,
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
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            host: address.to_string(),
            login,
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
    /// they were made; HEAD requests only meet [`Fault::Status`] and [`Fault::Plain`].
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
    while let Ok(Some(call)) = read_call(&mut reader) {
        let Some(reply) = answer(shared, &call) else { continue };
        if !write_reply(&mut stream, &reply, call.method == "HEAD").unwrap_or(false) {
            break;
        }
    }
    drop(stream.shutdown(Shutdown::Both));
}
