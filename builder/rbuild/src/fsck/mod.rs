//! The whole store checked: every blob against its digest, every document, tag, record, index and state read. Says what
//! is wrong, what that means and how it is mended; puts damaged content of the cache away where that is asked for.
//!
//! Safe beside others at work: what is looked at is not thereby used, and only what is wrong twice, a moment apart, is a
//! finding; so what comes and goes meanwhile is none.

mod blobs;
mod images;
mod mend;
mod notes;
mod state;
#[cfg(test)]
mod tests;

pub use mend::{Mended, mend};

use crate::error::Result;
use rbuild_oci::{Cancel, Digest};
use rbuild_store::Store;
use std::path::PathBuf;
use std::time::Duration;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about, as in `blob sha256:…`.
    pub subject: String,
    /// What is wrong with it.
    pub wrong: String,
    /// What that means.
    pub meaning: &'static str,
    /// What a person can do.
    pub advice: &'static str,
    /// What can be done by itself.
    pub remedy: Remedy,
}

/// What can be done about a finding without losing what the user made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The blob goes, if it still has other content than its name says.
    Blob(Digest),
    /// The file goes, if it still has other content than that: a part of the cache.
    Content(PathBuf, Digest),
    /// The file goes, if it is still found: a part of the cache.
    File(PathBuf),
    /// The directory of a snapshot goes.
    Snapshot(PathBuf),
    /// `index.json` is written anew.
    Index,
    /// Nothing: it is the user's.
    None,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Blobs.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Compressed layers.
    pub encoded: usize,
    /// Tags.
    pub tags: usize,
    /// Layer indexes and histories.
    pub indexes: usize,
    /// Records.
    pub records: usize,
    /// Snapshots.
    pub snapshots: usize,
    /// Containers.
    pub containers: usize,
    /// Volumes.
    pub volumes: usize,
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What is unusual and goes away by itself.
    pub notes: Vec<String>,
    /// How much was looked at.
    pub looked: Looked,
}

/// Is told of bytes that were read, and of how many there are.
pub type Progress<'a> = dyn Fn(u64, u64) + Sync + 'a;

/// Checks everything.
pub fn check(store: &Store, progress: &Progress<'_>, cancel: &Cancel) -> Result<Report> {
    // What is only checked is not used.
    let store = &store.onlooker();
    let mut looked = Looked::default();
    let mut findings = blobs::check(store, (progress, cancel), &mut looked)?;
    findings.extend(lasting(|| rest(store, &mut looked))?);
    Ok(Report { findings, notes: notes::notes(store)?, looked })
}

/// Checks all but the bytes of blobs.
pub fn check_documents(store: &Store) -> Result<Vec<Finding>> {
    let store = &store.onlooker();
    lasting(|| rest(store, &mut Looked::default()))
}

fn rest(store: &Store, looked: &mut Looked) -> Result<Vec<Finding>> {
    let mut findings = images::check(store, looked)?;
    findings.extend(state::check(store, looked)?);
    Ok(findings)
}

/// What is found twice, a moment apart.
fn lasting(mut find: impl FnMut() -> Result<Vec<Finding>>) -> Result<Vec<Finding>> {
    const MOMENT: Duration = Duration::from_millis(300);
    let mut found = find()?;
    if !found.is_empty() {
        std::thread::sleep(MOMENT);
        let again = find()?;
        found.retain(|finding| again.contains(finding));
    }
    Ok(found)
}
