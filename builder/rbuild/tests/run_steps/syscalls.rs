//! Docker's seccomp profile from inside a RUN: a static program makes calls by raw number, once under the filter and
//! once with the same capabilities and no filter, so that an EPERM of the kernel is not taken for one of the filter.
//! Arguments are such that no kernel does anything.
#![cfg(target_arch = "x86_64")]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::world::{BUSYBOX_STAGE, World, for_everyone, set_mode, skip};

/// What the filter does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// The kernel answers.
    Allowed,
    /// The filter answers with this `errno`.
    Refused(i32),
}
use Answer::{Allowed, Refused};

const EPERM: Answer = Refused(libc::EPERM);
const ENOSYS: Answer = Refused(libc::ENOSYS);
/// An address that is never mapped.
const BAD: i64 = 1;
/// `CLONE_SIGHAND` without `CLONE_VM`: no kernel starts a process for it.
const NO_PROCESS: i64 = 0x800;
/// Docker's capabilities.
const DOCKER_CAPS: &str = "a80425fb";

type Call = (&'static str, i64, [i64; 5], Answer);

const CALLS: &[Call] = &[
    ("read", libc::SYS_read, [-1, 0, 0, 0, 0], Allowed),
    ("openat", libc::SYS_openat, [-1, BAD, 0, 0, 0], Allowed),
    ("mmap", libc::SYS_mmap, [0, 0, 0, 0, -1], Allowed),
    ("ioctl", libc::SYS_ioctl, [-1, 0, 0, 0, 0], Allowed),
    ("chown", libc::SYS_chown, [BAD, 0, 0, 0, 0], Allowed),
    ("chroot", libc::SYS_chroot, [BAD, 0, 0, 0, 0], Allowed),
    ("mknodat", libc::SYS_mknodat, [-1, BAD, 0, 0, 0], Allowed),
    ("setuid", libc::SYS_setuid, [-1, 0, 0, 0, 0], Allowed),
    ("setgroups", libc::SYS_setgroups, [1, BAD, 0, 0, 0], Allowed),
    ("capset", libc::SYS_capset, [BAD, BAD, 0, 0, 0], Allowed),
    ("execveat", libc::SYS_execveat, [-1, BAD, 0, 0, 0], Allowed),
    ("futex", libc::SYS_futex, [BAD, 0, 0, 0, 0], Allowed),
    ("prctl", libc::SYS_prctl, [-1, 0, 0, 0, 0], Allowed),
    ("ptrace", libc::SYS_ptrace, [-1, 0, 0, 0, 0], Allowed),
    ("process_vm_readv", libc::SYS_process_vm_readv, [0, 0, 0, 0, 0], Allowed),
    ("name_to_handle_at", libc::SYS_name_to_handle_at, [-1, BAD, BAD, BAD, 0], Allowed),
    ("seccomp", libc::SYS_seccomp, [99, 0, 0, 0, 0], Allowed),
    ("memfd_create", libc::SYS_memfd_create, [BAD, 0, 0, 0, 0], Allowed),
    ("openat2", libc::SYS_openat2, [-1, BAD, 0, 0, 0], Allowed),
    ("pidfd_open", libc::SYS_pidfd_open, [-1, 0, 0, 0, 0], Allowed),
    ("close_range", libc::SYS_close_range, [2, 1, 0, 0, 0], Allowed),
    ("faccessat2", libc::SYS_faccessat2, [-1, BAD, 0, 0, 0], Allowed),
    ("fchmodat2", libc::SYS_fchmodat2, [-1, BAD, 0, 0, 0], Allowed),
    ("statx", libc::SYS_statx, [-1, BAD, 0, 0, BAD], Allowed),
    ("epoll_pwait2", libc::SYS_epoll_pwait2, [-1, BAD, 0, BAD, 0], Allowed),
    ("landlock_create_ruleset", libc::SYS_landlock_create_ruleset, [BAD, 0, 99, 0, 0], Allowed),
    ("modify_ldt", libc::SYS_modify_ldt, [99, 0, 0, 0, 0], Allowed),
    ("arch_prctl", libc::SYS_arch_prctl, [-1, 0, 0, 0, 0], Allowed),
    ("x32 read", 0x4000_0000, [-1, 0, 0, 0, 0], Allowed),
    ("clone (no process)", libc::SYS_clone, [NO_PROCESS, 0, 0, 0, 0], Allowed),
    ("clone (CLONE_NEWNS)", libc::SYS_clone, [NO_PROCESS | 0x0002_0000, 0, 0, 0, 0], EPERM),
    ("clone (CLONE_NEWCGROUP)", libc::SYS_clone, [NO_PROCESS | 0x0200_0000, 0, 0, 0, 0], EPERM),
    ("clone (CLONE_NEWUTS)", libc::SYS_clone, [NO_PROCESS | 0x0400_0000, 0, 0, 0, 0], EPERM),
    ("clone (CLONE_NEWIPC)", libc::SYS_clone, [NO_PROCESS | 0x0800_0000, 0, 0, 0, 0], EPERM),
    ("clone (CLONE_NEWUSER)", libc::SYS_clone, [NO_PROCESS | 0x1000_0000, 0, 0, 0, 0], EPERM),
    ("clone (CLONE_NEWPID)", libc::SYS_clone, [NO_PROCESS | 0x2000_0000, 0, 0, 0, 0], EPERM),
    ("clone (CLONE_NEWNET)", libc::SYS_clone, [NO_PROCESS | 0x4000_0000, 0, 0, 0, 0], EPERM),
    ("clone3", libc::SYS_clone3, [BAD, 0, 0, 0, 0], ENOSYS),
    ("unshare", libc::SYS_unshare, [0; 5], EPERM),
    ("setns", libc::SYS_setns, [-1, 0, 0, 0, 0], EPERM),
    ("socket (AF_UNIX)", libc::SYS_socket, [1, 99, 0, 0, 0], Allowed),
    ("socket (AF_INET)", libc::SYS_socket, [2, 99, 0, 0, 0], Allowed),
    ("socket (AF_NETLINK)", libc::SYS_socket, [16, 99, 0, 0, 0], Allowed),
    ("socket (AF_ALG)", libc::SYS_socket, [38, 99, 0, 0, 0], EPERM),
    ("socket (39)", libc::SYS_socket, [39, 99, 0, 0, 0], Allowed),
    ("socket (AF_VSOCK)", libc::SYS_socket, [40, 99, 0, 0, 0], EPERM),
    ("socket (41)", libc::SYS_socket, [41, 99, 0, 0, 0], Allowed),
    ("personality (query)", libc::SYS_personality, [0xFFFF_FFFF, 0, 0, 0, 0], Allowed),
    ("personality (PER_LINUX)", libc::SYS_personality, [0; 5], Allowed),
    ("personality (no randomization)", libc::SYS_personality, [0x0004_0000, 0, 0, 0, 0], EPERM),
    ("personality (read implies exec)", libc::SYS_personality, [0x0040_0000, 0, 0, 0, 0], EPERM),
    ("mount", libc::SYS_mount, [BAD, BAD, BAD, 0, 0], EPERM),
    ("umount2", libc::SYS_umount2, [BAD, -1, 0, 0, 0], EPERM),
    ("x32 umount2", 0x4000_0000 + 166, [BAD, -1, 0, 0, 0], EPERM),
    ("pivot_root", libc::SYS_pivot_root, [BAD, BAD, 0, 0, 0], EPERM),
    ("fsopen", libc::SYS_fsopen, [BAD, -1, 0, 0, 0], EPERM),
    ("fsmount", libc::SYS_fsmount, [-1, -1, 0, 0, 0], EPERM),
    ("open_tree", libc::SYS_open_tree, [-1, BAD, -1, 0, 0], EPERM),
    ("move_mount", libc::SYS_move_mount, [-1, BAD, -1, BAD, -1], EPERM),
    ("mount_setattr", libc::SYS_mount_setattr, [-1, BAD, -1, 0, 0], EPERM),
    ("sethostname", libc::SYS_sethostname, [BAD, -1, 0, 0, 0], EPERM),
    ("setdomainname", libc::SYS_setdomainname, [BAD, -1, 0, 0, 0], EPERM),
    ("swapon", libc::SYS_swapon, [BAD, 0, 0, 0, 0], EPERM),
    ("add_key", libc::SYS_add_key, [BAD, 0, 0, 0, 0], EPERM),
    ("request_key", libc::SYS_request_key, [BAD, 0, 0, 0, 0], EPERM),
    ("keyctl", libc::SYS_keyctl, [9999, 0, 0, 0, 0], EPERM),
    ("userfaultfd", libc::SYS_userfaultfd, [-1, 0, 0, 0, 0], EPERM),
    ("io_uring_setup", libc::SYS_io_uring_setup, [0, BAD, 0, 0, 0], EPERM),
    ("io_uring_enter", libc::SYS_io_uring_enter, [-1, 0, 0, 0, 0], EPERM),
    ("io_uring_register", libc::SYS_io_uring_register, [-1, 0, 0, 0, 0], EPERM),
    ("migrate_pages", libc::SYS_migrate_pages, [-1, 0, 0, 0, 0], EPERM),
    ("move_pages", libc::SYS_move_pages, [-1, 0, 0, 0, 0], EPERM),
    ("mbind", libc::SYS_mbind, [1, 0, -1, 0, 0], EPERM),
    ("bpf", libc::SYS_bpf, [9999, 0, 0, 0, 0], EPERM),
    ("perf_event_open", libc::SYS_perf_event_open, [BAD, 0, 0, 0, 0], EPERM),
    ("fanotify_init", libc::SYS_fanotify_init, [-1, 0, 0, 0, 0], EPERM),
    ("kcmp", libc::SYS_kcmp, [0, 0, 99, 0, 0], EPERM),
    ("pidfd_getfd", libc::SYS_pidfd_getfd, [-1, 0, 0, 0, 0], EPERM),
    ("process_madvise", libc::SYS_process_madvise, [-1, 0, 0, 0, -1], EPERM),
    ("clock_settime", libc::SYS_clock_settime, [-1, BAD, 0, 0, 0], EPERM),
    ("syslog", libc::SYS_syslog, [99, 0, 0, 0, 0], EPERM),
    ("reboot", libc::SYS_reboot, [0; 5], EPERM),
    ("init_module", libc::SYS_init_module, [BAD, 0, BAD, 0, 0], EPERM),
    ("acct", libc::SYS_acct, [BAD, 0, 0, 0, 0], EPERM),
    ("open_by_handle_at", libc::SYS_open_by_handle_at, [-1, BAD, 0, 0, 0], EPERM),
    ("nfsservctl", libc::SYS_nfsservctl, [0; 5], EPERM),
    ("open_tree_attr", 467, [-1, BAD, -1, 0, 0], ENOSYS),
    ("(not there yet)", 999, [0; 5], ENOSYS),
];

#[test]
fn the_filter_answers_as_dockers_does() {
    let Some(probe) = probe() else { return };
    for_everyone(|world| {
        let run = |flags: &str| answers(world, &probe, flags);
        let filtered = run("RUN [\"/probe\", \"/calls\"]");
        let bare = run(&format!("RUN --security=insecure [\"/probe\", \"--caps\", \"{DOCKER_CAPS}\", \"/calls\"]"));
        let mut silent = Vec::new();
        for ((name, _, _, expected), (filtered, bare)) in CALLS.iter().zip(filtered.into_iter().zip(bare)) {
            let wanted = if let Refused(errno) = expected { *errno } else { bare };
            assert_eq!(filtered, wanted, "{name} as {:?}: {expected:?}, errno {bare} without a filter", world.user);
            if *expected == Refused(bare) {
                silent.push(*name);
            }
        }
        skip(&format!("as {:?} the kernel itself refuses {}", world.user, silent.join(", ")));
        assert!(CALLS.len() - silent.len() >= 60, "{} calls tell nothing as {:?}", silent.len(), world.user);
    });
}

/// A user's step has no more of the kernel than root's, also after it has given up root.
#[test]
fn the_filter_is_the_same_for_an_ordinary_user_of_the_image() {
    let Some(probe) = probe() else { return };
    for_everyone(|world| {
        let answers = answers(world, &probe, "USER 1234\nRUN [\"/probe\", \"/calls\"]");
        for ((name, _, _, expected), answer) in CALLS.iter().zip(answers) {
            if let Refused(errno) = expected {
                assert_eq!(answer, *errno, "{name} as {:?}", world.user);
            }
        }
    });
}

#[test]
fn a_set_user_id_program_works() {
    let Some(probe) = probe() else { return };
    for_everyone(|world| {
        if world.user.has_one_id() {
            skip(&format!("set-user-id programs as {:?}: there is no other id", world.user));
            return;
        }
        std::fs::copy(&probe, world.path("context/probe")).expect("a copy");
        set_mode(&world.path("context/probe"), 0o755);
        world.write("calls", format!("{} 0\n", libc::SYS_setuid));
        let copy = format!(
            "{BUSYBOX_STAGE}COPY --chmod=4755 probe /set\nCOPY --chmod=755 probe /plain\nCOPY calls /\nUSER app\n"
        );
        let said = world.build(&format!("{copy}RUN /plain /calls; /set /calls\n")).ok().said();
        assert_eq!(said, format!("{}\n0\n", libc::EPERM), "as {:?}", world.user);
    });
}

/// What a step answers to every call of the table.
fn answers(world: &World, probe: &Path, step: &str) -> Vec<i32> {
    std::fs::copy(probe, world.path("context/probe")).expect("a copy");
    set_mode(&world.path("context/probe"), 0o755);
    let line =
        |(_, number, args, _): &Call| args.iter().fold(number.to_string(), |line, arg| format!("{line} {arg}")) + "\n";
    world.write("calls", CALLS.iter().map(line).collect::<String>());
    let dockerfile = format!("{BUSYBOX_STAGE}COPY probe calls /\n{step}\n");
    let said = world.build(&dockerfile).args(["--allow", "security.insecure"]).ok().said();
    let answers: Vec<i32> = said.lines().map(|line| line.parse().expect("an errno")).collect();
    assert_eq!(answers.len(), CALLS.len(), "{said}");
    answers
}

/// The program that makes the calls, static: for musl where that target is installed, else for the C library here.
fn probe() -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runner/examples/syscalls.rs");
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let musl = ["--target", concat!("x86_64", "-unknown-linux-musl")];
    for (name, flags) in [("musl", musl), ("gnu", ["-C", "target-feature=+crt-static"])] {
        let made = tempfile::Builder::new().prefix("syscalls").tempfile_in(dir).expect("a file").into_temp_path();
        let rustc = Command::new(&rustc)
            .args(["--edition", "2024", "-O"])
            .args(flags)
            .arg(&source)
            .arg("-o")
            .arg(&made)
            .output();
        match rustc {
            Ok(output) if output.status.success() => {
                let probe = dir.join(format!("syscalls-{name}"));
                made.persist(&probe).expect("a program");
                return Some(probe);
            }
            Ok(output) => eprintln!("for {name}: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => eprintln!("for {name}: cannot run rustc: {error}"),
        }
    }
    skip("no static program: rustup target add x86_64-unknown-linux-musl (or apt-get install libc6-dev)");
    None
}
