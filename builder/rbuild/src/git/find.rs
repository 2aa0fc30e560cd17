//! What a reference of a remote points at, asked without fetching anything. Knows no files.

use super::command::{Git, Place};
use crate::error::{Error, Result};
use rbuild_graph::GitOp;
use std::path::Path;

/// What a reference points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its full name, as in `refs/heads/main`; none for a commit that was asked for by its id.
    pub name: Option<String>,
    /// The id of what it points at: a commit, or an annotated tag.
    pub object: String,
    /// The id of the commit.
    pub commit: String,
}

/// What `op` asks for where it says so itself: by the whole id of a commit.
pub fn pinned(op: &GitOp) -> Result<Option<Found>> {
    let checksum = checksum(op)?;
    let id = match &checksum {
        Some(id) if op.fetch_by_commit && is_id(id) => id,
        _ if op.fetch_by_commit => {
            return Err(Error::Step("fetch-by-commit needs the whole id of a commit as checksum".to_owned()));
        }
        _ if is_id(&op.reference) => &op.reference,
        _ => return Ok(None),
    };
    let found = Found { name: None, object: id.clone(), commit: id.clone() };
    verify(&op.remote, op, checksum, found).map(Some)
}

/// What `op` asks for by the remote's own word; `bucket` is a directory where no repository is.
pub fn ask(git: &Git<'_>, op: &GitOp, bucket: &Path) -> Result<Found> {
    let found = look_up(git, &op.reference, bucket)?;
    verify(git.access().remote(), op, checksum(op)?, found)
}

/// Whether that is the whole id of an object, in SHA-1 or SHA-256.
fn is_id(text: &str) -> bool {
    [40, 64].contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The checksum in lower case: the id of a commit or tag, or its beginning.
fn checksum(op: &GitOp) -> Result<Option<String>> {
    let Some(text) = &op.checksum else { return Ok(None) };
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Some(text.to_ascii_lowercase()));
    }
    Err(Error::Step(format!("the checksum {text:?} is not the id of a commit or its beginning")))
}

fn verify(remote: &str, op: &GitOp, checksum: Option<String>, found: Found) -> Result<Found> {
    match checksum {
        Some(wanted) if !found.commit.starts_with(&wanted) && !found.object.starts_with(&wanted) => {
            let what = if op.reference.is_empty() { "HEAD" } else { &op.reference };
            let Found { commit, object, .. } = found;
            let tag = if object == commit { String::new() } else { format!(" (by the tag {object})") };
            Err(Error::Step(format!("{what} of {remote} is {commit}{tag}, not {wanted} as its checksum says")))
        }
        _ => Ok(found),
    }
}

/// Asks the remote; a branch goes before a tag of the same name.
fn look_up(git: &Git<'_>, reference: &str, bucket: &Path) -> Result<Found> {
    let names = candidates(reference);
    let peeled: Vec<String> = names.iter().map(|name| format!("{name}^{{}}")).collect();
    let mut arguments = vec!["ls-remote", "--symref", "--", "origin"];
    arguments.extend(names.iter().chain(&peeled).map(String::as_str));
    let listing = git.must(Place::Bare(&bucket.join("none")), "reach", &arguments)?;
    choose(&listing, &names).ok_or_else(|| {
        let what =
            if reference.is_empty() { "HEAD".to_owned() } else { format!("branch, tag or reference {reference:?}") };
        Error::Step(format!("{} has no {what}", git.access().remote()))
    })
}

fn candidates(reference: &str) -> Vec<String> {
    match reference {
        "" | "HEAD" => vec!["HEAD".to_owned()],
        full if full.starts_with("refs/") => vec![full.to_owned()],
        short => ["refs/", "refs/heads/", "refs/tags/"].iter().map(|prefix| format!("{prefix}{short}")).collect(),
    }
}

/// The first of `names` that a listing has. Its lines are `<id> TAB <name>`, the commit of an annotated tag is behind
/// the name with `^{}`, and `ref: <branch> TAB HEAD` says what HEAD is.
fn choose(listing: &str, names: &[String]) -> Option<Found> {
    let lines: Vec<(&str, &str)> = listing.lines().filter_map(|line| line.split_once('\t')).collect();
    let id =
        |name: &str| lines.iter().find(|(id, listed)| *listed == name && is_id(id)).map(|(id, _)| (*id).to_owned());
    let (name, object) = names.iter().find_map(|name| Some((name, id(name)?)))?;
    let branch =
        lines.iter().filter(|(_, listed)| *listed == name).find_map(|(target, _)| target.strip_prefix("ref: "));
    let full = branch.unwrap_or(name);
    Some(Found {
        name: full.starts_with("refs/").then(|| full.to_owned()),
        commit: id(&format!("{name}^{{}}")).unwrap_or_else(|| object.clone()),
        object,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn chosen(reference: &str) -> Option<(Option<String>, String, String)> {
        let listing = [
            "ref: refs/heads/main\tHEAD".to_owned(),
            format!("{A}\tHEAD"),
            format!("{A}\trefs/heads/main"),
            format!("{B}\trefs/heads/deep/main"),
            format!("{A}\trefs/heads/both"),
            format!("{B}\trefs/tags/both"),
            format!("{B}\trefs/tags/v1"),
            format!("{A}\trefs/tags/v1^{{}}"),
            format!("{B}\trefs/pull/7/head"),
        ]
        .join("\n");
        let found = choose(&listing, &candidates(reference))?;
        Some((found.name, found.object, found.commit))
    }

    #[test]
    fn references_are_found_by_any_of_their_names() {
        for (reference, name, object, commit) in [
            ("", "refs/heads/main", A, A),
            ("HEAD", "refs/heads/main", A, A),
            ("main", "refs/heads/main", A, A),
            ("both", "refs/heads/both", A, A),
            ("tags/both", "refs/tags/both", B, B),
            ("v1", "refs/tags/v1", B, A),
            ("refs/tags/v1", "refs/tags/v1", B, A),
            ("pull/7/head", "refs/pull/7/head", B, B),
        ] {
            let expected = (Some(name.to_owned()), object.to_owned(), commit.to_owned());
            assert_eq!(chosen(reference), Some(expected), "{reference}");
        }
        assert_eq!(chosen("mai"), None);
    }

    #[test]
    fn ids_and_checksums_are_hexadecimal() {
        assert!(is_id(A) && is_id(&A.repeat(2)[..64]));
        assert!(!is_id("abc") && !is_id(&A.to_uppercase()));
        let op = |reference: &str, text: &str, by_commit| GitOp {
            remote: "https://h/r.git".to_owned(),
            reference: reference.to_owned(),
            subdir: String::new(),
            checksum: (!text.is_empty()).then(|| text.to_owned()),
            keep_git_dir: false,
            submodules: true,
            fetch_by_commit: by_commit,
        };
        assert_eq!(pinned(&op(A, "AAA", false)).unwrap().unwrap().commit, A);
        assert_eq!(pinned(&op("main", A, true)).unwrap().unwrap().commit, A);
        assert_eq!(pinned(&op("main", "aaa", false)).unwrap(), None);
        for wrong in [op(A, "b", false), op(A, "main", false), op("main", "aaa", true), op("main", "", true)] {
            assert!(pinned(&wrong).is_err(), "{wrong:?}");
        }
    }
}
