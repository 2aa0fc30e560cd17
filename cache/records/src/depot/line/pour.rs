//! A blob coming in over HTTP: verified while it comes, and taken up where the connection broke. Knows neither how it is
//! asked for nor by which name.

use super::{Line, Tries};
use rbuild_oci::{Descriptor, Digest, Hasher};
use rbuild_registry::{Answer, Result};
use std::io::Write;

/// A connection that brought this much before it broke counts as the first to fail.
const PROGRESS: u64 = 1 << 20;

/// Writes `blob` to `sink`; false where it is not there. `ask` asks for its bytes from a number on, and gives none where
/// it is not there.
pub(in crate::depot) fn pour<'a>(
    line: &'a Line,
    blob: &Descriptor,
    sink: &mut dyn Write,
    ask: &dyn Fn(u64) -> Result<Option<Answer<'a>>>,
) -> Result<bool> {
    let mut pouring = Pouring { blob, sink, hasher: Hasher::new(), done: 0 };
    let mut tries = Tries::new();
    loop {
        let before = pouring.done;
        match pouring.attempt(ask) {
            Ok(found) => return Ok(found),
            Err(error) => {
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
        answer.read(|bytes| {
            let fresh = &bytes[known.min(bytes.len() as u64) as usize..];
            known -= (bytes.len() - fresh.len()) as u64;
            surplus |= self.done + fresh.len() as u64 > self.blob.size;
            if surplus {
                return Ok(());
            }
            self.hasher.update(fresh);
            self.done += fresh.len() as u64;
            self.sink.write_all(fresh)
        })?;
        if surplus || self.done != self.blob.size {
            let told = if surplus { "more".to_owned() } else { self.done.to_string() };
            return Err(answer.unusable(format!("it has {told} bytes, not the {} of its descriptor", self.blob.size)));
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
