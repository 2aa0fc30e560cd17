//! A network of a container's own, joined to the machine's by a helper program in user space: pasta (Debian's package
//! passt) or slirp4netns. Both give the same addresses, so what a container is told does not depend on which it is.
//! Knows no container: it is given a network namespace and keeps a helper on it.

mod attach;
mod keeper;
mod pasta;
mod slirp;

use std::net::Ipv4Addr;
use std::path::PathBuf;

pub(crate) use attach::attach;
pub(crate) use keeper::{KEEPER_NAME, keep};

/// The container's address.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 100);
/// Bits of the network's mask.
pub const PREFIX: u8 = 24;
/// The way out.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// The name server that hands questions on to the machine's.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);
/// The interface in the container.
const INTERFACE: &str = "eth0";

/// How a network of its own is joined to the machine's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Private {
    /// The helpers to try, in order.
    pub helpers: Vec<Helper>,
    /// Ports of the machine that lead into the container.
    pub forwards: Vec<Forward>,
}

/// A helper program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    /// Which it is.
    pub kind: HelperKind,
    /// Where it is.
    pub program: PathBuf,
}

/// The helpers that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelperKind {
    /// pasta, which copies the machine's sockets.
    Pasta,
    /// slirp4netns, which has a network stack of its own.
    Slirp4netns,
}

/// A port of the machine that leads into the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// What is forwarded.
    pub transport: Transport,
    /// The address of the machine; 0.0.0.0 is all of them.
    pub ip: Ipv4Addr,
    /// The port of the machine.
    pub host: u16,
    /// The container's port.
    pub inner: u16,
}

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

impl HelperKind {
    /// The name of the program.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Pasta => "pasta",
            Self::Slirp4netns => "slirp4netns",
        }
    }

    /// The package of Debian and Ubuntu that it is in.
    pub const fn package(self) -> &'static str {
        match self {
            Self::Pasta => "passt",
            Self::Slirp4netns => "slirp4netns",
        }
    }
}

/// What the keeper of a helper is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) private: Private,
    /// Whether this is the machine's root, in no user namespace.
    pub(crate) root: bool,
}
