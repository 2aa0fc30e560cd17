//! Where a container looks names up, as its command line says. PURE.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What takes the place of the machine's resolver configuration, line kind by line kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resolver {
    /// Name servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<IpAddr>,
    /// Domains that short names are looked up in; one `.` is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Options of resolv.conf(5).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

impl Resolver {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The text of resolv.conf: what is said, and of the rest what the machine's file says. `helper` is the name server
    /// of a private network, which stands for all of the machine's.
    pub(crate) fn text(&self, machine: &str, helper: Option<IpAddr>) -> String {
        let words = |kind: &str| -> Vec<&str> {
            let lines = machine.lines().map(str::split_whitespace);
            let mut found = Vec::new();
            for mut line in lines {
                if line.next() == Some(kind) {
                    found.extend(line);
                }
            }
            found
        };
        let own = |list: &[String], kind: &str| match list {
            [] => words(kind).into_iter().map(str::to_owned).collect(),
            list => list.to_vec(),
        };
        let servers = match (&self.servers[..], helper) {
            ([], Some(helper)) => vec![helper.to_string()],
            ([], None) => words("nameserver").into_iter().map(str::to_owned).collect(),
            (servers, _) => servers.iter().map(ToString::to_string).collect(),
        };
        let mut text: String = servers.iter().map(|server| format!("nameserver {server}\n")).collect();
        let search: Vec<String> = own(&self.search, "search").into_iter().filter(|domain| domain != ".").collect();
        for (kind, values) in [("search", search), ("options", own(&self.options, "options"))] {
            if !values.is_empty() {
                text.push_str(&format!("{kind} {}\n", values.join(" ")));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mix() {
        let machine =
            "# made by hand\nnameserver 192.0.2.53\nnameserver ::1 \nsearch lan example.org\noptions edns0 ndots:2\n";
        let helper: IpAddr = "10.0.2.3".parse().unwrap();
        let strings = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let resolver = |servers: &str, search: &str, options: &str| Resolver {
            servers: servers.split_whitespace().map(|one| one.parse().unwrap()).collect(),
            search: strings(search),
            options: strings(options),
        };
        let none = Resolver::default();
        assert!(none.is_empty());
        let rest = "search lan example.org\noptions edns0 ndots:2\n";
        assert_eq!(none.text(machine, None), format!("nameserver 192.0.2.53\nnameserver ::1\n{rest}"));
        assert_eq!(none.text(machine, Some(helper)), format!("nameserver 10.0.2.3\n{rest}"));
        assert_eq!(none.text("", None), "");
        let own = resolver("1.1.1.1 2606::1", "", "");
        assert_eq!(own.text(machine, Some(helper)), format!("nameserver 1.1.1.1\nnameserver 2606::1\n{rest}"));
        let own = resolver("", "a.org b.org", "ndots:1");
        assert_eq!(own.text("", Some(helper)), "nameserver 10.0.2.3\nsearch a.org b.org\noptions ndots:1\n");
        assert_eq!(
            resolver("", ".", "").text(machine, None),
            "nameserver 192.0.2.53\nnameserver ::1\noptions edns0 ndots:2\n"
        );
    }
}
