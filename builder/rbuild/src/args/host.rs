//! `--add-host` and `--hostname`.

use super::usage;
use crate::error::Result;
use std::net::{IpAddr, Ipv4Addr};

/// One `--add-host`, `NAME:ADDRESS` or `NAME=ADDRESS`: the name and the address. `host-gateway` is the machine itself,
/// which a container on its network sees as loopback.
pub(crate) fn add(text: &str) -> Result<(String, String)> {
    add_for(text, Some(IpAddr::V4(Ipv4Addr::LOCALHOST)))
}

/// The same where the machine has another address, if it has one.
pub(crate) fn add_for(text: &str, gateway: Option<IpAddr>) -> Result<(String, String)> {
    let split = text.split_once('=').or_else(|| text.split_once(':'));
    let Some((name, address)) = split.filter(|(name, _)| !name.is_empty()) else {
        return Err(usage(format!("--add-host {text:?} is not valid: write NAME:ADDRESS")));
    };
    if address == "host-gateway" {
        let gateway = gateway.ok_or_else(|| {
            usage(format!("--add-host {text:?}: this machine has no address by which a private network could reach it"))
        })?;
        return Ok((name.to_owned(), gateway.to_string()));
    }
    let bare = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(address);
    match bare.parse::<IpAddr>() {
        Ok(address) => Ok((name.to_owned(), address.to_string())),
        Err(_) => Err(usage(format!("--add-host {text:?}: {address:?} is not an IP address"))),
    }
}

/// A host name (RFC 1123), as long as the kernel takes.
pub(crate) fn hostname(text: &str) -> Result<String> {
    name("--hostname", text)
}

/// A domain name, likewise.
pub(crate) fn domainname(text: &str) -> Result<String> {
    name("--domainname", text)
}

fn name(flag: &str, text: &str) -> Result<String> {
    const MOST: usize = 64;
    let good = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if text.len() <= MOST && text.split('.').all(good) {
        return Ok(text.to_owned());
    }
    Err(usage(format!(
        "{flag} {text:?} is not valid: it takes letters, digits and -, in parts between dots, {MOST} at most"
    )))
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn hosts() {
        check(
            add,
            &[
                ("db:10.0.0.5", "(\"db\", \"10.0.0.5\")"),
                ("db=10.0.0.5", "(\"db\", \"10.0.0.5\")"),
                ("db:::1", "(\"db\", \"::1\")"),
                ("db=[fe80::1]", "(\"db\", \"fe80::1\")"),
                ("host.docker.internal:host-gateway", "(\"host.docker.internal\", \"127.0.0.1\")"),
                ("db", "--add-host \"db\" is not valid: write NAME:ADDRESS"),
                (":10.0.0.5", "--add-host \":10.0.0.5\" is not valid: write NAME:ADDRESS"),
                ("db:", "--add-host \"db:\": \"\" is not an IP address"),
                ("db:10.0.0", "--add-host \"db:10.0.0\": \"10.0.0\" is not an IP address"),
            ],
        );
    }

    #[test]
    fn hostnames() {
        let long = "a".repeat(65);
        let tail = "is not valid: it takes letters, digits and -, in parts between dots, 64 at most";
        check(
            hostname,
            &[
                ("box", "\"box\""),
                ("box-1.example.org", "\"box-1.example.org\""),
                ("", &format!("--hostname \"\" {tail}")),
                ("-box", &format!("--hostname \"-box\" {tail}")),
                ("a b", &format!("--hostname \"a b\" {tail}")),
                (&long, &format!("--hostname {long:?} {tail}")),
            ],
        );
    }
}
