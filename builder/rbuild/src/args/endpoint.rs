//! Where an image lies, as `rbuild copy` is told it: a transport and a name. Opens nothing.

use super::usage;
use crate::error::{Error, Result};
use rbuild_oci::Reference;
use std::path::PathBuf;
use std::str::FromStr;

/// A place for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `docker://NAME`, or the name alone: in a registry.
    Registry(Reference),
    /// `oci:PATH[:TAG]`: an image layout in a directory.
    Layout(PathBuf, Option<String>),
    /// `oci-archive:PATH[:TAG]`: an image layout in a tarball.
    LayoutArchive(PathBuf, Option<String>),
    /// `docker-archive:PATH[:NAME]`: an archive for `docker load`.
    DockerArchive(PathBuf, Option<Reference>),
    /// `dir:PATH`: a directory that holds nothing but the image.
    Directory(PathBuf),
    /// `store:NAME`: in rbuild's store.
    Store(String),
}

/// The transports with what stands behind them, for people.
pub const TRANSPORTS: &str = "docker://NAME, oci:PATH[:TAG], oci-archive:PATH[:TAG], docker-archive:PATH[:NAME], dir:PATH \
                              and store:NAME";

/// The names of transports that others have, and those here.
const KNOWN: [&str; 12] = [
    "docker",
    "oci",
    "oci-archive",
    "docker-archive",
    "dir",
    "store",
    "containers-storage",
    "docker-daemon",
    "ostree",
    "sif",
    "tarball",
    "atomic",
];

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some((transport, rest)) = text.split_once(':').filter(|(word, _)| KNOWN.contains(word)) else {
            return by_name(text);
        };
        let path = |path: &str| match path {
            "" => Err(usage(format!("{text}: {transport}: needs a path"))),
            path => Ok(PathBuf::from(path)),
        };
        let (first, second) = rest.split_once(':').map_or((rest, None), |(path, tag)| (path, Some(tag.to_owned())));
        match transport {
            "docker" => match rest.strip_prefix("//") {
                Some(name) => Ok(Self::Registry(name.parse()?)),
                None => by_name(text),
            },
            "oci" => Ok(Self::Layout(path(first)?, second)),
            "oci-archive" => Ok(Self::LayoutArchive(path(first)?, second)),
            "docker-archive" => Ok(Self::DockerArchive(path(first)?, second.map(|name| name.parse()).transpose()?)),
            "dir" => Ok(Self::Directory(path(rest)?)),
            "store" if !rest.is_empty() => Ok(Self::Store(rest.to_owned())),
            _ => Err(usage(format!("{text}: there is no transport {transport}:, but {TRANSPORTS}"))),
        }
    }
}

/// A name in a registry without `docker://`.
fn by_name(text: &str) -> Result<Endpoint> {
    text.parse().map(Endpoint::Registry).map_err(|error: rbuild_oci::Error| {
        usage(format!("{text} is no name of an image ({error}); places in files are {TRANSPORTS}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transport() {
        let registry = |name: &str| Endpoint::Registry(name.parse().unwrap());
        for (text, expected) in [
            ("docker://busybox", registry("busybox:latest")),
            ("localhost:5000/a:1", registry("localhost:5000/a:1")),
            ("busybox", registry("docker.io/library/busybox:latest")),
            ("docker:27", registry("docker:27")),
            ("oci:a/b:1", Endpoint::Layout("a/b".into(), Some("1".to_owned()))),
            ("oci:a", Endpoint::Layout("a".into(), None)),
            ("oci-archive:a.tar:x:1", Endpoint::LayoutArchive("a.tar".into(), Some("x:1".to_owned()))),
            ("docker-archive:a.tar:x:1", Endpoint::DockerArchive("a.tar".into(), "x:1".parse().ok())),
            ("docker-archive:-", Endpoint::DockerArchive("-".into(), None)),
            ("dir:/a:b", Endpoint::Directory("/a:b".into())),
            ("store:app", Endpoint::Store("app".to_owned())),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap(), expected, "{text}");
        }
        for (text, expected) in [
            ("oci:", "needs a path"),
            ("containers-storage:x", "no transport containers-storage:"),
            ("./dir", "places in files are"),
            ("store:", "there is no transport store:"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
