//! `-v`/`--volume`: `[SOURCE:]TARGET[:OPTIONS]`, where SOURCE is a path of the host or the name of a volume.

use super::path::target;
use super::usage;
use crate::container::model::{Bind, Mount, MountKind, Propagation, Recursive, Volume, name};
use crate::error::Result;
use std::path::Path;

/// One `-v`. A source that begins with `/`, `./` or `../` (or is `.` or `..`) is a path, from `cwd` if relative, and a
/// directory is made there where there is nothing.
pub(crate) fn parse(text: &str, cwd: &Path) -> Result<Mount> {
    let parts: Vec<&str> = text.split(':').collect();
    if parts.iter().any(|part| part.is_empty()) {
        let hint = if text.is_empty() { "it is empty" } else { "a part of it is empty" };
        return Err(invalid(text, hint));
    }
    match parts[..] {
        [place] => Ok(Mount { target: target("-v", place)?, read_only: false, kind: anonymous() }),
        [_, options] if are_options(options) => Err(invalid(text, "an anonymous volume has no options")),
        [source, place] => with_options(text, source, place, "", cwd),
        [source, place, options] => with_options(text, source, place, options, cwd),
        _ => Err(invalid(text, "it has more than three parts")),
    }
}

fn with_options(text: &str, source: &str, place: &str, options: &str, cwd: &Path) -> Result<Mount> {
    let options = Options::parse(text, options)?;
    let place = target("-v", place)?;
    let kind = if is_path(source) {
        if options.no_copy {
            return Err(invalid(text, "nocopy is for volumes, and its source is a path"));
        }
        let propagation = options.propagation.unwrap_or_default();
        let recursive = Recursive::Enabled;
        MountKind::Bind(Bind { source: absolute(source, cwd), create: true, propagation, recursive })
    } else {
        name::check_volume(source)?;
        if options.propagation.is_some() {
            return Err(invalid(text, "propagation is for paths, and its source is a volume"));
        }
        MountKind::Volume(Volume { name: Some(source.to_owned()), no_copy: options.no_copy, ..Volume::default() })
    };
    Ok(Mount { target: place, read_only: options.read_only, kind })
}

/// A volume that belongs to one container.
fn anonymous() -> MountKind {
    MountKind::Volume(Volume { anonymous: true, ..Volume::default() })
}

/// Whether a source is a path and not a volume.
fn is_path(source: &str) -> bool {
    source.starts_with('/') || matches!(source, "." | "..") || source.starts_with("./") || source.starts_with("../")
}

/// A path of the host from a working directory, `.` and `..` resolved by their text.
pub(super) fn absolute(source: &str, cwd: &Path) -> std::path::PathBuf {
    use std::path::Component::{CurDir, ParentDir};
    let mut path = std::path::PathBuf::new();
    for part in cwd.join(source).components() {
        match part {
            CurDir => {}
            ParentDir => drop(path.pop()),
            other => path.push(other),
        }
    }
    path
}

#[derive(Default)]
struct Options {
    read_only: bool,
    no_copy: bool,
    propagation: Option<Propagation>,
}

impl Options {
    fn parse(text: &str, options: &str) -> Result<Self> {
        let (mut seen, mut found) = (Vec::new(), Self::default());
        for option in options.split(',').filter(|_| !options.is_empty()) {
            let Some(group) = group(option) else {
                return Err(invalid(text, &format!("there is no option {option:?}")));
            };
            if seen.contains(&group) {
                return Err(invalid(text, &format!("{option:?} says again or contradicts what is before it")));
            }
            seen.push(group);
            found.read_only |= option == "ro";
            found.no_copy |= matches!(option, "nocopy" | "volume-nocopy");
            found.propagation = found.propagation.or(Propagation::of(option));
        }
        Ok(found)
    }
}

/// Options of one group exclude each other. SELinux labels and consistency have no effect here, as in Docker on Linux
/// without SELinux.
fn group(option: &str) -> Option<u8> {
    match option {
        "ro" | "rw" => Some(0),
        "nocopy" | "volume-nocopy" => Some(1),
        "z" | "Z" => Some(2),
        "consistent" | "cached" | "delegated" | "default" => Some(3),
        other => Propagation::of(other).map(|_| 4),
    }
}

