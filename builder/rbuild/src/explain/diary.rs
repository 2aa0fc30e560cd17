//! What became of each step of a build, kept beside its logs: written by builds that did something, found by the build's id
//! or by a name that it gave an image. Which stay how long is the rule of the store's layout. Knows no build.

use super::Why;
use crate::error::{Error, Result};
use crate::render::align_by;
use rbuild_oci::{Digest, ImageId, Reference, Timestamp};
use rbuild_records::{CacheKey, StepName};
use rbuild_store::{Bucket, Store, if_there};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;

/// A build, looked back at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diary {
    /// The format, which is [`Diary::VERSION`].
    pub version: u32,
    /// The build's id.
    pub build: String,
    /// When it ended.
    pub when: Timestamp,
    /// The image or index that it made; none if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Digest>,
    /// The names that it gave to that, in full.
    pub tags: Vec<String>,
    /// Its steps, by their numbers.
    pub steps: Vec<Noted>,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    /// Its number.
    pub step: usize,
    /// Its line, as in `[2/5] RUN make`.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, where it ran to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Why it was not cached; none where it was, or where it is no step with a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// The key that it was found under, or that says most of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<CacheKey>,
    /// What it is called among earlier results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<[StepName; 2]>,
    /// The image that ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageId>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its result was in the cache.
    Cached,
    /// It was executed.
    Ran,
    /// It failed.
    Failed,
    /// It was stopped, or never told how it ended.
    Stopped,
}

const FILE: &str = "steps.json";

/// What means the youngest build.
const LATEST: &str = "latest";

/// As short as the beginning of an id may be.
const SHORTEST: usize = 8;

impl Noted {
    /// A step of which nothing is known yet.
    pub const fn new(step: usize) -> Self {
        let outcome = Outcome::Stopped;
        Self { step, name: String::new(), outcome, seconds: None, why: None, key: None, names: None, image: None }
    }
}

impl Outcome {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Ran => "ran",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

impl Diary {
    /// The version that is written, and the only one that is read.
    pub const VERSION: u32 = 1;

    /// Keeps it with the logs of its build.
    pub fn keep(&self, store: &Store) -> Result<()> {
        let dir = store.dir(Bucket::Builds).join(&self.build);
        let path = dir.join(FILE);
        let failed = Error::io("write", path.display());
        let write = || -> io::Result<()> {
            let new = dir.join(format!("{FILE}.new"));
            fs::create_dir_all(&dir)?;
            fs::write(&new, serde_json::to_vec(self)?)?;
            fs::rename(&new, &path)
        };
        write().map_err(failed)
    }

    /// All that this program understands, youngest first.
    pub fn all(store: &Store) -> Result<Vec<Self>> {
        let bucket = store.dir(Bucket::Builds);
        let failed = |error| Error::io("list", bucket.display())(error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&bucket).map_err(failed)? {
            let path = entry.map_err(failed)?.path().join(FILE);
            let bytes = if_there(fs::read(&path)).map_err(Error::io("read", path.display()))?;
            let diary = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
            found.extend(diary.filter(|diary| diary.version == Self::VERSION));
        }
        found.sort_by(|a, b| (b.when, &b.build).cmp(&(a.when, &a.build)));
        Ok(found)
    }

    /// The build that `text` means: `latest`, an id or its beginning, a reference as `--metadata-file` has it, or the name
    /// of an image, which means the last build that gave it.
    pub fn find(store: &Store, text: &str) -> Result<Self> {
        let all = Self::all(store)?;
        let id = text.strip_prefix(REFERENCE).unwrap_or(text);
        let is_id = id.len() >= SHORTEST && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        let named = text.parse::<Reference>().map(|reference| reference.to_string()).unwrap_or_default();
        let fits = |diary: &&Self| is_id && diary.build.starts_with(id) || text == LATEST;
        let by_name = |diary: &&Self| diary.tags.contains(&named);
        let found = all.iter().find(fits).or_else(|| all.iter().find(by_name));
        found.cloned().ok_or_else(|| Error::Usage(format!("nothing is known of a build {text}: {KEEPING}")))
    }

    /// The step of that number.
    pub fn step(&self, number: usize) -> Result<&Noted> {
        self.steps.iter().find(|noted| noted.step == number).ok_or_else(|| {
            let last = self.steps.iter().map(|noted| noted.step).max().unwrap_or_default();
            Error::Usage(format!("the build {} has no step {number}: give a number from 1 to {last}", self.build))
        })
    }
}

/// What stands before the id of a build where a builder and a node are expected.
pub const REFERENCE: &str = "rbuild/rbuild/";

const KEEPING: &str = "give a name or an id of a build of the last 30 days that had work to do, or `latest`";

/// The steps as a table: number, end, time, line, and why it was not cached.
pub fn table(steps: &[Noted]) -> String {
    let mut text = "STEP\tRESULT\tTIME\tINSTRUCTION\tWHY\n".to_owned();
    for noted in steps {
        let time = noted.seconds.map(|seconds| format!("{seconds:.1}s")).unwrap_or_default();
        let name: String = crate::render::printable(&noted.name);
        let name = crate::render::human::ellipsis(&name, WIDEST);
        let why = noted.why.as_ref().map(|why| crate::render::printable(&why.to_string())).unwrap_or_default();
        text.push_str(&format!("#{}\t{}\t{time}\t{name}\t{why}\n", noted.step, noted.outcome.word()));
    }
    align_by(&text, 0, 2)
}

/// As much of an instruction is in a table.
const WIDEST: usize = 50;
