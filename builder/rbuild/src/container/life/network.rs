//! What a container's network needs of the machine before it starts: a helper, and the ports that are published. Starts
//! no helper.

use crate::container::model::{Binding, Config, Network, Protocol, Publish};
use crate::error::{Error, Result};
use rbuild_runner::network::{Forward, Helper, HelperKind, Private, Transport};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The network, and which ports of the machine lead into it.
#[derive(Clone, Debug)]
pub(super) struct Wired {
    pub(super) network: rbuild_runner::Network,
    pub(super) bindings: Vec<Binding>,
}

/// The network that the configuration asks for; `path` is as in `$PATH`.
pub(super) fn wire(config: &Config, path: &OsStr) -> Result<Wired> {
    let network = match config.network {
        Network::Host => rbuild_runner::Network::Host,
        Network::None => rbuild_runner::Network::None,
        Network::Private => return private(config, &[HelperKind::Pasta, HelperKind::Slirp4netns], path),
        Network::Pasta => return private(config, &[HelperKind::Pasta], path),
        Network::Slirp4netns => return private(config, &[HelperKind::Slirp4netns], path),
    };
    Ok(Wired { network, bindings: Vec::new() })
}

fn private(config: &Config, kinds: &[HelperKind], path: &OsStr) -> Result<Wired> {
    let helpers: Vec<Helper> = kinds.iter().filter_map(|kind| find(*kind, path)).collect();
    if helpers.is_empty() {
        return Err(missing(kinds));
    }
    let bindings = bind_all(&config.ports.wanted())?;
    let forwards = bindings.iter().map(forward).collect();
    Ok(Wired { network: rbuild_runner::Network::Private(Private { helpers, forwards }), bindings })
}

