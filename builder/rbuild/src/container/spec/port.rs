//! `--publish [[IP:][HOSTPORT]:]PORT[/PROTOCOL]` and `--expose PORT[-PORT][/PROTOCOL]`, with ranges, as Docker reads
//! them.

use super::usage;
use crate::container::model::{Port, Protocol, Publish};
use crate::error::{Error, Result};
use std::net::{IpAddr, Ipv4Addr};

/// One `--publish`: each port of a range on its own.
pub(crate) fn publish(text: &str) -> Result<Vec<Publish>> {
    let wrong = |why: String| usage(format!("--publish {text:?}: {why}"));
    let (places, protocol) = protocol(text).map_err(wrong)?;
    let (front, inner) = places.rsplit_once(':').map_or((None, places), |(front, inner)| (Some(front), inner));
    let inner = range(inner).map_err(|why| wrong(format!("the container's port {why}")))?;
    let (ip, host) = match front {
        None => ("", ""),
        Some(front) => front.rsplit_once(':').unwrap_or(("", front)),
    };
    let ip = address(ip).map_err(wrong)?;
    let host = if host.is_empty() { None } else { Some(range(host).map_err(|why| wrong(format!("the port {why}")))?) };
    let count = inner.1 - inner.0;
    if let Some((first, last)) = host
        && count > 0
        && last - first != count
    {
        return Err(wrong(format!(
            "{} ports of the container and {} of the machine: the ranges have to be of one length",
            count + 1,
            last - first + 1
        )));
    }
    let publish = |at: u16| Publish {
        ip,
        host: host.map(|(first, last)| if count == 0 { (first, last) } else { (first + at, first + at) }),
        port: Port { number: inner.0 + at, protocol },
    };
    Ok((0..=count).map(publish).collect())
}

/// One `--expose`.
pub(crate) fn expose(text: &str) -> Result<Vec<Port>> {
    ports(text).map_err(|why| usage(format!("--expose {text:?}: {why}")))
}

/// What EXPOSE of an image names; what cannot be a port there is passed over, as nothing depends on it.
pub(crate) fn exposed(text: &str) -> Vec<Port> {
    ports(text).unwrap_or_default()
}

/// What `rbuild port CONTAINER PORT` asks for.
pub fn one(text: &str) -> Result<Port> {
    text.parse().map_err(|why| Error::Usage(format!("{text:?} is no port: {why}; write PORT[/tcp|udp]")))
}

/// Ports as `--expose` names them: `80`, `8000-8080`, `53/udp`. Fails with what is wrong.
pub fn ports(text: &str) -> std::result::Result<Vec<Port>, String> {
    let (numbers, protocol) = protocol(text)?;
    let (first, last) = range(numbers).map_err(|why| format!("the port {why}"))?;
    Ok((first..=last).map(|number| Port { number, protocol }).collect())
}

fn protocol(text: &str) -> std::result::Result<(&str, Protocol), String> {
    let (places, name) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    match name.to_ascii_lowercase().as_str() {
        "tcp" => Ok((places, Protocol::Tcp)),
        "udp" => Ok((places, Protocol::Udp)),
        "sctp" => Err("sctp is not supported: pasta and slirp4netns forward tcp and udp".to_owned()),
        _ => Err(format!("{name:?} is no protocol: write tcp or udp")),
    }
}

fn range(text: &str) -> std::result::Result<(u16, u16), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.parse::<u16>().ok().filter(|number| *number > 0);
    match (number(first), number(last)) {
        _ if text.is_empty() => Err("is missing".to_owned()),
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        (Some(_), Some(_)) => Err(format!("range {text} goes backwards")),
        _ => Err(format!("{text:?} is not one: write a number from 1 to 65535, or two with - between them")),
    }
}

