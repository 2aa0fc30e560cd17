//! `--mount type=bind|volume|tmpfs|image,source=…,target=…,…`: every key of Docker's, each refused where it has no
//! meaning.

use super::bind::absolute;
use super::path::target;
use super::usage;
use crate::args::repeated_fields;
use crate::args::size;
use crate::container::model::{Bind, ImageMount, Mount, MountKind, Propagation, Recursive, Tmpfs, Volume, name};
use crate::error::{Error, Result};
use std::path::Path;

/// One `--mount`. A missing source of a bind is an error later, unless `bind-create-src` is given.
pub(crate) fn parse(text: &str, cwd: &Path) -> Result<Mount> {
    let mut draft = Draft::default();
    for (key, value) in repeated_fields(("--mount", text), text, &["volume-opt", "volume-label"])? {
        draft.take(&key, &value)?;
    }
    draft.finish(cwd)
}

const KEYS: [&str; 21] = [
    "type",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "consistency",
    "bind-propagation",
    "bind-recursive",
    "bind-nonrecursive",
    "bind-create-src",
    "volume-nocopy",
    "volume-subpath",
    "volume-driver",
    "volume-opt",
    "volume-label",
    "image-subpath",
    "tmpfs-size",
    "tmpfs-mode",
];

/// What was said so far; the type may come last.
#[derive(Default)]
struct Draft {
    kind: Option<String>,
    source: Option<String>,
    target: Option<String>,
    read_only: Option<bool>,
    bind: BindKeys,
    volume: Volume,
    tmpfs: Tmpfs,
    image_subpath: Option<String>,
    /// Keys of one type only that were given.
    typed: Vec<(&'static str, String)>,
}

/// Keys of binds.
#[derive(Default)]
struct BindKeys {
    create: bool,
    propagation: Option<Propagation>,
    recursive: Option<Recursive>,
}

impl Draft {
    fn take(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "type" => self.kind = Some(value.to_ascii_lowercase()),
            "source" | "src" => self.source = Some(value.to_owned()),
            "target" | "dst" | "destination" => self.target = Some(target("--mount", value)?),
            "readonly" | "ro" => self.read_only = Some(truth(key, value)?),
            "consistency" => consistency(value)?,
            _ => {
                let kind = self.take_typed(key, value)?;
                self.typed.push((kind, key.to_owned()));
            }
        }
        Ok(())
    }

    /// Takes a key of one type only and says of which.
    fn take_typed(&mut self, key: &str, value: &str) -> Result<&'static str> {
        let pair = || {
            let (name, value) = value.split_once('=').unwrap_or((value, ""));
            (name.to_owned(), value.to_owned())
        };
        match key {
            "bind-propagation" => {
                self.bind.propagation = Some(Propagation::of(value).ok_or_else(|| choose(key, value, PROPAGATIONS))?);
            }
            "bind-create-src" => self.bind.create = truth(key, value)?,
            "bind-recursive" => self.bind.recursive = Some(recursive(value)?),
            "bind-nonrecursive" => self.bind.recursive = truth(key, value)?.then_some(Recursive::Disabled),
            "volume-nocopy" => self.volume.no_copy = truth(key, value)?,
            "volume-subpath" => self.volume.subpath = Some(value.to_owned()),
            "volume-driver" => self.volume.driver = Some(value.to_owned()),
            "volume-label" => self.volume.labels.extend([pair()]),
            "volume-opt" => self.volume.options.extend([pair()]),
            "image-subpath" => self.image_subpath = Some(value.to_owned()),
            "tmpfs-size" => self.tmpfs.size = Some(size::bytes("--mount tmpfs-size", value)?),
            "tmpfs-mode" => self.tmpfs.mode = octal(value)?,
            _ => return Err(unknown(key)),
        }
        let kinds = ["bind", "volume", "image", "tmpfs"];
        Ok(kinds.into_iter().find(|kind| key.starts_with(kind)).unwrap_or_default())
    }

    fn finish(self, cwd: &Path) -> Result<Mount> {
        let kind = self.kind.as_deref().unwrap_or("volume").to_owned();
        if !matches!(kind.as_str(), "bind" | "volume" | "tmpfs" | "image") {
            return Err(no_such_type(&kind));
        }
        if let Some((_, key)) = self.typed.iter().find(|(of, _)| *of != kind) {
            return Err(usage(format!("--mount: {key} has no meaning with type={kind}")));
        }
        let place = self.target.ok_or_else(|| usage("--mount: target=/path is missing"))?;
        let (source, mut read_only) = (self.source.as_deref(), self.read_only.unwrap_or_default());
        let kind = match kind.as_str() {
            "bind" => bind(&self.bind, source, read_only, cwd)?,
            "volume" => volume(self.volume, source)?,
            "tmpfs" => tmpfs(self.tmpfs, source)?,
            _ => {
                if self.read_only == Some(false) {
                    return Err(usage("--mount: the files of an image cannot be written: leave readonly=false out"));
                }
                read_only = true;
                image(self.image_subpath, source)?
            }
        };
        Ok(Mount { target: place, read_only, kind })
    }
}

