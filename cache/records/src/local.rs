//! Records as files of the store: `<bucket>/<first two characters>/<key>.json`, and the trails of steps in a bucket beside
//! them: `<name>.json`. Knows no other process; a rename makes each of them whole or absent. Records are not flushed to disk here: rbuild does that once before a tag is visible.

use crate::backend::CacheBackend;
use crate::error::{Error, Result};
use crate::key::CacheKey;
use crate::record::{Output, Record};
use crate::trail::{StepName, Trace, Trail};
use rbuild_store::{Bucket, Store, if_there};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Keeps records below one directory.
#[derive(Debug)]
pub struct LocalBackend {
    directory: PathBuf,
    /// Where trails are; without it none are kept.
    steps: Option<PathBuf>,
    /// The store that the directory is of, whose gc may be at work.
    store: Option<Store>,
    written: Mutex<Vec<PathBuf>>,
}

impl LocalBackend {
    /// Records below `directory`, which need not exist before the first write.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), steps: None, store: None, written: Mutex::default() }
    }

    /// The records of a store. One that is written while gc is at work is not taken for the old one that it replaces.
    pub fn of(store: &Store) -> Self {
        let steps = Some(store.dir(Bucket::Steps));
        Self { store: Some(store.onlooker()), steps, ..Self::new(store.dir(Bucket::Records)) }
    }

    /// All records, each with the file it lies in; damaged ones are left out.
    pub fn list(&self) -> Result<Vec<(PathBuf, Record)>> {
        let list = || -> io::Result<Vec<(PathBuf, Record)>> {
            let mut found = Vec::new();
            for shelf in children(&self.directory)? {
                for path in children(&shelf)? {
                    let bytes = if_there(fs::read(&path))?;
                    let record = bytes.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
                    found.extend(record.map(|record| (path, record)));
                }
            }
            Ok(found)
        };
        list().map_err(|source| Error::List { place: self.directory.display().to_string(), source })
    }

    /// The files of records that say nothing, each with why: damaged ones, and those that lie under another's key.
    pub fn damaged(&self) -> Result<Vec<(PathBuf, String)>> {
        let list = || -> io::Result<Vec<(PathBuf, String)>> {
            let mut found = Vec::new();
            for path in
                children(&self.directory)?.iter().map(|shelf| children(shelf)).collect::<io::Result<Vec<_>>>()?.concat()
            {
                // One that is being written is nobody's yet.
                if path.extension().is_none_or(|extension| extension != "json") {
                    continue;
                }
                let Some(bytes) = if_there(fs::read(&path))? else { continue };
                match serde_json::from_slice::<Record>(&bytes) {
                    Err(error) => found.push((path, error.to_string())),
                    Ok(record) if self.path(&record.key()) != path => {
                        found.push((path, format!("it is the record of {}", record.key())));
                    }
                    Ok(_) => {}
                }
            }
            Ok(found)
        };
        list().map_err(|source| Error::List { place: self.directory.display().to_string(), source })
    }

    /// The files written since the last call, for the one flush before a tag becomes visible.
    pub fn take_written(&self) -> Vec<PathBuf> {
        std::mem::take(&mut self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Removes the records of more than 30 days ago that lead nowhere any more, which is said of their outputs. A record
    /// that is written anew meanwhile may go, too: it counts as never written.
    pub fn forget_old(&self, leads_nowhere: &dyn Fn(&Output) -> bool) -> Result<()> {
        let place = || self.directory.display().to_string();
        self.remove_old(leads_nowhere).map_err(|source| Error::Tidy { place: place(), source })
    }

    fn remove_old(&self, leads_nowhere: &dyn Fn(&Output) -> bool) -> io::Result<()> {
        for shelf in children(&self.directory)? {
            for path in children(&shelf)? {
                let Some(written) = if_there(path.metadata().and_then(|meta| meta.modified()))? else { continue };
                // A time to come is no age at all.
                if written.elapsed().unwrap_or_default() <= OLD {
                    continue;
                }
                let Some(bytes) = if_there(fs::read(&path))? else { continue };
                let is_useful = |record: Record| !leads_nowhere(&record.output);
                if !serde_json::from_slice(&bytes).is_ok_and(is_useful) {
                    if_there(fs::remove_file(&path))?;
                }
            }
        }
        Ok(())
    }

    fn path(&self, key: &CacheKey) -> PathBuf {
        let hex = key.hex();
        self.directory.join(&hex[..2]).join(format!("{hex}.json"))
    }

    fn trail_path(&self, step: &StepName) -> Option<PathBuf> {
        self.steps.as_ref().map(|steps| steps.join(format!("{}.json", step.hex())))
    }

    fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
        let created = fs::File::create_new(&temporary).or_else(|error| match path.parent() {
            Some(parent) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(parent)?;
                fs::File::create_new(&temporary)
            }
            _ => Err(error),
        });
        let landed = created.and_then(|mut file| file.write_all(bytes)).and_then(|()| fs::rename(&temporary, path));
        if landed.is_err() {
            drop(fs::remove_file(&temporary));
        }
        landed
    }
}

/// How long records stay in any case.
const OLD: Duration = Duration::from_hours(720);

/// What is in a directory; nothing if there is none.
fn children(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let list = || fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect();
    Ok(if_there(list())?.unwrap_or_default())
}

impl CacheBackend for LocalBackend {
    fn name(&self) -> &str {
        "local"
    }

    fn get(&self, key: &CacheKey) -> Result<Option<Record>> {
        let backend = || self.directory.display().to_string();
        let bytes = if_there(fs::read(self.path(key))).map_err(|source| Error::Io {
            operation: "read",
            key: *key,
            backend: backend(),
            source,
        })?;
        let record = bytes.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
        Ok(record.filter(|record| record.key() == *key))
    }

    fn put(&self, record: &Record) -> Result<()> {
        let key = record.key();
        let path = self.path(&key);
        let bytes = serde_json::to_vec(record).map_err(|source| Error::Encode { key, source })?;
        let backend = self.directory.display().to_string();
        let _passage = self.store.as_ref().map(Store::pass).transpose()?;
        Self::write(&path, &bytes).map_err(|source| Error::Io { operation: "write", key, backend, source })?;
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push(path);
        Ok(())
    }
    fn trail(&self, step: &StepName) -> Result<Trail> {
        let bytes = self.trail_path(step).and_then(|path| fs::read(path).ok());
        Ok(bytes.map_or_else(Trail::default, |bytes| Trail::read(&bytes)))
    }

    fn trace(&self, step: &StepName, trace: &Trace) -> Result<()> {
        let Some(path) = self.trail_path(step) else { return Ok(()) };
        let _passage = self.store.as_ref().map(Store::pass).transpose()?;
        let (key, backend) = (trace.recipe.key(), path.display().to_string());
        let bytes = self.trail(step)?.with(trace.clone()).to_bytes().map_err(|source| Error::Trail { key, source })?;
        Self::write(&path, &bytes).map_err(|source| Error::Io { operation: "write", key, backend, source })
    }
}
