//! HTTP/1.1 as a server of tests needs it, one message at a time. Knows no registry.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// A request, whose body is read after its head.
#[derive(Debug)]
pub struct Call {
    /// The method.
    pub method: String,
    /// Path and query as they came.
    pub target: String,
    /// The path as it came.
    pub path: String,
    /// What stands behind it, decoded.
    pub query: BTreeMap<String, String>,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Its body, once that was read.
    pub body: Vec<u8>,
}

impl Call {
    /// A header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The bytes that the body has.
    pub fn length(&self) -> usize {
        self.header("content-length").parse().unwrap_or(0)
    }

    /// Whether the body only comes once it was asked for.
    pub fn is_held_back(&self) -> bool {
        self.header("expect").eq_ignore_ascii_case("100-continue")
    }
}

/// An answer to be sent.
#[derive(Debug, Default)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers besides `Content-Length`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Sends so many bytes of the body, then closes the connection.
    pub cut_at: Option<usize>,
    /// Sends the body byte by byte, so long apart.
    pub pause: Option<Duration>,
}

impl Reply {
    /// An answer of that status.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// An answer in JSON.
    pub fn json(status: u16, text: impl Into<Vec<u8>>) -> Self {
        Self { body: text.into(), ..Self::status(status) }.with("Content-Type", "application/json")
    }

    /// The same with a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The head of the next request of a connection; none where it ends, or is not HTTP.
pub fn read_head(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Call>> {
    let first = read_line(reader)?;
    let words: Vec<&str> = first.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words[..] else { return Ok(None) };
    let mut headers = BTreeMap::new();
    loop {
        let line = read_line(reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (method, target, path) = (method.to_owned(), target.to_owned(), path.to_owned());
    Ok(Some(Call { method, query: pairs(query), target, path, headers, body: Vec::new() }))
}

/// Reads the first `length` bytes of a call's body, with a pause before each part of it.
pub fn read_body(reader: &mut BufReader<TcpStream>, call: &mut Call, length: usize, pause: Duration) -> io::Result<()> {
    call.body = vec![0; length];
    for part in call.body.chunks_mut(64 << 10) {
        thread::sleep(pause);
        reader.read_exact(part)?;
    }
    Ok(())
}

/// A line without its end. Bytes that are no text end the connection.
fn read_line(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    reader.take(16 << 10).read_until(b'\n', &mut line)?;
    let text = String::from_utf8(line).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(text.trim_end().to_owned())
}

/// `a=b&c=d` with `%XX` decoded; what comes twice is joined by a space.
pub fn pairs(text: &str) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
        let entry = found.entry(name.to_owned()).or_default();
        entry.push_str(if entry.is_empty() { "" } else { " " });
        entry.push_str(&decode(value));
    }
    found
}

fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at(part.len().min(2));
        out.extend(u8::from_str_radix(hex, 16));
        out.extend(rest.bytes());
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Sends `reply`; whether the connection may be used again.
pub fn write_reply(stream: &mut TcpStream, reply: &Reply, head_only: bool) -> io::Result<bool> {
    let headers: String = reply.headers.iter().map(|(name, value)| [name, ": ", value, "\r\n"].concat()).collect();
    let head = format!("HTTP/1.1 {} Answer\r\nContent-Length: {}\r\n{headers}", reply.status, reply.body.len());
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    if head_only {
        return Ok(true);
    }
    let cut = reply.cut_at.unwrap_or(reply.body.len()).min(reply.body.len());
    match reply.pause {
        None => stream.write_all(&reply.body[..cut])?,
        Some(pause) => {
            for byte in &reply.body[..cut] {
                stream.write_all(&[*byte])?;
                std::thread::sleep(pause);
            }
        }
    }
    Ok(reply.cut_at.is_none())
}
