//! Programs of each architecture in as few bytes as there can be: what the kernel looks at to choose who runs them, and
//! enough to exit. Executes nothing.

/// An architecture: how its programs begin (ELF, `e_machine`), and how one ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine {
    /// Its name as Go has it.
    name: &'static str,
    number: u16,
    word: Word,
    order: Order,
    /// `e_flags`: the calling convention where the loader insists on it.
    flags: u32,
    /// Instructions that exit with 0.
    exit: &'static [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Bits32,
    Bits64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Machine {
    const fn little(name: &'static str, number: u16, flags: u32, exit: &'static [u8]) -> Self {
        Self { name, number, word: Word::Bits64, order: Order::Little, flags, exit }
    }

    const fn short(self) -> Self {
        Self { word: Word::Bits32, ..self }
    }

    const fn big(self) -> Self {
        Self { order: Order::Big, ..self }
    }
}

/// `exit(0)` in the machine's own words: the system call's number and its argument in registers, then the call.
const MACHINES: [Machine; 11] = [
    Machine::little("amd64", 62, 0, &[0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05]),
    Machine::little("386", 3, 0, &[0x31, 0xdb, 0x31, 0xc0, 0x40, 0xcd, 0x80]).short(),
    Machine::little("arm64", 183, 0, &[0x00, 0x00, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 0x01, 0, 0, 0xd4]),
    Machine::little("arm", 40, 0x0500_0000, &[0, 0, 0xa0, 0xe3, 0x01, 0x70, 0xa0, 0xe3, 0, 0, 0, 0xef]).short(),
    Machine::little("riscv64", 243, 0, &[0x13, 0x05, 0, 0, 0x93, 0x08, 0xd0, 0x05, 0x73, 0, 0, 0]),
    Machine::little("ppc64le", 21, 2, &[0x01, 0, 0, 0x38, 0, 0, 0x60, 0x38, 0x02, 0, 0, 0x44]),
    Machine::little("ppc64", 21, 2, &[0x38, 0, 0, 0x01, 0x38, 0x60, 0, 0, 0x44, 0, 0, 0x02]).big(),
    Machine::little("s390x", 22, 0, &[0xa7, 0x29, 0, 0, 0x0a, 0x01]).big(),
    Machine::little("mips64le", 8, 0x6000_0000, &[0xc2, 0x13, 0x02, 0x24, 0x25, 0x20, 0, 0, 0x0c, 0, 0, 0]),
    Machine::little("mips64", 8, 0x6000_0000, &[0x24, 0x02, 0x13, 0xc2, 0, 0, 0x20, 0x25, 0, 0, 0, 0x0c]).big(),
    Machine::little("loong64", 258, 0x43, &[0x0b, 0x74, 0x81, 0x02, 0x04, 0, 0x80, 0x02, 0, 0, 0x2b, 0]),
];

/// Where the program is loaded: above what no process may map, aligned to the largest page of any of the machines.
const BASE: u64 = 0x40_0000;
const PAGE: u64 = 0x1_0000;

/// `ET_EXEC`, `PT_LOAD`, and readable and executable.
const EXECUTABLE: u16 = 2;
const LOAD: u32 = 1;
const READ_AND_EXECUTE: u32 = 5;

/// The machine by Go's name of its architecture.
pub(super) fn machine(architecture: &str) -> Option<&'static Machine> {
    MACHINES.iter().find(|machine| machine.name == architecture)
}

impl Machine {
    /// A whole program that exits with 0.
    pub(super) fn program(&self) -> Vec<u8> {
        let (head, segment) = match self.word {
            Word::Bits64 => (64, 56),
            Word::Bits32 => (52, 32),
        };
        let start = u64::from(head + segment);
        let size = start + self.exit.len() as u64;
        let mut out = Bytes { order: self.order, word: self.word, all: self.identification() };
        out.half(EXECUTABLE).half(self.number).word(1).address(BASE + start).address(u64::from(head)).address(0);
        out.word(self.flags).half(head).half(segment).half(1).half(0).half(0).half(0).word(LOAD);
        match self.word {
            Word::Bits64 => {
                out.word(READ_AND_EXECUTE).address(0).address(BASE).address(BASE).address(size).address(size)
            }
            Word::Bits32 => {
                out.address(0).address(BASE).address(BASE).address(size).address(size).word(READ_AND_EXECUTE)
            }
        };
        out.address(PAGE);
        out.all.extend_from_slice(self.exit);
        out.all
    }

    fn identification(&self) -> Vec<u8> {
        let mut bytes = b"\x7fELF".to_vec();
        bytes.push(if self.word == Word::Bits64 { 2 } else { 1 });
        bytes.push(if self.order == Order::Big { 2 } else { 1 });
        bytes.push(1);
        bytes.resize(16, 0);
        bytes
    }
}

/// Numbers in a machine's order.
struct Bytes {
    order: Order,
    word: Word,
    all: Vec<u8>,
}

impl Bytes {
    fn half(&mut self, value: u16) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    fn word(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    fn address(&mut self, value: u64) -> &mut Self {
        match self.word {
            Word::Bits64 => self.put(&value.to_be_bytes()),
            Word::Bits32 => self.put(&value.to_be_bytes()[4..]),
        }
    }

    fn put(&mut self, big: &[u8]) -> &mut Self {
        match self.order {
            Order::Big => self.all.extend_from_slice(big),
            Order::Little => self.all.extend(big.iter().rev()),
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    /// What qemu calls the machines, where it is not their own name.
    fn emulator(name: &str) -> String {
        let name = match name {
            "amd64" => "x86_64",
            "386" => "i386",
            "arm64" => "aarch64",
            "mips64le" => "mips64el",
            "loong64" => "loongarch64",
            other => other,
        };
        format!("qemu-{name}-static")
    }

    #[test]
    fn every_program_exits_in_its_emulator() {
        let directory = tempfile::tempdir().unwrap();
        for machine in &MACHINES {
            let path = directory.path().join(machine.name);
            std::fs::write(&path, machine.program()).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            match Command::new(emulator(machine.name)).arg(&path).output() {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    eprintln!("SKIP: {} is not installed (qemu-user-static)", emulator(machine.name));
                }
                other => {
                    let output = other.unwrap();
                    assert_eq!(output.status.code(), Some(0), "{}: {output:?}", machine.name);
                }
            }
        }
    }
}
