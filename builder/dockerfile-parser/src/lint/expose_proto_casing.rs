//! `ExposeProtoCasing`: the protocol of a port is in lower case.
use super::{Hits, Rule, Seen, Severity};

pub(super) const RULE: Rule = Rule {
    name: "ExposeProtoCasing",
    about: "the protocol of a port is written with upper-case letters",
    page: Some("expose-proto-casing"),
    fix: "write /tcp, /udp or /sctp in lower case",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::Port(port) = seen else { return };
    let protocol = port.split_once('/').map_or("", |(_, protocol)| protocol);
    let is_known = ["tcp", "udp", "sctp"].iter().any(|known| protocol.eq_ignore_ascii_case(known));
    if is_known && protocol.bytes().any(|byte| byte.is_ascii_uppercase()) {
        hits.here(format!("Defined protocol '{port}' in EXPOSE instruction should be lowercase"));
    }
}

#[cfg(test)]
#[test]
fn a_protocol_in_upper_case() {
    use super::testing::to;
    let message = "Defined protocol '80/TcP' in EXPOSE instruction should be lowercase";
    assert_eq!(to(&RULE, &Seen::Port("80/TcP")), [message]);
    for fine in ["80/tcp", "80", "80/", "80/FOO"] {
        assert!(to(&RULE, &Seen::Port(fine)).is_empty(), "{fine}");
    }
}