fn are_options(text: &str) -> bool {
    text.split(',').all(|option| group(option).is_some())
}

fn invalid(text: &str, why: &str) -> crate::error::Error {
    usage(format!("-v {text:?} is not valid: {why}; write NAME:/path, /host/path:/path or /path, then perhaps :ro"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        let mount = match parse(text, Path::new("/home/me")) {
            Ok(mount) => mount,
            Err(error) => return error.to_string(),
        };
        let access = if mount.read_only { "ro" } else { "rw" };
        match mount.kind {
            MountKind::Bind(bind) => {
                assert!(bind.create);
                format!("{} on {} {access} {:?}", bind.source.display(), mount.target, bind.propagation)
            }
            MountKind::Volume(volume) => {
                let name = if volume.anonymous { "anonymous".to_owned() } else { volume.name.unwrap_or_default() };
                format!("volume {name} on {} {access}{}", mount.target, if volume.no_copy { " nocopy" } else { "" })
            }
            MountKind::Tmpfs(_) | MountKind::Image(_) => "no bind and no volume".to_owned(),
        }
    }

    #[test]
    fn every_form() {
        for (text, expected) in [
            ("data_volume:/var/lib/mysql", "volume data_volume on /var/lib/mysql rw"),
            ("data:/a:ro", "volume data on /a ro"),
            ("data:/a:rw", "volume data on /a rw"),
            ("data:/a:ro,nocopy", "volume data on /a ro nocopy"),
            ("data:/a/:z", "volume data on /a rw"),
            ("data:/a:volume-nocopy,Z", "volume data on /a rw nocopy"),
            ("/chest", "volume anonymous on /chest rw"),
            ("/chest/../box/", "volume anonymous on /box rw"),
            ("/data/mysql:/var/lib/mysql", "/data/mysql on /var/lib/mysql rw Private"),
            ("/data/mysql:/var/lib/mysql:ro", "/data/mysql on /var/lib/mysql ro Private"),
            ("/h:/c:ro,rslave,Z,cached", "/h on /c ro Slave"),
            ("/h:/c:shared", "/h on /c rw Shared"),
            (".:/c", "/home/me on /c rw Private"),
            ("./host/dir:/data", "/home/me/host/dir on /data rw Private"),
            ("../x:/data", "/home/x on /data rw Private"),
            ("..:/data", "/home on /data rw Private"),
            (
                ".data:/a",
                "-v: .data is no name of a volume: it takes letters, digits, _ . and -, at least two, a letter or digit first; a path of the host begins with / or ./",
            ),
        ] {
            assert_eq!(show(text), expected, "of {text:?}");
        }
    }

    #[test]
    fn every_refusal() {
        let tail = "; write NAME:/path, /host/path:/path or /path, then perhaps :ro";
        for (text, why) in [
            ("", "it is empty"),
            (":/a", "a part of it is empty"),
            ("data:", "a part of it is empty"),
            ("a:/b:", "a part of it is empty"),
            ("/a:ro", "an anonymous volume has no options"),
            ("a:/b:ro:x", "it has more than three parts"),
            ("ab:/b:rx", "there is no option \"rx\""),
            ("ab:/b:ro,rw", "\"rw\" says again or contradicts what is before it"),
            ("ab:/b:ro,", "there is no option \"\""),
            ("/a:/b:nocopy", "nocopy is for volumes, and its source is a path"),
            ("ab:/b:rslave", "propagation is for paths, and its source is a volume"),
        ] {
            assert_eq!(show(text), format!("-v {text:?} is not valid: {why}{tail}"), "of {text:?}");
        }
        for (text, expected) in [
            ("ab:b", "-v: the path in the container has to be absolute, and \"b\" is not"),
            ("ab:/", "-v: nothing can be mounted on the root itself"),
            ("chest", "-v: the path in the container has to be absolute, and \"chest\" is not"),
        ] {
            assert_eq!(show(text), expected, "of {text:?}");
        }
        for text in ["a:/b", "sub/dir:/b", "~/x:/b", "-x:/b"] {
            let name = text.split(':').next().unwrap();
            assert!(show(text).starts_with(&format!("-v: {name} is no name of a volume")), "of {text:?}");
        }
    }
}
