//! Capabilities as data: names, numbers and Docker's default set. Knows no system call.

use std::fmt;

/// A set of Linux capabilities, one bit each (bit n is capability number n of `linux/capability.h`).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caps(u64);

/// Names by number, without the `CAP_` prefix.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// What Docker leaves a container, by number.
const DOCKER_DEFAULT: [u8; 14] = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31];

impl Caps {
    /// No capability.
    pub const NONE: Self = Self(0);
    /// Every capability with a name.
    pub const ALL: Self = Self((1 << NAMES.len()) - 1);

    /// The 14 capabilities that Docker gives a container.
    pub fn docker_default() -> Self {
        DOCKER_DEFAULT.iter().fold(Self::NONE, |set, &number| set.with(number))
    }

    /// The set with these bits; bits without a name are kept.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// One bit per capability.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The number of a name, in any case, with or without `CAP_`.
    pub fn number(name: &str) -> Option<u8> {
        let upper = name.to_ascii_uppercase();
        let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
        NAMES.iter().position(|known| *known == bare).and_then(|at| u8::try_from(at).ok())
    }

    /// This set and capability `number` (0–63).
    #[must_use]
    pub fn with(self, number: u8) -> Self {
        Self(self.0 | 1u64.checked_shl(number.into()).unwrap_or(0))
    }

    /// This set less capability `number`.
    #[must_use]
    pub fn without(self, number: u8) -> Self {
        Self(self.0 & !1u64.checked_shl(number.into()).unwrap_or(0))
    }

    /// Whether capability `number` is in the set.
    pub fn has(self, number: u8) -> bool {
        self.0 & 1u64.checked_shl(number.into()).unwrap_or(0) != 0
    }

    /// Whether the capability called `name` (with or without `CAP_`) is in the set; false for an unknown name.
    pub fn has_name(self, name: &str) -> bool {
        Self::number(name).is_some_and(|number| self.has(number))
    }
}

impl fmt::Display for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ALL => return f.write_str("all"),
            Self::NONE => return f.write_str("none"),
            _ => {}
        }
        let names: Vec<&str> = (0..64u8)
            .filter(|&number| self.has(number))
            .map(|number| NAMES.get(usize::from(number)).copied().unwrap_or("unknown"))
            .collect();
        f.write_str(&names.join(","))
    }
}

impl fmt::Debug for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caps({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_default_has_the_known_mask() {
        assert_eq!(Caps::docker_default().bits(), 0xa804_25fb);
        assert!(Caps::docker_default().has_name("cap_chown"));
        assert!(!Caps::docker_default().has_name("SYS_ADMIN"));
        assert_eq!(Caps::number("nonsense"), None);
        assert_eq!(Caps::NONE.with(200), Caps::NONE);
    }
}
