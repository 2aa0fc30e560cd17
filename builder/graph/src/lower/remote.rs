//! Sources that are no files of a context: git repositories and URLs, told apart by their text alone. Knows no network.

use super::paths::relative;
use crate::op::GitOp;

/// What the text of an ADD source means.
pub(crate) enum Remote {
    /// A git repository.
    Git(GitAddress),
    /// A URL to download, and the name of the file.
    Url {
        /// The last part of the URL's path.
        name: String,
    },
    /// A path.
    Local,
}

/// A git repository as an address names it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct GitAddress {
    /// What git takes.
    pub(crate) remote: String,
    /// Branch, tag or commit; may be empty.
    pub(crate) reference: String,
    /// Directory inside; may be empty.
    pub(crate) subdir: String,
    /// `checksum` or `commit`.
    pub(crate) checksum: Option<String>,
    /// `keep-git-dir`.
    pub(crate) keep_git_dir: Option<bool>,
    /// `submodules`.
    pub(crate) submodules: Option<bool>,
    /// `fetch-by-commit`.
    pub(crate) fetch_by_commit: bool,
}

impl GitAddress {
    /// The checkout, where `keep_git_dir` and `checksum` are what flags and address agree on.
    pub(crate) fn checkout(self, keep_git_dir: bool, checksum: Option<String>) -> GitOp {
        GitOp {
            remote: self.remote,
            reference: self.reference,
            subdir: self.subdir,
            checksum,
            keep_git_dir,
            submodules: self.submodules.unwrap_or(true),
            fetch_by_commit: self.fetch_by_commit,
        }
    }
}

/// Tells what `source` is. An error is the reason why a git address cannot be used.
pub(crate) fn remote(source: &str) -> Result<Remote, String> {
    if let Some(parts) = scp_style(source).or_else(|| git_url(source)) {
        return git(&parts).map(Remote::Git);
    }
    if ["http://", "https://"].iter().any(|scheme| source.starts_with(scheme)) {
        return Ok(Remote::Url { name: file_name(split(source).path_of_url()) });
    }
    Ok(Remote::Local)
}

/// `github.com/owner/repository`, which only a context may be written as: to ADD it is a path.
pub(crate) fn short(source: &str) -> Option<Result<Remote, String>> {
    let parts = split(source);
    let address = format!("https://{}", parts.address);
    source.starts_with("github.com/").then(|| git(&Parts { address: &address, ..parts }).map(Remote::Git))
}

/// An address without its query and fragment, and these two.
struct Parts<'a> {
    address: &'a str,
    query: &'a str,
    fragment: &'a str,
}

impl<'a> Parts<'a> {
    fn path_of_url(&self) -> &'a str {
        let after_scheme = self.address.split_once("://").map_or(self.address, |(_, rest)| rest);
        after_scheme.find('/').map_or("", |slash| &after_scheme[slash..])
    }
}

fn split(source: &str) -> Parts<'_> {
    let (rest, fragment) = source.split_once('#').unwrap_or((source, ""));
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    Parts { address, query, fragment }
}

/// `user@host:path`, as ssh takes it.
fn scp_style(source: &str) -> Option<Parts<'_>> {
    let (user, rest) = source.split_once('@')?;
    let (host, _) = rest.split_once(':')?;
    let plain = |text: &str, also: char| {
        !text.is_empty() && text.chars().all(|char| char.is_ascii_alphanumeric() || char == '-' || char == also)
    };
    (plain(user, '_') && plain(host, '.')).then(|| split(source))
}

/// `git://`, `ssh://`, and `http(s)://` whose path ends in `.git`.
fn git_url(source: &str) -> Option<Parts<'_>> {
    let parts = split(source);
    let (scheme, _) = source.split_once("://")?;
    match scheme.to_ascii_lowercase().as_str() {
        "git" | "ssh" => Some(parts),
        "http" | "https" => parts.path_of_url().strip_suffix(".git").is_some().then_some(parts),
        _ => None,
    }
}

