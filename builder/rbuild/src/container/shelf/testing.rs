//! Shelves with containers on them, for tests.

use super::containers::{Containers, Wanted};
use crate::container::create::Identity;
use crate::container::model::{Config, ContainerId, ImageSource, Limits, Network, Ports, Resolver, Seccomp, VERSION};
use rbuild_oci::{Digest, ImageId, Timestamp};
use rbuild_store::Store;
use std::collections::BTreeMap;

/// A store with containers of these names, and their ids.
pub(crate) fn shelf<const N: usize>(names: [&str; N]) -> (tempfile::TempDir, Containers, [ContainerId; N]) {
    let dir = tempfile::tempdir().unwrap();
    let containers = Containers::new(&Store::open(&dir.path().join("store")).unwrap());
    let ids = names.map(|name| {
        let wanted = Wanted { name: Some(name), auto_remove: false, created: Timestamp::default() };
        containers.create(&wanted, |identity| Ok(config(identity))).unwrap().id().clone()
    });
    (dir, containers, ids)
}

/// A container that could start, if its image were there.
pub(crate) fn config(Identity { id, name, created }: Identity) -> Config {
    let digest = Digest::of(b"");
    Config {
        version: VERSION,
        id,
        name,
        created,
        image: ImageSource {
            reference: "box".into(),
            id: ImageId(digest),
            manifest: digest,
            layers: Vec::new(),
            platform: None,
        },
        argv: vec!["sh".into()],
        entrypoint: 0,
        env: Vec::new(),
        cwd: "/".into(),
        user: String::new(),
        hostname: "box".into(),
        hosts: Vec::new(),
        network: Network::Host,
        ports: Ports::default(),
        resolver: Resolver::default(),
        limits: Limits::default(),
        domainname: String::new(),
        group_add: Vec::new(),
        sysctls: BTreeMap::new(),
        mounts: Vec::new(),
        read_only: false,
        interactive: false,
        terminal: false,
        init: false,
        cap_add: Vec::new(),
        cap_drop: Vec::new(),
        seccomp: Seccomp::Docker,
        no_new_privileges: false,
        open_paths: false,
        shm_size: 0,
        ulimits: Vec::new(),
        labels: std::collections::BTreeMap::new(),
        stop_signal: String::new(),
        stop_timeout: None,
        input_stays: false,
    }
}
