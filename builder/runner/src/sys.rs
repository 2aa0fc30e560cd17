//! The system calls that have no safe wrapper elsewhere. The only file of this crate with `unsafe`; knows no plan and
//! no container.
#![allow(unsafe_code)]

use std::convert::Infallible;
use std::ffi::{CStr, CString, c_char, c_int, c_ulong, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use crate::seccomp::SockFilter;
use crate::spawn::{Spawn, Spawned};

/// Attributes of `mount_setattr(2)`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MountAttributes {
    /// `MOUNT_ATTR_*` bits to set.
    pub(crate) set: u64,
    /// `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED`, or 0 to leave it.
    pub(crate) propagation: u64,
    /// Whether mounts below change too.
    pub(crate) recursive: bool,
}

/// Null-terminated array of pointers into `strings`.
fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|s| s.as_ptr()).chain([ptr::null()]).collect()
}

/// Starts a program in new namespaces; it is killed when the calling thread ends.
pub(crate) fn spawn(spawn: &Spawn<'_>) -> io::Result<Spawned> {
    let (argv, env) = (pointers(spawn.argv), pointers(spawn.env));
    let parent = rustix::process::getpid().as_raw_nonzero().get();
    // Who waits for its parent must not stop it, and who changes its user would change it for both.
    if spawn.gate.is_none() && spawn.beside.is_none() {
        return borrowed::split(spawn.namespaces, spawn.group, &|| child(spawn, &argv, &env, parent));
    }
    split(spawn.namespaces, spawn.group)?.map_or_else(|| child(spawn, &argv, &env, parent), Ok)
}

/// Splits this process, threads or not; the child sees `None` and may do nothing but system calls on memory that was
/// prepared before, as other threads' locks stay locked in it for ever.
fn split(namespaces: u64, group: Option<BorrowedFd<'_>>) -> io::Result<Option<Spawned>> {
    let mut pidfd: RawFd = -1;
    let mut args = clone_args(namespaces, group, &mut pidfd);
    // SAFETY: a fork-like clone (memory is copied); both callers' children run only `child` or `stand_guard`, which call
    // nothing but system calls on memory prepared before, so locks held by other threads do not matter.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        // SAFETY: the kernel has just stored a new descriptor that nobody else owns.
        _ => Ok(Some(Spawned { pid: pid as i32, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) } })),
    }
}

/// What every child of this process begins with.
fn clone_args(namespaces: u64, group: Option<BorrowedFd<'_>>, pidfd: &mut RawFd) -> libc::clone_args {
    // SAFETY: clone_args is plain data for which all zeroes is valid.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = namespaces | (libc::CLONE_PIDFD as u64) | CLONE_CLEAR_SIGHAND;
    args.pidfd = ptr::from_mut(pidfd) as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    if let Some(group) = group {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = group.as_raw_fd() as u64;
    }
    args
}

/// Children on borrowed memory, as by vfork(2): nothing is copied, and none of this process's pages has to be written
/// anew afterwards. The calling thread stands still until the child has become its program or is gone.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod borrowed {
    use super::{BorrowedFd, FromRawFd, Infallible, OwnedFd, RawFd, Spawned, c_void, clone_args, io, ptr};
    use std::arch::asm;

    /// Far more than what a child needs before it is a program: a few calls deep, no buffers.
    #[repr(align(16))]
    struct Stack(#[expect(dead_code, reason = "only the kernel knows of it")] [u8; 32 << 10]);

    /// Splits off a child that does `then` on a stack of its own: system calls only, no allocation, no lock, no panic.
    pub(super) fn split<F: Fn() -> Infallible>(
        namespaces: u64,
        group: Option<BorrowedFd<'_>>,
        then: &F,
    ) -> io::Result<Spawned> {
        let mut pidfd: RawFd = -1;
        let mut args = clone_args(namespaces, group, &mut pidfd);
        let mut stack = Box::<Stack>::new_uninit();
        args.flags |= (libc::CLONE_VM | libc::CLONE_VFORK) as u64;
        args.stack = stack.as_mut_ptr() as u64;
        args.stack_size = size_of::<Stack>() as u64;
        // SAFETY: the child runs `then` on `stack`, which nobody else uses and which lives until this thread goes on,
        // and never returns; what it shares with this process it only reads.
        let result = unsafe { clone3(&raw mut args, begin::<F>, ptr::from_ref(then).cast()) };
        match i32::try_from(result) {
            Ok(pid) if pid > 0 => {
                // SAFETY: the kernel has just stored a new descriptor that nobody else owns.
                Ok(Spawned { pid, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) } })
            }
            result => Err(io::Error::from_raw_os_error(result.map_or(libc::EINVAL, |errno| -errno))),
        }
    }

    type Begin = unsafe extern "C" fn(*const c_void) -> !;

    /// The first function of a child.
    unsafe extern "C" fn begin<F: Fn() -> Infallible>(then: *const c_void) -> ! {
        // SAFETY: `split` passes its own `then`, which lives as long as its thread stands still.
        match unsafe { (*then.cast::<F>())() } {}
    }

    /// clone3(2) where the child calls `begin(data)`; the child's number or a negative error number.
    #[cfg(target_arch = "x86_64")]
    unsafe fn clone3(args: *mut libc::clone_args, begin: Begin, data: *const c_void) -> i64 {
        let result: i64;
        // SAFETY: the caller's; the child has its own stack and does not leave this block.
        unsafe {
            asm!(
                "syscall", "test rax, rax", "jnz 2f", "mov rdi, {data}", "call {begin}", "ud2", "2:",
                data = in(reg) data, begin = in(reg) begin,
                inlateout("rax") libc::SYS_clone3 => result,
                in("rdi") args, in("rsi") size_of::<libc::clone_args>(),
                out("rcx") _, out("r11") _,
            );
        }
        result
    }

    /// The same. SAFETY is the caller's here, too: it lends the child a stack, and memory to read.
    #[cfg(target_arch = "aarch64")]
    unsafe fn clone3(args: *mut libc::clone_args, begin: Begin, data: *const c_void) -> i64 {
        let result: i64;
        // SAFETY: the caller's; the child has its own stack and does not leave this block.
        unsafe {
            asm!(
                "svc #0", "cbnz x0, 2f", "mov x0, {data}", "blr {begin}", "brk #1", "2:",
                data = in(reg) data, begin = in(reg) begin,
                in("x8") libc::SYS_clone3,
                inlateout("x0") args => result,
                in("x1") size_of::<libc::clone_args>(),
            );
        }
        result
    }
}

