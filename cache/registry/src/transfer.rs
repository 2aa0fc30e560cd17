//! Blobs coming in: streamed, verified, taken up again where the connection broke. Knows no manifest and no layer format.

use crate::client::{Access, Ask, Client, Target};
use crate::error::{Error, Result};
use crate::http::{Payload, Response};
use crate::mirrors::{Endpoint, origin, over_mirrors};
use crate::pace::Pace;
use crate::retry::Schedule;
use crate::wait;
use rbuild_oci::{Descriptor, Hasher, Reference};
use std::io::{self, Read, Write};
use ureq::http::Method;

/// Bytes read at a time, and so how often the flag to stop is looked at.
const CHUNK: usize = 64 << 10;

/// A connection that brought this much before it broke counts as the first to fail, whatever was before.
const PROGRESS: u64 = 1 << 20;

impl Client {
    /// Writes the content of `blob` to `sink` as it comes. It returns only if size and digest were right; after an error
    /// `sink` holds a part of it, or something else altogether, and must be thrown away. Memory does not grow with the
    /// size. Mirrors are tried first, and each host goes on where the one before it ended. After [`Error::WrongDigest`] a
    /// second call may succeed: mirrors that had a part in the wrong content are not asked for it again.
    pub fn blob(&self, reference: &Reference, blob: &Descriptor, sink: &mut dyn Write) -> Result<()> {
        let subject = format!("{}@{}", reference.familiar_name(), blob.digest);
        let mut transfer =
            Transfer { client: self, reference, blob, sink, subject, hasher: Hasher::new(), done: 0, from: Vec::new() };
        let host = over_mirrors(self.config(), reference, |at, schedule| transfer.run(at, schedule))?;
        transfer.verify(host)
    }
}

struct Transfer<'a> {
    client: &'a Client,
    reference: &'a Reference,
    blob: &'a Descriptor,
    sink: &'a mut dyn Write,
    subject: String,
    hasher: Hasher,
    done: u64,
    /// The mirrors that were asked.
    from: Vec<String>,
}

impl Transfer<'_> {
    /// Takes all that is missing from one host; gives its name.
    fn run(&mut self, at: &Endpoint, schedule: &Schedule) -> Result<String> {
        if *at != origin(self.reference) {
            if self.client.distrusted().contains(&(at.authority.clone(), self.blob.digest)) {
                let reason = "it sent other content before".to_owned();
                return Err(Error::Protocol { host: at.name.clone(), subject: self.subject.clone(), reason });
            }
            self.from.push(at.authority.clone());
        }
        let mut failures = 0;
        loop {
            let before = self.done;
            let Err(error) = self.attempt(at) else { return Ok(at.name.clone()) };
            failures = if self.done - before >= PROGRESS { 1 } else { failures + 1 };
            match schedule.wait_after(&error, failures) {
                Some(time) => wait::pause(self.client.cancel(), time)?,
                None => return Err(error),
            }
        }
    }

    fn attempt(&mut self, at: &Endpoint) -> Result<()> {
        let mut answer = self.ask(at)?;
        let mut skip = self.start_of(&answer, at)?;
        self.check_announced(&answer, at)?;
        let mut body = answer.body.as_reader();
        let mut chunk = vec![0; CHUNK];
        let mut pace = Pace::new(self.client.config().timeouts.idle);
        loop {
            self.client.cancel().check()?;
            let count = match body.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.interrupted(at, error)),
            };
            pace.came(count).map_err(|error| self.interrupted(at, error))?;
            let known = skip.min(count as u64) as usize;
            skip -= known as u64;
            self.take(&chunk[known..count], at)?;
        }
        if self.done == self.blob.size { Ok(()) } else { Err(self.short(at)) }
    }

    fn ask(&self, at: &Endpoint) -> Result<Response> {
        let range = (self.done > 0).then(|| ("range", format!("bytes={}-", self.done)));
        let ask = Ask {
            method: Method::GET,
            reference: self.reference,
            target: Target::Resource(&format!("blobs/{}", self.blob.digest)),
            headers: range.into_iter().collect(),
            payload: Payload::Nothing,
            access: Access::Pull,
            subject: &self.subject,
        };
        self.client.call(at, ask, &[200, 206])
    }

    /// How many bytes of the body are known already: none where the host honours the range, all where it does not.
    fn start_of(&self, answer: &Response, at: &Endpoint) -> Result<u64> {
        if answer.status == 200 {
            return Ok(self.done);
        }
        let range = answer.header("content-range").unwrap_or_default();
        let start = range.strip_prefix("bytes ").and_then(|rest| rest.split('-').next()?.parse::<u64>().ok());
        match start {
            Some(start) if start <= self.done => Ok(self.done - start),
            _ => {
                let reason = format!("it was asked for bytes from {} on and sends {range:?}", self.done);
                Err(Error::Protocol { host: at.name.clone(), subject: self.subject.clone(), reason })
            }
        }
    }

    /// A wrong length is known before a byte is written.
    fn check_announced(&self, answer: &Response, at: &Endpoint) -> Result<()> {
        let length = answer.header("content-length").and_then(|text| text.parse::<u64>().ok());
        match length {
            Some(found) if answer.status == 200 && found != self.blob.size => Err(self.wrong_size(at, found)),
            _ => Ok(()),
        }
    }

    fn take(&mut self, bytes: &[u8], at: &Endpoint) -> Result<()> {
        let total = self.done + bytes.len() as u64;
        if total > self.blob.size {
            return Err(self.wrong_size(at, total));
        }
        self.hasher.update(bytes);
        self.sink.write_all(bytes).map_err(|source| Error::Local {
            operation: "keep",
            subject: self.subject.clone(),
            source,
        })?;
        self.done = total;
        Ok(())
    }

    fn verify(self, host: String) -> Result<()> {
        let (wanted, found) = (self.blob.digest, self.hasher.finish());
        if wanted == found {
            return Ok(());
        }
        self.client.distrusted().extend(self.from.into_iter().map(|host| (host, wanted)));
        Err(Error::WrongDigest { host, subject: self.subject, wanted, found })
    }

    fn short(&self, at: &Endpoint) -> Error {
        let source = io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("it ended after {} of {} bytes", self.done, self.blob.size),
        );
        Error::Interrupted { host: at.name.clone(), subject: self.subject.clone(), source }
    }

    fn interrupted(&self, at: &Endpoint, source: io::Error) -> Error {
        if self.client.cancel().is_canceled() {
            return Error::Canceled(rbuild_oci::Canceled);
        }
        Error::Interrupted { host: at.name.clone(), subject: self.subject.clone(), source }
    }

    fn wrong_size(&self, at: &Endpoint, found: u64) -> Error {
        Error::WrongSize { host: at.name.clone(), subject: self.subject.clone(), wanted: self.blob.size, found }
    }
}