fn bind(keys: &BindKeys, source: Option<&str>, read_only: bool, cwd: &Path) -> Result<MountKind> {
    let source = source.filter(|source| !source.is_empty());
    let source = source.ok_or_else(|| usage("--mount: type=bind needs source=/host/path"))?;
    let (propagation, recursive) = (keys.propagation.unwrap_or_default(), keys.recursive.unwrap_or_default());
    let needs = |what: &str, with: &str| usage(format!("--mount: bind-recursive={what} needs {with} beside it"));
    match recursive {
        Recursive::Writable if !read_only => return Err(needs("writable", "readonly")),
        Recursive::ReadOnly if !read_only => return Err(needs("readonly", "readonly")),
        Recursive::ReadOnly if propagation != Propagation::Private => {
            return Err(needs("readonly", "bind-propagation=rprivate"));
        }
        _ => {}
    }
    Ok(MountKind::Bind(Bind { source: absolute(source, cwd), create: keys.create, propagation, recursive }))
}

fn volume(mut volume: Volume, source: Option<&str>) -> Result<MountKind> {
    volume.name = source.filter(|name| !name.is_empty()).map(str::to_owned);
    volume.anonymous = volume.name.is_none();
    if let Some(name) = &volume.name {
        if name.starts_with('/') {
            return Err(usage(format!("--mount: {name} is a path: write type=bind for it")));
        }
        name::check_volume(name)?;
    }
    if volume.anonymous && volume.subpath.is_some() {
        return Err(usage("--mount: volume-subpath needs a volume with a name"));
    }
    if volume.labels.keys().chain(volume.options.keys()).any(String::is_empty) {
        return Err(usage("--mount: volume-label and volume-opt are written KEY=VALUE"));
    }
    volume.subpath = volume.subpath.map(|path| subpath("volume-subpath", path)).transpose()?;
    Ok(MountKind::Volume(volume))
}

fn tmpfs(tmpfs: Tmpfs, source: Option<&str>) -> Result<MountKind> {
    match source {
        Some(_) => Err(usage("--mount: type=tmpfs has no source")),
        None => Ok(MountKind::Tmpfs(tmpfs)),
    }
}

fn image(path: Option<String>, source: Option<&str>) -> Result<MountKind> {
    let source = source.filter(|source| !source.is_empty());
    let reference = source.ok_or_else(|| usage("--mount: type=image needs source=IMAGE"))?.to_owned();
    let subpath = path.map(|path| subpath("image-subpath", path)).transpose()?;
    Ok(MountKind::Image(ImageMount { reference, image: None, subpath }))
}

/// As Docker has it: relative, and not leading out.
fn subpath(key: &str, path: String) -> Result<String> {
    if path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(usage(format!(
            "--mount: {key}={path} is not valid: write a path inside, without / before it and without .."
        )));
    }
    Ok(path)
}

const PROPAGATIONS: &str = "private, rprivate, slave, rslave, shared or rshared";

/// Keys that may stand alone are true then.
fn truth(key: &str, value: &str) -> Result<bool> {
    match value {
        "" | "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(choose(key, value, "true or false")),
    }
}

/// Of no effect on Linux.
fn consistency(value: &str) -> Result<()> {
    match value {
        "consistent" | "cached" | "delegated" | "default" => Ok(()),
        _ => Err(choose("consistency", value, "consistent, cached, delegated or default")),
    }
}

fn recursive(value: &str) -> Result<Recursive> {
    match value {
        "enabled" => Ok(Recursive::Enabled),
        "disabled" => Ok(Recursive::Disabled),
        "writable" => Ok(Recursive::Writable),
        "readonly" => Ok(Recursive::ReadOnly),
        _ => Err(choose("bind-recursive", value, "enabled, disabled, writable or readonly")),
    }
}

