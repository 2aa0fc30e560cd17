//! Networks of a step, and what it finds in /etc about the network.

use std::fs;

use crate::world::for_everyone;

/// Prints the interfaces, one a line.
const INTERFACES: &str = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sort";

fn interfaces_here() -> String {
    let table = fs::read_to_string("/proc/self/net/dev").unwrap();
    let mut names: Vec<_> = table.lines().skip(2).map(|line| line.split(':').next().unwrap().trim()).collect();
    names.sort_unstable();
    names.iter().map(|name| format!("{name}\n")).collect()
}

#[test]
fn none_is_a_loopback_that_works() {
    for_everyone(|world| {
        let step = format!(
            "{INTERFACES}; ls /sys/class/net; cat /sys/class/net/lo/flags; \
             (nc -l -p 7777 -e echo heard) & sleep 0.3; nc 127.0.0.1 7777 </dev/null"
        );
        let expected = "lo\nlo\n0x9\nheard\n";
        assert_eq!(world.said(&format!("RUN --network=none {step}")), expected, "as {:?}", world.user);
        assert_eq!(world.steps(&format!("RUN {step}")).args(["--no-cache", "--network", "none"]).ok().said(), expected);
    });
}

#[test]
fn default_and_host_are_the_machines_network() {
    let here = interfaces_here();
    for_everyone(|world| {
        for flag in ["", "--network=default ", "--network=host "] {
            let step = world.steps(&format!("RUN {flag}{INTERFACES}")).args(["--no-cache", "--allow", "network.host"]);
            assert_eq!(step.ok().said(), here, "{flag} as {:?}", world.user);
        }
        let host = format!("RUN --network=host {INTERFACES}");
        let step = world.steps(&host).args(["--no-cache", "--network", "none", "--allow", "network.host"]);
        assert_eq!(step.ok().said(), here, "the instruction wins");
        let shown = world.steps(&host).fails();
        assert!(shown.contains("--allow network.host"), "{shown}");
        world.steps(&host).args(["--network", "host"]).ok();
    });
}

#[test]
fn the_resolver_is_the_machines_and_hosts_are_the_requests() {
    let resolver = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    for_everyone(|world| {
        let ended = world.steps("RUN cat /etc/resolv.conf\nRUN cat /etc/hosts");
        let ended = ended.args(["--add-host", "db.test:10.1.2.3", "--add-host", "six.test:fd00::1"]).ok();
        let hosts = ended.said().replacen(&resolver, "", 1);
        let lines: Vec<Vec<&str>> = hosts.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(lines.contains(&vec!["127.0.0.1", "localhost"]), "{hosts}");
        assert!(lines.iter().any(|line| line[0] == "::1" && line.contains(&"localhost")), "{hosts}");
        assert!(lines.contains(&vec!["10.1.2.3", "db.test"]), "{hosts}");
        assert!(lines.contains(&vec!["fd00::1", "six.test"]), "{hosts}");
        assert!(lines.iter().any(|line| line.contains(&"buildkitsandbox")), "{hosts}");
    });
}

#[test]
fn hosts_are_part_of_the_key_and_the_resolver_is_not_of_the_image() {
    for_everyone(|world| {
        let step = "RUN grep -q db.test /etc/hosts && echo yes > /found || echo no > /found";
        assert_eq!(world.steps(step).image().layers[1]["found"].body, b"no\n");
        let with = world.steps(step).args(["--add-host", "db.test:10.1.2.3"]).image();
        assert_eq!(with.layers[1]["found"].body, b"yes\n");
        assert_eq!(with.last_paths(), ["found"]);
    });
}
