//! `--tmpfs /path[:OPTIONS]`.

use super::path::target;
use super::usage;
use crate::args::size;
use crate::container::model::{Mount, MountKind, Tmpfs};
use crate::error::Result;

/// One `--tmpfs`. Unless options say otherwise nothing in it can be executed, no set-user-id bit counts and no device
/// can be opened, as with Docker.
pub(crate) fn parse(text: &str) -> Result<Mount> {
    let (place, options) = text.split_once(':').unwrap_or((text, ""));
    let place = target("--tmpfs", place)?;
    let (mut tmpfs, mut read_only) = (Tmpfs::default(), false);
    for option in options.split(',').filter(|_| !options.is_empty()) {
        match option.split_once('=').unwrap_or((option, "")) {
            ("size", value) => tmpfs.size = Some(size::bytes("--tmpfs size", value)?),
            ("mode", value) => tmpfs.mode = octal(value)?,
            ("uid", value) => tmpfs.uid = id(option, value)?,
            ("gid", value) => tmpfs.gid = id(option, value)?,
            ("ro" | "rw", "") => read_only = option == "ro",
            ("exec" | "noexec", "") => tmpfs.exec = option == "exec",
            ("suid" | "nosuid", "") => tmpfs.suid = option == "suid",
            ("dev" | "nodev", "") => tmpfs.dev = option == "dev",
            _ => return Err(refused(option)),
        }
    }
    Ok(Mount { target: place, read_only, kind: MountKind::Tmpfs(tmpfs) })
}

fn octal(value: &str) -> Result<u32> {
    let mode = u32::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o7777);
    mode.ok_or_else(|| usage(format!("--tmpfs: mode={value} is not valid: write an octal number such as 1777")))
}

fn id(option: &str, value: &str) -> Result<u32> {
    value.parse().map_err(|_| usage(format!("--tmpfs: {option} is not valid: write a number")))
}

fn refused(option: &str) -> crate::error::Error {
    usage(format!(
        "--tmpfs: option {option:?} is not supported: there are rw, ro, [no]exec, [no]suid, [no]dev, size=, mode=, uid=, gid="
    ))
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn every_form() {
        check(
            |text| parse(text).map(|mount| serde_json::to_string(&mount).unwrap().replace('"', "")),
            &[
                ("/run", "\"{target:/run,type:tmpfs,mode:1023}\""),
                ("/run:rw,size=64m,mode=755", "\"{target:/run,type:tmpfs,size:67108864,mode:493}\""),
                ("/run/:ro", "\"{target:/run,read_only:true,type:tmpfs,mode:1023}\""),
                ("run", "--tmpfs: the path in the container has to be absolute, and \"run\" is not"),
                ("/run:size=x", "--tmpfs size: \"x\" is not a size: write bytes, or a number with b, k, m, g, t"),
                ("/run:mode=8", "--tmpfs: mode=8 is not valid: write an octal number such as 1777"),
                ("/run:rw,noexec,nosuid,size=65536k", "\"{target:/run,type:tmpfs,size:67108864,mode:1023}\""),
                (
                    "/run:exec,suid,dev,uid=5,gid=6",
                    "\"{target:/run,type:tmpfs,mode:1023,uid:5,gid:6,exec:true,suid:true,dev:true}\"",
                ),
                ("/run:uid=me", "--tmpfs: uid=me is not valid: write a number"),
                (
                    "/run:huge=always",
                    "--tmpfs: option \"huge=always\" is not supported: there are rw, ro, [no]exec, [no]suid, [no]dev, size=, mode=, uid=, gid=",
                ),
            ],
        );
    }
}