fn git(parts: &Parts<'_>) -> Result<GitAddress, String> {
    let (reference, subdir) = parts.fragment.split_once(':').unwrap_or((parts.fragment, ""));
    let mut address = GitAddress {
        remote: parts.address.to_owned(),
        reference: decoded(reference),
        subdir: relative(&decoded(subdir)),
        ..GitAddress::default()
    };
    let mut seen = Vec::new();
    let (mut tag, mut branch) = (None, None);
    for pair in parts.query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decoded(key), decoded(value));
        let optional = ["submodules", "keep-git-dir", "fetch-by-commit"].contains(&key.as_str());
        if seen.contains(&key) {
            return Err(format!("{key} is given twice"));
        }
        if value.is_empty() && !optional {
            return Err(format!("{key} has no value"));
        }
        match key.as_str() {
            "ref" => agree(&mut address.reference, value, "ref")?,
            "tag" => tag = Some(prefixed("refs/tags/", &value)),
            "branch" => branch = Some(prefixed("refs/heads/", &value)),
            "subdir" => agree(&mut address.subdir, relative(&value), "subdir")?,
            "checksum" | "commit" => address.checksum = Some(value),
            "keep-git-dir" => address.keep_git_dir = Some(truth(&key, &value)?),
            "submodules" => address.submodules = Some(truth(&key, &value)?),
            "fetch-by-commit" => address.fetch_by_commit = truth(&key, &value)?,
            "mtime" if ["checkout", "commit"].contains(&value.as_str()) => {}
            "mtime" => return Err(format!("mtime is checkout or commit, not {value:?}")),
            _ => return Err(unknown(&key)),
        }
        seen.push(key);
    }
    if tag.is_some() && branch.is_some() {
        return Err("it has both a tag and a branch".to_owned());
    }
    if let Some(name) = tag.or(branch) {
        agree(&mut address.reference, name, "ref")?;
    }
    Ok(address)
}

/// The keys of a git address.
const KEYS: [&str; 9] =
    ["ref", "tag", "branch", "subdir", "checksum", "commit", "keep-git-dir", "submodules", "fetch-by-commit"];

fn unknown(key: &str) -> String {
    let near = dockerfile_parser::did_you_mean(key, KEYS).map(|near| format!("; did you mean {near}?"));
    format!("{key:?} is not known{}", near.unwrap_or_else(|| format!(": use {}", KEYS.join(", "))))
}

fn agree(known: &mut String, value: String, what: &str) -> Result<(), String> {
    if !known.is_empty() && *known != value {
        return Err(format!("{what} is both {known:?} and {value:?}"));
    }
    *known = value;
    Ok(())
}

fn prefixed(prefix: &str, name: &str) -> String {
    if name.starts_with(prefix) { name.to_owned() } else { format!("{prefix}{name}") }
}

fn truth(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("{key} is true or false, not {value:?}")),
    }
}

/// The last part of a URL's path; `__unnamed__` where there is none that a file can have.
fn file_name(path: &str) -> String {
    let path = decoded(path);
    match super::paths::base_name(&path) {
        "" | "." | ".." => "__unnamed__".to_owned(),
        name if name.contains('\0') => "__unnamed__".to_owned(),
        name => name.to_owned(),
    }
}

/// Undoes percent-encoding; what is no valid escape stays as it is.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match tail {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        out.push(escaped.map_or(*first, |(high, low)| high << 4 | low));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::{GitAddress, Remote, remote};

    fn address(text: &str) -> GitAddress {
        match remote(text) {
            Ok(Remote::Git(address)) => address,
            _ => panic!("{text} is no git address"),
        }
    }

    #[test]
    fn git_addresses_are_known_by_their_form() {
        for text in ["git@host.example:me/r", "git://h/r", "ssh://h/r", "http://h/r.git", "https://h/r.git#v1:sub"] {
            assert!(matches!(remote(text), Ok(Remote::Git(_))), "{text}");
        }
        for text in ["a.txt", "./git@h:x", "github.com/me/r", "ftp://h/x", "dir/a@b"] {
            assert!(matches!(remote(text), Ok(Remote::Local)), "{text}");
        }
    }

    #[test]
    fn fragment_and_query_say_the_same_things() {
        let expected = GitAddress {
            remote: "https://h/r.git".to_owned(),
            reference: "v1".to_owned(),
            subdir: "a/b".to_owned(),
            ..GitAddress::default()
        };
        assert_eq!(address("https://h/r.git#v1:/a/b"), expected);
        assert_eq!(address("https://h/r.git?ref=v1&subdir=a/b"), expected);
        assert_eq!(address("https://h/r.git?tag=v1").reference, "refs/tags/v1");
        assert_eq!(address("https://h/r.git?branch=main&keep-git-dir").keep_git_dir, Some(true));
    }

    #[test]
    fn contradictions_are_refused() {
        for (query, reason) in [
            ("ref=a&branch=b", "ref is both"),
            ("tag=a&branch=b", "both a tag and a branch"),
            ("ref=", "no value"),
            ("x=1", "not known"),
            ("ref=a&ref=a", "twice"),
            ("submodules=perhaps", "true or false"),
            ("mtime=now", "checkout or commit"),
        ] {
            let error = remote(&format!("https://h/r.git?{query}")).err().unwrap_or_default();
            assert!(error.contains(reason), "{query}: {error}");
        }
    }

    #[test]
    fn a_download_is_named_after_the_last_part_of_its_path() {
        for (url, expected) in [
            ("http://h/a/b.txt?x=1#y", "b.txt"),
            ("https://h", "__unnamed__"),
            ("https://h/", "__unnamed__"),
            ("https://h/a%20b/", "a b"),
            ("https://h/100%", "100%"),
        ] {
            assert!(matches!(remote(url), Ok(Remote::Url { name }) if name == expected), "{url}");
        }
    }
}
