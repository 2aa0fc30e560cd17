//! The arguments that say how a container is reached and what it reaches.

use clap::Args;

/// Network, ports and resolver, as typed.
#[derive(Args, Clone, Debug, Default)]
pub struct NetworkArgs {
    /// Network: host (the default), none, or private (one of its own, by pasta or slirp4netns)
    #[arg(long, alias = "net", value_name = "MODE")]
    pub network: Option<String>,
    /// Publish a port, or a range: `[[IP:][HOSTPORT]:]PORT[/tcp|udp]`; gives it a private network
    #[arg(short, long, value_name = "PORTS")]
    pub publish: Vec<String>,
    /// Publish every port that the image exposes, on any that is free
    #[arg(short = 'P', long)]
    pub publish_all: bool,
    /// Note that the container has a port, `PORT[-PORT][/tcp|udp]`
    #[arg(long, value_name = "PORTS")]
    pub expose: Vec<String>,
    /// Name server in place of the machine's
    #[arg(long, value_name = "IP")]
    pub dns: Vec<String>,
    /// Domain that short names are looked up in; `.` for none
    #[arg(long, value_name = "DOMAIN")]
    pub dns_search: Vec<String>,
    /// Option of the resolver
    #[arg(long = "dns-option", alias = "dns-opt", value_name = "OPTION")]
    pub dns_options: Vec<String>,
    /// Parameter of the kernel, in the container's own namespaces, `NAME=VALUE`
    #[arg(long = "sysctl", value_name = "NAME=VALUE")]
    pub sysctls: Vec<String>,
    /// Address of the container (refused: pasta and slirp4netns give one)
    #[arg(long, hide = true, value_name = "IP")]
    pub ip: Option<String>,
    /// Address of the container (refused)
    #[arg(long, hide = true, value_name = "IP")]
    pub ip6: Option<String>,
    /// Address of the container's interface (refused)
    #[arg(long, hide = true, value_name = "MAC")]
    pub mac_address: Option<String>,
    /// Name on a network of several containers (refused)
    #[arg(long = "network-alias", alias = "net-alias", hide = true, value_name = "NAME")]
    pub network_aliases: Vec<String>,
    /// Another container to reach by name (refused)
    #[arg(long = "link", hide = true, value_name = "CONTAINER")]
    pub links: Vec<String>,
}
