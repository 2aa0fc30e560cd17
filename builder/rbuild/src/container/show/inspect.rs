//! Docker's object of a container, field by field in its order.

use super::mounts::{VolumePlace, mounts};
use super::{Size, config, host_config, network, state};
use crate::container::shelf::{Entry, Status};
use rbuild_oci::ContainerConfig;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is told of a container beside its configuration and state.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// What its image says.
    pub image: ContainerConfig,
    /// Its directory.
    pub dir: PathBuf,
    /// The storage driver of its layer, and where the parts of that are.
    pub driver: (String, Value),
    /// Its volumes by name.
    pub volumes: BTreeMap<String, VolumePlace>,
    /// Whether it is removed when it ends.
    pub auto_remove: bool,
    /// What its state means now.
    pub status: Status,
    /// How large it is, where that was asked for.
    pub size: Option<Size>,
}

/// Everything about a container.
pub fn inspect(entry: &Entry, about: &About) -> Value {
    let (own, image) = (&entry.config, &entry.config.image);
    let etc = |name: &str| about.dir.join("etc").join(name);
    let mut all = json!({
        "Id": own.id,
        "Created": own.created.to_string(),
        "Path": own.argv.first(),
        "Args": own.argv.get(1..).unwrap_or_default(),
        "State": state::object(&entry.state, &about.status),
        "Image": image.id,
        "ResolvConfPath": etc("resolv.conf"),
        "HostnamePath": etc("hostname"),
        "HostsPath": etc("hosts"),
        "LogPath": about.dir.join(format!("{}-json.log", own.id)),
        "Name": format!("/{}", own.name),
        "RestartCount": 0,
        "Driver": about.driver.0,
        "Platform": image.platform.as_ref().map_or("linux", |platform| platform.os.as_str()),
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": null,
        "HostConfig": host_config::object(own, about.auto_remove),
        "GraphDriver": { "Data": about.driver.1, "Name": about.driver.0 },
        "SizeRw": null,
        "SizeRootFs": null,
        "Mounts": mounts(own, &about.volumes),
        "Config": config::object(own, &about.image),
        "NetworkSettings": network::settings(entry, &about.status),
    });
    if let Some(map) = all.as_object_mut() {
        let sizes =
            [("SizeRw", about.size.map(|size| size.written)), ("SizeRootFs", about.size.map(|size| size.whole))];
        for (field, size) in sizes {
            match size {
                Some(bytes) => drop(map.insert(field.to_owned(), bytes.into())),
                None => drop(map.shift_remove(field)),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::create::Identity;
    use crate::container::model::{Config, ContainerId};
    use crate::container::shelf::{State, testing};
    use rbuild_oci::Timestamp;

    fn entry() -> Entry {
        let id = ContainerId::parse(&"ab".repeat(32)).unwrap();
        let created = Timestamp { seconds: 1_700_000_000, nanos: 120_000_000 };
        let config = testing::config(Identity { id, name: "web".into(), created });
        let argv = ["docker-entrypoint.sh", "serve", "--all"].map(str::to_owned).to_vec();
        let env = ["PATH=/bin", "HOSTNAME=box", "A=1"].map(str::to_owned).to_vec();
        Entry { config: Config { argv, entrypoint: 1, env, ..config }, state: State::Created }
    }

    #[test]
    fn the_object_has_dockers_fields_in_dockers_order() {
        let about = About { dir: "/store/containers.v1/ab".into(), ..About::default() };
        let value = inspect(&entry(), &about);
        let names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            names.join(" "),
            "Id Created Path Args State Image ResolvConfPath HostnamePath HostsPath LogPath Name RestartCount Driver \
             Platform MountLabel ProcessLabel AppArmorProfile ExecIDs HostConfig GraphDriver Mounts Config NetworkSettings"
        );
        assert_eq!(value["Name"], "/web");
        assert_eq!(value["Path"], "docker-entrypoint.sh");
        assert_eq!(value["Args"], json!(["serve", "--all"]));
        assert_eq!(value["Config"]["Entrypoint"], json!(["docker-entrypoint.sh"]));
        assert_eq!(value["Config"]["Cmd"], json!(["serve", "--all"]));
        assert_eq!(value["Config"]["Env"], json!(["PATH=/bin", "A=1"]));
        assert_eq!(value["Created"], "2023-11-14T22:13:20.12Z");
        assert_eq!(value["HostsPath"], "/store/containers.v1/ab/etc/hosts");
        assert_eq!(value["HostConfig"]["NetworkMode"], "host");
    }

    #[test]
    fn sizes_are_there_when_asked_for() {
        let value = inspect(&entry(), &About { size: Some(Size { written: 5, whole: 70 }), ..About::default() });
        assert_eq!((&value["SizeRw"], &value["SizeRootFs"]), (&json!(5), &json!(70)));
    }
}
