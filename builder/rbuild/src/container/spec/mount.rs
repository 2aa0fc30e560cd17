//! `--mount type=bind|volume|tmpfs,source=…,target=…,…`: every key of Docker's, each refused where it has no meaning.

use super::bind::absolute;
use super::path::target;
use super::usage;
use crate::args::fields;
use crate::args::size;
use crate::container::model::{Bind, Mount, MountKind, Propagation, Tmpfs, Volume, name};
use crate::error::{Error, Result};
use std::path::Path;

/// One `--mount`. A missing source of a bind is an error later, unless `bind-create-src` is given.
pub(crate) fn parse(text: &str, cwd: &Path) -> Result<Mount> {
    let mut draft = Draft::default();
    for (key, value) in fields("--mount", text)? {
        draft.take(&key, &value)?;
    }
    draft.finish(cwd)
}

/// What was said so far; the type may come last.
#[derive(Default)]
struct Draft {
    kind: Option<String>,
    source: Option<String>,
    target: Option<String>,
    read_only: bool,
    bind: BindKeys,
    volume: Volume,
    tmpfs: Tmpfs,
    /// Keys of one type only that were given.
    typed: Vec<(&'static str, String)>,
}

/// Keys of binds.
#[derive(Default)]
struct BindKeys {
    create: bool,
    propagation: Option<Propagation>,
}

impl Draft {
    fn take(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "type" => self.kind = Some(value.to_ascii_lowercase()),
            "source" | "src" => self.source = Some(value.to_owned()),
            "target" | "dst" | "destination" => self.target = Some(target("--mount", value)?),
            "readonly" | "ro" => self.read_only = truth(key, value)?,
            "consistency" => consistency(value)?,
            _ => self.take_typed(key, value)?,
        }
        Ok(())
    }

    fn take_typed(&mut self, key: &str, value: &str) -> Result<()> {
        let kind = match key {
            "bind-propagation" => {
                self.bind.propagation = Some(Propagation::of(value).ok_or_else(|| choose(key, value, PROPAGATIONS))?);
                "bind"
            }
            "bind-create-src" => {
                self.bind.create = truth(key, value)?;
                "bind"
            }
            "bind-recursive" => recursive(value)?,
            "volume-nocopy" => {
                self.volume.no_copy = truth(key, value)?;
                "volume"
            }
            "volume-subpath" => {
                self.volume.subpath = Some(value.to_owned());
                "volume"
            }
            "volume-driver" => {
                self.volume.driver = Some(value.to_owned());
                "volume"
            }
            "volume-label" => {
                let (name, label) = value.split_once('=').unwrap_or((value, ""));
                self.volume.labels.insert(name.to_owned(), label.to_owned());
                "volume"
            }
            "volume-opt" => {
                let (name, option) = value.split_once('=').unwrap_or((value, ""));
                self.volume.options.insert(name.to_owned(), option.to_owned());
                "volume"
            }
            "tmpfs-size" => {
                self.tmpfs.size = Some(size::bytes("--mount tmpfs-size", value)?);
                "tmpfs"
            }
            "tmpfs-mode" => {
                self.tmpfs.mode = octal(value)?;
                "tmpfs"
            }
            _ => return Err(unknown(key)),
        };
        self.typed.push((kind, key.to_owned()));
        Ok(())
    }

    fn finish(self, cwd: &Path) -> Result<Mount> {
        let kind = self.kind.as_deref().unwrap_or("volume").to_owned();
        if !matches!(kind.as_str(), "bind" | "volume" | "tmpfs") {
            return Err(no_such_type(&kind));
        }
        if let Some((_, key)) = self.typed.iter().find(|(of, _)| *of != kind) {
            return Err(usage(format!("--mount: {key} has no meaning with type={kind}")));
        }
        let place = self.target.ok_or_else(|| usage("--mount: target=/path is missing"))?;
        let kind = match kind.as_str() {
            "bind" => bind(&self.bind, self.source.as_deref(), cwd)?,
            "volume" => volume(self.volume, self.source.as_deref())?,
            _ => tmpfs(self.tmpfs, self.source.as_deref())?,
        };
        Ok(Mount { target: place, read_only: self.read_only, kind })
    }
}

fn bind(keys: &BindKeys, source: Option<&str>, cwd: &Path) -> Result<MountKind> {
    let source = source.filter(|source| !source.is_empty());
    let source = source.ok_or_else(|| usage("--mount: type=bind needs source=/host/path"))?;
    let propagation = keys.propagation.unwrap_or_default();
    Ok(MountKind::Bind(Bind { source: absolute(source, cwd), create: keys.create, propagation }))
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
    Ok(MountKind::Volume(volume))
}

fn tmpfs(tmpfs: Tmpfs, source: Option<&str>) -> Result<MountKind> {
    match source {
        Some(_) => Err(usage("--mount: type=tmpfs has no source")),
        None => Ok(MountKind::Tmpfs(tmpfs)),
    }
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

/// What is mounted below a source always comes along, and is read-only where the mount is.
fn recursive(value: &str) -> Result<&'static str> {
    match value {
        "enabled" | "readonly" => Ok("bind"),
        "disabled" | "writable" => Err(usage(format!(
            "--mount: bind-recursive={value} is not supported: mounts below the source come along, with the same access"
        ))),
        _ => Err(choose("bind-recursive", value, "enabled or readonly")),
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
    usage(format!(
        "--mount: there is no key {key}: there are type, source, target, readonly, consistency, bind-propagation, \
         bind-recursive, bind-create-src, volume-nocopy, volume-subpath, volume-driver, volume-opt, volume-label, \
         tmpfs-size and tmpfs-mode"
    ))
}

fn no_such_type(kind: &str) -> Error {
    usage(match kind {
        "image" => "--mount: type=image is not supported: use a volume, or COPY --from in the Dockerfile".to_owned(),
        "npipe" | "cluster" => format!("--mount: type={kind} is for Windows or Swarm"),
        _ => format!("--mount: type={kind} is not valid: write bind, volume or tmpfs"),
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
            (
                "type=bind,source=/a,target=/b,bind-recursive=disabled",
                "--mount: bind-recursive=disabled is not supported: mounts below the source come along, with the same access",
            ),
            (
                "type=bind,source=/a,target=/b,bind-recursive=x",
                "--mount: bind-recursive=x is not valid: write enabled or readonly",
            ),
            (
                "type=image,source=a,target=/b",
                "--mount: type=image is not supported: use a volume, or COPY --from in the Dockerfile",
            ),
            ("type=npipe,source=a,target=/b", "--mount: type=npipe is for Windows or Swarm"),
            ("type=x,target=/b", "--mount: type=x is not valid: write bind, volume or tmpfs"),
            ("", "--mount \"\" has an empty field"),
        ] {
            assert_eq!(show(text), expected, "of {text:?}");
        }
        assert!(show("type=bind,source=/a,target=/b,foo=1").starts_with("--mount: there is no key foo: there are"));
    }
}
