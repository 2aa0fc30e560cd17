//! `--output`. Opens nothing.

use super::fields;
use crate::error::{Error, Result};
use std::path::PathBuf;

/// Something to write besides the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// What is written.
    pub kind: OutputKind,
    /// Where; `-` is standard output.
    pub dest: PathBuf,
    /// How layers are compressed.
    pub compression: Compression,
    /// The level, where one was given.
    pub level: Option<i32>,
    /// Whether an archive is wanted; a directory otherwise. Only `oci` knows both.
    pub tar: bool,
    /// Whether media types are OCI's; Docker's otherwise.
    pub oci_media_types: bool,
}

/// The form of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// An OCI image layout.
    Oci,
    /// An archive as `docker save` writes.
    Docker,
    /// The files of the image in a directory.
    Local,
    /// The files of the image in an archive.
    Tar,
    /// Nothing: only the cache is filled.
    CacheOnly,
}

/// How layers are compressed in an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Uncompressed,
    /// With gzip.
    Gzip,
    /// With zstd.
    Zstd,
}

pub(super) fn parse(text: &str) -> Result<Output> {
    if text == "-" {
        return parse("type=tar,dest=-");
    }
    if !text.contains(['=', ',', '"']) && !text.is_empty() {
        return parse(&format!("type=local,dest={text}"));
    }
    let wrong = |why: String| Error::Usage(format!("--output {text:?}: {why}"));
    let mut output = Output {
        kind: OutputKind::Local,
        dest: PathBuf::new(),
        compression: Compression::Gzip,
        level: None,
        tar: true,
        oci_media_types: true,
    };
    let mut kind = None;
    for (key, value) in fields("--output", text)? {
        match key.as_str() {
            "type" => {
                kind = Some(kind_of(&value).ok_or_else(|| {
                    wrong(format!("type {value:?} is not known: use oci, docker, local, tar or cacheonly"))
                })?);
            }
            "dest" => output.dest = value.into(),
            "compression" => {
                output.compression = compression(&value).ok_or_else(|| {
                    wrong(format!("compression {value:?} is not known: use gzip, zstd or uncompressed"))
                })?;
            }
            "compression-level" => {
                output.level =
                    Some(value.parse().map_err(|_| wrong(format!("compression-level {value:?} is not a number")))?);
            }
            "tar" => {
                output.tar =
                    boolean(&value).ok_or_else(|| wrong(format!("tar={value:?} is neither true nor false")))?;
            }
            "oci-mediatypes" => {
                output.oci_media_types = boolean(&value)
                    .ok_or_else(|| wrong(format!("oci-mediatypes={value:?} is neither true nor false")))?;
            }
            "force-compression" | "name" | "unpack" | "store" => {}
            other => {
                let known = "use type, dest, compression, compression-level, tar or oci-mediatypes";
                return Err(wrong(format!("the attribute {other:?} is not known: {known}")));
            }
        }
    }
    output.kind = kind.ok_or_else(|| wrong("it has no type".to_owned()))?;
    if output.kind == OutputKind::Docker {
        output.oci_media_types = false;
    }
    if output.dest.as_os_str().is_empty() && output.kind != OutputKind::CacheOnly {
        return Err(wrong("it has no dest".to_owned()));
    }
    Ok(output)
}

fn kind_of(text: &str) -> Option<OutputKind> {
    Some(match text {
        "oci" => OutputKind::Oci,
        "docker" => OutputKind::Docker,
        "local" => OutputKind::Local,
        "tar" => OutputKind::Tar,
        "cacheonly" => OutputKind::CacheOnly,
        _ => return None,
    })
}

fn compression(text: &str) -> Option<Compression> {
    Some(match text {
        "uncompressed" | "none" => Compression::Uncompressed,
        "gzip" => Compression::Gzip,
        "zstd" => Compression::Zstd,
        _ => return None,
    })
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "" | "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_dockers() {
        let output = parse("out").unwrap();
        assert_eq!((output.kind, output.dest), (OutputKind::Local, "out".into()));
        let output = parse("-").unwrap();
        assert_eq!((output.kind, output.dest), (OutputKind::Tar, "-".into()));
        let output = parse("type=oci,dest=x,compression=zstd,compression-level=9,tar=false").unwrap();
        assert_eq!((output.compression, output.level, output.tar), (Compression::Zstd, Some(9), false));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (text, names) in [
            ("type=nope,dest=x", "\"nope\""),
            ("type=oci", "no dest"),
            ("dest=x", "no type"),
            ("type=oci,dest=x,color=red", "\"color\""),
            ("type=oci,dest=x,compression=lzma", "\"lzma\""),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(names), "{error}");
        }
    }
}