fn find(kind: HelperKind, path: &OsStr) -> Option<Helper> {
    let executable = |file: &Path| {
        std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    let program = std::env::split_paths(path).map(|dir| dir.join(kind.program())).find(|file| executable(file))?;
    Some(Helper { kind, program })
}

fn missing(kinds: &[HelperKind]) -> Error {
    let programs: Vec<&str> = kinds.iter().map(|kind| kind.program()).collect();
    let packages: Vec<&str> = kinds.iter().map(|kind| kind.package()).collect();
    Error::Usage(format!(
        "a network of the container's own needs {}, which is not installed: install the package {} (Debian, Ubuntu: \
         apt-get install {}), or take --network host",
        programs.join(" or "),
        packages.join(" or "),
        packages.first().copied().unwrap_or_default(),
    ))
}

fn forward(binding: &Binding) -> Forward {
    let transport = match binding.port.protocol {
        Protocol::Tcp => Transport::Tcp,
        Protocol::Udp => Transport::Udp,
    };
    Forward { transport, ip: binding.ip, host: binding.host, inner: binding.port.number }
}

/// A socket that keeps others from a port while the rest are chosen.
enum Taken {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

/// A port of the machine for each; those that were asked for by number before those that may be any.
fn bind_all(wanted: &[Publish]) -> Result<Vec<Binding>> {
    let mut order: Vec<&Publish> = wanted.iter().collect();
    order.sort_by_key(|publish| publish.host.map_or(u32::MAX, |(first, last)| u32::from(last - first)));
    let (mut taken, mut bindings) = (Vec::new(), Vec::new());
    for publish in order {
        let socket = bind(publish)?;
        let host = socket.port().map_err(Error::io("bind", publish.port.to_string()))?;
        bindings.push(Binding { port: publish.port, ip: publish.ip, host });
        taken.push(socket);
    }
    bindings.sort_unstable();
    Ok(bindings)
}

/// The first port of the range that is free.
fn bind(publish: &Publish) -> Result<Taken> {
    let (first, last) = publish.host.unwrap_or((0, 0));
    let mut refusal = None;
    for port in first..=last {
        match Taken::take(publish.port.protocol, publish.ip, port) {
            Ok(taken) => return Ok(taken),
            Err(error) => refusal = refusal.or(Some((port, error))),
        }
    }
    let (port, error) = refusal.unwrap_or((first, io::ErrorKind::InvalidInput.into()));
    let reason = match Errno::from_io_error(&error) {
        Some(Errno::ADDRINUSE) if last > first => format!("all ports up to {last} are already allocated"),
        Some(Errno::ADDRINUSE) => "port is already allocated".to_owned(),
        Some(Errno::ACCESS) => format!(
            "ports that low are root's: take one above 1023, or as root: sysctl net.ipv4.ip_unprivileged_port_start={port}"
        ),
        Some(Errno::ADDRNOTAVAIL) => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    };
    let protocol = publish.port.protocol.name();
    Err(Error::Usage(format!("Bind for {}:{port} ({protocol}) failed: {reason}", publish.ip)))
}

impl Taken {
    fn take(protocol: Protocol, ip: Ipv4Addr, port: u16) -> io::Result<Self> {
        match protocol {
            Protocol::Tcp => TcpListener::bind((ip, port)).map(Self::Tcp),
            Protocol::Udp => UdpSocket::bind((ip, port)).map(Self::Udp),
        }
    }

    fn port(&self) -> io::Result<u16> {
        let address = match self {
            Self::Tcp(socket) => socket.local_addr(),
            Self::Udp(socket) => socket.local_addr(),
        };
        Ok(address?.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(host: Option<(u16, u16)>, port: &str) -> Publish {
        Publish { ip: Ipv4Addr::LOCALHOST, host, port: port.parse().unwrap() }
    }

    #[test]
    fn ports_are_found_or_refused_by_number() {
        let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let busy = holder.local_addr().unwrap().port();
        let error = bind_all(&[publish(Some((busy, busy)), "80")]).unwrap_err().to_string();
        assert_eq!(error, format!("Bind for 127.0.0.1:{busy} (tcp) failed: port is already allocated"));
        let wanted = [publish(None, "80"), publish(None, "81"), publish(Some((busy, busy)), "53/udp")];
        let found = bind_all(&wanted).unwrap();
        let shown: Vec<String> = found.iter().map(|one| one.port.to_string()).collect();
        assert_eq!(shown, ["53/udp", "80/tcp", "81/tcp"]);
        assert!(found.iter().all(|one| one.host > 0) && found[1].host != found[2].host);
        assert_eq!(found[0].host, busy, "another protocol");
        let far = Publish { ip: Ipv4Addr::new(198, 51, 100, 7), ..publish(None, "80") };
        let error = bind_all(&[far]).unwrap_err().to_string();
        assert_eq!(error, "Bind for 198.51.100.7:0 (tcp) failed: this machine has no such address");
    }

    #[test]
    fn a_range_gives_its_first_free_port() {
        let bound = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let mut pairs = (20_000..30_000).filter_map(|port| Some((bound(port).ok()?, bound(port + 1).ok()?, port)));
        let (_first, second, busy) = pairs.next().unwrap();
        let range = [publish(Some((busy, busy + 1)), "80")];
        let error = bind_all(&range).unwrap_err().to_string();
        assert!(error.ends_with(&format!("all ports up to {} are already allocated", busy + 1)), "{error}");
        drop(second);
        assert_eq!(bind_all(&range).unwrap()[0].host, busy + 1);
    }

    #[test]
    fn a_missing_helper_is_named_with_its_package() {
        let shown = missing(&[HelperKind::Pasta, HelperKind::Slirp4netns]).to_string();
        assert_eq!(
            shown,
            "a network of the container's own needs pasta or slirp4netns, which is not installed: install the package \
             passt or slirp4netns (Debian, Ubuntu: apt-get install passt), or take --network host"
        );
        assert!(find(HelperKind::Pasta, OsStr::new("/nonexistent:")).is_none());
    }
}
