//! The way down: what depots offer of a mount, and its pieces brought and put together in a directory that nobody sees.

use super::arrived::fresh_in;
use super::cutter::Take;
use super::manifest::{Manifest, Piece};
use super::read::{Outcome, read};
use super::spool::{Held, Spool};
use super::stream::Stream;
use super::{Arrived, Ground, Note, name, parallel};
use crate::depot::Depot;
use crate::error::{Error, Result};
use rbuild_oci::Digest;
use rbuild_store::RootDir;
use rbuild_store::layer::{Ingested, Limits, Style, UnpackOptions, View, ingest, unpack};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

/// What a depot has of a mount.
#[derive(Clone)]
pub struct Offer<'a> {
    depot: &'a dyn Depot,
    manifest: Manifest,
}

impl<'a> Offer<'a> {
    /// What the depot has of the mount `identity`, if that has at most `most` bytes. A document that cannot be believed is an
    /// error.
    pub fn of(depot: &'a dyn Depot, identity: &str, most: u64) -> Result<Option<Self>> {
        let name = name(identity);
        let Some(bytes) = depot.document(&name)? else { return Ok(None) };
        let manifest = Manifest::read(identity, most, &bytes);
        let manifest = manifest.map_err(|reason| Error::depot(depot, "use", name, reason))?;
        Ok(Some(Self { depot, manifest }))
    }

    /// What it is made of.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// What is known of the directory of a mount before anybody is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// There is none.
    Absent,
    /// It is empty and never travelled.
    Empty,
    /// It is what it was when it travelled.
    Untouched(Box<Note>),
    /// Somebody wrote to it here: it stays.
    Own,
}

impl Standing {
    /// How a mount stands. The caller holds its lock alone for as long as that is to be true.
    pub fn of(ground: &Ground<'_>, mount: &Path) -> Result<Self> {
        if !mount.exists() {
            return Ok(Self::Absent);
        }
        Ok(match Note::read(mount)? {
            Some(note) if note.holds(ground, mount)? => Self::Untouched(Box::new(note)),
            None if RootDir::open(mount)?.list(b"")?.is_empty() => Self::Empty,
            _ => Self::Own,
        })
    }

    /// Whether that may take the place of what is here.
    fn gives_way_to(&self, offered: &Manifest) -> bool {
        match self {
            Self::Absent | Self::Empty => true,
            Self::Untouched(note) => offered.when > note.manifest.when && *offered != note.manifest,
            Self::Own => false,
        }
    }
}

/// Brings what a mount lacks that stands so; none where what is here stays. The result is for [`Arrived::settle`], under the
/// same lock.
pub fn bring(ground: &Ground<'_>, offer: &Offer<'_>, mount: &Path, standing: &Standing) -> Result<Option<Arrived>> {
    if !standing.gives_way_to(&offer.manifest) {
        return Ok(None);
    }
    let spool = match standing {
        Standing::Untouched(_) => found_here(ground, offer, mount)?,
        _ => Spool::new(ground.store)?,
    };
    restore(ground, offer, spool).map(Some)
}

/// The pieces that the mount here gives.
fn found_here(ground: &Ground<'_>, offer: &Offer<'_>, mount: &Path) -> Result<Spool> {
    let wanted: BTreeSet<Digest> = offer.manifest.pieces.iter().map(|piece| piece.digest).collect();
    let pick = || Ok(Pick { wanted: wanted.clone(), spool: Spool::new(ground.store)? });
    match read(ground, mount, u64::MAX, &pick)? {
        Outcome::Whole(whole) => Ok(whole.taker.spool),
        Outcome::Empty | Outcome::TooLarge(_) => Spool::new(ground.store),
    }
}

/// Brings the pieces that are not in the spool, and unpacks all of them.
fn restore(ground: &Ground<'_>, offer: &Offer<'_>, mut spool: Spool) -> Result<Arrived> {
    let Offer { depot, manifest } = offer;
    let mut missing: Vec<(&Piece, Held)> = Vec::new();
    for piece in &manifest.pieces {
        if !spool.has(&piece.digest) {
            missing.push((piece, spool.reserve(piece.digest, piece.blob.size, false)));
        }
    }
    parallel::each(&missing, ground.cancel, &|(piece, held)| {
        if depot.pour(&piece.blob, &mut spool.part(*held))? {
            return Ok(());
        }
        Err(Error::depot(*depot, "read", piece.blob.digest, "it is not there"))
    })?;
    let dir = ground.store.tmp_dir()?;
    unpack_into(ground, manifest, &spool, &fresh_in(&dir))?;
    let brought = missing.iter().map(|(piece, _)| piece.blob.size).sum();
    let (depot, manifest) = (depot.to_string(), manifest.clone());
    Ok(Arrived { dir, depot, manifest, brought, pieces: missing.len() })
}

fn unpack_into(ground: &Ground<'_>, manifest: &Manifest, spool: &Spool, place: &Path) -> Result<()> {
    fs::create_dir(place).map_err(rbuild_store::Error::io("create", place.display()))?;
    let (view, size) = (View::default(), manifest.size);
    // Nothing in a tarball is larger than itself unless somebody wants to fill the disk.
    let limits = Limits { bytes: size, entries: size / 512, ..Limits::default() };
    let tarball = ground.store.tmp_file()?;
    let stream = Stream::new(spool, &manifest.pieces);
    let Ingested { index, .. } = ingest(stream, &mut tarball.file(), limits, ground.cancel)?;
    let options = UnpackOptions { style: Style::Plain, ownership: ground.ownership, below: &view };
    unpack(tarball.file(), &index, &RootDir::open(place)?, &options, ground.cancel)?;
    Ok(())
}

/// Takes those pieces that are wanted, as they are.
#[derive(Debug)]
struct Pick {
    wanted: BTreeSet<Digest>,
    spool: Spool,
}

impl Take for Pick {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        let digest = Digest::of(bytes);
        if self.wanted.remove(&digest) { self.spool.keep(digest, bytes, true) } else { Ok(()) }
    }
}
