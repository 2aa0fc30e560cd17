//! What a process finds in /etc that is the machine's and not the image's: resolver, hosts, host name. Reads the
//! machine's resolver configuration and nothing else.

use crate::error::{Error, Result};
use rbuild_runner::{Access, InjectedFile};

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

/// `/etc/resolv.conf`, `/etc/hosts` and `/etc/hostname` of a process.
pub(crate) fn etc(hostname: &str, hosts: &[(String, String)]) -> Result<Vec<InjectedFile>> {
    const RESOLVER: &str = "/etc/resolv.conf";
    let resolver = match std::fs::read(RESOLVER) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::io("read", RESOLVER)(error)),
    };
    let mut lines = String::from("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    if !hostname.is_empty() {
        lines.push_str(&format!("127.0.0.1\t{hostname}\n"));
    }
    for (host, address) in hosts {
        lines.push_str(&format!("{address}\t{host}\n"));
    }
    Ok(vec![
        file(RESOLVER, resolver, 0o644),
        file("/etc/hosts", lines, 0o644),
        file("/etc/hostname", format!("{hostname}\n"), 0o644),
    ])
}
