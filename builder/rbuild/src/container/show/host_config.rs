//! Docker's `HostConfig` of a container: the fields that scripts read.

use super::mounts::binds;
use super::network::network_name;
use crate::args::ulimit;
use crate::container::model::{Config, MountKind, Seccomp, Tmpfs};
use rbuild_runner::Confinement;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

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
        "PortBindings": port_bindings(config),
        "RestartPolicy": { "Name": "no", "MaximumRetryCount": 0 },
        "AutoRemove": auto_remove,
        "VolumeDriver": "",
        "VolumesFrom": null,
        "CapAdd": null_if_empty(config.cap_add.clone()),
        "CapDrop": null_if_empty(config.cap_drop.clone()),
        "CgroupnsMode": "private",
        "Dns": config.resolver.servers,
        "DnsOptions": config.resolver.options,
        "DnsSearch": config.resolver.search,
        "ExtraHosts": null_if_empty(config.hosts.iter().map(|(name, address)| format!("{name}:{address}")).collect()),
        "GroupAdd": null_if_empty(config.group_add.clone()),
        "IpcMode": "private",
        "Links": null,
        "OomScoreAdj": config.limits.oom_score_adj.unwrap_or_default(),
        "PidMode": "",
        "Privileged": false,
        "PublishAllPorts": config.ports.all,
        "ReadonlyRootfs": config.read_only,
        "SecurityOpt": null_if_empty(security(config)),
        "Sysctls": if config.sysctls.is_empty() { Value::Null } else { json!(config.sysctls) },
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
    let own = &config.limits;
    json!({
        "CpuShares": own.cpu_shares.unwrap_or_default(),
        "Memory": own.memory.unwrap_or_default(),
        "NanoCpus": own.nano_cpus.unwrap_or_default(),
        "CgroupParent": "",
        "CpuPeriod": 0,
        "CpuQuota": 0,
        "CpusetCpus": own.cpuset_cpus.as_deref().unwrap_or_default(),
        "CpusetMems": "",
        "Devices": [],
        "MemoryReservation": own.memory_reservation.unwrap_or_default(),
        "MemorySwap": own.memory_swap.unwrap_or_default(),
        "MemorySwappiness": null,
        "OomKillDisable": null,
        "PidsLimit": own.pids,
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

/// What was asked for; where it came to be is in `NetworkSettings`.
fn port_bindings(config: &Config) -> Value {
    let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for publish in &config.ports.publish {
        let host = match publish.host {
            None => String::new(),
            Some((first, last)) if first == last => first.to_string(),
            Some((first, last)) => format!("{first}-{last}"),
        };
        let ip = if publish.ip.is_unspecified() { String::new() } else { publish.ip.to_string() };
        all.entry(publish.port.to_string()).or_default().push(json!({ "HostIp": ip, "HostPort": host }));
    }
    json!(all)
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
