//! Contexts that lie elsewhere, known by their address alone. Knows no network and no name of a context.

use crate::error::{Error, ErrorKind, Result};
use crate::lower::{Remote, remote, short};
use crate::op::{FetchOp, Op};

/// What a download that stands for a whole context is called in it, as in BuildKit.
const FILE: &str = "context";

/// The checkout or download that an address stands for where a context is asked for; none where it is no address but a
/// path. Besides the addresses that ADD knows, `github.com/owner/repository` is one.
///
/// # Errors
/// A git address that contradicts itself or has an unknown part.
pub fn context_op(address: &str) -> Result<Option<Op>> {
    let refuse = |reason| Error::nowhere(ErrorKind::Git { address: address.to_owned(), reason });
    Ok(match short(address).unwrap_or_else(|| remote(address)).map_err(refuse)? {
        Remote::Git(git) => {
            let (keep, checksum) = (git.keep_git_dir.unwrap_or(false), git.checksum.clone());
            Some(Op::Git(git.checkout(keep, checksum)))
        }
        Remote::Url { .. } => {
            Some(Op::Fetch(FetchOp { url: address.to_owned(), name: FILE.to_owned(), checksum: None, modified: None }))
        }
        Remote::Local => None,
    })
}

#[cfg(test)]
mod tests {
    use super::context_op;
    use crate::op::{FetchOp, GitOp, Op};

    fn git(address: &str) -> GitOp {
        match context_op(address) {
            Ok(Some(Op::Git(git))) => git,
            other => panic!("{address}: {other:?}"),
        }
    }

    #[test]
    fn repositories_and_urls_are_told_apart() {
        let short = git("github.com/me/r#v1:sub");
        assert_eq!((&*short.remote, &*short.reference, &*short.subdir), ("https://github.com/me/r", "v1", "sub"));
        assert_eq!(git("git@h:r.git#x").remote, "git@h:r.git");
        assert_eq!(git("https://h/r.git?tag=v1&keep-git-dir=1").reference, "refs/tags/v1");
        assert!(git("https://h/r.git?tag=v1&keep-git-dir=1").keep_git_dir);
        let file = FetchOp {
            url: "http://h/r.tar?x=1".to_owned(),
            name: "context".to_owned(),
            checksum: None,
            modified: None,
        };
        assert_eq!(context_op("http://h/r.tar?x=1").unwrap(), Some(Op::Fetch(file)));
        for path in ["dir", "./github.com/x", "github.com", "a/github.com/b", "ftp://h/x.git", "file:///r.git"] {
            assert_eq!(context_op(path).unwrap(), None, "{path}");
        }
        assert!(context_op("https://h/r.git?nope=1").unwrap_err().to_string().contains("nope"));
    }
}
