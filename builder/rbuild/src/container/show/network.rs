//! A container's network in docker's words.

use crate::container::model::{Config, Network};
use serde_json::{Map, Value, json};

/// What docker calls the network.
pub fn network_name(config: &Config) -> &'static str {
    match config.network {
        Network::Host => "host",
        Network::None => "none",
    }
}

/// The ports as in `ps`: `0.0.0.0:8080->80/tcp`. A container on the machine's network publishes none.
pub fn ports(_config: &Config) -> String {
    String::new()
}

/// Docker's `NetworkSettings`.
pub(super) fn settings(config: &Config) -> Value {
    let attached = json!({
        "IPAMConfig": null,
        "Links": null,
        "Aliases": null,
        "MacAddress": "",
        "NetworkID": "",
        "EndpointID": "",
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
    });
    let networks = Map::from_iter([(network_name(config).to_owned(), attached)]);
    json!({ "SandboxID": "", "SandboxKey": "", "Ports": {}, "Networks": networks })
}
