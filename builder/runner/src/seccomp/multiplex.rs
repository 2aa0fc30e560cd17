//! The two i386 calls that stand for many, `socketcall` and `ipc`: their first argument says which call is meant,
//! so a rule on such a call must hold for both ways to make it. It knows no rule.

use super::arch::Arch;

/// How else `name` is called in `arch`: the number of the multiplexer, and its first argument.
pub(super) fn multiplexed(arch: Arch, name: &str) -> Option<(u32, u64)> {
    if arch != Arch::X86 {
        return None;
    }
    let row = CALLS.binary_search_by(|(known, ..)| (*known).cmp(name)).ok()?;
    CALLS.get(row).map(|(_, number, selector)| (*number, *selector))
}

const SOCKETCALL: u32 = 102;
const IPC: u32 = 117;

/// `SYS_*` of `linux/net.h`, `SEMOP` and the others of `linux/ipc.h`. In order of names.
const CALLS: &[(&str, u32, u64)] = &[
    ("accept", SOCKETCALL, 5),
    ("accept4", SOCKETCALL, 18),
    ("bind", SOCKETCALL, 2),
    ("connect", SOCKETCALL, 3),
    ("getpeername", SOCKETCALL, 7),
    ("getsockname", SOCKETCALL, 6),
    ("getsockopt", SOCKETCALL, 15),
    ("listen", SOCKETCALL, 4),
    ("msgctl", IPC, 14),
    ("msgget", IPC, 13),
    ("msgrcv", IPC, 12),
    ("msgsnd", IPC, 11),
    ("recv", SOCKETCALL, 10),
    ("recvfrom", SOCKETCALL, 12),
    ("recvmmsg", SOCKETCALL, 19),
    ("recvmsg", SOCKETCALL, 17),
    ("semctl", IPC, 3),
    ("semget", IPC, 2),
    ("semop", IPC, 1),
    ("semtimedop", IPC, 4),
    ("send", SOCKETCALL, 9),
    ("sendmmsg", SOCKETCALL, 20),
    ("sendmsg", SOCKETCALL, 16),
    ("sendto", SOCKETCALL, 11),
    ("setsockopt", SOCKETCALL, 14),
    ("shmat", IPC, 21),
    ("shmctl", IPC, 24),
    ("shmdt", IPC, 22),
    ("shmget", IPC, 23),
    ("shutdown", SOCKETCALL, 13),
    ("socket", SOCKETCALL, 1),
    ("socketpair", SOCKETCALL, 8),
];

#[cfg(test)]
mod tests {
    use super::CALLS;

    #[test]
    fn names_are_in_order() {
        assert!(CALLS.is_sorted_by(|a, b| a.0 < b.0));
    }
}
