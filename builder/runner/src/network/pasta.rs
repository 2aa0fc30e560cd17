//! PURE. The arguments of pasta(1). Starts nothing.

use std::ffi::OsString;
use std::path::Path;

use super::{ADDRESS, Forward, GATEWAY, INTERFACE, PREFIX, RESOLVER, Task, Transport};

/// Those for a namespace bound at `netns`. It goes into the background when the network is ready. Nothing of the
/// machine's loopback is shown to the container.
pub(super) fn arguments(task: &Task, netns: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["--quiet", "--config-net", "--ipv4-only", "--no-map-gw"].map(Into::into).into();
    let mut add = |flag: &str, value: String| arguments.extend([OsString::from(flag), value.into()]);
    if task.root {
        // It would become nobody, who may not enter the namespace.
        add("--runas", "0:0".to_owned());
    }
    add("--address", ADDRESS.to_string());
    add("--netmask", PREFIX.to_string());
    add("--gateway", GATEWAY.to_string());
    add("--dns-forward", RESOLVER.to_string());
    add("--ns-ifname", INTERFACE.to_owned());
    for (flag, transport) in [("--tcp-ports", Transport::Tcp), ("--udp-ports", Transport::Udp)] {
        let mut specs = task.private.forwards.iter().filter(|one| one.transport == transport).map(spec).peekable();
        if specs.peek().is_none() {
            add(flag, "none".to_owned());
        }
        specs.for_each(|spec| add(flag, spec));
    }
    add("--tcp-ns", "none".to_owned());
    add("--udp-ns", "none".to_owned());
    arguments.extend([OsString::from("--netns"), netns.into()]);
    arguments
}

fn spec(forward: &Forward) -> String {
    let Forward { ip, host, inner, .. } = forward;
    if ip.is_unspecified() { format!("{host}:{inner}") } else { format!("{ip}/{host}:{inner}") }
}

#[cfg(test)]
mod tests {
    use super::super::{Helper, HelperKind, Private};
    use super::*;

    #[test]
    fn all_of_them() {
        let forward = |transport, ip: &str, host, inner| Forward { transport, ip: ip.parse().unwrap(), host, inner };
        let show = |forwards: Vec<Forward>, root| {
            let helpers = vec![Helper { kind: HelperKind::Pasta, program: "/usr/bin/pasta".into() }];
            let task = Task { private: Private { helpers, forwards }, root };
            let words = arguments(&task, Path::new("/n"));
            words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        let always = "--quiet --config-net --ipv4-only --no-map-gw";
        let addresses = "--address 10.0.2.100 --netmask 24 --gateway 10.0.2.2 --dns-forward 10.0.2.3 --ns-ifname eth0";
        let end = "--tcp-ns none --udp-ns none --netns /n";
        assert_eq!(show(vec![], false), format!("{always} {addresses} --tcp-ports none --udp-ports none {end}"));
        let three = vec![
            forward(Transport::Tcp, "0.0.0.0", 8080, 80),
            forward(Transport::Udp, "127.0.0.1", 53, 5353),
            forward(Transport::Tcp, "127.0.0.1", 8081, 80),
        ];
        let ports = "--tcp-ports 8080:80 --tcp-ports 127.0.0.1/8081:80 --udp-ports 127.0.0.1/53:5353";
        assert_eq!(show(three, true), format!("{always} --runas 0:0 {addresses} {ports} {end}"));
    }
}