/// Children on a copy of this process's memory, where nobody has written down how to borrow it.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod borrowed {
    use super::{BorrowedFd, Infallible, Spawned, io};

    /// Splits off a child that does `then`: system calls only, no allocation, no lock, no panic.
    pub(super) fn split<F: Fn() -> Infallible>(
        namespaces: u64,
        group: Option<BorrowedFd<'_>>,
        then: &F,
    ) -> io::Result<Spawned> {
        super::split(namespaces, group)?.map_or_else(|| match then() {}, Ok)
    }
}

const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Between clone and exec: async-signal-safe calls only, no allocation, no lock, no panic.
fn child(spawn: &Spawn<'_>, argv: &[*const c_char], env: &[*const c_char], parent: i32) -> ! {
    // SAFETY: every call is a bare system call (or an async-signal-safe libc wrapper of one) on live memory.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_ulong);
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        if let Some(keep) = spawn.keep {
            libc::fcntl(keep.as_raw_fd(), libc::F_SETFD, 0);
        }
        if let Some(beside) = spawn.beside
            && !enter(beside.process, parent)
        {
            let errno = *libc::__errno_location();
            libc::write(beside.refusal.as_raw_fd(), (&raw const errno).cast(), size_of::<c_int>());
            libc::_exit(EXIT_NOT_STARTED);
        }
        if let Some(gate) = spawn.gate {
            let mut byte = 0u8;
            libc::close(gate.write.as_raw_fd());
            // A parent that died before the first line of this function kills nobody any more.
            if libc::getppid() != parent || libc::read(gate.read.as_raw_fd(), (&raw mut byte).cast(), 1) != 1 {
                libc::_exit(EXIT_NOT_STARTED);
            }
        }
        libc::syscall(
            libc::SYS_execveat,
            spawn.exe.as_raw_fd(),
            c"".as_ptr(),
            argv.as_ptr(),
            env.as_ptr(),
            libc::AT_EMPTY_PATH,
        );
        libc::_exit(EXIT_NOT_STARTED)
    }
}

/// Enters the user namespace of `process` as its user 0. Between clone and exec, as [`child`]: bare system calls only.
fn enter(process: BorrowedFd<'_>, parent: i32) -> bool {
    // SAFETY: no call touches memory.
    unsafe {
        // Only who is root outside has groups to lose that the namespace may not know.
        libc::syscall(libc::SYS_setgroups, 0, 0);
        let entered = libc::setns(process.as_raw_fd(), libc::CLONE_NEWUSER) == 0
            && libc::syscall(libc::SYS_setresgid, 0, 0, 0) == 0
            && libc::syscall(libc::SYS_setresuid, 0, 0, 0) == 0
            && libc::unshare(libc::CLONE_NEWNS) == 0
            // The kernel has forgotten it with the user that this process was.
            && libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_ulong) == 0;
        if libc::getppid() != parent {
            libc::_exit(EXIT_NOT_STARTED);
        }
        entered
    }
}

