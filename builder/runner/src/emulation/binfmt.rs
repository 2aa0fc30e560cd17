//! binfmt_misc: which interpreters the kernel hands programs to, as its files say. Reads them; registers nothing.

use std::fs;
use std::io;
use std::path::Path;

/// Where the kernel shows them.
pub(super) const PLACE: &str = "/proc/sys/fs/binfmt_misc";

/// An interpreter for programs that begin so (Linux, `Documentation/admin-guide/binfmt-misc.rst`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Handler {
    /// The name it is registered under.
    pub(super) name: String,
    /// Its program.
    pub(super) interpreter: String,
    /// Whether it is switched on.
    pub(super) enabled: bool,
    /// Whether the kernel holds its program open (flag `F`), so that it is there in every root.
    pub(super) fixed: bool,
    offset: usize,
    magic: Vec<u8>,
    mask: Vec<u8>,
}

/// The interpreters of a directory such as [`PLACE`]; none where it is not mounted.
pub(super) fn handlers(place: &Path) -> io::Result<Option<Vec<Handler>>> {
    if !place.join("status").exists() {
        return Ok(None);
    }
    let enabled = fs::read_to_string(place.join("status"))?.trim() == "enabled";
    let mut found = Vec::new();
    for entry in fs::read_dir(place)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != "status" && name != "register" {
            let handler = parse(&name, &fs::read_to_string(entry.path())?);
            found.extend(handler.map(|handler| Handler { enabled: handler.enabled && enabled, ..handler }));
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Some(found))
}

/// Reads an entry; none for those that go by a file's extension.
fn parse(name: &str, text: &str) -> Option<Handler> {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let magic = bytes(value("magic ")?)?;
    let mask = match value("mask ") {
        Some(mask) => bytes(mask)?,
        None => vec![0xff; magic.len()],
    };
    Some(Handler {
        name: name.to_owned(),
        interpreter: value("interpreter ")?.to_owned(),
        enabled: text.lines().next() == Some("enabled"),
        fixed: value("flags:").is_some_and(|flags| flags.contains('F')),
        offset: value("offset ").and_then(|offset| offset.parse().ok()).unwrap_or(0),
        magic,
        mask,
    })
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = hex.chars().map(|char| char.to_digit(16)).collect::<Option<_>>()?;
    Some(digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}

impl Handler {
    /// Whether a program is for it.
    pub(super) fn takes(&self, program: &[u8]) -> bool {
        let Some(start) = program.get(self.offset..).filter(|start| start.len() >= self.magic.len()) else {
            return false;
        };
        let compared = self.magic.iter().zip(&self.mask).zip(start);
        compared.into_iter().all(|((magic, mask), byte)| magic & mask == byte & mask)
    }
}

#[cfg(test)]
mod tests {
    use super::super::elf::machine;
    use super::*;

    const ARM64: &str = "enabled\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: POF\noffset 0\n\
                         magic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n";

    #[test]
    fn an_entry_takes_the_programs_it_is_for() {
        let handler = parse("qemu-aarch64", ARM64).unwrap();
        assert!(handler.enabled && handler.fixed);
        assert_eq!(handler.interpreter, "/usr/libexec/qemu-binfmt/aarch64-binfmt-P");
        for (name, taken) in [("arm64", true), ("amd64", false), ("arm", false), ("riscv64", false)] {
            assert_eq!(handler.takes(&machine(name).unwrap().program()), taken, "{name}");
        }
        assert!(!handler.takes(b"\x7fELF"));
    }

    #[test]
    fn flags_and_switches_are_told_apart() {
        let handler = parse("q", &ARM64.replace("enabled", "disabled").replace("POF", "PO")).unwrap();
        assert!(!handler.enabled && !handler.fixed);
        assert_eq!(parse("python", "enabled\ninterpreter /usr/bin/python3\nflags: \nextension .pyc\n"), None);
    }

    #[test]
    fn a_directory_that_is_not_mounted_is_told_from_an_empty_one() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(handlers(place.path()).unwrap(), None);
        fs::write(place.path().join("register"), "").unwrap();
        fs::write(place.path().join("status"), "disabled\n").unwrap();
        assert_eq!(handlers(place.path()).unwrap(), Some(Vec::new()));
        fs::write(place.path().join("qemu-aarch64"), ARM64).unwrap();
        assert!(!handlers(place.path()).unwrap().unwrap()[0].enabled, "all of them are switched off");
    }
}
