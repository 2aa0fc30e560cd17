//! `--cache-from` and `--cache-to`: which caches of other machines are asked, and which are told what was made. Opens
//! nothing.

mod attribute;
mod hidden;
mod mounts;

pub use mounts::MountsWanted;

use super::{Compression, Output};
use crate::args::repeated_fields;
use crate::error::{Error, Result};
use rbuild_oci::Reference;
use rbuild_records::mounts::{MOST, MOST_BROUGHT};
use rbuild_store::layer::Codec;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A cache that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheFrom {
    /// Where it is.
    pub place: CachePlace,
    /// The public keys of those whose records are believed; with none, everybody's are.
    pub verify: Vec<PathBuf>,
    /// How many bytes a cache mount may have that is brought from there.
    pub mounts_most: u64,
}

/// A cache that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheTo {
    /// Where it is.
    pub place: CachePlace,
    /// Which steps it is told of.
    pub mode: Mode,
    /// How layers are compressed there; none for as the image is where it is pushed, so that each goes out once, else zstd.
    pub compression: Option<Compression>,
    /// The level, where one was given.
    pub level: Option<i32>,
    /// Whether layers that are compressed in another way are compressed anew.
    pub force: bool,
    /// Whether the build fails where the cache does not take what it is told.
    pub strict: bool,
    /// The private key that signs what is written.
    pub sign: Option<PathBuf>,
    /// The cache mounts that are carried there.
    pub mounts: MountsWanted,
    /// How many bytes each of them may have.
    pub mounts_most: u64,
    /// How many bytes a directory keeps, where that is bounded.
    pub most: Option<u64>,
}

/// Where a cache is. No secret among its attributes is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub enum CachePlace {
    /// Tags of a repository, and what an image there carries itself.
    Registry {
        /// The repository; its tag begins the tags.
        reference: Reference,
        /// Whether the registry may lack TLS.
        insecure: bool,
    },
    /// A directory.
    Local(PathBuf),
    /// An S3-compatible store, by its attributes.
    S3(BTreeMap<String, String>),
    /// GitHub's cache service, by its attributes.
    Gha(BTreeMap<String, String>),
    /// The image itself.
    Inline,
}

/// Which steps a cache is told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Those of the image.
    #[default]
    Min,
    /// All.
    Max,
}

impl CacheFrom {
    /// Understands `type=registry,ref=NAME` and its like, or the name of a repository alone.
    pub fn parse(text: &str) -> Result<Self> {
        let (kind, fields) = fields("--cache-from", text)?;
        let shown = hidden::spec(text);
        let wrong = |why: String| Error::Usage(format!("--cache-from {shown:?}: {}", hidden::spec(&why)));
        let fields = attribute::Fields::new(&kind, fields, &attribute::FROM).map_err(wrong)?;
        let place = fields.place("src").map_err(wrong)?;
        if place == CachePlace::Inline {
            return Err(wrong("an image that carries its cache is asked as type=registry,ref=NAME".to_owned()));
        }
        let mounts_most = fields.size("mounts-max-size", MOST_BROUGHT)?;
        Ok(Self { place, verify: fields.list("verify").map(PathBuf::from).collect(), mounts_most })
    }
}

impl CacheTo {
    /// Understands `type=registry,ref=NAME` and its like, or the name of a repository alone.
    pub fn parse(text: &str) -> Result<Self> {
        let (kind, fields) = fields("--cache-to", text)?;
        let shown = hidden::spec(text);
        let wrong = |why: String| Error::Usage(format!("--cache-to {shown:?}: {}", hidden::spec(&why)));
        let fields = attribute::Fields::new(&kind, fields, &attribute::TO).map_err(wrong)?;
        let to = Self {
            place: fields.place("dest").map_err(wrong)?,
            mode: fields.mode().map_err(wrong)?,
            compression: fields.get("compression").map(str::parse).transpose().map_err(wrong)?,
            level: fields.number("compression-level").map_err(wrong)?,
            force: fields.boolean("force-compression", false).map_err(wrong)?,
            strict: !fields.boolean("ignore-error", true).map_err(wrong)?,
            sign: fields.get("sign").map(PathBuf::from),
            mounts: fields.get("mounts").unwrap_or_default().into(),
            mounts_most: fields.size("mounts-max-size", MOST)?,
            most: fields.bound("max-size")?,
        };
        if to.most.is_some() && !matches!(to.place, CachePlace::Local(_)) {
            return Err(wrong("max-size is of type=local: the others are bounded where they are".to_owned()));
        }
        if to.place == CachePlace::Inline && to.mounts != MountsWanted::None {
            return Err(wrong("an image carries no cache mounts: add another --cache-to with mounts=".to_owned()));
        }
        to.codec(&[]).map_err(|error| wrong(error.to_string()))?;
        if to.place == CachePlace::Inline && to.sign.is_some() {
            return Err(wrong("what is in an image is signed with the image: leave sign out".to_owned()));
        }
        Ok(to)
    }

    /// How layers are compressed, beside these outputs; none for not at all.
    pub fn codec(&self, outputs: &[Output]) -> Result<Option<Codec>> {
        let pushed = outputs.iter().find(|output| output.push);
        let as_pushed = self.compression.is_none() && self.level.is_none();
        match pushed.filter(|_| as_pushed) {
            Some(output) => output.codec(),
            None => self.compression.unwrap_or(self.usual()).codec(self.level),
        }
    }
}