/// Exit status of a child whose program did not start.
pub(crate) const EXIT_NOT_STARTED: c_int = 254;

/// What a guard does once the process that it watches is gone.
#[derive(Debug)]
pub(crate) enum Duty<'a> {
    /// Kills a process.
    Kill {
        /// Which.
        pidfd: BorrowedFd<'a>,
    },
    /// Gives a terminal a mode.
    Restore {
        /// Which.
        terminal: BorrowedFd<'a>,
        /// The mode.
        mode: &'a TerminalMode,
    },
}

/// The mode of a terminal (termios(3)).
pub(crate) struct TerminalMode(libc::termios);

impl std::fmt::Debug for TerminalMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TerminalMode").finish_non_exhaustive()
    }
}

/// The mode that a terminal has.
pub(crate) fn terminal_mode(terminal: BorrowedFd<'_>) -> io::Result<TerminalMode> {
    // SAFETY: termios is plain data for which all zeroes is valid.
    let mut mode: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: `mode` is a termios that lives through the call.
    check(unsafe { libc::tcgetattr(terminal.as_raw_fd(), &raw mut mode) }.into())?;
    Ok(TerminalMode(mode))
}

/// Splits off a process that does its duty when `ear` is at its end.
pub(crate) fn guard(duty: &Duty<'_>, ear: BorrowedFd<'_>) -> io::Result<Spawned> {
    split(0, None)?.map_or_else(|| stand_guard(duty, ear), Ok)
}

/// In a guard: async-signal-safe calls only, no allocation, no lock, no panic. It keeps no file of its parent but two,
/// and no signal but KILL touches it.
fn stand_guard(duty: &Duty<'_>, ear: BorrowedFd<'_>) -> ! {
    let subject = match duty {
        Duty::Kill { pidfd } => pidfd,
        Duty::Restore { terminal, .. } => terminal,
    };
    const APART: c_int = 3;
    // SAFETY: every call is a bare system call (or an async-signal-safe libc wrapper of one) on live memory.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, ptr::null_mut());
        libc::setsid();
        libc::chdir(c"/".as_ptr());
        libc::prctl(libc::PR_SET_NAME, c"rbuild-guard".as_ptr());
        let (ear, subject) = (
            libc::fcntl(ear.as_raw_fd(), libc::F_DUPFD, APART),
            libc::fcntl(subject.as_raw_fd(), libc::F_DUPFD, APART),
        );
        libc::dup2(ear, 0);
        libc::dup2(subject, 1);
        libc::syscall(libc::SYS_close_range, 2, u32::MAX, 0);
        let mut byte = 0u8;
        if libc::read(0, (&raw mut byte).cast(), 1) == 0 {
            match duty {
                Duty::Kill { .. } => {
                    libc::syscall(libc::SYS_pidfd_send_signal, 1, libc::SIGKILL, ptr::null::<u8>(), 0);
                }
                Duty::Restore { mode, .. } => {
                    libc::tcsetattr(1, libc::TCSANOW, &raw const mode.0);
                }
            }
        }
        libc::_exit(0)
    }
}

/// Sends a signal by number to the process of a pidfd.
pub(crate) fn send_signal(pidfd: BorrowedFd<'_>, number: c_int) -> io::Result<()> {
    // SAFETY: touches no memory; a number that is no signal is refused by the kernel.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), number, ptr::null::<u8>(), 0) };
    check(sent)
}

/// A detached copy of this program's own file that cannot be written through: a container that gets hold of it as
/// `/proc/self/exe` cannot change the program of the host.
pub(crate) fn read_only_self() -> io::Result<OwnedFd> {
    let flags = OPEN_TREE_CLONE | libc::O_CLOEXEC as u32;
    // SAFETY: the path is a C string; the result is a new descriptor or -1.
    let raw = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, c"/proc/self/exe".as_ptr(), flags) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(raw as RawFd) };
    mount_setattr(&fd, MountAttributes { set: libc::MOUNT_ATTR_RDONLY, ..MountAttributes::default() })?;
    Ok(fd)
}

const OPEN_TREE_CLONE: u32 = 1;

/// Changes the attributes of the mount `fd`.
pub(crate) fn mount_setattr(fd: &impl AsRawFd, attributes: MountAttributes) -> io::Result<()> {
    let attr =
        libc::mount_attr { attr_set: attributes.set, attr_clr: 0, propagation: attributes.propagation, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | if attributes.recursive { AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a C string, `attr` lives through the call and its true size is passed.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            fd.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<libc::mount_attr>(),
        )
    };
    check(done)
}

const AT_RECURSIVE: c_int = 0x8000;

