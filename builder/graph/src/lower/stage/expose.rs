//! EXPOSE: ports, ranges of ports and their protocols. Knows nothing of networks.

use super::Stage;
use crate::error::{Error, ErrorKind, Result};
use crate::lower::history;
use crate::lower::variables::word_error;
use dockerfile_parser::lint::Seen;
use dockerfile_parser::{Span, Text, words};
use serde_json::Value;
use std::net::IpAddr;
use std::ops::RangeInclusive;

impl Stage<'_, '_, '_> {
    pub(super) fn expose(&mut self, ports: &[Text]) -> Result<()> {
        let mut exposed = Vec::new();
        for port in ports {
            let span = self.site.of(port);
            let variables = &self.state.variables;
            let look_up = |name: &str| variables.get(name).map(str::to_owned);
            let split = words::expand_words(&port.bytes, self.job.outline.escape, &look_up)
                .map_err(|source| word_error(port, source, span))?;
            for word in split.words {
                self.see(port, &Seen::Port(&word));
                let found = parse(&word);
                exposed.extend(found.map_err(|reason| refuse(span, word, reason))?);
            }
        }
        let created_by = format!("EXPOSE {}", history::plain_list(&exposed));
        let empty = || Value::Object(serde_json::Map::new());
        self.state.config.config.exposed_ports.extend(exposed.into_iter().map(|port| (port, empty())));
        self.commit_config(&created_by);
        Ok(())
    }
}

fn refuse(span: Span, port: String, reason: &'static str) -> Error {
    let protocol = port.rsplit_once('/').map(|(_, protocol)| protocol.to_owned());
    let error = Error::at(span, ErrorKind::Port { port, reason });
    match protocol {
        Some(protocol) => error.suggesting(&protocol, ["tcp", "udp", "sctp"]),
        None => error,
    }
}

/// `[[address:]host port:]port[-port][/protocol]` as `port/protocol` each. Address and host port mean nothing here; they
/// are accepted where they could be used.
fn parse(text: &str) -> std::result::Result<Vec<String>, &'static str> {
    let mut parts = text.rsplitn(3, ':');
    let port = parts.next().unwrap_or_default();
    let (host_port, address) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (port, protocol) = port.split_once('/').unwrap_or((port, ""));
    let protocol = match protocol.to_ascii_lowercase().as_str() {
        "" | "tcp" => "tcp",
        "udp" => "udp",
        "sctp" => "sctp",
        _ => return Err("the protocol is tcp, udp or sctp"),
    };
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    if !bare.is_empty() && bare.parse::<IpAddr>().is_err() {
        return Err("its address is not an IP address");
    }
    let ports = range(port)?;
    if !host_port.is_empty() {
        let host = range(host_port)?;
        let lengths = (ports.end() - ports.start(), host.end() - host.start());
        if lengths.0 != lengths.1 && lengths.0 != 0 {
            return Err("the two ranges are not of the same length");
        }
    }
    Ok(ports.map(|port| format!("{port}/{protocol}")).collect())
}

fn range(text: &str) -> std::result::Result<RangeInclusive<u16>, &'static str> {
    let number =
        |text: &str| text.parse::<u16>().map_err(|_| "a port is a number from 0 to 65535, or two with '-' between");
    match text.split_once('-') {
        None => number(text).map(|port| port..=port),
        Some((start, end)) => {
            let (start, end) = (number(start)?, number(end)?);
            if end < start { Err("the range ends before it starts") } else { Ok(start..=end) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn ports_are_read_as_docker_does() {
        for (text, expected) in [
            ("80", "80/tcp"),
            ("53/UDP", "53/udp"),
            ("8000-8002/sctp", "8000/sctp 8001/sctp 8002/sctp"),
            ("80/", "80/tcp"),
            ("8080:80", "80/tcp"),
            ("127.0.0.1:8080:80", "80/tcp"),
            ("[::1]::80", "80/tcp"),
            ("8000-8001:80", "80/tcp"),
            ("7-7", "7/tcp"),
        ] {
            assert_eq!(parse(text).map(|ports| ports.join(" ")).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["eighty", "", "/tcp", "80/foo", "2-1", "65536", "-1", "nohost:1:80", "1-2:3-9", "1-", "x:80"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
