//! What every test of this crate shares: base images in our own words, contexts, and a check of a whole store.

#![allow(clippy::panic, reason = "tests fail by it")]
#![allow(dead_code, reason = "each test program uses what it needs")]

pub(crate) mod base;
pub(crate) mod fsck;
pub(crate) mod registry;
pub(crate) mod user;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Says what is not tested and why, where the test harness does not swallow it.
pub(crate) fn skip(what: &str) {
    // A closed stream must not fail the test.
    let _ = writeln!(std::io::stderr(), "SKIP: {what}");
}

/// Says something where the test harness does not swallow it.
pub(crate) fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// A directory with these files; a name that ends in a slash is a directory.
pub(crate) fn files(directory: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = directory.join(name);
        let parent = if name.ends_with('/') { Some(&*path) } else { path.parent() };
        fs::create_dir_all(parent.unwrap()).unwrap();
        if !name.ends_with('/') {
            fs::write(&path, content).unwrap();
        }
    }
}

/// A context of its own: a temporary directory that every user may read, with these files.
pub(crate) fn context(content: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = public_dir();
    files(directory.path(), content);
    directory
}

/// A temporary directory that every user may enter.
pub(crate) fn public_dir() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

/// Pseudo-random numbers that follow from a seed.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A seed of this moment, printed so that a failure can be told apart from another.
    pub(crate) fn new(what: &str) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let seed = std::env::var("RBUILD_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or(now.as_nanos() as u64);
        println!("{what}: RBUILD_TEST_SEED={seed}");
        Self(seed)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

/// Everything below a directory, itself included, in order.
pub(crate) fn walk(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.to_owned()];
    let mut at = 0;
    while at < found.len() {
        let path = found[at].clone();
        at += 1;
        if path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
            let Ok(entries) = fs::read_dir(&path) else { continue };
            found.extend(entries.map(|entry| entry.unwrap().path()));
        }
    }
    found.sort();
    found
}
