//! `--output`: what is written besides the store, and how. Opens nothing.

mod annotation;
mod attribute;
mod check;

pub use annotation::{Annotated, Notes};
pub(super) use check::check;

use super::raw_fields;
use crate::error::{Error, Result};
use rbuild_oci::Reference;
use rbuild_store::layer::{Codec, Format};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;

/// Something to write besides the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// What is written.
    pub kind: OutputKind,
    /// Where; `-` is standard output.
    pub dest: PathBuf,
    /// The names of the image in it; none means those of the build.
    pub names: Vec<Reference>,
    /// How layers are compressed.
    pub compression: Compression,
    /// The level, where one was given.
    pub level: Option<i32>,
    /// Whether layers that came compressed in another way are compressed anew.
    pub force: bool,
    /// Whether an archive is wanted; a directory otherwise.
    pub tar: bool,
    /// Whether media types are OCI's; Docker's otherwise.
    pub oci_media_types: bool,
    /// Whether no file may be younger than SOURCE_DATE_EPOCH, whose absence is then worth a word.
    pub times: Times,
    /// Annotations of its documents, beside those of the image.
    pub notes: Notes,
    /// Whether each platform's files lie in a directory of its name; none means where there are several.
    pub split: Option<bool>,
    /// What becomes of other files in a directory.
    pub others: Others,
    /// Whether the image goes to the registries of its names.
    pub push: bool,
    /// Whether it gets no name there, but can be had by its digest only.
    pub by_digest: bool,
    /// Whether those registries may lack TLS, or a certificate that can be verified.
    pub insecure: bool,
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
    /// An image of the store, and of registries where it is pushed.
    Image,
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

impl FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "uncompressed" | "none" => Ok(Self::Uncompressed),
            "gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            _ => Err(format!("compression {text:?} is not known: use gzip, zstd or uncompressed")),
        }
    }
}

/// What the times of files are worth to the user. Layers never have later ones than SOURCE_DATE_EPOCH.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// They are as they are.
    #[default]
    Made,
    /// They were to be cut off at SOURCE_DATE_EPOCH.
    Epoch,
}

/// What becomes of files in a directory that the image does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Others {
    /// They stay.
    #[default]
    Stay,
    /// They go.
    Go,
}

impl Output {
    /// An output of that form at that place with nothing else said.
    pub fn new(kind: OutputKind, dest: impl Into<PathBuf>) -> Self {
        Self {
            kind,
            dest: dest.into(),
            names: Vec::new(),
            compression: Compression::Gzip,
            level: None,
            force: false,
            tar: true,
            oci_media_types: true,
            times: Times::default(),
            notes: Notes::default(),
            split: None,
            others: Others::default(),
            push: false,
            by_digest: false,
            insecure: false,
        }
    }

    /// What `--push` stands for: the outputs that are images are pushed; where there are none, there is one.
    pub(super) fn pushed(mut outputs: Vec<Self>) -> Vec<Self> {
        for output in &mut outputs {
            output.push = output.kind == OutputKind::Image;
        }
        if !outputs.iter().any(|output| output.push) {
            outputs.push(Self { push: true, ..Self::new(OutputKind::Image, "") });
        }
        outputs
    }

    /// The names that the image has in the store by this output.
    pub(super) fn tags(&self) -> &[Reference] {
        let kept = self.kind == OutputKind::Image && !self.by_digest;
        if kept { &self.names } else { &[] }
    }

    /// How layers are compressed; none for not at all.
    pub fn codec(&self) -> Result<Option<Codec>> {
        self.compression.codec(self.level)
    }

    /// Whether layers leave by it.
    const fn sends_layers(&self) -> bool {
        match self.kind {
            OutputKind::Oci | OutputKind::Docker => true,
            OutputKind::Image => self.push,
            OutputKind::Local | OutputKind::Tar | OutputKind::CacheOnly => false,
        }
    }

