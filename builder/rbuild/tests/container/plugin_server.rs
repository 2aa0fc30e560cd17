//! A volume plugin: a program of its own that speaks Docker's protocol over a socket, writes down what it was asked, and
//! behaves badly when a file tells it to. `SELF --as-plugin DIR ADDRESS`; its volumes are directories below DIR.

use serde_json::{Value, json};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// The word that makes this program be a plugin.
pub(crate) const AS_PLUGIN: &str = "--as-plugin";

/// A running plugin; killed when dropped.
pub(crate) struct Plugin {
    dir: PathBuf,
    child: Child,
}

impl Plugin {
    /// Starts one that keeps its volumes in `dir` and listens at `address`: a path, `tcp:SPEC-FILE`, `tls:FOLDER`.
    pub(crate) fn start(dir: &Path, address: &str) -> Self {
        fs::create_dir_all(dir.join("volumes")).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(AS_PLUGIN).arg(dir).arg(address).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { dir: dir.to_owned(), child }
    }

    /// Ends it at once.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// What it was asked since the last time, one a line: `Mount NAME ID`.
    pub(crate) fn take_calls(&self) -> Vec<String> {
        take_calls(&self.dir)
    }

    /// What it does from now on when it is asked `method`; empty is what it should.
    pub(crate) fn behave(&self, method: &str, how: &str) {
        fs::write(self.dir.join(format!("behave-{method}")), how).unwrap();
    }
}

/// What a plugin with that directory was asked since the last time.
pub(crate) fn take_calls(dir: &Path) -> Vec<String> {
    let path = dir.join("calls");
    let text = fs::read_to_string(&path).unwrap_or_default();
    drop(fs::remove_file(path));
    text.lines().map(str::to_owned).collect()
}

impl Drop for Plugin {
    fn drop(&mut self) {
        self.end();
    }
}

/// Serves until it is killed.
pub(crate) fn serve(args: &[String]) -> ExitCode {
    let dir = PathBuf::from(&args[0]);
    let each = |stream: Box<dyn Stream>| {
        let dir = dir.clone();
        std::thread::spawn(move || answer(&dir, stream));
    };
    if let Some(port_file) = args[1].strip_prefix("tcp:") {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let spec = format!("tcp://{}\n", listener.local_addr().unwrap());
        fs::write(port_file, spec).unwrap();
        println!("ready");
        listener.incoming().for_each(|stream| each(Box::new(stream.unwrap())));
    } else if let Some(folder) = args[1].strip_prefix("tls:") {
        serve_tls(&dir, Path::new(folder));
    } else {
        drop(fs::remove_file(&args[1]));
        let listener = UnixListener::bind(&args[1]).unwrap();
        println!("ready");
        listener.incoming().for_each(|stream| each(Box::new(stream.unwrap())));
    }
    ExitCode::SUCCESS
}

/// Each connection through an `openssl` of its own, which asks for a certificate of the folder's authority. The folder's
/// `port` says where we listen.
fn serve_tls(dir: &Path, folder: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    fs::write(folder.join("port"), listener.local_addr().unwrap().port().to_string()).unwrap();
    println!("ready");
    for outer in listener.incoming() {
        let (dir, folder, outer) = (dir.to_owned(), folder.to_owned(), outer.unwrap());
        std::thread::spawn(move || through_openssl(&dir, &folder, &outer));
    }
}

fn through_openssl(dir: &Path, folder: &Path, outer: &TcpStream) {
    let file = |name: &str| folder.join(name).display().to_string();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (cert, key, ca) = (file("server.pem"), file("server.key"), file("ca.pem"));
    let mut command = Command::new("openssl");
    command.args(["s_server", "-quiet", "-naccept", "1", "-accept", &format!("127.0.0.1:{port}")]);
    command.args(["-cert", &cert, "-key", &key, "-CAfile", &ca, "-Verify", "1", "-verify_return_error"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let inner = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(inner) => break inner,
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let write = Arc::new(child.stdin.take().unwrap());
    let pipes = Pipes { read: child.stdout.take().unwrap(), write: write.clone() };
    std::thread::scope(|scope| {
        scope.spawn(|| pass_on(outer, &inner));
        scope.spawn(|| pass_on(&inner, outer));
        answer(dir, Box::new(pipes));
        // It ends when the other side hangs up; without its input it would hang up itself.
        child.wait().unwrap();
    });
    drop(write);
}

fn pass_on(mut from: &TcpStream, mut to: &TcpStream) {
    drop(io::copy(&mut from, &mut to));
    drop(to.shutdown(Shutdown::Write));
}

struct Pipes {
    read: ChildStdout,
    write: Arc<ChildStdin>,
}

impl Read for Pipes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read.read(buffer)
    }
}

