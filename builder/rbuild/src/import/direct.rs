//! The content of a repository of a registry, passed on as it comes: nothing of it lies on this machine. Knows no image.

use super::Blobs;
use super::repository::Repository;
use crate::error::Result;
use rbuild_oci::{Descriptor, Reference};
use rbuild_registry::Client;
use std::io::{self, Cursor, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Pieces of a blob that wait for who reads it; each is what the client writes at once, 64 KiB at most.
const PIECES: usize = 16;

/// The blobs of a repository of a registry, streamed. A broken connection is taken up again where it broke.
#[derive(Debug)]
pub(crate) struct Direct {
    repository: Repository,
}

impl Direct {
    /// What `reference` has in its registry.
    pub(crate) fn new(client: &Client, reference: &Reference) -> Self {
        Self { repository: Repository::new(client, reference) }
    }
}

impl Blobs for Direct {
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>> {
        if let Some(document) = self.repository.document(blob)? {
            return Ok(Some(document));
        }
        let (to, from) = sync_channel(PIECES);
        let (repository, blob) = (self.repository.clone(), blob.clone());
        // It ends with the transfer, or with its first piece once nobody reads any more.
        std::thread::spawn(move || {
            let result = repository.blob(&blob, &mut Pieces(to.clone()));
            // The empty piece is the end.
            drop(to.send(result.map(|()| Vec::new()).map_err(io::Error::other)));
        });
        Ok(Some(Box::new(Incoming { from, piece: Cursor::new(Vec::new()), ended: false })))
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        self.repository.pour(blob, sink)?;
        Ok(true)
    }

    fn place(&self) -> String {
        self.repository.reference.familiar_name()
    }
}

type Piece = io::Result<Vec<u8>>;

/// What the client writes to.
struct Pieces(SyncSender<Piece>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            self.0.send(Ok(bytes.to_vec())).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is read of it.
struct Incoming {
    from: Receiver<Piece>,
    piece: Cursor<Vec<u8>>,
    ended: bool,
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.piece.read(buffer)?;
            if count > 0 || self.ended || buffer.is_empty() {
                return Ok(count);
            }
            // A sender that is gone without an end was interrupted.
            let piece = self.from.recv().unwrap_or_else(|_| Err(io::ErrorKind::UnexpectedEof.into()))?;
            self.ended = piece.is_empty();
            self.piece = Cursor::new(piece);
        }
    }
}
