//! `--filter` of `rbuild ps`. Knows containers, prints nothing.

use super::label::Labels;
use crate::container::show::{exit_code, network_name, phase};
use crate::container::{Binding, Config, Containers, Entry, MountKind, Port, State, Status, ports};
use crate::error::{Error, Result};
use crate::image;
use rbuild_oci::{DiffId, ImageId, Timestamp};
use rbuild_store::Store;

/// What containers have to be like. Filters of different kinds must all hold; of one kind any may, but all labels must.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    ids: Vec<String>,
    names: Vec<String>,
    labels: Labels,
    statuses: Vec<String>,
    exited: Vec<u8>,
    ancestors: Vec<Ancestor>,
    volumes: Vec<String>,
    networks: Vec<String>,
    published: Vec<Port>,
    exposed: Vec<Port>,
    /// Made before this time.
    before: Option<Timestamp>,
    /// Made after this time.
    since: Option<Timestamp>,
}

/// An image that a container may stand on.
#[derive(Clone, Debug)]
struct Ancestor {
    /// As it was written.
    name: String,
    /// What that means here.
    image: Option<(ImageId, Vec<DiffId>)>,
}

const STATUSES: [&str; 7] = ["created", "restarting", "running", "removing", "paused", "exited", "dead"];

impl Filters {
    /// The filters on a command line.
    pub(super) fn parse(texts: &[String], store: &Store) -> Result<Self> {
        let mut filters = Self::default();
        let created = |name: &str| -> Result<Timestamp> { Ok(Containers::new(store).find(name)?.config.created) };
        for text in texts {
            let wrong = |why: &str| Error::Usage(format!("--filter {text:?}: {why}"));
            let (key, value) = text.split_once('=').ok_or_else(|| wrong("write KEY=VALUE"))?;
            let owned = value.to_owned();
            match key {
                "id" => filters.ids.push(owned),
                "name" => filters.names.push(owned),
                "label" => filters.labels.with(value),
                "status" if STATUSES.contains(&value) => filters.statuses.push(owned),
                "status" => return Err(wrong(&format!("a status is one of {}", STATUSES.join(", ")))),
                "exited" => filters.exited.push(value.parse().map_err(|_| wrong("an exit code is a number to 255"))?),
                "ancestor" => filters.ancestors.push(Ancestor::find(value, store)),
                "before" => filters.before = Some(created(value)?),
                "since" => filters.since = Some(created(value)?),
                "volume" => filters.volumes.push(owned),
                "network" => filters.networks.push(owned),
                "publish" => filters.published.extend(ports(value).map_err(|why| wrong(&why))?),
                "expose" => filters.exposed.extend(ports(value).map_err(|why| wrong(&why))?),
                _ => {
                    return Err(wrong(
                        "known are id, name, label, status, exited, ancestor, before, since, volume, network, publish \
                         and expose",
                    ));
                }
            }
        }
        Ok(filters)
    }

    /// Whether containers that do not run are asked for by their status.
    pub(super) fn names_a_status(&self) -> bool {
        !self.statuses.is_empty()
    }

    /// Whether the container is such, as its state now is.
    pub(super) fn keep(&self, entry: &Entry, now: &Status) -> bool {
        let config = &entry.config;
        let word = phase(&entry.state, now).word();
        let any = |list: &[String], fits: &dyn Fn(&str) -> bool| list.is_empty() || list.iter().any(|item| fits(item));
        any(&self.ids, &|id| config.id.hex().starts_with(id))
            && any(&self.names, &|pattern| is_called(&config.name, pattern))
            && self.labels.keep(&config.labels)
            && any(&self.statuses, &|wanted| wanted == word)
            && (self.exited.is_empty() || exit_code(&entry.state, now).is_some_and(|code| self.exited.contains(&code)))
            && (self.ancestors.is_empty() || self.ancestors.iter().any(|ancestor| ancestor.is_of(config)))
            && any(&self.volumes, &|volume| mounts(config, volume))
            && any(&self.networks, &|network| network == network_name(config))
            && self.has_ports(entry)
            && self.before.is_none_or(|before| config.created < before)
            && self.since.is_none_or(|since| config.created > since)
    }

    /// Whether a port of the machine is published as wanted, or one of the container exposed.
    fn has_ports(&self, entry: &Entry) -> bool {
        let bound: &[Binding] = if let State::Running { ports, .. } = &entry.state { ports } else { &[] };
        let outer = |bound: &Binding| Port { number: bound.host, ..bound.port };
        self.published.is_empty() && self.exposed.is_empty()
            || bound.iter().any(|bound| self.published.contains(&outer(bound)))
            || entry.config.ports.expose.iter().any(|port| self.exposed.contains(port))
    }
}

impl Ancestor {
    /// An image that is not here any more still has its name.
    fn find(name: &str, store: &Store) -> Self {
        let found = image::find(store, name, None).ok();
        Self { name: name.to_owned(), image: found.map(|image| (image.id, image.config.rootfs.diff_ids)) }
    }

    /// Whether it is the container's image, or one that this stands on.
    fn is_of(&self, config: &Config) -> bool {
        let image = &config.image;
        let below = |layers: &[DiffId]| layers.len() < image.layers.len() && image.layers.starts_with(layers);
        image.reference == self.name || self.image.as_ref().is_some_and(|(id, layers)| *id == image.id || below(layers))
    }
}

/// Whether a name has the pattern in it; `^` ties that to its beginning, `$` to its end. The name may be written with
/// docker's slash.
fn is_called(name: &str, pattern: &str) -> bool {
    let (open, pattern) = (!pattern.starts_with('^'), pattern.trim_start_matches('^'));
    let (ends, pattern) = (pattern.ends_with('$'), pattern.trim_end_matches('$'));
    let pattern = pattern.strip_prefix("/?").or_else(|| pattern.strip_prefix('/')).unwrap_or(pattern);
    match (open, ends) {
        (true, false) => name.contains(pattern),
        (true, true) => name.ends_with(pattern),
        (false, false) => name.starts_with(pattern),
        (false, true) => name == pattern,
    }
}

/// Whether a volume of that name, or anything at that path, is mounted.
fn mounts(config: &Config, volume: &str) -> bool {
    let named = |kind: &MountKind| matches!(kind, MountKind::Volume(own) if own.name.as_deref() == Some(volume));
    config.mounts.iter().any(|mount| mount.target == volume || named(&mount.kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_parts_and_anchors() {
        for (pattern, fits) in [
            ("we", true),
            ("web", true),
            ("/web", true),
            ("^/?web$", true),
            ("^web$", true),
            ("^eb", false),
            ("eb$", true),
            ("^we$", false),
            ("other", false),
        ] {
            assert_eq!(is_called("web", pattern), fits, "{pattern}");
        }
    }
}
