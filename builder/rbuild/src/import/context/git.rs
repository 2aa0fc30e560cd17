//! A git repository as a context: the files of a commit. Knows no Dockerfile.

use super::Brought;
use crate::error::Result;
use crate::git::{Arrival, bring as checkout};
use crate::reach::Reach;
use crate::request::ContextPlace;
use crate::solve::Shown;
use rbuild_graph::GitOp;
use std::collections::BTreeMap;

/// The build argument that keeps `.git` as part of the context.
const KEEP: &str = "BUILDKIT_CONTEXT_KEEP_GIT_DIR";

/// The files of what `op` names; the remote is asked every time, unless it names a commit.
pub(super) fn bring(reach: &Reach<'_>, op: &GitOp, build_args: &BTreeMap<String, String>) -> Result<(Brought, Shown)> {
    let kept = build_args.get(KEEP).is_some_and(|text| is_true(text));
    let op = GitOp { keep_git_dir: op.keep_git_dir || kept, ..op.clone() };
    let found = checkout(reach, &op)?;
    let shown = if found.arrival == Arrival::Known { Shown::Cached } else { Shown::Done };
    let time = found.time()?;
    Ok((Brought::new(ContextPlace::Directory(found.place), time), shown))
}

/// As Go's `ParseBool` reads it; what it does not know is no.
fn is_true(text: &str) -> bool {
    ["1", "t", "T", "true", "TRUE", "True"].contains(&text)
}
