//! `--build-context NAME=SOURCE`. Sees that what is named is there; opens nothing.

use super::near;
use crate::error::{Error, Result};
use rbuild_graph::{context_op, redact};
use rbuild_oci::{Platform, Reference};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a named context lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A directory of this machine.
    Directory(PathBuf),
    /// An image in an OCI image layout of this machine.
    Layout {
        /// The directory of the layout.
        path: PathBuf,
        /// Its tag or digest there; none is the only image.
        image: Option<String>,
    },
    /// A git repository or a URL, by its address.
    Remote(String),
    /// Nothing at all.
    Scratch,
    /// An image of a registry or of the store.
    Registry(Reference),
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Layout { path, image: None } => write!(f, "oci-layout://{}", path.display()),
            Self::Layout { path, image: Some(image) } => write!(f, "oci-layout://{}:{image}", path.display()),
            Self::Remote(address) => f.write_str(&redact(address)),
            Self::Scratch => f.write_str("docker-image://scratch"),
            Self::Registry(reference) => write!(f, "docker-image://{reference}"),
        }
    }
}

/// Parses all named contexts, by lower-case name.
pub(super) fn parse(texts: &[String]) -> Result<BTreeMap<String, Named>> {
    texts.iter().map(|text| one(text)).collect()
}

fn one(text: &str) -> Result<(String, Named)> {
    let wrong = |why: &str| Error::Usage(format!("--build-context {text:?}: {why}"));
    let (name, source) = text.split_once('=').ok_or_else(|| wrong("write NAME=SOURCE"))?;
    if name.is_empty() || source.is_empty() {
        return Err(wrong("both a name and a source are needed, as NAME=SOURCE"));
    }
    if let Some((_, platform)) = name.split_once("::") {
        let parsed = platform.parse::<Platform>();
        parsed.map_err(|error| wrong(&format!("behind NAME:: stands a platform, and {error}")))?;
    }
    let remote =
        if Path::new(source).is_dir() { None } else { context_op(source).map_err(|e| wrong(&e.to_string()))? };
    let named = match source.split_once("://") {
        _ if remote.is_some() => Named::Remote(source.to_owned()),
        Some(("oci-layout", rest)) => layout(rest),
        Some(("docker-image", "scratch")) => Named::Scratch,
        Some(("docker-image", reference)) => {
            Named::Registry(reference.parse().map_err(|error: rbuild_oci::Error| wrong(&error.to_string()))?)
        }
        Some((scheme, _)) => return Err(wrong(&unknown(scheme))),
        None if source.starts_with("target:") => {
            return Err(wrong("targets are those of a bake file; a stage of this Dockerfile has its name already"));
        }
        None => Named::Directory(source.into()),
    };
    match &named {
        Named::Directory(path) if !path.exists() => {
            Err(wrong(&format!("there is no such directory{}", near::question(path))))
        }
        Named::Directory(path) if !path.is_dir() => Err(wrong("a file is no context: give its directory")),
        Named::Layout { path, .. } if !path.exists() => Err(wrong(&format!("there is no {}", path.display()))),
        _ => Ok((name.to_ascii_lowercase(), named)),
    }
}

fn unknown(scheme: &str) -> String {
    const KNOWN: [&str; 6] = ["docker-image", "oci-layout", "http", "https", "git", "ssh"];
    let near = dockerfile_parser::did_you_mean(scheme, KNOWN).map(|near| format!("; did you mean {near}?"));
    let near = near.unwrap_or_else(|| format!(": use {} or a directory", KNOWN.join(", ")));
    format!("sources of the kind {scheme:?} are not known{near}")
}

/// `PATH`, `PATH:tag`, `PATH@digest` or `PATH:tag@digest`, whose digest decides; the path is what is a layout.
fn layout(text: &str) -> Named {
    let whole = || Named::Layout { path: text.into(), image: None };
    if Path::new(text).join("index.json").exists() {
        return whole();
    }
    if let Some((path, digest)) = text.split_once('@') {
        let path = colon(path).map_or(path, |at| &path[..at]);
        return Named::Layout { path: path.into(), image: Some(digest.to_owned()) };
    }
    match colon(text) {
        Some(at) => Named::Layout { path: text[..at].into(), image: Some(text[at + 1..].to_owned()) },
        None => whole(),
    }
}

/// The colon behind the path of a layout.
fn colon(text: &str) -> Option<usize> {
    let mut colons = text.match_indices(':').map(|(at, _)| at);
    colons.find(|at| Path::new(&text[..*at]).join("index.json").exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_split_where_the_directory_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a:b");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("index.json"), "{}").unwrap();
        let text = format!("oci-layout://{}:debian:bookworm", path.display());
        let (name, named) = one(&format!("Ubuntu={text}")).unwrap();
        assert_eq!(name, "ubuntu");
        assert_eq!(named, Named::Layout { path: path.clone(), image: Some("debian:bookworm".to_owned()) });
        assert_eq!(named.to_string(), text);
        let Named::Layout { path, image } = layout(&format!("{}:tag@sha256:00", path.display())) else {
            unreachable!()
        };
        assert!(path.ends_with("a:b") && image.as_deref() == Some("sha256:00"), "{path:?} {image:?}");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["x", "=x", "x=", "x=ftp://y", "x=docker-image://UPPER"] {
            assert!(one(text).is_err(), "{text}");
        }
    }
}