    /// All that layers are compressed by on their way out.
    pub fn codecs(outputs: &[Self]) -> Result<BTreeSet<Codec>> {
        outputs.iter().filter(|output| output.sends_layers()).filter_map(|output| output.codec().transpose()).collect()
    }
}

impl Compression {
    /// What does it, at that level or the usual one; none for not at all.
    pub fn codec(self, level: Option<i32>) -> Result<Option<Codec>> {
        let format = match self {
            Self::Uncompressed => return Ok(None),
            Self::Gzip => Format::Gzip,
            Self::Zstd => Format::Zstd,
        };
        Ok(Some(Codec::new(format, level)?))
    }
}

impl OutputKind {
    const ALL: [(&str, Self); 6] = [
        ("oci", Self::Oci),
        ("docker", Self::Docker),
        ("local", Self::Local),
        ("tar", Self::Tar),
        ("cacheonly", Self::CacheOnly),
        ("image", Self::Image),
    ];
}

pub(super) fn parse(text: &str) -> Result<Output> {
    if text == "-" {
        return parse("type=tar,dest=-");
    }
    if !text.contains(['=', ',', '"']) && !text.is_empty() {
        return parse(&format!("type=local,dest={text}"));
    }
    let wrong = |why: String| Error::Usage(format!("--output {text:?}: {why}"));
    let fields = raw_fields("--output", text)?;
    let name = |key: &str| key.to_ascii_lowercase();
    let written = fields.iter().find(|(key, _)| name(key) == "type").map(|(_, kind)| kind);
    let kind = kind_of(written.ok_or_else(|| wrong("it has no type".to_owned()))?).map_err(wrong)?;
    let push = written.is_some_and(|kind| kind == REGISTRY);
    let mut output = Output { push, ..Output::new(kind, "") };
    for (key, value) in fields.iter().filter(|(key, _)| name(key) != "type") {
        attribute::set(&mut output, key, value).map_err(wrong)?;
    }
    settle(&mut output).map_err(wrong)?;
    Ok(output)
}

/// An image that is pushed, by a type of its own.
const REGISTRY: &str = "registry";

fn kind_of(text: &str) -> std::result::Result<OutputKind, String> {
    if text == REGISTRY {
        return Ok(OutputKind::Image);
    }
    let found = OutputKind::ALL.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
    found.ok_or_else(|| {
        let names = OutputKind::ALL.iter().map(|(name, _)| *name).chain([REGISTRY]);
        let near = dockerfile_parser::question(dockerfile_parser::did_you_mean(text, names));
        format!("type {text:?} is not known{near}: use registry, image, oci, docker, local, tar or cacheonly")
    })
}

