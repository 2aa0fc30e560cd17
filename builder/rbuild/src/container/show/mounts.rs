//! Docker's `Mounts` of a container: one object a mount, with the fields that its kind has.

use crate::container::model::{Bind, Config, Mount, MountKind, Propagation, Volume};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A volume as its driver describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumePlace {
    /// The directory of its files.
    pub mountpoint: String,
    /// The name of its driver.
    pub driver: String,
}

/// The mounts, by target. Volumes that are not among `volumes` are shown as the local driver would make them, without
/// a place.
pub(super) fn mounts(config: &Config, volumes: &BTreeMap<String, VolumePlace>) -> Vec<Value> {
    config.mounts.iter().map(|mount| one(mount, volumes)).collect()
}

fn one(mount: &Mount, volumes: &BTreeMap<String, VolumePlace>) -> Value {
    let (target, writable) = (&mount.target, !mount.read_only);
    let mode = if mount.read_only { "ro" } else { "" };
    match &mount.kind {
        MountKind::Volume(volume) => {
            let name = volume.name.as_deref().unwrap_or_default();
            let place = volumes.get(name);
            let driver = place.map(|place| place.driver.as_str()).or(volume.driver.as_deref()).unwrap_or("local");
            json!({
                "Type": "volume",
                "Name": name,
                "Source": place.map(|place| place.mountpoint.as_str()).unwrap_or_default(),
                "Destination": target,
                "Driver": driver,
                "Mode": volume_mode(volume, mount.read_only),
                "RW": writable,
                "Propagation": "",
            })
        }
        MountKind::Bind(bind) => json!({
            "Type": "bind",
            "Source": bind.source,
            "Destination": target,
            "Mode": mode,
            "RW": writable,
            "Propagation": propagation(bind),
        }),
        MountKind::Image(image) => json!({
            "Type": "image",
            "Source": image.reference,
            "Destination": target,
            "Mode": "",
            "RW": false,
            "Propagation": "",
        }),
        MountKind::Tmpfs(_) => json!({
            "Type": "tmpfs",
            "Source": "",
            "Destination": target,
            "Mode": mode,
            "RW": writable,
            "Propagation": "",
        }),
    }
}

/// Docker gives a named volume without a mode the mode `z`, and an anonymous one none.
fn volume_mode(volume: &Volume, read_only: bool) -> String {
    let words: Vec<&str> = [(read_only, "ro"), (volume.no_copy, "nocopy")]
        .into_iter()
        .filter(|(on, _)| *on)
        .map(|(_, word)| word)
        .collect();
    match words[..] {
        [] if volume.anonymous => String::new(),
        [] => "z".to_owned(),
        _ => words.join(","),
    }
}

fn propagation(bind: &Bind) -> &'static str {
    match bind.propagation {
        Propagation::Private => "rprivate",
        Propagation::Slave => "rslave",
        Propagation::Shared => "rshared",
    }
}

/// The mounts as `-v` would write them: docker's `Binds`.
pub(super) fn binds(config: &Config) -> Vec<String> {
    let bind = |mount: &Mount| {
        let source = match &mount.kind {
            MountKind::Volume(volume) if !volume.anonymous => volume.name.clone()?,
            MountKind::Bind(bind) => bind.source.display().to_string(),
            _ => return None,
        };
        let mode = if mount.read_only { ":ro" } else { "" };
        Some(format!("{source}:{}{mode}", mount.target))
    };
    config.mounts.iter().filter_map(bind).collect()
}

/// What `ps` calls each mount: a volume's name, a bind's source.
pub(super) fn names(config: &Config) -> Vec<String> {
    let name = |mount: &Mount| match &mount.kind {
        MountKind::Volume(volume) => volume.name.clone(),
        MountKind::Bind(bind) => Some(bind.source.display().to_string()),
        MountKind::Image(image) => Some(image.reference.clone()),
        MountKind::Tmpfs(_) => None,
    };
    config.mounts.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::create::Identity;
    use crate::container::model::{ContainerId, Recursive, Tmpfs};
    use crate::container::shelf::testing;
    use rbuild_oci::Timestamp;

    fn volume(name: &str, anonymous: bool) -> MountKind {
        MountKind::Volume(Volume { name: Some(name.to_owned()), anonymous, ..Volume::default() })
    }

    fn of(mounts: Vec<Mount>) -> Config {
        let id = ContainerId::parse(&"ab".repeat(32)).unwrap();
        let identity = Identity { id, name: "box".into(), created: Timestamp::default() };
        Config { mounts, ..testing::config(identity) }
    }

    #[test]
    fn mounts_have_dockers_fields() {
        let hex = "cd".repeat(32);
        let (propagation, recursive) = (Propagation::Private, Recursive::Enabled);
        let bind = Bind { source: "/data/mysql".into(), create: true, propagation, recursive };
        let mounts = [
            (false, volume(&hex, true)),
            (false, volume("data_volume", false)),
            (true, volume("data_volume", false)),
            (false, MountKind::Bind(bind.clone())),
            (true, MountKind::Bind(Bind { propagation: Propagation::Shared, ..bind })),
            (false, MountKind::Tmpfs(Tmpfs::default())),
        ];
        let config = of(mounts
            .into_iter()
            .map(|(read_only, kind)| Mount { target: "/chest".into(), read_only, kind })
            .collect());
        let place = |name: &str| VolumePlace {
            mountpoint: format!("/store/volumes.v1/{name}/_data"),
            driver: "local".to_owned(),
        };
        let places = [(hex.clone(), place(&hex)), ("data_volume".to_owned(), place("data_volume"))].into();
        let shown: Vec<String> = super::mounts(&config, &places).iter().map(ToString::to_string).collect();
        let volume = |name: &str, mode: &str, rw: bool| {
            format!(
                r#"{{"Type":"volume","Name":"{name}","Source":"/store/volumes.v1/{name}/_data","Destination":"/chest","Driver":"local","Mode":"{mode}","RW":{rw},"Propagation":""}}"#
            )
        };
        let bind = |mode: &str, rw: bool, how: &str| {
            format!(
                r#"{{"Type":"bind","Source":"/data/mysql","Destination":"/chest","Mode":"{mode}","RW":{rw},"Propagation":"{how}"}}"#
            )
        };
        let expected = [
            volume(&hex, "", true),
            volume("data_volume", "z", true),
            volume("data_volume", "ro", false),
            bind("", true, "rprivate"),
            bind("ro", false, "rshared"),
            r#"{"Type":"tmpfs","Source":"","Destination":"/chest","Mode":"","RW":true,"Propagation":""}"#.to_owned(),
        ];
        assert_eq!(shown, expected);
        assert_eq!(
            binds(&config).join(" "),
            "data_volume:/chest data_volume:/chest:ro /data/mysql:/chest /data/mysql:/chest:ro"
        );
    }
}