impl Write for Pipes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.write).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

fn answer(dir: &Path, stream: Box<dyn Stream>) {
    let mut stream = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    stream.read_line(&mut first).unwrap();
    if first.is_empty() {
        return;
    }
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let method = first.split(['/', ' ']).nth(2).unwrap().rsplit('.').next().unwrap().to_owned();
    let question: Value = serde_json::from_slice(&body).unwrap();
    let (name, id) = (text(&question, "Name"), text(&question, "ID"));
    let mut calls = fs::OpenOptions::new().append(true).create(true).open(dir.join("calls")).unwrap();
    calls.write_all(format!("{}\n", format!("{method} {name} {id}").trim_end()).as_bytes()).unwrap();
    let how = fs::read_to_string(dir.join(format!("behave-{method}"))).unwrap_or_default();
    let (status, body) = match how.as_str() {
        "" => ("200 OK", act(dir, &method, &question).to_string().into_bytes()),
        "slow" => {
            std::thread::sleep(Duration::from_mins(1));
            return;
        }
        "silent" => return,
        "garbage" => ("200 OK", b"<html>not json</html>".to_vec()),
        "wrong" => ("200 OK", br#"["what", "is", "this"]"#.to_vec()),
        "huge" => ("200 OK", vec![b' '; 64 << 20]),
        "status" => ("500 Internal Server Error", b"out of\ncheese".to_vec()),
        "refuse" => ("200 OK", br#"{"Err":"no room for it"}"#.to_vec()),
        "nowhere" => ("200 OK", br#"{"Mountpoint":"/no/such/place"}"#.to_vec()),
        "relative" => ("200 OK", br#"{"Mountpoint":"volumes/x"}"#.to_vec()),
        "network" => ("200 OK", br#"{"Implements":["NetworkDriver"]}"#.to_vec()),
        "short" => {
            drop(stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"));
            return;
        }
        other => panic!("{other:?} is no way to behave"),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    // Who asked may have had enough.
    drop(stream.get_mut().write_all(&[head.as_bytes(), &body].concat()));
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn act(dir: &Path, method: &str, question: &Value) -> Value {
    let volumes = dir.join("volumes");
    let name = text(question, "Name");
    let place = volumes.join(&name);
    let described = |name: &str| {
        let options = fs::read_to_string(dir.join(format!("options-{name}"))).unwrap_or_default();
        json!({ "Name": name, "Mountpoint": volumes.join(name), "Status": { "options": options } })
    };
    let missing = || json!({ "Err": format!("there is no {name}") });
    match method {
        "Activate" => json!({ "Implements": ["VolumeDriver"] }),
        "Capabilities" => json!({ "Capabilities": { "Scope": "Global" } }),
        "Create" => {
            fs::create_dir_all(&place).unwrap();
            fs::write(dir.join(format!("options-{name}")), question["Opts"].to_string()).unwrap();
            json!({ "Err": "" })
        }
        "List" => {
            let mut names: Vec<String> =
                fs::read_dir(&volumes).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
            names.retain(|name| !name.starts_with('.'));
            names.sort();
            json!({ "Volumes": names.iter().map(|name| described(name)).collect::<Vec<_>>(), "Err": "" })
        }
        _ if !place.is_dir() => missing(),
        "Get" => json!({ "Volume": described(&name), "Err": "" }),
        "Remove" => {
            // What is in it may belong to others.
            fs::rename(&place, dir.join(format!("volumes/.gone-{}", fs::read_dir(&volumes).unwrap().count()))).unwrap();
            json!({ "Err": null })
        }
        "Mount" | "Path" => {
            if method == "Mount" && mounts(dir, &name) {
                rustix::mount::mount("tmpfs", &place, "tmpfs", rustix::mount::MountFlags::empty(), None).unwrap();
            }
            json!({ "Mountpoint": place, "Err": "" })
        }
        "Unmount" => {
            if mounts(dir, &name) {
                rustix::mount::unmount(&place, rustix::mount::UnmountFlags::DETACH).unwrap();
            }
            json!({ "Err": "" })
        }
        other => panic!("{other} is no method"),
    }
}

/// Whether a volume is to be mounted for real.
fn mounts(dir: &Path, name: &str) -> bool {
    fs::read_to_string(dir.join(format!("options-{name}"))).is_ok_and(|options| options.contains("tmpfs"))
}