fn address(text: &str) -> std::result::Result<Ipv4Addr, String> {
    let bare = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
    match bare.parse::<IpAddr>() {
        _ if text.is_empty() => Ok(Ipv4Addr::UNSPECIFIED),
        Ok(IpAddr::V4(ip)) => Ok(ip),
        Ok(IpAddr::V6(_)) => {
            Err(format!("{text} is of IPv6, which private networks do not have: write an IPv4 address"))
        }
        Err(_) => Err(format!("{text:?} is not an IP address")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        let line = |one: &Publish| {
            let host = match one.host {
                None => "any".to_owned(),
                Some((first, last)) if first == last => first.to_string(),
                Some((first, last)) => format!("{first}..{last}"),
            };
            format!("{}:{host}>{}", one.ip, one.port)
        };
        publish(text).map_or_else(|error| error.to_string(), |all| all.iter().map(line).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn every_form() {
        for (text, expected) in [
            ("80", "0.0.0.0:any>80/tcp"),
            ("80/udp", "0.0.0.0:any>80/udp"),
            ("8080:80", "0.0.0.0:8080>80/tcp"),
            ("8080:80/UDP", "0.0.0.0:8080>80/udp"),
            ("127.0.0.1:8080:80", "127.0.0.1:8080>80/tcp"),
            ("127.0.0.1::80", "127.0.0.1:any>80/tcp"),
            (":80", "0.0.0.0:any>80/tcp"),
            ("8080-8081:80-81", "0.0.0.0:8080>80/tcp 0.0.0.0:8081>81/tcp"),
            ("80-81", "0.0.0.0:any>80/tcp 0.0.0.0:any>81/tcp"),
            ("8000-8010:80", "0.0.0.0:8000..8010>80/tcp"),
            ("65535:65535", "0.0.0.0:65535>65535/tcp"),
        ] {
            assert_eq!(show(text), expected, "of {text:?}");
        }
    }

    #[test]
    fn every_refusal() {
        let numbers = "write a number from 1 to 65535, or two with - between them";
        for (text, expected) in [
            ("", "the container's port is missing".to_owned()),
            ("8080:", "the container's port is missing".to_owned()),
            ("x", format!("the container's port \"x\" is not one: {numbers}")),
            ("0", format!("the container's port \"0\" is not one: {numbers}")),
            ("65536:80", format!("the port \"65536\" is not one: {numbers}")),
            ("81-80", "the container's port range 81-80 goes backwards".to_owned()),
            ("1.2.3:80:80", "\"1.2.3\" is not an IP address".to_owned()),
            ("80/sctp", "sctp is not supported: pasta and slirp4netns forward tcp and udp".to_owned()),
            ("80/ip", "\"ip\" is no protocol: write tcp or udp".to_owned()),
            (
                "8080-8082:80-81",
                "2 ports of the container and 3 of the machine: the ranges have to be of one length".to_owned(),
            ),
            ("[::1]:80:80", "[::1] is of IPv6, which private networks do not have: write an IPv4 address".to_owned()),
            ("[::1]::80", "[::1] is of IPv6, which private networks do not have: write an IPv4 address".to_owned()),
        ] {
            let shown = show(text);
            assert_eq!(shown, format!("--publish {text:?}: {expected}"), "of {text:?}");
        }
    }

    #[test]
    fn ports_are_numbers_or_ranges_of_a_protocol() {
        let has = |text: &str, number, protocol| ports(text).is_ok_and(|all| all.contains(&Port { number, protocol }));
        assert!(has("80", 80, Protocol::Tcp) && has("80-90", 85, Protocol::Tcp) && has("53/udp", 53, Protocol::Udp));
        assert!(!has("80", 81, Protocol::Tcp) && !has("80", 80, Protocol::Udp) && !has("80-90", 91, Protocol::Tcp));
        for wrong in ["", "x", "80-", "90-80", "80/sctp", "70000"] {
            assert!(ports(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn exposed_ports() {
        let show = |text: &str| match expose(text) {
            Ok(ports) => ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        };
        for (text, expected) in [
            ("80", "80/tcp"),
            ("80-82/udp", "80/udp 81/udp 82/udp"),
            (
                "80:81",
                "--expose \"80:81\": the port \"80:81\" is not one: write a number from 1 to 65535, or two with - between them",
            ),
        ] {
            assert_eq!(show(text), expected, "of {text:?}");
        }
        assert!(exposed("nonsense").is_empty());
        assert_eq!(exposed("53/udp").len(), 1);
        assert_eq!(one("80").unwrap().to_string(), "80/tcp");
        assert_eq!(one("80/x").unwrap_err().to_string(), "\"80/x\" is no port: invalid proto: x; write PORT[/tcp|udp]");
    }
}
