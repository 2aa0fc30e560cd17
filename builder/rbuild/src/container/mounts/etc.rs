//! A container's own hosts, hostname and resolv.conf: files in its directory, mounted over those of the image. What a
//! process writes into them lasts as long as the container and shows in no layer, as with Docker.

use crate::container::model::Config;
use crate::container::shelf::Held;
use crate::error::{Error, Result};
use crate::etc::{self, Names, files};
use rbuild_runner::network::{ADDRESS, RESOLVER};
use rbuild_runner::{Access, InjectedFile, MountSpec, Propagation, Source};
use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Writes the files of a new container.
pub(crate) fn write(held: &Held) -> Result<()> {
    let config = held.config();
    for file in files(names(config), resolver(config)?) {
        let path = held.etc().join(name(&file.path));
        fill(&path, &file).map_err(Error::io("write", path.display()))?;
    }
    Ok(())
}

fn fill(path: &Path, wanted: &InjectedFile) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(wanted.mode).open(path)?;
    // The umask may have taken something away.
    if file.metadata()?.permissions().mode() & PERMISSIONS != wanted.mode {
        file.set_permissions(Permissions::from_mode(wanted.mode))?;
    }
    file.write_all(&wanted.content)
}

const PERMISSIONS: u32 = 0o7777;

fn names(config: &Config) -> Names<'_> {
    Names {
        hostname: &config.hostname,
        domainname: &config.domainname,
        address: if config.network.is_private() { ADDRESS } else { Ipv4Addr::LOCALHOST },
        hosts: &config.hosts,
    }
}

/// The machine's, word for word, where nothing else is said.
fn resolver(config: &Config) -> Result<Vec<u8>> {
    let machine = etc::resolver()?;
    let helper = config.network.is_private().then_some(IpAddr::V4(RESOLVER));
    if config.resolver.is_empty() && helper.is_none() {
        return Ok(machine);
    }
    Ok(config.resolver.text(&String::from_utf8_lossy(&machine), helper).into_bytes())
}

/// Their mounts.
pub(crate) fn mounts(held: &Held) -> Vec<MountSpec> {
    let mount = |path: &str| MountSpec {
        source: Source::Path(held.etc().join(name(path.as_bytes()))),
        target: path.as_bytes().to_vec(),
        access: if held.config().read_only { Access::ReadOnly } else { Access::ReadWrite },
        propagation: Propagation::Private,
    };
    ["/etc/resolv.conf", "/etc/hosts", "/etc/hostname"].map(mount).into()
}

fn name(path: &[u8]) -> String {
    let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    String::from_utf8_lossy(&path[start..]).into_owned()
}
