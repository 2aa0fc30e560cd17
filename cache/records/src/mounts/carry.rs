//! The way up: a directory read, cut and compared with what a depot has, then what is new sent. Only the first half needs
//! the mount's lock.

use super::cutter::Take;
use super::manifest::{Manifest, Piece};
use super::read::{Outcome, Whole, read};
use super::spool::Spool;
use super::{Ground, Note, name, parallel};
use crate::depot::{DOCUMENT_LIMIT, Depot};
use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, Digest, Timestamp};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What there is to send of a mount.
#[derive(Debug)]
pub enum Stock {
    /// Nothing: the depot has it, and nobody touched it since.
    Unchanged,
    /// Nothing: it is empty, which is no reason to take from others what they have.
    Empty,
    /// Nothing: it has so many bytes, which is more than may travel.
    TooLarge(u64),
    /// What it is made of.
    Ready(Box<Load>),
}

/// A mount that is read, and of which nothing is sent yet.
#[derive(Debug)]
pub struct Load {
    mount: PathBuf,
    print: Digest,
    manifest: Manifest,
    asked: Timestamp,
    spool: Spool,
    fresh: Vec<Piece>,
    /// What was left behind and why, for people.
    pub notes: Vec<String>,
}

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Pieces that the depot did not have.
    pub pieces: usize,
    /// All pieces.
    pub of: usize,
    /// The bytes that went.
    pub bytes: u64,
    /// Whether the depot has it now: it may have lost some of it on the way, or have got another one meanwhile.
    pub is_there: bool,
}

/// How hard pieces are compressed.
const LEVEL: i32 = 3;

/// Reads the directory of the mount `identity`, of at most `most` bytes, for sending it to a depot. The caller holds the
/// mount's lock alone; a mount that changes all the same is read once more, and then [`rbuild_store::Error::Changed`].
pub fn stock(
    ground: &Ground<'_>,
    depot: &dyn Depot,
    (identity, mount): (&str, &Path),
    most: u64,
    now: Timestamp,
) -> Result<Stock> {
    let note = Note::read(mount)?.filter(|note| note.depot == depot.to_string());
    if let Some(note) = &note
        && note.holds(ground, mount)?
        && is_kept(depot, identity, note, now)?
    {
        return Ok(Stock::Unchanged);
    }
    let trusted = note.filter(|note| is_young(note, now));
    let asked = trusted.as_ref().map_or(now, |note| note.asked);
    let known = known(depot, identity, trusted)?;
    let gather =
        || Ok(Gather { known: known.clone(), spool: Spool::new(ground.store)?, all: Vec::new(), fresh: Vec::new() });
    let Whole { taker, size, print, notes } = match read(ground, mount, most, &gather)? {
        Outcome::Empty => return Ok(Stock::Empty),
        Outcome::TooLarge(size) => return Ok(Stock::TooLarge(size)),
        Outcome::Whole(whole) => whole,
    };
    let Gather { spool, all: pieces, fresh, .. } = taker;
    let manifest = Manifest { version: Manifest::VERSION, identity: identity.to_owned(), size, when: now, pieces };
    Ok(Stock::Ready(Box::new(Load { mount: mount.to_owned(), print, manifest, asked, spool, fresh, notes })))
}

/// For how many seconds a depot is trusted to keep the pieces that it had. Then each is asked for once.
const TRUSTED: i64 = 24 * 60 * 60;

fn is_young(note: &Note, now: Timestamp) -> bool {
    now.seconds.saturating_sub(note.asked.seconds) < TRUSTED
}

/// Whether a mount that nobody touched need not be sent: the depot has it, or has what somebody else carried since.
fn is_kept(depot: &dyn Depot, identity: &str, note: &Note, now: Timestamp) -> Result<bool> {
    let name = name(identity);
    if is_young(note, now) {
        return depot.has(&name);
    }
    let own = note.manifest.to_bytes().map_err(rbuild_store::Error::from)?;
    Ok(depot.document(&name)?.is_some_and(|document| document != own))
}

/// The pieces that the depot has for sure: they were there when this mount travelled, and its document still speaks of them.
/// What is only said by the document is asked for, one by one, so that a depot which lost a piece gets it again.
fn known(depot: &dyn Depot, identity: &str, note: Option<Note>) -> Result<BTreeMap<Digest, Piece>> {
    let Some(note) = note else { return Ok(BTreeMap::new()) };
    let document = depot.document(&name(identity))?;
    let Some(far) = document.and_then(|bytes| Manifest::read(identity, u64::MAX, &bytes).ok()) else {
        return Ok(BTreeMap::new());
    };
    let there: BTreeMap<Digest, Piece> = far.pieces.into_iter().map(|piece| (piece.digest, piece)).collect();
    let both = note.manifest.pieces.into_iter().filter(|piece| there.get(&piece.digest) == Some(piece));
    Ok(both.map(|piece| (piece.digest, piece)).collect())
}

impl Load {
    /// Sends what is new, then the manifest, and notes beside the mount what it was if the depot has it then.
    pub fn send(self, ground: &Ground<'_>, depot: &dyn Depot) -> Result<Sent> {
        let Self { mount, print, manifest, asked, spool, fresh, .. } = self;
        let document = manifest.to_bytes().map_err(rbuild_store::Error::from)?;
        let name = name(&manifest.identity);
        if document.len() as u64 > DOCUMENT_LIMIT {
            let reason = format!("a mount of {} pieces is too large", manifest.pieces.len());
            return Err(Error::depot(depot, "keep", name, reason));
        }
        let sent = std::sync::Mutex::new((0, 0));
        parallel::each(&fresh, ground.cancel, &|piece| {
            let open = || Ok(Box::new(spool.part_of(&piece.digest)) as Box<dyn io::Read + Send>);
            if depot.put(&piece.blob, &open)? {
                let mut sent = sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                *sent = (sent.0 + 1, sent.1 + piece.blob.size);
            }
            Ok(())
        })?;
        depot.put_document(&name, &document, &manifest.blobs())?;
        let (pieces, bytes) = sent.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let of = manifest.pieces.len();
        let is_there = depot.document(&name)?.as_ref() == Some(&document);
        if is_there {
            Note { depot: depot.to_string(), print, manifest, asked }.keep(ground, &mount)?;
        }
        Ok(Sent { pieces, of, bytes, is_there })
    }
}

/// Takes pieces, and keeps those that the depot may not have.
#[derive(Debug)]
struct Gather {
    known: BTreeMap<Digest, Piece>,
    spool: Spool,
    all: Vec<Piece>,
    fresh: Vec<Piece>,
}

impl Take for Gather {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        let digest = Digest::of(bytes);
        let piece = match self.known.get(&digest) {
            Some(piece) => piece.clone(),
            None => self.add(digest, bytes)?,
        };
        self.all.push(piece);
        Ok(())
    }
}

impl Gather {
    fn add(&mut self, digest: Digest, bytes: &[u8]) -> io::Result<Piece> {
        let packed = zstd::bulk::compress(bytes, LEVEL)?;
        self.spool.keep(digest, &packed, false)?;
        let piece = Piece { digest, size: bytes.len() as u64, blob: Descriptor::of(Piece::MEDIA_TYPE, &packed) };
        self.fresh.push(piece.clone());
        self.known.insert(digest, piece.clone());
        Ok(piece)
    }
}
