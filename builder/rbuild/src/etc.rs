//! What a process finds in /etc that is the machine's and not the image's: resolver, hosts, host name. Reads the
//! machine's resolver configuration and nothing else.

use crate::error::{Error, Result};
use rbuild_runner::{Access, InjectedFile};
use rbuild_store::if_there;
use std::net::Ipv4Addr;

/// The file `path` with that content, readable by all.
pub(crate) fn file(path: &str, content: impl Into<Vec<u8>>, mode: u32) -> InjectedFile {
    InjectedFile {
        path: path.as_bytes().to_vec(),
        content: content.into(),
        mode,
        uid: 0,
        gid: 0,
        access: Access::ReadWrite,
    }
}

/// What a process is called, and what it calls others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    /// Its host name.
    pub(crate) hostname: &'a str,
    /// Its domain; often empty.
    pub(crate) domainname: &'a str,
    /// Its own address.
    pub(crate) address: Ipv4Addr,
    /// Others: name and address.
    pub(crate) hosts: &'a [(String, String)],
}

const RESOLVER: &str = "/etc/resolv.conf";

/// `/etc/resolv.conf`, `/etc/hosts` and `/etc/hostname` of a process on the machine's network.
pub(crate) fn etc(hostname: &str, hosts: &[(String, String)]) -> Result<Vec<InjectedFile>> {
    let names = Names { hostname, domainname: "", address: Ipv4Addr::LOCALHOST, hosts };
    Ok(files(names, resolver()?))
}

/// The three files, with that text for the first.
pub(crate) fn files(names: Names<'_>, resolver: impl Into<Vec<u8>>) -> Vec<InjectedFile> {
    let mut lines = String::from("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    let Names { hostname, domainname, address, hosts } = names;
    match (hostname, domainname) {
        ("", _) => {}
        (hostname, "") => lines.push_str(&format!("{address}\t{hostname}\n")),
        (hostname, domain) => lines.push_str(&format!("{address}\t{hostname}.{domain} {hostname}\n")),
    }
    for (host, address) in hosts {
        lines.push_str(&format!("{address}\t{host}\n"));
    }
    vec![
        file(RESOLVER, resolver, 0o644),
        file("/etc/hosts", lines, 0o644),
        file("/etc/hostname", format!("{hostname}\n"), 0o644),
    ]
}

/// The machine's resolver configuration; empty where there is none.
pub(crate) fn resolver() -> Result<Vec<u8>> {
    Ok(if_there(std::fs::read(RESOLVER)).map_err(Error::io("read", RESOLVER))?.unwrap_or_default())
}
