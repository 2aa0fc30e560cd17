//! What a profile says, as values: rules by system call name, and when each applies.
//! It knows neither numbers nor BPF.

use std::borrow::Cow;

use super::arch::{Arch, ArchSet};
use super::docker;

/// A seccomp profile in the terms of Docker's format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What happens to a call that no rule matches.
    pub default: Action,
    /// Which further conventions each native one admits; calls by any other kill the process.
    pub families: Cow<'static, [Family]>,
    /// The rules. For one call the first unconditional rule wins, else the first whose arguments match.
    pub rules: Cow<'static, [Rule]>,
    /// `SECCOMP_FILTER_FLAG_*` bits to install the filter with.
    pub flags: u32,
}

impl Profile {
    /// Docker's default profile.
    pub fn docker() -> Profile {
        docker::PROFILE
    }
}

/// A native convention and those that its kernel also serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The convention of the machine.
    pub native: Arch,
    /// The conventions admitted beside it.
    pub also: ArchSet,
}

/// One action for some system calls, perhaps only for some arguments, capabilities or machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Names of system calls, separated by white space; one that a convention lacks is ignored there.
    pub names: Cow<'static, str>,
    /// What happens to the call.
    pub action: Action,
    /// All must hold for the rule to match; but if two test the same argument, one is enough.
    pub args: Cow<'static, [ArgTest]>,
    /// Where the rule applies at all.
    pub when: When,
}

/// What the kernel does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Let it run.
    Allow,
    /// Let it run and log it.
    Log,
    /// Fail it with this `errno`.
    Errno(u16),
    /// Hand it to a tracer with this message; without one it fails with ENOSYS.
    Trace(u16),
    /// Send SIGSYS to the thread.
    Trap,
    /// Kill the thread.
    KillThread,
    /// Kill the process.
    KillProcess,
}

impl Action {
    /// The filter's return value for this action (`SECCOMP_RET_*` of `linux/seccomp.h`).
    pub fn code(self) -> u32 {
        match self {
            Action::KillProcess => 0x8000_0000,
            Action::KillThread => 0x0000_0000,
            Action::Trap => 0x0003_0000,
            Action::Errno(errno) => 0x0005_0000 | u32::from(errno),
            Action::Trace(message) => 0x7FF0_0000 | u32::from(message),
            Action::Log => 0x7FFC_0000,
            Action::Allow => 0x7FFF_0000,
        }
    }

    /// Whether the call may run after all.
    pub(super) fn permits(self) -> bool {
        matches!(self, Action::Allow | Action::Log | Action::Trace(_))
    }
}

/// A test on one argument of a call, unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgTest {
    /// Which argument, 0 to 5.
    pub index: u8,
    /// How it is compared.
    pub compare: Compare,
    /// What it is compared with; 32-bit conventions compare low words only.
    pub value: u64,
}

/// How an argument is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less than the value.
    Lt,
    /// At most the value.
    Le,
    /// Greater than the value.
    Gt,
    /// At least the value.
    Ge,
    /// Equal in the bits of this mask.
    Masked(u64),
}

/// Where a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// Capabilities that must all be in the bounding set, as a mask of `1 << number`.
    pub caps: u64,
    /// Capabilities of which none may be in it.
    pub no_caps: u64,
    /// The native convention must be one of these, if given.
    pub arches: Option<ArchSet>,
    /// The native convention must be none of these.
    pub no_arches: ArchSet,
    /// The kernel (version, revision) must be at least this.
    pub since: Option<(u32, u32)>,
    /// The kernel must be older than this.
    pub until: Option<(u32, u32)>,
}

impl When {
    /// Everywhere.
    pub const ALWAYS: When =
        When { caps: 0, no_caps: 0, arches: None, no_arches: ArchSet::of(&[]), since: None, until: None };

    /// A bit no capability has: a rule that asks for it never applies.
    pub(super) const NO_SUCH_CAP: u64 = 1 << 63;
}
