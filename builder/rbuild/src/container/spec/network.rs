//! `--network`, the flags of it that cannot be had, `--dns…`, `--sysctl`, `--domainname`.

use super::usage;
use crate::args::NetworkArgs;
use crate::container::model::{Network, Resolver};
use crate::error::Result;
use std::collections::BTreeMap;

/// The network of a container: the host's unless something is said; with ports to publish, one of its own.
pub(crate) fn parse(args: &NetworkArgs) -> Result<Network> {
    refuse(args)?;
    let published = !args.publish.is_empty() || args.publish_all;
    match args.network.as_deref() {
        None | Some("" | "default") if published => Ok(Network::Private),
        None | Some("host" | "default" | "") => Ok(Network::Host),
        Some("none") => Ok(Network::None),
        Some("private" | "bridge") => Ok(Network::Private),
        Some("pasta") => Ok(Network::Pasta),
        Some("slirp4netns") => Ok(Network::Slirp4netns),
        Some(other) => Err(usage(format!(
            "--network {other} is not supported: {}there are host (the default: the machine's own network), none, and \
             private (one of the container's own, by pasta or slirp4netns)",
            match other.split_once(':') {
                Some(("container", _)) => "no container joins another's network; ",
                Some(("pasta" | "slirp4netns", _)) => "options of the helper cannot be given; ",
                Some(_) => "",
                None => "there are no networks of several containers; ",
            }
        ))),
    }
}

/// What Docker's own networks have and a private one has not.
fn refuse(args: &NetworkArgs) -> Result<()> {
    let ip = |flag: &str| format!("{flag} is not supported: every private network has the address 10.0.2.100");
    let name = |flag: &str| {
        format!(
            "{flag} is not supported: there are no networks of several containers; publish a port, and name the machine \
             with --add-host NAME:host-gateway"
        )
    };
    let refusals = [
        args.ip.as_ref().map(|_| ip("--ip")),
        args.ip6.as_ref().map(|_| "--ip6 is not supported: private networks are of IPv4".to_owned()),
        args.mac_address
            .as_ref()
            .map(|_| "--mac-address is not supported: the interface has one of its own".to_owned()),
        args.network_aliases.first().map(|_| name("--network-alias")),
        args.links.first().map(|_| name("--link")),
    ];
    refusals.into_iter().flatten().next().map_or(Ok(()), |text| Err(usage(text)))
}

/// Where names are looked up.
pub(crate) fn resolver(args: &NetworkArgs) -> Result<Resolver> {
    let server = |text: &String| {
        text.parse().map_err(|_| usage(format!("--dns {text:?} is not an IP address of a name server")))
    };
    let word = |flag: &str, text: &String| {
        let good = !text.is_empty() && !text.contains(|char: char| char.is_whitespace() || char.is_control());
        if good { Ok(text.clone()) } else { Err(usage(format!("{flag} {text:?} has to be one word"))) }
    };
    Ok(Resolver {
        servers: args.dns.iter().map(server).collect::<Result<_>>()?,
        search: args.dns_search.iter().map(|text| word("--dns-search", text)).collect::<Result<_>>()?,
        options: args.dns_options.iter().map(|text| word("--dns-option", text)).collect::<Result<_>>()?,
    })
}

