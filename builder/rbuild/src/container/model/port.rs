//! Ports of a container: which it has, which are asked to be published, which are. PURE.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// A port inside a container; prints as `80/tcp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Port {
    /// Its number, never 0.
    pub number: u16,
    /// What is spoken on it.
    pub protocol: Protocol,
}

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// One `--publish`, of one port of the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Publish {
    /// The address of the machine; 0.0.0.0 is all of them.
    pub ip: Ipv4Addr,
    /// The ports of the machine that will do, first and last; none is any free one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<(u16, u16)>,
    /// The container's.
    pub port: Port,
}

/// A port that is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Binding {
    /// The container's port.
    pub port: Port,
    /// The address of the machine.
    pub ip: Ipv4Addr,
    /// The port of the machine.
    pub host: u16,
}

/// All that a container says of its ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ports {
    /// Those to be published.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<Publish>,
    /// Those that the image or the command line names, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expose: Vec<Port>,
    /// Whether every exposed port is published.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

impl Ports {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All that is to be published: what was asked for, and every other exposed port where all are to be.
    pub fn wanted(&self) -> Vec<Publish> {
        let mut wanted = self.publish.clone();
        for &port in self.expose.iter().filter(|_| self.all) {
            if !wanted.iter().any(|publish| publish.port == port) {
                wanted.push(Publish { ip: Ipv4Addr::UNSPECIFIED, host: None, port });
            }
        }
        wanted
    }
}

impl Protocol {
    /// `tcp` or `udp`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.protocol.name())
    }
}

impl FromStr for Port {
    type Err = String;

    /// `NUMBER[/PROTOCOL]`, as EXPOSE has it.
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol = match protocol.to_ascii_lowercase().as_str() {
            "tcp" | "" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return Err(format!("invalid proto: {protocol}")),
        };
        match number.parse() {
            Ok(number @ 1..) => Ok(Self { number, protocol }),
            _ => Err(format!("invalid port: {number}")),
        }
    }
}

impl TryFrom<String> for Port {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Port> for String {
    fn from(port: Port) -> Self {
        port.to_string()
    }
}