/// What does not go together; archives without a place go to standard output.
fn settle(output: &mut Output) -> std::result::Result<(), String> {
    output.codec().map_err(|error| error.to_string())?;
    if output.compression == Compression::Zstd && !output.oci_media_types {
        return Err("compression=zstd has no media type of Docker's: leave oci-mediatypes=false out".to_owned());
    }
    if output.notes.need_oci() && !output.oci_media_types {
        return Err("with oci-mediatypes=false only manifests have annotations".to_owned());
    }
    if output.dest.as_os_str().is_empty() {
        match output.kind {
            OutputKind::Oci | OutputKind::Tar if output.tar => output.dest = "-".into(),
            OutputKind::CacheOnly | OutputKind::Image => {}
            _ => return Err("it has no dest".to_owned()),
        }
    }
    Ok(())
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
        assert_eq!(parse("type=tar").unwrap().dest.to_str(), Some("-"));
        let output = parse("type=oci,dest=x,compression=zstd,compression-level=9,tar=false").unwrap();
        assert_eq!((output.compression, output.level, output.tar), (Compression::Zstd, Some(9), false));
    }

    #[test]
    fn every_attribute_of_buildkit_is_understood() {
        let text = "dest=x,Type=oci,\"name=a:1,b\",force-compression,rewrite-timestamp=true,oci-mediatypes=false,\
                    annotation.org.example.Key=v,oci-artifact=false";
        let output = parse(text).unwrap();
        let names: Vec<String> = output.names.iter().map(Reference::familiar).collect();
        assert_eq!(names, ["a:1", "b:latest"]);
        assert!(output.force && !output.oci_media_types && output.times == Times::Epoch);
        let notes = output.notes.of(Annotated::Manifest, None);
        assert_eq!(notes.get("org.example.Key").map(String::as_str), Some("v"));
        let output = parse("type=local,dest=x,mode=delete,platform-split=0").unwrap();
        assert_eq!((output.others, output.split), (Others::Go, Some(false)));
        assert_eq!(parse("type=cacheonly").unwrap().kind, OutputKind::CacheOnly);
        assert!(parse("type=docker,dest=x").unwrap().oci_media_types, "as BuildKit has it since 0.31");
    }

    #[test]
    fn images_are_pushed_by_name_or_digest_or_not() {
        for (text, push, by_digest) in [
            ("type=registry", true, false),
            ("type=image", false, false),
            ("type=image,push=true", true, false),
            ("type=image,name=a,push=true,push-by-digest=true,name-canonical=true", true, true),
            ("type=image,push-by-digest=true,push=true", true, true),
            ("type=registry,push-by-digest=true,unpack=true,store=false,dangling-name-prefix=x", true, true),
        ] {
            let output = parse(text).unwrap();
            assert_eq!((output.kind, output.push, output.by_digest), (OutputKind::Image, push, by_digest), "{text}");
        }
        let output = parse("type=registry,\"name=a,h:5/b:1\",registry.insecure=true,compression=zstd").unwrap();
        assert!(output.insecure && output.tags().len() == 2);
        assert!(parse("type=registry,name=a,push-by-digest=true").unwrap().tags().is_empty());
    }

    #[test]
    fn the_short_form_pushes_what_there_is() {
        let pushed = |texts: &[&str]| -> Vec<(OutputKind, bool)> {
            let outputs = texts.iter().map(|text| parse(text).unwrap()).collect();
            Output::pushed(outputs).iter().map(|output| (output.kind, output.push)).collect()
        };
        assert_eq!(pushed(&[]), [(OutputKind::Image, true)]);
        let beside = [(OutputKind::Local, false), (OutputKind::Image, true)];
        assert_eq!(pushed(&["out"]), beside);
        assert_eq!(pushed(&["out", "type=image"]), beside);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (text, names) in [
            ("type=nope,dest=x", "\"nope\""),
            ("type=dokcer,dest=x", "did you mean docker?"),
            ("type=regstry", "did you mean registry?"),
            ("type=image,dest=x", "\"dest\" is none of type=image"),
            ("type=oci,dest=x,push=true", "\"push\" is none of type=oci"),
            ("type=docker", "no dest"),
            ("type=oci,tar=false", "no dest"),
            ("dest=x", "no type"),
            ("type=oci,dest=x,color=red", "\"color\""),
            ("type=oci,dest=x,compresion=gzip", "did you mean compression?"),
            ("type=local,dest=x,compression=gzip", "\"compression\" is none of type=local"),
            ("type=oci,dest=x,compression=lzma", "\"lzma\""),
            ("type=oci,dest=x,compression-level=40", "levels from 1 to 12"),
            ("type=oci,dest=x,compression=zstd,oci-mediatypes=false", "oci-mediatypes=false"),
            ("type=oci,dest=x,annotation-index.a=b,oci-mediatypes=false", "only manifests"),
            ("type=oci,dest=x,tar=maybe", "neither true nor false"),
            ("type=local,dest=x,mode=move", "\"move\""),
            ("type=oci,dest=x,name=UPPER", "UPPER"),
            ("type=oci,dest=x,source-date-epoch=1", "--build-arg SOURCE_DATE_EPOCH"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(names), "{error}");
        }
    }
}
