//! Docker's default profile, as data: the rules of `seccomp/default.json` of moby/profiles at seccomp/v0.2.3
//! (May 2026), less the calls that only other machines have. It knows no number and no instruction.

use std::borrow::Cow;

use super::arch::{Arch, ArchSet};
use super::profile::{Action, ArgTest, Compare, Family, Profile, Rule, When};

/// The whole profile. What no rule names fails with EPERM.
pub(super) const PROFILE: Profile =
    Profile { default: Action::Errno(EPERM), families: Cow::Borrowed(FAMILIES), rules: Cow::Borrowed(RULES), flags: 0 };

const FAMILIES: &[Family] = &[
    Family { native: Arch::X86_64, also: ArchSet::of(&[Arch::X86, Arch::X32]) },
    Family { native: Arch::Aarch64, also: ArchSet::of(&[Arch::Arm]) },
];

const RULES: &[Rule] = &[
    allow(EVERYONE, When::ALWAYS),
    allow("process_vm_readv process_vm_writev ptrace", When { since: Some((4, 8)), ..When::ALWAYS }),
    allow_if("socket", &[arg0(Compare::Lt, AF_ALG)]),
    allow_if("socket", &[arg0(Compare::Eq, AF_ALG + 1)]),
    allow_if("socket", &[arg0(Compare::Gt, AF_VSOCK)]),
    allow_if("personality", &[arg0(Compare::Eq, PER_LINUX)]),
    allow_if("personality", &[arg0(Compare::Eq, PER_LINUX32)]),
    allow_if("personality", &[arg0(Compare::Eq, UNAME26)]),
    allow_if("personality", &[arg0(Compare::Eq, UNAME26 | PER_LINUX32)]),
    allow_if("personality", &[arg0(Compare::Eq, QUERY_PERSONALITY)]),
    allow("arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls", on(&[Arch::Arm, Arch::Aarch64])),
    allow("arch_prctl", on(&[Arch::X86_64, Arch::X32])),
    allow("modify_ldt", on(&[Arch::X86_64, Arch::X32, Arch::X86])),
    allow(ADMINISTRATORS, holding(SYS_ADMIN)),
    rule("clone", Action::Allow, &[arg0(Compare::Masked(NEW_NAMESPACES), 0)], lacking(SYS_ADMIN)),
    // ENOSYS makes libraries fall back to clone, whose flags a filter can see.
    rule("clone3", Action::Errno(ENOSYS), &[], lacking(SYS_ADMIN)),
    allow("open_by_handle_at", holding(DAC_READ_SEARCH)),
    allow("reboot", holding(SYS_BOOT)),
    allow("chroot", holding(SYS_CHROOT)),
    allow("delete_module finit_module init_module", holding(SYS_MODULE)),
    allow("acct", holding(SYS_PACCT)),
    allow("kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace", holding(SYS_PTRACE)),
    allow("ioperm iopl", holding(SYS_RAWIO)),
    allow("clock_settime clock_settime64 settimeofday stime", holding(SYS_TIME)),
    allow("vhangup", holding(SYS_TTY_CONFIG)),
    allow("get_mempolicy mbind set_mempolicy set_mempolicy_home_node", holding(SYS_NICE)),
    allow("syslog", holding(SYSLOG)),
    allow("bpf", holding(BPF)),
    allow("perf_event_open", holding(PERFMON)),
];

const EVERYONE: &str = "_llseek _newselect accept accept4 access adjtimex alarm bind brk cachestat capget capset \
    chdir chmod chown chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime \
    clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 \
    dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old \
    eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate \
    fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr \
    flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate \
    ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat get_robust_list \
    get_thread_area getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups \
    getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 \
    getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32 \
    getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy \
    io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill \
    landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen \
    listmount listxattr listxattrat llistxattr lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack \
    membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 \
    mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 \
    mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep \
    newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect \
    poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 \
    pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 \
    recvmsg remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall rmdir rseq \
    rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait \
    rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity \
    sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 \
    sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop \
    semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area \
    set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid \
    setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid \
    setsockopt setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 \
    sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statmount statx symlink symlinkat \
    sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime \
    timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime \
    timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime \
    utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev";

const ADMINISTRATORS: &str = "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie \
    lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open \
    quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare";

const EPERM: u16 = 1;
const ENOSYS: u16 = 38;
const AF_ALG: u64 = 38;
const AF_VSOCK: u64 = 40;
const PER_LINUX: u64 = 0;
const PER_LINUX32: u64 = 8;
const UNAME26: u64 = 0x0002_0000;
const QUERY_PERSONALITY: u64 = 0xFFFF_FFFF;
/// `CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}`.
const NEW_NAMESPACES: u64 = 0x7E02_0000;

// Capabilities by number (`linux/capability.h`).
const DAC_READ_SEARCH: u64 = 1 << 2;
const SYS_MODULE: u64 = 1 << 16;
const SYS_RAWIO: u64 = 1 << 17;
const SYS_CHROOT: u64 = 1 << 18;
const SYS_PTRACE: u64 = 1 << 19;
const SYS_PACCT: u64 = 1 << 20;
const SYS_ADMIN: u64 = 1 << 21;
const SYS_BOOT: u64 = 1 << 22;
const SYS_NICE: u64 = 1 << 23;
const SYS_TIME: u64 = 1 << 25;
const SYS_TTY_CONFIG: u64 = 1 << 26;
const SYSLOG: u64 = 1 << 34;
const PERFMON: u64 = 1 << 38;
const BPF: u64 = 1 << 39;

const fn rule(names: &'static str, action: Action, args: &'static [ArgTest], when: When) -> Rule {
    Rule { names: Cow::Borrowed(names), action, args: Cow::Borrowed(args), when }
}

const fn allow(names: &'static str, when: When) -> Rule {
    rule(names, Action::Allow, &[], when)
}

const fn allow_if(names: &'static str, args: &'static [ArgTest]) -> Rule {
    rule(names, Action::Allow, args, When::ALWAYS)
}

const fn arg0(compare: Compare, value: u64) -> ArgTest {
    ArgTest { index: 0, compare, value }
}

const fn holding(caps: u64) -> When {
    When { caps, ..When::ALWAYS }
}

const fn lacking(no_caps: u64) -> When {
    When { no_caps, ..When::ALWAYS }
}

const fn on(arches: &[Arch]) -> When {
    When { arches: Some(ArchSet::of(arches)), ..When::ALWAYS }
}
