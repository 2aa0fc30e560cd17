//! `--tmpfs /path[:OPTIONS]`.

use super::super::mount::{Mount, MountKind, Tmpfs};
use super::path::target;
use super::{size, usage};
use crate::error::Result;

/// One `--tmpfs`; options are `size=`, `mode=` (octal), `ro`, `rw`, and those that say what is so anyway.
pub(in super::super) fn parse(text: &str) -> Result<Mount> {
    let (place, options) = text.split_once(':').unwrap_or((text, ""));
    let place = target("--tmpfs", place)?;
    let (mut tmpfs, mut read_only) = (Tmpfs::default(), false);
    for option in options.split(',').filter(|_| !options.is_empty()) {
        match option.split_once('=').unwrap_or((option, "")) {
            ("size", value) => tmpfs.size = Some(size::bytes("--tmpfs size", value)?),
            ("mode", value) => tmpfs.mode = octal(value)?,
            ("ro", "") => read_only = true,
            ("rw", "") => read_only = false,
            ("exec" | "suid" | "dev", "") => {}
            _ => return Err(refused(option)),
        }
    }
    Ok(Mount { target: place, read_only, kind: MountKind::Tmpfs(tmpfs) })
}

fn octal(value: &str) -> Result<u32> {
    let mode = u32::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o7777);
    mode.ok_or_else(|| usage(format!("--tmpfs: mode={value} is not valid: write an octal number such as 1777")))
}

fn refused(option: &str) -> crate::error::Error {
    usage(format!("--tmpfs: option {option:?} is not supported: there are rw, ro, size=, mode="))
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
                ("/run:uid=5", "--tmpfs: option \"uid=5\" is not supported: there are rw, ro, size=, mode="),
            ],
        );
    }
}
