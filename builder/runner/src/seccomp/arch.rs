//! The five system call conventions a filter can meet, and the names that profiles and the kernel have for them.
//! It knows no system call.

/// A system call convention (ABI): one numbering of the system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 64-bit x86 with 32-bit pointers; the kernel reports it as x86-64 with bit 30 of the number set.
    X32,
    /// 32-bit x86 (i386).
    X86,
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit ARM (EABI).
    Arm,
}

/// Bit 30 of a system call number marks the x32 convention.
const X32_BIT: u32 = 1 << 30;

impl Arch {
    /// Every convention, in the order of the columns of the number table.
    pub const ALL: [Arch; 5] = [Arch::X86_64, Arch::X32, Arch::X86, Arch::Aarch64, Arch::Arm];

    /// The convention this program was compiled for, if it is one of the five.
    pub const NATIVE: Option<Arch> = if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
        Some(Arch::X86_64)
    } else if cfg!(target_arch = "x86") {
        Some(Arch::X86)
    } else if cfg!(target_arch = "aarch64") {
        Some(Arch::Aarch64)
    } else if cfg!(target_arch = "arm") {
        Some(Arch::Arm)
    } else {
        None
    };

    /// The `AUDIT_ARCH_*` value the kernel puts in `seccomp_data.arch` (`linux/audit.h`).
    pub fn audit(self) -> u32 {
        match self {
            Arch::X86_64 | Arch::X32 => 0xC000_003E,
            Arch::X86 => 0x4000_0003,
            Arch::Aarch64 => 0xC000_00B7,
            Arch::Arm => 0x4000_0028,
        }
    }

    /// From the `SCMP_ARCH_*` name used in a profile's `archMap`.
    pub(super) fn from_scmp(name: &str) -> Option<Arch> {
        Some(match name {
            "SCMP_ARCH_X86_64" => Arch::X86_64,
            "SCMP_ARCH_X32" => Arch::X32,
            "SCMP_ARCH_X86" => Arch::X86,
            "SCMP_ARCH_AARCH64" => Arch::Aarch64,
            "SCMP_ARCH_ARM" => Arch::Arm,
            _ => return None,
        })
    }

    /// From the short name used in a rule's `arches`.
    pub(super) fn from_short(name: &str) -> Option<Arch> {
        Some(match name {
            "amd64" => Arch::X86_64,
            "x32" => Arch::X32,
            "x86" => Arch::X86,
            "arm64" => Arch::Aarch64,
            "arm" => Arch::Arm,
            _ => return None,
        })
    }

    /// The first and the last number of this convention among those that share its audit value.
    pub(super) fn window(self) -> (u32, u32) {
        match self {
            Arch::X86_64 => (0, X32_BIT - 1),
            Arch::X32 => (X32_BIT, u32::MAX),
            Arch::X86 | Arch::Aarch64 | Arch::Arm => (0, u32::MAX),
        }
    }

    /// Where the numbers begin that say nothing of how new a call is (the private calls of 32-bit ARM).
    pub(super) fn private(self) -> u32 {
        if self == Arch::Arm { 0x000F_0000 } else { u32::MAX }
    }

    /// Whether arguments are compared as 64 bits; otherwise only their low words are.
    pub(super) fn wide(self) -> bool {
        matches!(self, Arch::X86_64 | Arch::Aarch64)
    }
}

/// A set of conventions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArchSet(u8);

impl ArchSet {
    /// The set of `arches`.
    pub const fn of(arches: &[Arch]) -> ArchSet {
        let (mut bits, mut next) = (0, 0);
        while next < arches.len() {
            bits |= 1 << arches[next] as u8;
            next += 1;
        }
        ArchSet(bits)
    }

    /// Whether `arch` is in the set.
    pub const fn contains(self, arch: Arch) -> bool {
        self.0 & (1 << arch as u8) != 0
    }
}