impl CacheTo {
    /// An image carries its layers as images are pushed.
    fn usual(&self) -> Compression {
        if self.place == CachePlace::Inline { Compression::Gzip } else { Compression::Zstd }
    }
}

/// What a text says by name, and its type.
fn fields(option: &str, text: &str) -> Result<(String, Vec<(String, String)>)> {
    if !text.contains('=') && !text.is_empty() {
        return Ok(("registry".to_owned(), vec![("ref".to_owned(), text.to_owned())]));
    }
    let shown = hidden::spec(text);
    let mut fields = repeated_fields((option, &shown), text, &["verify"])?;
    let at = fields.iter().position(|(key, _)| key == "type");
    let at =
        at.ok_or_else(|| Error::Usage(format!("{option} {shown:?}: it has no type: write type=registry,ref=NAME")))?;
    Ok((fields.remove(at).1, fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        CacheTo::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn every_kind_of_place_is_understood() {
        let registry = |text: &str| CachePlace::Registry { reference: text.parse().unwrap(), insecure: false };
        assert_eq!(CacheFrom::parse("r.example/app").unwrap().place, registry("r.example/app"));
        let from = CacheFrom::parse("type=registry,ref=r.example/app:c,verify=a.pem,verify=b.pem").unwrap();
        assert_eq!((from.place, from.verify.len()), (registry("r.example/app:c"), 2));
        let here = std::env::current_dir().unwrap();
        assert_eq!(CacheFrom::parse("type=local,src=x").unwrap().place, CachePlace::Local(here.join("x")));
        assert_eq!(CacheTo::parse("type=inline").unwrap().place, CachePlace::Inline);
        let to = CacheTo::parse("type=s3,bucket=b,region=r,endpoint_url=http://h:1,prefix=p/,mode=max").unwrap();
        assert_eq!(to.mode, Mode::Max);
        let CachePlace::S3(attributes) = to.place else { panic!("{to:?}") };
        assert_eq!(attributes.get("bucket").map(String::as_str), Some("b"));
        let to = CacheTo::parse("type=gha,scope=main,compression=gzip,compression-level=9,ignore-error=false").unwrap();
        let with = CacheTo::parse("type=local,dest=d,mounts=/go/pkg;npm,mounts-max-size=5g").unwrap();
        assert!(with.mounts.has("npm") && !with.mounts.has("pip") && with.mounts_most == 5 << 30);
        assert_eq!((with.most, CacheTo::parse("type=local,dest=d,max-size=5g").unwrap().most), (None, Some(5 << 30)));
        assert_eq!((to.mounts, to.mounts_most), (MountsWanted::None, 2 << 30));
        assert!(to.strict && to.level == Some(9) && matches!(to.place, CachePlace::Gha(_)));
    }

    #[test]
    fn no_secret_is_shown() {
        for (name, kind) in
            [("secret_access_key", "s3"), ("Session_Token", "s3"), ("access_key_id", "s3"), ("token", "gha")]
        {
            for rest in ["", ",x=y", ",mode=most", ",,", ",mode=max,mode=min", ",\"", ",\"x", ",sign"] {
                for field in [format!("{name}=hunter2"), format!(" {name} =hunter2"), format!("\"{name}=hun,hunter2\"")]
                {
                    for begin in [&format!("type={kind},"), "", "\"type=b,"] {
                        let text = format!("{begin}{field}{rest}");
                        let to = CacheTo::parse(&text).map(|to| format!("{to:?}"));
                        let from = CacheFrom::parse(&text).map(|from| format!("{from:?}"));
                        let said = [to, from].map(|parsed| parsed.unwrap_or_else(|error| error.to_string()));
                        assert!(!said.concat().contains("hunter2"), "{text}: {said:?}");
                    }
                }
            }
        }
        let said = refusal("type=s3,bukcet=mine,secret_access_key=x");
        assert!(said.starts_with("--cache-to \"type=s3,bukcet=mine,secret_access_key=***\": "), "{said}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, named) in [
            ("type=regsitry,ref=x", "did you mean registry?"),
            ("type=registry", "it has no ref"),
            ("type=local,src=x", "\"src\" is none of --cache-to: did you mean"),
            ("type=local,dest=", "it has no dest"),
            ("type=s3,bukcet=x", "did you mean bucket?"),
            ("type=registry,ref=x,mode=most", "use min or max"),
            ("type=registry,ref=x,bucket=b", "\"bucket\" is none of type=registry"),
            ("type=registry,ref=x,compression-level=99", "99"),
            ("ref=x", "it has no type"),
            ("type=inline,sign=k", "leave sign out"),
            ("type=local,dest=d,mounts-max-size=much", "\"much\" is not a size"),
            ("type=inline,mounts=all", "carries no cache mounts"),
            ("type=local,dest=d,max-size=much", "\"much\" is not a size"),
            ("type=registry,ref=x,max-size=1g", "max-size is of type=local"),
        ] {
            let said = refusal(text);
            assert!(said.contains(named), "{text}: {said}");
        }
        assert!(CacheFrom::parse("type=inline").unwrap_err().to_string().contains("type=registry,ref=NAME"));
    }
}
