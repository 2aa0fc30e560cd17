//! A large blob going out in parts, several at once: read once and in order, verified before the last part is given
//! away. Memory is what the parts take that are under way. Knows nothing of how a part is sent.

use rbuild_oci::{Cancel, Descriptor};
use rbuild_registry::{Error, Open, Result, Source};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// Parts under way at once.
const AT_ONCE: u64 = 4;

/// How a blob is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::depot) struct Parts {
    /// The bytes of a part; the last may have less.
    size: u64,
    count: u64,
}

impl Parts {
    /// Blobs of more bytes go in parts.
    const WHOLE: u64 = 64 << 20;
    const LEAST: u64 = 8 << 20;
    /// The most that S3 takes; Azure takes more.
    const MOST: u64 = 10_000;

    /// The parts of so many bytes; none where they go in one piece.
    pub(in crate::depot) fn of(bytes: u64) -> Option<Self> {
        let size = Self::LEAST.max(bytes.div_ceil(Self::MOST));
        (bytes > Self::WHOLE).then(|| Self { size, count: bytes.div_ceil(size) })
    }
}

/// Gives each part of `blob` with its number, from 0 on, to `send`; what that gives, in order. The first failure ends all.
pub(in crate::depot) fn in_parts<T: Send>(
    blob: &Descriptor,
    parts: Parts,
    open: &Open<'_>,
    cancel: &Cancel,
    send: &(dyn Fn(u64, &[u8]) -> Result<T> + Sync),
) -> Result<Vec<T>> {
    let unreadable = |source| Error::Local { operation: "read", subject: blob.digest.to_string(), source };
    let source = open().and_then(|inner| Source::new(inner, blob, cancel, 0)).map_err(unreadable)?;
    let work = Mutex::new(Work { source, next: 0, sent: BTreeMap::new(), failed: None });
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(parts.count) {
            scope.spawn(|| {
                let mut buffer = Vec::new();
                loop {
                    let next = lock(&work).read(parts, &mut buffer, &unreadable);
                    let Some(number) = next else { break };
                    let sent = send(number, &buffer);
                    lock(&work).note(number, sent);
                }
            });
        }
    });
    let work = work.into_inner().unwrap_or_else(PoisonError::into_inner);
    work.failed.map_or_else(|| Ok(work.sent.into_values().collect()), Err)
}

struct Work<'a, T> {
    source: Source<'a>,
    next: u64,
    sent: BTreeMap<u64, T>,
    failed: Option<Error>,
}

impl<T> Work<'_, T> {
    /// Reads the next part and gives its number; none where there is none, or something failed.
    fn read(&mut self, parts: Parts, buffer: &mut Vec<u8>, unreadable: &dyn Fn(io::Error) -> Error) -> Option<u64> {
        if self.failed.is_some() || self.next == parts.count {
            return None;
        }
        let number = self.next;
        self.next += 1;
        buffer.clear();
        let end = (number + 1) * parts.size;
        if let Err(error) = self.source.up_to(end).read_to_end(buffer) {
            self.failed = Some(unreadable(self.source.take_failure().unwrap_or(error)));
            return None;
        }
        Some(number)
    }

    fn note(&mut self, number: u64, sent: Result<T>) {
        match sent {
            Ok(value) => drop(self.sent.insert(number, value)),
            Err(error) => self.failed = self.failed.take().or(Some(error)),
        }
    }
}

fn lock<T>(work: &Mutex<T>) -> MutexGuard<'_, T> {
    work.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rbuild_oci::MediaType;
    use std::io::Cursor;

    fn send_all(blob: &Descriptor, bytes: &[u8]) -> Result<Vec<u64>> {
        let open = || Ok(Box::new(Cursor::new(bytes)) as Box<dyn Read + Send + '_>);
        let parts = Parts { size: 4, count: blob.size.div_ceil(4) };
        in_parts(blob, parts, &open, &Cancel::new(), &|number, part| Ok(number * 100 + part.len() as u64))
    }

    #[test]
    fn parts_come_in_order_and_the_last_only_where_all_is_right() {
        let blob = Descriptor::of(MediaType::OCI_LAYER, b"0123456789");
        assert_eq!(send_all(&blob, b"0123456789").unwrap(), [4, 104, 202]);
        let wrong = send_all(&blob, b"0123456780").unwrap_err().to_string();
        assert!(wrong.contains("its digest is sha256:"), "{wrong}");
        assert!(send_all(&blob, b"0123").unwrap_err().to_string().contains("shorter"));
    }

    #[test]
    fn the_first_refusal_ends_it() {
        let blob = Descriptor::of(MediaType::OCI_LAYER, &[7_u8; 4000]);
        let open = || Ok(Box::new(Cursor::new(vec![7_u8; 4000])) as Box<dyn Read + Send>);
        let sent = Mutex::new(0);
        let result: Result<Vec<()>> =
            in_parts(&blob, Parts { size: 4, count: 1000 }, &open, &Cancel::new(), &|_, _| {
                *lock(&sent) += 1;
                Err(Error::Setting { setting: "s".into(), reason: String::new() })
            });
        assert!(matches!(result, Err(Error::Setting { .. })));
        assert!(*lock(&sent) <= AT_ONCE, "no part is read after it");
    }

    #[test]
    fn no_blob_has_more_parts_than_are_taken() {
        assert_eq!(Parts::of(Parts::WHOLE), None);
        assert_eq!(Parts::of(100 << 20), Some(Parts { size: 8 << 20, count: 13 }));
        let terabyte = Parts::of(1 << 40).unwrap();
        assert!(terabyte.count <= Parts::MOST && terabyte.size < 1 << 30, "{terabyte:?}");
    }
}
