//! What a container's command line says of its network, resolved; asks the machine for its address and its processors.

use crate::args::{ContainerArgs, host};
use crate::container::model::{Network, Ports};
use crate::container::spec::port;
use crate::error::Result;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// Further lines of /etc/hosts. On a network of its own a container sees the machine at the address by which others do.
pub(super) fn hosts(texts: &[String], network: Network) -> Result<Vec<(String, String)>> {
    let gateway = if network.is_private() { outward() } else { Some(Ipv4Addr::LOCALHOST.into()) };
    texts.iter().map(|text| host::add_for(text, gateway)).collect()
}

/// The address by which this machine reaches others. Asks the routing table only: to connect a datagram socket sends
/// nothing, and the address is one that documentation has for itself.
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// How many processors there are.
pub(super) fn processors() -> u64 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u64)
}

/// What the command line says of ports; the image's come later.
pub(super) fn ports(args: &ContainerArgs) -> Result<Ports> {
    let mut ports = Ports { all: args.network.publish_all, ..Ports::default() };
    for text in &args.network.publish {
        ports.publish.extend(port::publish(text)?);
    }
    for text in &args.network.expose {
        ports.expose.extend(port::expose(text)?);
    }
    Ok(ports)
}