/// Adopts a descriptor by number, as inherited from the parent.
pub(crate) fn inherited(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: fcntl only reads the descriptor table; a number that is not open is reported, not used.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) }.into())?;
    // SAFETY: open (just checked) and named on the command line by the parent for this purpose alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Closes every descriptor but the standard streams and this one: what else was inherited is the host's.
pub(crate) fn close_all_but(kept: &impl AsRawFd) -> io::Result<()> {
    let kept = kept.as_raw_fd().unsigned_abs();
    for (first, last) in [(3, kept - 1), (kept + 1, u32::MAX)] {
        if first <= last {
            // SAFETY: the program has just begun and owns no other descriptor yet.
            check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })?;
        }
    }
    Ok(())
}

/// Marks every descriptor from `first` on close-on-exec.
pub(crate) fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: changes flags of descriptors only.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) })
}

/// From now on the programs that this one starts get nothing of what it has open now but the standard streams and what
/// they are handed.
pub fn inherit_streams_only() -> io::Result<()> {
    close_on_exec_from(3)
}

/// Gives every signal its default action and unblocks all of them.
pub(crate) fn default_signals() {
    // The kernel's own structure: handler, flags, restorer and mask, all zero. The C library keeps some signals to
    // itself and would leave them ignored.
    let default = [0u64; 4];
    for number in 1..=64 {
        // SAFETY: installs no handler, `default` is as large as the structure and the mask's size is given; signals
        // that cannot be changed are refused by the kernel.
        unsafe {
            libc::syscall(libc::SYS_rt_sigaction, number, default.as_ptr(), ptr::null::<u64>(), size_of::<u64>())
        };
    }
    // SAFETY: the set is initialised by sigemptyset before it is used.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

/// A seccomp filter for this process and its children.
pub(crate) fn install_filter(filter: &[SockFilter]) -> io::Result<()> {
    let mut program: Vec<libc::sock_filter> =
        filter.iter().map(|one| libc::sock_filter { code: one.code, jt: one.jt, jf: one.jf, k: one.k }).collect();
    let length = u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?;
    let fprog = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    // SAFETY: `fprog` points to `length` instructions that live through the call.
    check(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const fprog) })
}

/// Brings the loopback interface of this network namespace up.
pub(crate) fn loopback_up(socket: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: ifreq is plain data for which all zeroes is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: `request` is an ifreq, as SIOCSIFFLAGS expects.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw mut request) }.into())
}

/// Gives this single-threaded process a view of control groups whose root is its own group.
pub(crate) fn own_cgroup_namespace() -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::unshare(libc::CLONE_NEWCGROUP) }.into())
}

/// Becomes another program; returns only on failure.
pub(crate) fn execve(path: &CStr, argv: &[CString], env: &[CString]) -> io::Error {
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: both arrays end with null and point to C strings that live through the call.
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}

/// Starts a copy of this single-threaded process that its parent has to wait for; the copy sees `None`.
pub(crate) fn fork_beside() -> io::Result<Option<Spawned>> {
    let mut pidfd: RawFd = -1;
    let flags = libc::c_long::from(libc::CLONE_PARENT | libc::CLONE_PIDFD | libc::SIGCHLD);
    // SAFETY: a fork-like clone: no stack and no thread area is given, so memory is copied, and with no other thread it
    // is consistent. Seccomp filters know this call, unlike clone3; the first three arguments are in this order but on
    // s390x, where stack and flags trade places.
    let pid = unsafe {
        #[cfg(target_arch = "s390x")]
        let pid = libc::syscall(libc::SYS_clone, 0, flags, &raw mut pidfd, 0, 0);
        #[cfg(not(target_arch = "s390x"))]
        let pid = libc::syscall(libc::SYS_clone, flags, 0, &raw mut pidfd, 0, 0);
        pid
    };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        // SAFETY: the kernel has just stored a new descriptor that nobody else owns.
        _ => Ok(Some(Spawned { pid: pid as i32, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) } })),
    }
}

/// Splits this single-threaded process; the child sees `None`.
pub(crate) fn fork() -> io::Result<Option<i32>> {
    // SAFETY: the caller has no other thread, so the child's memory is consistent.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        pid => Ok(Some(pid)),
    }
}

/// Blocks all signals, so that [`next_signal`] can wait for them.
pub(crate) fn block_signals() {
    // SAFETY: the set is initialised by sigfillset before it is used.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, ptr::null_mut());
    }
}

/// Waits for a blocked signal and takes it.
pub(crate) fn next_signal() -> c_int {
    // SAFETY: the set is initialised by sigfillset before it is used.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigwaitinfo(&raw const all, ptr::null_mut())
    }
}

/// Sends a signal to one process by number.
pub(crate) fn kill(pid: i32, signal: c_int) {
    // SAFETY: touches no memory.
    unsafe { libc::kill(pid, signal) };
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
