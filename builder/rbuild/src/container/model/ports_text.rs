//! PURE. Ports of a running container as docker shows them: the PORTS of `ps`, the lines of `port`,
//! `NetworkSettings.Ports`.

use super::port::{Binding, Port};
use serde_json::{Map, Value, json};

/// One of docker's groups: consecutive ports of one kind.
struct Group {
    first: (u16, u16),
    last: (u16, u16),
    shape: Shape,
}

/// What ports of one group have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Bound(std::net::Ipv4Addr, super::port::Protocol),
    Exposed(super::port::Protocol),
}

/// `0.0.0.0:8080->80/tcp, 443/tcp`: consecutive ones as a range, published ones with their places.
pub(crate) fn text(bindings: &[Binding], exposed: &[Port]) -> String {
    let mut groups: Vec<Group> = Vec::new();
    for (shape, host, inner) in entries(bindings, exposed) {
        match groups.last_mut() {
            Some(group)
                if group.shape == shape
                    && group.last.1.checked_add(1) == Some(inner)
                    && (host == 0 || group.last.0.checked_add(1) == Some(host)) =>
            {
                group.last = (host, inner);
            }
            _ => groups.push(Group { first: (host, inner), last: (host, inner), shape }),
        }
    }
    groups.iter().map(Group::text).collect::<Vec<_>>().join(", ")
}

/// Published ones first, each kind in the order of the container's ports.
fn entries(bindings: &[Binding], exposed: &[Port]) -> Vec<(Shape, u16, u16)> {
    let mut bound: Vec<&Binding> = bindings.iter().collect();
    bound.sort_by_key(|binding| (binding.port.protocol, binding.ip, binding.port.number, binding.host));
    let mut all: Vec<_> = bound
        .iter()
        .map(|binding| (Shape::Bound(binding.ip, binding.port.protocol), binding.host, binding.port.number))
        .collect();
    let mut rest: Vec<&Port> = exposed.iter().filter(|port| !bindings.iter().any(|b| b.port == **port)).collect();
    rest.sort_by_key(|port| (port.protocol, port.number));
    all.extend(rest.iter().map(|port| (Shape::Exposed(port.protocol), 0, port.number)));
    all
}

impl Group {
    fn text(&self) -> String {
        let range = |first: u16, last: u16| if first == last { first.to_string() } else { format!("{first}-{last}") };
        let inner = range(self.first.1, self.last.1);
        match self.shape {
            Shape::Bound(ip, protocol) => {
                format!("{ip}:{}->{inner}/{}", range(self.first.0, self.last.0), protocol.name())
            }
            Shape::Exposed(protocol) => format!("{inner}/{}", protocol.name()),
        }
    }
}

/// `NetworkSettings.Ports`: each port with where it is published, or null.
pub(crate) fn json(bindings: &[Binding], exposed: &[Port]) -> Value {
    let mut ports: Vec<Port> = exposed.iter().copied().chain(bindings.iter().map(|binding| binding.port)).collect();
    ports.sort_unstable();
    ports.dedup();
    let places = |port: &Port| -> Value {
        let places: Vec<Value> = bindings
            .iter()
            .filter(|binding| binding.port == *port)
            .map(|binding| json!({ "HostIp": binding.ip, "HostPort": binding.host.to_string() }))
            .collect();
        if places.is_empty() { Value::Null } else { Value::Array(places) }
    };
    Value::Object(ports.iter().map(|port| (port.to_string(), places(port))).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bindings(text: &str) -> Vec<Binding> {
        let one = |word: &str| {
            let (host, port) = word.split_once('>').unwrap();
            let (ip, host) = host.split_once(':').unwrap();
            Binding { ip: ip.parse().unwrap(), host: host.parse().unwrap(), port: port.parse().unwrap() }
        };
        text.split_whitespace().map(one).collect()
    }

    fn exposed(text: &str) -> Vec<Port> {
        text.split_whitespace().map(|word| word.parse().unwrap()).collect()
    }

    #[test]
    fn as_ps_shows_them() {
        for (bound, open, expected) in [
            ("", "", ""),
            ("", "80", "80/tcp"),
            ("0.0.0.0:8080>80", "80 443", "0.0.0.0:8080->80/tcp, 443/tcp"),
            ("0.0.0.0:8080>80 0.0.0.0:8081>81", "", "0.0.0.0:8080-8081->80-81/tcp"),
            ("0.0.0.0:8080>80 0.0.0.0:9000>81", "", "0.0.0.0:8080->80/tcp, 0.0.0.0:9000->81/tcp"),
            ("0.0.0.0:53>53/udp 0.0.0.0:53>53", "", "0.0.0.0:53->53/tcp, 0.0.0.0:53->53/udp"),
            (
                "127.0.0.1:80>80 0.0.0.0:81>81",
                "1000 1001 1002 1004/udp",
                "0.0.0.0:81->81/tcp, 127.0.0.1:80->80/tcp, 1000-1002/tcp, 1004/udp",
            ),
            ("0.0.0.0:65535>65535", "", "0.0.0.0:65535->65535/tcp"),
        ] {
            assert_eq!(super::text(&bindings(bound), &exposed(open)), expected, "of {bound} and {open}");
        }
    }

    #[test]
    fn as_inspect_shows_them() {
        let shown = super::json(&bindings("0.0.0.0:8080>80 127.0.0.1:8081>80"), &exposed("443 80"));
        let expected = r#"{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostIp":"127.0.0.1","HostPort":"8081"}],"443/tcp":null}"#;
        assert_eq!(shown.to_string(), expected);
        assert_eq!(super::json(&[], &[]).to_string(), "{}");
    }
}