fn octal(value: &str) -> Result<u32> {
    let mode = u32::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o7777);
    mode.ok_or_else(|| choose("tmpfs-mode", value, "an octal number such as 1777"))
}

fn choose(key: &str, value: &str, known: &str) -> Error {
    usage(format!("--mount: {key}={value} is not valid: write {known}"))
}

fn unknown(key: &str) -> Error {
    let near = dockerfile_parser::did_you_mean(key, KEYS);
    let near = near.map(|near| format!("did you mean {near}? ")).unwrap_or_default();
    usage(format!("--mount: there is no key {key}: {near}there are {}", KEYS.join(", ")))
}

fn no_such_type(kind: &str) -> Error {
    let near = dockerfile_parser::did_you_mean(kind, ["bind", "volume", "tmpfs", "image"]);
    let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    usage(match kind {
        "npipe" => "--mount: type=npipe is for Windows: bind the socket that you mean with type=bind".to_owned(),
        "cluster" => "--mount: type=cluster is for Swarm, and there is none: write type=volume".to_owned(),
        _ => format!("--mount: type={kind} is not valid: write bind, volume, tmpfs or image{near}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        match parse(text, Path::new("/home/me")) {
            Ok(mount) => serde_json::to_string(&mount).unwrap(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_form() {
        for (text, expected) in [
            (
                "type=bind,source=/data/mysql,target=/var/lib/mysql",
                r#"{"target":"/var/lib/mysql","type":"bind","source":"/data/mysql","create":false,"propagation":"private"}"#,
            ),
            (
                "type=bind,src=./x,dst=/y,readonly,bind-propagation=rslave,bind-create-src=true,consistency=cached",
                r#"{"target":"/y","read_only":true,"type":"bind","source":"/home/me/x","create":true,"propagation":"slave"}"#,
            ),
            (
                "type=bind,source=/a,target=/b,ro=false,bind-recursive=enabled",
                r#"{"target":"/b","type":"bind","source":"/a","create":false,"propagation":"private"}"#,
            ),
            ("source=vol,target=/b", r#"{"target":"/b","type":"volume","name":"vol"}"#),
            ("type=volume,destination=/b/", r#"{"target":"/b","type":"volume","anonymous":true}"#),
            (
                "type=volume,source=vol,target=/b,volume-nocopy,volume-subpath=x/y,volume-driver=local,\
                 volume-label=a=b,\"volume-opt=o=uid=1,gid=2\"",
                r#"{"target":"/b","type":"volume","name":"vol","no_copy":true,"subpath":"x/y","driver":"local","options":{"o":"uid=1,gid=2"},"labels":{"a":"b"}}"#,
            ),
            (
                "type=volume,source=vol,target=/b,volume-opt=type=nfs,volume-opt=device=:/x,volume-label=a,volume-label=b=c",
                r#"{"target":"/b","type":"volume","name":"vol","options":{"device":":/x","type":"nfs"},"labels":{"a":"","b":"c"}}"#,
            ),
            (
                "type=bind,source=/a,target=/b,bind-recursive=disabled",
                r#"{"target":"/b","type":"bind","source":"/a","create":false,"propagation":"private","recursive":"disabled"}"#,
            ),
            (
                "type=bind,source=/a,target=/b,bind-nonrecursive",
                r#"{"target":"/b","type":"bind","source":"/a","create":false,"propagation":"private","recursive":"disabled"}"#,
            ),
            (
                "type=bind,source=/a,target=/b,readonly,bind-recursive=writable",
                r#"{"target":"/b","read_only":true,"type":"bind","source":"/a","create":false,"propagation":"private","recursive":"writable"}"#,
            ),
            (
                "type=image,source=app:1,target=/b,image-subpath=etc/conf",
                r#"{"target":"/b","read_only":true,"type":"image","reference":"app:1","subpath":"etc/conf"}"#,
            ),
            ("type=tmpfs,target=/t", r#"{"target":"/t","type":"tmpfs","mode":1023}"#),
            (
                "TYPE=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700",
                r#"{"target":"/t","type":"tmpfs","size":1048576,"mode":448}"#,
            ),
        ] {
            assert_eq!(show(text), expected, "of {text:?}");
        }
    }

    #[test]
    fn every_refusal() {
        for (text, expected) in [
            ("type=bind,target=/b", "--mount: type=bind needs source=/host/path"),
            ("type=bind,source=/a", "--mount: target=/path is missing"),
            ("type=bind,source=/a,target=b", "--mount: the path in the container has to be absolute, and \"b\" is not"),
            ("type=bind,source=/a,target=/b,volume-nocopy", "--mount: volume-nocopy has no meaning with type=bind"),
            (
                "type=tmpfs,target=/b,bind-propagation=private",
                "--mount: bind-propagation has no meaning with type=tmpfs",
            ),
            ("type=volume,source=vol,target=/b,tmpfs-size=1", "--mount: tmpfs-size has no meaning with type=volume"),
            ("type=volume,source=/a,target=/b", "--mount: /a is a path: write type=bind for it"),
            ("type=volume,target=/b,volume-subpath=x", "--mount: volume-subpath needs a volume with a name"),
            ("type=tmpfs,source=x,target=/b", "--mount: type=tmpfs has no source"),
            (
                "type=tmpfs,target=/b,tmpfs-mode=9",
                "--mount: tmpfs-mode=9 is not valid: write an octal number such as 1777",
            ),
            (
                "type=tmpfs,target=/b,tmpfs-size=x",
                "--mount tmpfs-size: \"x\" is not a size: write bytes, or a number with b, k, m, g, t",
            ),
            (
                "type=bind,source=/a,target=/b,readonly=maybe",
                "--mount: readonly=maybe is not valid: write true or false",
            ),
            (
                "type=bind,source=/a,target=/b,consistency=x",
                "--mount: consistency=x is not valid: write consistent, cached, delegated or default",
            ),
            (
                "type=bind,source=/a,target=/b,bind-propagation=x",
                "--mount: bind-propagation=x is not valid: write private, rprivate, slave, rslave, shared or rshared",
            ),
        ] {
            assert_eq!(show(text), expected, "of {text:?}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (text, expected) in [
            (
                "type=bind,source=/a,target=/b,bind-recursive=writable",
                "--mount: bind-recursive=writable needs readonly beside it",
            ),
            (
                "type=bind,source=/a,target=/b,bind-recursive=readonly",
                "--mount: bind-recursive=readonly needs readonly beside it",
            ),
            (
                "type=bind,source=/a,target=/b,ro,bind-recursive=readonly,bind-propagation=rslave",
                "--mount: bind-recursive=readonly needs bind-propagation=rprivate beside it",
            ),
            (
                "type=bind,source=/a,target=/b,bind-recursive=x",
                "--mount: bind-recursive=x is not valid: write enabled, disabled, writable or readonly",
            ),
            ("type=image,target=/b", "--mount: type=image needs source=IMAGE"),
            (
                "type=image,source=a,target=/b,readonly=false",
                "--mount: the files of an image cannot be written: leave readonly=false out",
            ),
            (
                "type=image,source=a,target=/b,image-subpath=../x",
                "--mount: image-subpath=../x is not valid: write a path inside, without / before it and without ..",
            ),
            (
                "type=volume,source=vol,target=/b,volume-subpath=/x",
                "--mount: volume-subpath=/x is not valid: write a path inside, without / before it and without ..",
            ),
            (
                "type=volume,source=vol,target=/b,volume-opt==x",
                "--mount: volume-label and volume-opt are written KEY=VALUE",
            ),
            (
                "type=npipe,source=a,target=/b",
                "--mount: type=npipe is for Windows: bind the socket that you mean with type=bind",
            ),
            (
                "type=cluster,source=a,target=/b",
                "--mount: type=cluster is for Swarm, and there is none: write type=volume",
            ),
            (
                "type=volumes,target=/b",
                "--mount: type=volumes is not valid: write bind, volume, tmpfs or image; did you mean volume?",
            ),
            (
                "type=volume,source=vol,source=vol,target=/b",
                "--mount \"type=volume,source=vol,source=vol,target=/b\" has source twice",
            ),
            ("", "--mount \"\" has an empty field"),
        ] {
            assert_eq!(show(text), expected, "of {text:?}");
        }
        assert!(
            show("type=bind,source=/a,target=/b,foo=1").starts_with("--mount: there is no key foo: there are type, ")
        );
        let near = show("type=bind,source=/a,target=/b,bind-propogation=private");
        assert!(
            near.starts_with("--mount: there is no key bind-propogation: did you mean bind-propagation? there are")
        );
    }
}
