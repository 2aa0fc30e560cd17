//! A blob coming in over HTTP: verified while it comes, and taken up where the connection broke. Knows neither how it is
//! asked for nor by which name.

use super::{Line, Tries};
use rbuild_oci::{Descriptor, Digest, Hasher};
use rbuild_registry::{Answer, Result};
use std::io::{self, Write};

/// A connection that brought this much before it broke counts as the first to fail.
const PROGRESS: u64 = 1 << 20;

/// So many connections may break, whatever they brought.
const BREAKS: u32 = 16;

/// Writes `blob` to `sink`; false where it is not there. `ask` asks for its bytes from a number on, and gives none where
/// it is not there.
pub(in crate::depot) fn pour<'a>(
    line: &'a Line,
    blob: &Descriptor,
    sink: &mut dyn Write,
    ask: &dyn Fn(u64) -> Result<Option<Answer<'a>>>,
) -> Result<bool> {
    let mut pouring = Pouring { blob, sink, hasher: Hasher::new(), done: 0 };
    let (mut tries, mut breaks) = (Tries::new(), 0);
    loop {
        let before = pouring.done;
        match pouring.attempt(ask) {
            Ok(found) => return Ok(found),
            Err(error) => {
                breaks += 1;
                if breaks == BREAKS {
                    return Err(error);
                }
                if pouring.done - before >= PROGRESS {
                    tries = Tries::new();
                }
                tries.after(error, &line.cancel)?;
            }
        }
    }
}

struct Pouring<'a> {
    blob: &'a Descriptor,
    sink: &'a mut dyn Write,
    hasher: Hasher,
    done: u64,
}

impl Pouring<'_> {
    fn attempt<'a>(&mut self, ask: &dyn Fn(u64) -> Result<Option<Answer<'a>>>) -> Result<bool> {
        let Some(mut answer) = ask(self.done)? else { return Ok(false) };
        let mut known = self.start_of(&answer)?;
        let mut surplus = false;
        let read = answer.read(|bytes| {
            let fresh = &bytes[known.min(bytes.len() as u64) as usize..];
            known -= (bytes.len() - fresh.len()) as u64;
            surplus = self.done + fresh.len() as u64 > self.blob.size;
            if surplus {
                // What follows is not even read.
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            self.hasher.update(fresh);
            self.done += fresh.len() as u64;
            self.sink.write_all(fresh)
        });
        if surplus {
            return Err(answer.unusable(format!("it has more bytes than the {} of its descriptor", self.blob.size)));
        }
        read?;
        if self.done != self.blob.size {
            let (done, size) = (self.done, self.blob.size);
            return Err(answer.unusable(format!("it has {done} bytes, not the {size} of its descriptor")));
        }
        match self.hasher.clone().finish() {
            found if found == self.blob.digest => Ok(true),
            found => Err(answer.unusable(other_content(found))),
        }
    }

    /// How many bytes of the body are known already: none where the range was honoured, all where it was not.
    fn start_of(&self, answer: &Answer<'_>) -> Result<u64> {
        if answer.status() != 206 {
            return match answer.size() {
                Some(size) if size != self.blob.size => {
                    let reason = format!("it has {size} bytes, not the {} of its descriptor", self.blob.size);
                    Err(answer.unusable(reason))
                }
                _ => Ok(self.done),
            };
        }
        let range = answer.header("content-range").unwrap_or_default();
        let start = range.strip_prefix("bytes ").and_then(|rest| rest.split('-').next()?.parse::<u64>().ok());
        match start.and_then(|start| self.done.checked_sub(start)) {
            Some(known) => Ok(known),
            None => Err(answer.unusable(format!("it was asked for bytes from {} on and sends {range:?}", self.done))),
        }
    }
}

fn other_content(found: Digest) -> String {
    format!("it is other content, of digest {found}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rbuild_oci::{Cancel, MediaType};
    use rbuild_registry::{Address, Call, Config, Content, Verb};
    use std::net::TcpListener;

    #[test]
    fn what_never_ends_is_not_read_to_its_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut sent, bytes) = (0_u64, vec![7; 1 << 16]);
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").unwrap();
            // What the reader does not want any more cannot be written.
            while sent < 1 << 30 && stream.write_all(&bytes).is_ok() {
                sent += 1 << 16;
            }
            sent
        });
        let line = Line::new(&Config::default(), &Cancel::new());
        let blob = Descriptor::of(MediaType::OCI_LAYER, &[7; 100]);
        let mut sink = Vec::new();
        let error = pour(&line, &blob, &mut sink, &|_| {
            let (verb, address, subject) = (Verb::Get, address.clone(), "blob");
            let call =
                Call { verb, address, headers: Vec::new(), authorization: None, content: Content::Nothing, subject };
            line.steady.call(call).map(Some)
        });
        assert!(error.unwrap_err().to_string().contains("more bytes than the 100"));
        drop(line);
        assert!(server.join().unwrap() < 1 << 28 && sink.len() <= 100);
    }
}
