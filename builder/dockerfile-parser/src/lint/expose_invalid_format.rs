//! `ExposeInvalidFormat`: EXPOSE names ports of the container only.
use super::{Hits, Rule, Seen, Severity};

pub(super) const RULE: Rule = Rule {
    name: "ExposeInvalidFormat",
    about: "EXPOSE has an address or a port of the host, which mean nothing there and may be refused one day",
    page: Some("expose-invalid-format"),
    fix: "keep only the container's port; hosts' ports are for whoever runs the container",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::Port(port) = seen else { return };
    if port.rsplitn(3, ':').skip(1).any(|part| !part.is_empty()) {
        let message = "EXPOSE instruction should not define an IP address or host-port mapping, found";
        hits.here(format!("{message} '{port}'"));
    }
}

#[cfg(test)]
#[test]
fn an_address_or_a_host_port() {
    use super::testing::to;
    for odd in ["127.0.0.1:80:80", "[::1]:8080:8080", "5000:5000", "127.0.0.1::80"] {
        let message = "EXPOSE instruction should not define an IP address or host-port mapping, found";
        assert_eq!(to(&RULE, &Seen::Port(odd)), [format!("{message} '{odd}'")]);
    }
    for fine in ["80", "80/udp", "8000-8002", ":80"] {
        assert!(to(&RULE, &Seen::Port(fine)).is_empty(), "{fine}");
    }
}
