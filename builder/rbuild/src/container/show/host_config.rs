//! Docker's `HostConfig` of a container: the fields that scripts read.

use super::mounts::binds;
use super::network::network_name;
use crate::args::ulimit;
use crate::container::model::{Config, MountKind, Seccomp, Tmpfs};
use rbuild_runner::Confinement;
use serde_json::{Map, Value, json};

/// The object.
pub(super) fn object(config: &Config, auto_remove: bool) -> Value {
    [surroundings(config, auto_remove), limits(config), confinement(config)]
        .into_iter()
        .filter_map(|part| part.as_object().cloned())
        .flatten()
        .collect::<Map<_, _>>()
        .into()
}

fn surroundings(config: &Config, auto_remove: bool) -> Value {
    json!({
        "Binds": null_if_empty(binds(config)),
        "ContainerIDFile": "",
        "LogConfig": { "Type": "json-file", "Config": {} },
        "NetworkMode": network_name(config),
        "PortBindings": {},
        "RestartPolicy": { "Name": "no", "MaximumRetryCount": 0 },
        "AutoRemove": auto_remove,
        "VolumeDriver": "",
        "VolumesFrom": null,
        "CapAdd": null_if_empty(config.cap_add.clone()),
        "CapDrop": null_if_empty(config.cap_drop.clone()),
        "CgroupnsMode": "private",
        "Dns": [],
        "DnsOptions": [],
        "DnsSearch": [],
        "ExtraHosts": null_if_empty(config.hosts.iter().map(|(name, address)| format!("{name}:{address}")).collect()),
        "GroupAdd": null,
        "IpcMode": "private",
        "Links": null,
        "OomScoreAdj": 0,
        "PidMode": "",
        "Privileged": false,
        "PublishAllPorts": false,
        "ReadonlyRootfs": config.read_only,
        "SecurityOpt": null_if_empty(security(config)),
        "Tmpfs": tmpfs(config),
        "UTSMode": "",
        "UsernsMode": "",
        "ShmSize": config.shm_size,
        "Runtime": "rbuild",
        "Isolation": "",
        "Init": config.init,
    })
}

fn limits(config: &Config) -> Value {
    json!({
        "CpuShares": 0,
        "Memory": 0,
        "NanoCpus": 0,
        "CgroupParent": "",
        "CpuPeriod": 0,
        "CpuQuota": 0,
        "CpusetCpus": "",
        "CpusetMems": "",
        "Devices": [],
        "MemoryReservation": 0,
        "MemorySwap": 0,
        "MemorySwappiness": null,
        "OomKillDisable": null,
        "PidsLimit": null,
        "Ulimits": ulimits(config),
    })
}

fn confinement(config: &Config) -> Value {
    let docker = Confinement::docker();
    let paths = |paths: &[Vec<u8>]| -> Value {
        if config.open_paths {
            return json!([]);
        }
        paths.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect()
    };
    json!({
        "MaskedPaths": paths(&docker.masked),
        "ReadonlyPaths": paths(&docker.read_only),
    })
}

fn security(config: &Config) -> Vec<String> {
    let mut options = Vec::new();
    match &config.seccomp {
        Seccomp::Docker => {}
        Seccomp::Unconfined => options.push("seccomp=unconfined".to_owned()),
        Seccomp::Profile(profile) => options.push(format!("seccomp={profile}")),
    }
    options.extend(config.no_new_privileges.then(|| "no-new-privileges".to_owned()));
    options.extend(config.open_paths.then(|| "systempaths=unconfined".to_owned()));
    options
}

fn tmpfs(config: &Config) -> Value {
    let options = |tmpfs: &Tmpfs| {
        let mut options = vec![format!("mode={:o}", tmpfs.mode)];
        options.extend(tmpfs.size.map(|size| format!("size={size}")));
        options.join(",")
    };
    let memory = config.mounts.iter().filter_map(|mount| match &mount.kind {
        MountKind::Tmpfs(tmpfs) => Some((mount.target.clone(), options(tmpfs).into())),
        _ => None,
    });
    let all: Map<String, Value> = memory.collect();
    if all.is_empty() { Value::Null } else { all.into() }
}

fn ulimits(config: &Config) -> Value {
    let one = |text: &String| {
        let (name, values) = text.split_once('=')?;
        let (soft, hard) = values.split_once(':').unwrap_or((values, values));
        ulimit::parse(text).ok()?;
        let number = |text: &str| text.parse::<i64>().unwrap_or(-1);
        Some(json!({ "Name": name, "Hard": number(hard), "Soft": number(soft) }))
    };
    config.ulimits.iter().filter_map(one).collect()
}

fn null_if_empty(list: Vec<String>) -> Value {
    if list.is_empty() { Value::Null } else { list.into() }
}
