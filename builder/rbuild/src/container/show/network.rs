//! A container's network in docker's words.

use crate::container::model::{Config, Network};
use crate::container::shelf::{Entry, Status};
use rbuild_runner::network::{ADDRESS, GATEWAY, PREFIX};
use serde_json::{Map, Value, json};

/// What docker calls the network.
pub fn network_name(config: &Config) -> &'static str {
    match config.network {
        Network::Host => "host",
        Network::None => "none",
        Network::Private => "private",
        Network::Pasta => "pasta",
        Network::Slirp4netns => "slirp4netns",
    }
}

/// Docker's `NetworkSettings`, as the container's state now is.
pub(super) fn settings(entry: &Entry, now: &Status) -> Value {
    let config = &entry.config;
    let joined = config.network.is_private() && now.pid().is_some();
    let address = |address: std::net::Ipv4Addr| if joined { address.to_string() } else { String::new() };
    let prefix = if joined { PREFIX } else { 0 };
    let attached = json!({
        "IPAMConfig": null,
        "Links": null,
        "Aliases": null,
        "MacAddress": "",
        "NetworkID": "",
        "EndpointID": "",
        "Gateway": address(GATEWAY),
        "IPAddress": address(ADDRESS),
        "IPPrefixLen": prefix,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
    });
    let networks = Map::from_iter([(network_name(config).to_owned(), attached)]);
    json!({ "SandboxID": "", "SandboxKey": "", "Ports": entry.ports_json(now), "Networks": networks })
}
