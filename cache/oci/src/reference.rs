//! Image references: `[registry/]repository[:tag][@digest]`, with Docker's defaults. Knows no registry's address.

use crate::digest::Digest;
use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// Where an image is found: registry, repository, and a tag or digest or both (distribution specification, with
/// Docker's short names: `ubuntu` is `docker.io/library/ubuntu:latest`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// The host, with its port where one is given: `docker.io`, `localhost:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path within the registry: `library/ubuntu`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `latest` where neither tag nor digest was given, none for a bare digest.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, where one was given.
    pub const fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The name without tag and digest, as people write it: `ubuntu`, `localhost:5000/app`.
    pub fn familiar_name(&self) -> String {
        if self.registry != DEFAULT_REGISTRY {
            return format!("{}/{}", self.registry, self.repository);
        }
        self.repository.strip_prefix("library/").unwrap_or(&self.repository).to_owned()
    }

    /// The whole reference as people write it: `ubuntu:latest`.
    pub fn familiar(&self) -> String {
        self.with_suffix(self.familiar_name())
    }

    /// The name without tag and digest, in full: `docker.io/library/ubuntu`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    fn with_suffix(&self, mut name: String) -> String {
        if let Some(tag) = &self.tag {
            name.push(':');
            name.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            name.push('@');
            name.push_str(&digest.to_string());
        }
        name
    }
}

const DEFAULT_REGISTRY: &str = "docker.io";

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_suffix(self.full_name()))
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |rule| Error::Invalid { what: "image reference", text: text.to_owned(), rule };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        let (name, tag) = split_tag(rest);
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(wrong("a tag has 1 to 128 of the characters A-Z a-z 0-9 _ . - and begins with none of . -"));
        }
        let (registry, repository) = split_registry(name);
        if registry.is_some_and(|host| !is_registry(host)) {
            return Err(wrong("its registry is not a host name with an optional port"));
        }
        if repository.is_empty() {
            return Err(wrong("it has no repository name"));
        }
        if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(wrong("a repository name must be lower case"));
        }
        if !repository.split('/').all(is_path_component) || name.len() > 255 {
            return Err(wrong("a repository name has lower-case letters, digits, and . _ - between them"));
        }
        let registry = match registry {
            None | Some("index.docker.io") => DEFAULT_REGISTRY,
            Some(host) => host,
        };
        let library = registry == DEFAULT_REGISTRY && !repository.contains('/');
        Ok(Self {
            registry: registry.to_owned(),
            repository: if library { format!("library/{repository}") } else { repository.to_owned() },
            tag: tag.map(str::to_owned).or_else(|| digest.is_none().then(|| "latest".to_owned())),
            digest,
        })
    }
}

fn split_tag(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (text, None),
    }
}

fn split_registry(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((host, rest))
            if host.contains(['.', ':'])
                || host == "localhost"
                || host.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (Some(host), rest)
        }
        _ => (None, name),
    }
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

fn is_registry(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, tail)) => {
                let address_ok = address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
                return address_ok && (tail.is_empty() || tail.strip_prefix(':').is_some_and(is_port));
            }
            None => return false,
        },
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.split('.').all(label) && port.is_none_or(is_port)
}

fn is_port(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// `[a-z0-9]+` groups joined by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(part: &str) -> bool {
    let alnum = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    alnum(*first)
        && alnum(*last)
        && bytes.split(|byte| alnum(*byte)).all(|run| match run {
            [] | [b'.' | b'_'] | [b'_', b'_'] => true,
            dashes => dashes.iter().all(|byte| *byte == b'-'),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_get_dockers_defaults() {
        for (text, full) in [
            ("ubuntu", "docker.io/library/ubuntu:latest"),
            ("ubuntu:24.04", "docker.io/library/ubuntu:24.04"),
            ("me/app", "docker.io/me/app:latest"),
            ("index.docker.io/me/app:1", "docker.io/me/app:1"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/a/b:c", "localhost:5000/a/b:c"),
            ("[::1]:5000/a", "[::1]:5000/a:latest"),
            ("a__b/c--d", "docker.io/a__b/c--d:latest"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), full, "{text}");
        }
    }

    #[test]
    fn a_digest_needs_no_tag() {
        let digest = Digest::of(b"x");
        let reference: Reference = format!("app@{digest}").parse().unwrap();
        assert_eq!((reference.tag(), reference.digest()), (None, Some(&digest)));
        assert_eq!(reference.familiar(), format!("app@{digest}"));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "Ubuntu", ":tag", "a//b", "a:", "a:b:c", "-a", "a___b", "a@sha256:12", "a b", "../x", "a.:1/b"]
        {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