/// Parameters that each container has of its own: of its processes' messages, and of a network that is not the
/// machine's.
pub(crate) fn sysctls(texts: &[String], network: Network) -> Result<BTreeMap<String, String>> {
    const OF_IPC: [&str; 8] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    let one = |text: &String| {
        let wrong = |why: &str| usage(format!("--sysctl {text:?}: {why}"));
        let (name, value) = text.split_once('=').ok_or_else(|| wrong("write NAME=VALUE"))?;
        let parts = |name: &str| name.split(['.', '/']).all(|part| !part.is_empty() && part != "..");
        match name {
            name if !parts(name) || name.contains('\0') => Err(wrong("that is no name of a parameter")),
            name if name.starts_with("net.") && network == Network::Host => {
                Err(wrong("the network is the machine's own: take --network private or none"))
            }
            name if name.starts_with("net.") || name.starts_with("fs.mqueue.") || OF_IPC.contains(&name) => {
                Ok((name.to_owned(), value.to_owned()))
            }
            _ => Err(wrong(
                "the whole machine has it in common; containers have net.*, fs.mqueue.* and some of kernel.*",
            )),
        }
    };
    texts.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::typed as args;

    #[test]
    fn every_network() {
        let known = "there are host (the default: the machine's own network), none, and private (one of the container's \
                     own, by pasta or slirp4netns)";
        for (line, expected) in [
            ("", "Host".to_owned()),
            ("--network host", "Host".to_owned()),
            ("--net default", "Host".to_owned()),
            ("--network none", "None".to_owned()),
            ("--network private", "Private".to_owned()),
            ("--network bridge", "Private".to_owned()),
            ("--network pasta", "Pasta".to_owned()),
            ("--network slirp4netns", "Slirp4netns".to_owned()),
            ("-p 80", "Private".to_owned()),
            ("-P", "Private".to_owned()),
            ("-p 80 --network host", "Host".to_owned()),
            ("-p 80 --network slirp4netns", "Slirp4netns".to_owned()),
            (
                "--network mine",
                format!("--network mine is not supported: there are no networks of several containers; {known}"),
            ),
            (
                "--network container:x",
                format!("--network container:x is not supported: no container joins another's network; {known}"),
            ),
            (
                "--network pasta:-T",
                format!("--network pasta:-T is not supported: options of the helper cannot be given; {known}"),
            ),
            ("--ip 10.0.0.1", "--ip is not supported: every private network has the address 10.0.2.100".to_owned()),
            ("--mac-address x", "--mac-address is not supported: the interface has one of its own".to_owned()),
        ] {
            let shown = parse(&args(line)).map_or_else(|error| error.to_string(), |network| format!("{network:?}"));
            assert_eq!(shown, expected, "of {line:?}");
        }
        assert!(
            parse(&args("--link db")).unwrap_err().to_string().starts_with("--link is not supported: there are no")
        );
    }

    #[test]
    fn resolvers() {
        let show = |line: &str| {
            resolver(&args(line)).map_or_else(|error| error.to_string(), |one| serde_json::to_string(&one).unwrap())
        };
        assert_eq!(show(""), "{}");
        assert_eq!(
            show("--dns 1.1.1.1 --dns ::1 --dns-search a.b --dns-option ndots:1 --dns-opt rotate"),
            r#"{"servers":["1.1.1.1","::1"],"search":["a.b"],"options":["ndots:1","rotate"]}"#
        );
        assert_eq!(show("--dns one.one"), "--dns \"one.one\" is not an IP address of a name server");
        let two = NetworkArgs { dns_search: vec!["a b".into()], ..NetworkArgs::default() };
        assert_eq!(resolver(&two).unwrap_err().to_string(), "--dns-search \"a b\" has to be one word");
    }

    #[test]
    fn parameters() {
        let show = |text: &str, network| match sysctls(&[text.to_owned()], network) {
            Ok(all) => all.iter().map(|(name, value)| format!("{name} is {value}")).collect::<String>(),
            Err(error) => error.to_string(),
        };
        assert_eq!(show("net.core.somaxconn=9", Network::Private), "net.core.somaxconn is 9");
        assert_eq!(show("kernel.sem=1 2 3 4", Network::Host), "kernel.sem is 1 2 3 4");
        let host = "--sysctl \"net.a=1\": the network is the machine's own: take --network private or none";
        assert_eq!(show("net.a=1", Network::Host), host);
        for (text, why) in [
            ("net.a", "write NAME=VALUE"),
            ("net...=1", "that is no name of a parameter"),
            ("net./../kernel.core_pattern=1", "that is no name of a parameter"),
            (
                "kernel.core_pattern=x",
                "the whole machine has it in common; containers have net.*, fs.mqueue.* and some of kernel.*",
            ),
        ] {
            assert_eq!(show(text, Network::None), format!("--sysctl {text:?}: {why}"));
        }
    }
}
