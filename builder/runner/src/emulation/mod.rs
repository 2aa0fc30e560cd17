//! Which platforms' programs this machine can run: its own, those that its processor takes as well, and those that the
//! kernel hands to an emulator. Knows no container.

mod binfmt;
mod elf;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};

use rbuild_oci::Platform;
use rustix::fs::{MemfdFlags, memfd_create};

use crate::error::{Error, Result};
use elf::Machine;

/// Refuses a platform whose programs this machine cannot run, with the reason and what helps.
///
/// Emulators are found in binfmt_misc; where that is not mounted (in most containers it is not, though its entries
/// hold there too), and for what a processor may take beside its own, a program of a few bytes is started.
/// A platform without a name is taken for this one.
pub(crate) fn check(platform: &Platform) -> Result<()> {
    if platform.os.is_empty() || platform.architecture.is_empty() {
        return Ok(());
    }
    check_against(&platform.normal(), &Platform::native(), Path::new(binfmt::PLACE))
}

fn check_against(platform: &Platform, native: &Platform, place: &Path) -> Result<()> {
    let refuse = |reason: String, hint: String| {
        let (platform, native) = (platform.to_string(), native.to_string());
        Err(Error::Platform { platform, native, reason, hint })
    };
    if platform.os != native.os {
        return refuse(format!("the kernel is {}", native.os), "take a base image of this system".to_owned());
    }
    if platform.architecture == native.architecture {
        return match lacks(platform) {
            None => Ok(()),
            Some(level) => refuse(format!("the processor lacks {level}"), "take a lower variant".to_owned()),
        };
    }
    let Some(machine) = elf::machine(&platform.architecture) else {
        return refuse("no emulator for it is known".to_owned(), install(native));
    };
    match binfmt::handlers(place).map_err(|error| Error::io("read", place.display().to_string(), error))? {
        _ if is_relative(platform, native) && starts(machine).is_ok() => Ok(()),
        Some(handlers) => match handlers.iter().find(|handler| handler.takes(&machine.program())) {
            None => refuse("the kernel has no emulator for it".to_owned(), install(native)),
            Some(handler) => usable(handler, place).or_else(|(reason, hint)| refuse(reason, hint)),
        },
        None => starts(machine).or_else(|error| {
            refuse(format!("a program of it does not start ({error}) and no emulator is registered"), install(native))
        }),
    }
}

/// Whether a registered emulator works in every root; the reason and the remedy if not.
fn usable(handler: &binfmt::Handler, place: &Path) -> std::result::Result<(), (String, String)> {
    let binfmt::Handler { name, interpreter, .. } = handler;
    if !handler.enabled {
        let remedy = format!("as root: echo 1 > {0}/{name}; echo 1 > {0}/status", place.display());
        return Err((format!("its emulator {name} is switched off"), remedy));
    }
    if !handler.fixed {
        let reason = format!("its emulator {interpreter} is registered without the flag F, so no image can see it");
        return Err((reason, format!("register {name} with the flag F, as Debian's qemu-user-static does")));
    }
    Ok(())
}

fn install(native: &Platform) -> String {
    format!(
        "install qemu-user-static and binfmt-support (Debian, Ubuntu: apt-get install qemu-user-static \
         binfmt-support), or let the stage run on {native} with FROM --platform=$BUILDPLATFORM and cross-compile"
    )
}

/// Whether processors of the native architecture often run the other's programs too.
fn is_relative(platform: &Platform, native: &Platform) -> bool {
    matches!((native.architecture.as_str(), platform.architecture.as_str()), ("amd64", "386") | ("arm64", "arm"))
}

/// Starts a program of the machine.
fn starts(machine: &Machine) -> io::Result<()> {
    // An emulator opens the program by its name after the kernel has loaded it, so it must not close by then.
    let mut file = File::from(memfd_create("rbuild-exits", MemfdFlags::empty())?);
    file.write_all(&machine.program())?;
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    let mut command = Command::new(path);
    let status = command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("it ended with {status}"))) }
}

/// The level of the architecture that the processor does not reach, for a platform that asks for one.
#[cfg(target_arch = "x86_64")]
fn lacks(platform: &Platform) -> Option<String> {
    let wanted = platform.variant.as_deref()?;
    let second = std::arch::is_x86_feature_detected!("sse4.2")
        && std::arch::is_x86_feature_detected!("popcnt")
        && std::arch::is_x86_feature_detected!("cmpxchg16b");
    let third = std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("fma")
        && std::arch::is_x86_feature_detected!("movbe");
    let fourth = std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vl");
    let reached = [true, second, second && third, second && third && fourth];
    let level = ["v1", "v2", "v3", "v4"].iter().position(|level| *level == wanted);
    level.is_none_or(|level| !reached[level]).then(|| format!("the level {wanted}"))
}

/// Variants of other architectures differ in what programs may ask for at run time, not in what starts.
#[cfg(not(target_arch = "x86_64"))]
fn lacks(_: &Platform) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(platform: &str, place: &Path) -> String {
        let error = check_against(&platform.parse().unwrap(), &Platform::new("linux", "amd64"), place).unwrap_err();
        format!("{error}; {}", error.hint().unwrap())
    }

    #[test]
    fn reasons_tell_what_to_do() {
        let place = tempfile::tempdir().unwrap();
        let entry = |flags: &str, state: &str| {
            let text = format!(
                "{state}\ninterpreter /usr/bin/qemu-riscv64\nflags: {flags}\noffset 0\nmagic \
                 7f454c460201010000000000000000000200f300\nmask ffffffffffffff00fffffffffffffffffeffffff\n"
            );
            std::fs::write(place.path().join("qemu-riscv64"), text).unwrap();
        };
        std::fs::write(place.path().join("status"), "enabled\n").unwrap();
        let none = said("linux/riscv64", place.path());
        assert!(none.contains("no emulator for it") && none.contains("apt-get install qemu-user-static"), "{none}");
        entry("PO", "enabled");
        assert!(said("linux/riscv64", place.path()).contains("without the flag F"));
        entry("PF", "disabled");
        assert!(said("linux/riscv64", place.path()).contains("is switched off"));
        entry("PF", "enabled");
        let found = check_against(&"linux/riscv64".parse().unwrap(), &Platform::new("linux", "amd64"), place.path());
        assert!(found.is_ok(), "{found:?}");
        assert!(said("windows/amd64", place.path()).contains("the kernel is linux"));
        assert!(said("linux/amd64/v9", place.path()).contains("lacks the level v9"));
        assert!(said("linux/sparc64", place.path()).contains("no emulator for it is known"));
    }

    #[test]
    fn the_machine_runs_its_own_programs() {
        let native = Platform::native();
        check(&Platform::new("", "")).unwrap();
        check(&Platform::new("linux", std::env::consts::ARCH)).unwrap();
        check(&native).unwrap();
        let Some(machine) = elf::machine(&native.architecture) else {
            eprintln!("SKIP: no program of {native} is known");
            return;
        };
        starts(machine).unwrap();
        let place = tempfile::tempdir().unwrap();
        check_against(&native, &Platform::new("linux", "none"), place.path()).unwrap();
    }
}
