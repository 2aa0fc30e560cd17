//! The number of every system call by name, for each convention: the tables of Linux 7.1.
//! It knows no rule.

use super::arch::Arch;

/// Looks system calls up by name; quickest when the names come in order.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    next: usize,
}

impl Numbers {
    /// The number of the call `name` in each convention of [`Arch::ALL`]; [`NONE`] where it has none.
    pub(super) fn of(&mut self, name: &str) -> Option<[u32; Arch::ALL.len()]> {
        if name.len() > LONGEST {
            return None;
        }
        let name = padded(name);
        let near = TABLE.iter().skip(self.next).take(NEAR).position(|(known, _)| *known == name);
        let row = match near {
            Some(ahead) => self.next + ahead,
            None => TABLE.binary_search_by(|(known, _)| known.cmp(&name)).ok()?,
        };
        self.next = row + 1;
        TABLE.get(row).map(|(_, numbers)| *numbers)
    }
}

/// How many rows after the last one found are worth a look before a search.
const NEAR: usize = 8;

/// Stands for "no such call in this convention".
pub(super) const NONE: u32 = u32::MAX;
const N: u32 = NONE;

/// A name, filled up with zeros. A table of strings would be addresses, which every start of the program has to correct.
type Name = [u8; LONGEST];
type Row = (Name, [u32; Arch::ALL.len()]);
const LONGEST: usize = "sched_rr_get_interval_time64".len();

const fn row(name: &str, numbers: [u32; Arch::ALL.len()]) -> Row {
    (padded(name), numbers)
}

/// A name of at most [`LONGEST`] bytes.
const fn padded(name: &str) -> Name {
    let mut padded = [0; LONGEST];
    padded.split_at_mut(name.len()).0.copy_from_slice(name.as_bytes());
    padded
}

/// Name; x86-64, x32 (without bit 30), i386, aarch64, ARM EABI. In order of names.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    row("_llseek", [N, N, 140, N, 140]), row("_newselect", [N, N, 142, N, 142]),
    row("_sysctl", [156, N, 149, N, 149]), row("accept", [43, 43, N, 202, 285]),
    row("accept4", [288, 288, 364, 242, 366]), row("access", [21, 21, 33, N, 33]),
    row("acct", [163, 163, 51, 89, 51]), row("add_key", [248, 248, 286, 217, 309]),
    row("adjtimex", [159, 159, 124, 171, 124]), row("afs_syscall", [183, 183, 137, N, N]),
    row("alarm", [37, 37, 27, N, N]), row("arch_prctl", [158, 158, 384, N, N]),
    row("arm_fadvise64_64", [N, N, N, N, 270]), row("arm_sync_file_range", [N, N, N, N, 341]),
    row("bdflush", [N, N, 134, N, 134]), row("bind", [49, 49, 361, 200, 282]),
    row("bpf", [321, 321, 357, 280, 386]), row("break", [N, N, 17, N, N]),
    row("breakpoint", [N, N, N, N, 983_041]), row("brk", [12, 12, 45, 214, 45]),
    row("cacheflush", [N, N, N, N, 983_042]), row("cachestat", [451, 451, 451, 451, 451]),
    row("capget", [125, 125, 184, 90, 184]), row("capset", [126, 126, 185, 91, 185]),
    row("chdir", [80, 80, 12, 49, 12]), row("chmod", [90, 90, 15, N, 15]),
    row("chown", [92, 92, 182, N, 182]), row("chown32", [N, N, 212, N, 212]),
    row("chroot", [161, 161, 61, 51, 61]), row("clock_adjtime", [305, 305, 343, 266, 372]),
    row("clock_adjtime64", [N, N, 405, N, 405]), row("clock_getres", [229, 229, 266, 114, 264]),
    row("clock_getres_time64", [N, N, 406, N, 406]), row("clock_gettime", [228, 228, 265, 113, 263]),
    row("clock_gettime64", [N, N, 403, N, 403]), row("clock_nanosleep", [230, 230, 267, 115, 265]),
    row("clock_nanosleep_time64", [N, N, 407, N, 407]), row("clock_settime", [227, 227, 264, 112, 262]),
    row("clock_settime64", [N, N, 404, N, 404]), row("clone", [56, 56, 120, 220, 120]),
    row("clone3", [435, 435, 435, 435, 435]), row("close", [3, 3, 6, 57, 6]),
    row("close_range", [436, 436, 436, 436, 436]), row("connect", [42, 42, 362, 203, 283]),
    row("copy_file_range", [326, 326, 377, 285, 391]), row("creat", [85, 85, 8, N, 8]),
    row("create_module", [174, N, 127, N, N]), row("delete_module", [176, 176, 129, 106, 129]),
    row("dup", [32, 32, 41, 23, 41]), row("dup2", [33, 33, 63, N, 63]),
    row("dup3", [292, 292, 330, 24, 358]), row("epoll_create", [213, 213, 254, N, 250]),
    row("epoll_create1", [291, 291, 329, 20, 357]), row("epoll_ctl", [233, 233, 255, 21, 251]),
    row("epoll_ctl_old", [214, N, N, N, N]), row("epoll_pwait", [281, 281, 319, 22, 346]),
    row("epoll_pwait2", [441, 441, 441, 441, 441]), row("epoll_wait", [232, 232, 256, N, 252]),
    row("epoll_wait_old", [215, N, N, N, N]), row("eventfd", [284, 284, 323, N, 351]),
    row("eventfd2", [290, 290, 328, 19, 356]), row("execve", [59, 520, 11, 221, 11]),
    row("execveat", [322, 545, 358, 281, 387]), row("exit", [60, 60, 1, 93, 1]),
    row("exit_group", [231, 231, 252, 94, 248]), row("faccessat", [269, 269, 307, 48, 334]),
    row("faccessat2", [439, 439, 439, 439, 439]), row("fadvise64", [221, 221, 250, 223, N]),
    row("fadvise64_64", [N, N, 272, N, N]), row("fallocate", [285, 285, 324, 47, 352]),
    row("fanotify_init", [300, 300, 338, 262, 367]), row("fanotify_mark", [301, 301, 339, 263, 368]),
    row("fchdir", [81, 81, 133, 50, 133]), row("fchmod", [91, 91, 94, 52, 94]),
    row("fchmodat", [268, 268, 306, 53, 333]), row("fchmodat2", [452, 452, 452, 452, 452]),
    row("fchown", [93, 93, 95, 55, 95]), row("fchown32", [N, N, 207, N, 207]),
    row("fchownat", [260, 260, 298, 54, 325]), row("fcntl", [72, 72, 55, 25, 55]),
    row("fcntl64", [N, N, 221, N, 221]), row("fdatasync", [75, 75, 148, 83, 148]),
    row("fgetxattr", [193, 193, 231, 10, 231]), row("file_getattr", [468, 468, 468, 468, 468]),
    row("file_setattr", [469, 469, 469, 469, 469]), row("finit_module", [313, 313, 350, 273, 379]),
    row("flistxattr", [196, 196, 234, 13, 234]), row("flock", [73, 73, 143, 32, 143]),
    row("fork", [57, 57, 2, N, 2]), row("fremovexattr", [199, 199, 237, 16, 237]),
    row("fsconfig", [431, 431, 431, 431, 431]), row("fsetxattr", [190, 190, 228, 7, 228]),
    row("fsmount", [432, 432, 432, 432, 432]), row("fsopen", [430, 430, 430, 430, 430]),
    row("fspick", [433, 433, 433, 433, 433]), row("fstat", [5, 5, 108, 80, 108]),
    row("fstat64", [N, N, 197, N, 197]), row("fstatat64", [N, N, 300, N, 327]),
    row("fstatfs", [138, 138, 100, 44, 100]), row("fstatfs64", [N, N, 269, N, 267]),
    row("fsync", [74, 74, 118, 82, 118]), row("ftime", [N, N, 35, N, N]),
    row("ftruncate", [77, 77, 93, 46, 93]), row("ftruncate64", [N, N, 194, N, 194]),
    row("futex", [202, 202, 240, 98, 240]), row("futex_requeue", [456, 456, 456, 456, 456]),
    row("futex_time64", [N, N, 422, N, 422]), row("futex_wait", [455, 455, 455, 455, 455]),
    row("futex_waitv", [449, 449, 449, 449, 449]), row("futex_wake", [454, 454, 454, 454, 454]),
    row("futimesat", [261, 261, 299, N, 326]), row("get_kernel_syms", [177, N, 130, N, N]),
    row("get_mempolicy", [239, 239, 275, 236, 320]), row("get_robust_list", [274, 531, 312, 100, 339]),
    row("get_thread_area", [211, N, 244, N, N]), row("get_tls", [N, N, N, N, 983_046]),
    row("getcpu", [309, 309, 318, 168, 345]), row("getcwd", [79, 79, 183, 17, 183]),
    row("getdents", [78, 78, 141, N, 141]), row("getdents64", [217, 217, 220, 61, 217]),
    row("getegid", [108, 108, 50, 177, 50]), row("getegid32", [N, N, 202, N, 202]),
    row("geteuid", [107, 107, 49, 175, 49]), row("geteuid32", [N, N, 201, N, 201]),
    row("getgid", [104, 104, 47, 176, 47]), row("getgid32", [N, N, 200, N, 200]),
    row("getgroups", [115, 115, 80, 158, 80]), row("getgroups32", [N, N, 205, N, 205]),
    row("getitimer", [36, 36, 105, 102, 105]), row("getpeername", [52, 52, 368, 205, 287]),
    row("getpgid", [121, 121, 132, 155, 132]), row("getpgrp", [111, 111, 65, N, 65]),
    row("getpid", [39, 39, 20, 172, 20]), row("getpmsg", [181, 181, 188, N, N]),
    row("getppid", [110, 110, 64, 173, 64]), row("getpriority", [140, 140, 96, 141, 96]),
    row("getrandom", [318, 318, 355, 278, 384]), row("getresgid", [120, 120, 171, 150, 171]),
    row("getresgid32", [N, N, 211, N, 211]), row("getresuid", [118, 118, 165, 148, 165]),
    row("getresuid32", [N, N, 209, N, 209]), row("getrlimit", [97, 97, 76, 163, N]),
    row("getrusage", [98, 98, 77, 165, 77]), row("getsid", [124, 124, 147, 156, 147]),
    row("getsockname", [51, 51, 367, 204, 286]), row("getsockopt", [55, 542, 365, 209, 295]),
    row("gettid", [186, 186, 224, 178, 224]), row("gettimeofday", [96, 96, 78, 169, 78]),
    row("getuid", [102, 102, 24, 174, 24]), row("getuid32", [N, N, 199, N, 199]),
    row("getxattr", [191, 191, 229, 8, 229]), row("getxattrat", [464, 464, 464, 464, 464]),
    row("gtty", [N, N, 32, N, N]), row("idle", [N, N, 112, N, N]),
    row("init_module", [175, 175, 128, 105, 128]), row("inotify_add_watch", [254, 254, 292, 27, 317]),
    row("inotify_init", [253, 253, 291, N, 316]), row("inotify_init1", [294, 294, 332, 26, 360]),
    row("inotify_rm_watch", [255, 255, 293, 28, 318]), row("io_cancel", [210, 210, 249, 3, 247]),
    row("io_destroy", [207, 207, 246, 1, 244]), row("io_getevents", [208, 208, 247, 4, 245]),
    row("io_pgetevents", [333, 333, 385, 292, 399]), row("io_pgetevents_time64", [N, N, 416, N, 416]),
    row("io_setup", [206, 543, 245, 0, 243]), row("io_submit", [209, 544, 248, 2, 246]),
    row("io_uring_enter", [426, 426, 426, 426, 426]), row("io_uring_register", [427, 427, 427, 427, 427]),
    row("io_uring_setup", [425, 425, 425, 425, 425]), row("ioctl", [16, 514, 54, 29, 54]),
    row("ioperm", [173, 173, 101, N, N]), row("iopl", [172, 172, 110, N, N]),
    row("ioprio_get", [252, 252, 290, 31, 315]), row("ioprio_set", [251, 251, 289, 30, 314]),
    row("ipc", [N, N, 117, N, N]), row("kcmp", [312, 312, 349, 272, 378]),
    row("kexec_file_load", [320, 320, N, 294, 401]), row("kexec_load", [246, 528, 283, 104, 347]),
    row("keyctl", [250, 250, 288, 219, 311]), row("kill", [62, 62, 37, 129, 37]),
    row("landlock_add_rule", [445, 445, 445, 445, 445]), row("landlock_create_ruleset", [444, 444, 444, 444, 444]),
    row("landlock_restrict_self", [446, 446, 446, 446, 446]), row("lchown", [94, 94, 16, N, 16]),
    row("lchown32", [N, N, 198, N, 198]), row("lgetxattr", [192, 192, 230, 9, 230]),
    row("link", [86, 86, 9, N, 9]), row("linkat", [265, 265, 303, 37, 330]),
    row("listen", [50, 50, 363, 201, 284]), row("listmount", [458, 458, 458, 458, 458]),
    row("listns", [470, 470, 470, 470, 470]), row("listxattr", [194, 194, 232, 11, 232]),
    row("listxattrat", [465, 465, 465, 465, 465]), row("llistxattr", [195, 195, 233, 12, 233]),
    row("lock", [N, N, 53, N, N]), row("lookup_dcookie", [212, 212, 253, 18, 249]),
    row("lremovexattr", [198, 198, 236, 15, 236]), row("lseek", [8, 8, 19, 62, 19]),
    row("lsetxattr", [189, 189, 227, 6, 227]), row("lsm_get_self_attr", [459, 459, 459, 459, 459]),
    row("lsm_list_modules", [461, 461, 461, 461, 461]), row("lsm_set_self_attr", [460, 460, 460, 460, 460]),
    row("lstat", [6, 6, 107, N, 107]), row("lstat64", [N, N, 196, N, 196]),
    row("madvise", [28, 28, 219, 233, 220]), row("map_shadow_stack", [453, 453, 453, 453, 453]),
    row("mbind", [237, 237, 274, 235, 319]), row("membarrier", [324, 324, 375, 283, 389]),
    row("memfd_create", [319, 319, 356, 279, 385]), row("memfd_secret", [447, 447, 447, 447, N]),
    row("migrate_pages", [256, 256, 294, 238, 400]), row("mincore", [27, 27, 218, 232, 219]),
    row("mkdir", [83, 83, 39, N, 39]), row("mkdirat", [258, 258, 296, 34, 323]),
    row("mknod", [133, 133, 14, N, 14]), row("mknodat", [259, 259, 297, 33, 324]),
    row("mlock", [149, 149, 150, 228, 150]), row("mlock2", [325, 325, 376, 284, 390]),
    row("mlockall", [151, 151, 152, 230, 152]), row("mmap", [9, 9, 90, 222, N]),
    row("mmap2", [N, N, 192, N, 192]), row("modify_ldt", [154, 154, 123, N, N]),
    row("mount", [165, 165, 21, 40, 21]), row("mount_setattr", [442, 442, 442, 442, 442]),
    row("move_mount", [429, 429, 429, 429, 429]), row("move_pages", [279, 533, 317, 239, 344]),
    row("mprotect", [10, 10, 125, 226, 125]), row("mpx", [N, N, 56, N, N]),
    row("mq_getsetattr", [245, 245, 282, 185, 279]), row("mq_notify", [244, 527, 281, 184, 278]),
    row("mq_open", [240, 240, 277, 180, 274]), row("mq_timedreceive", [243, 243, 280, 183, 277]),
    row("mq_timedreceive_time64", [N, N, 419, N, 419]), row("mq_timedsend", [242, 242, 279, 182, 276]),
    row("mq_timedsend_time64", [N, N, 418, N, 418]), row("mq_unlink", [241, 241, 278, 181, 275]),
    row("mremap", [25, 25, 163, 216, 163]), row("mseal", [462, 462, 462, 462, 462]),
    row("msgctl", [71, 71, 402, 187, 304]), row("msgget", [68, 68, 399, 186, 303]),
    row("msgrcv", [70, 70, 401, 188, 302]), row("msgsnd", [69, 69, 400, 189, 301]),
    row("msync", [26, 26, 144, 227, 144]), row("munlock", [150, 150, 151, 229, 151]),
    row("munlockall", [152, 152, 153, 231, 153]), row("munmap", [11, 11, 91, 215, 91]),
    row("name_to_handle_at", [303, 303, 341, 264, 370]), row("nanosleep", [35, 35, 162, 101, 162]),
    row("newfstatat", [262, 262, N, 79, N]), row("nfsservctl", [180, N, 169, 42, 169]),
    row("nice", [N, N, 34, N, 34]), row("oldfstat", [N, N, 28, N, N]),
    row("oldlstat", [N, N, 84, N, N]), row("oldolduname", [N, N, 59, N, N]),
    row("oldstat", [N, N, 18, N, N]), row("olduname", [N, N, 109, N, N]),
    row("open", [2, 2, 5, N, 5]), row("open_by_handle_at", [304, 304, 342, 265, 371]),
    row("open_tree", [428, 428, 428, 428, 428]), row("open_tree_attr", [467, 467, 467, 467, 467]),
    row("openat", [257, 257, 295, 56, 322]), row("openat2", [437, 437, 437, 437, 437]),
    row("pause", [34, 34, 29, N, 29]), row("pciconfig_iobase", [N, N, N, N, 271]),
    row("pciconfig_read", [N, N, N, N, 272]), row("pciconfig_write", [N, N, N, N, 273]),
    row("perf_event_open", [298, 298, 336, 241, 364]), row("personality", [135, 135, 136, 92, 136]),
    row("pidfd_getfd", [438, 438, 438, 438, 438]), row("pidfd_open", [434, 434, 434, 434, 434]),
    row("pidfd_send_signal", [424, 424, 424, 424, 424]), row("pipe", [22, 22, 42, N, 42]),
    row("pipe2", [293, 293, 331, 59, 359]), row("pivot_root", [155, 155, 217, 41, 218]),
    row("pkey_alloc", [330, 330, 381, 289, 395]), row("pkey_free", [331, 331, 382, 290, 396]),
    row("pkey_mprotect", [329, 329, 380, 288, 394]), row("poll", [7, 7, 168, N, 168]),
    row("ppoll", [271, 271, 309, 73, 336]), row("ppoll_time64", [N, N, 414, N, 414]),
    row("prctl", [157, 157, 172, 167, 172]), row("pread64", [17, 17, 180, 67, 180]),
    row("preadv", [295, 534, 333, 69, 361]), row("preadv2", [327, 546, 378, 286, 392]),
    row("prlimit64", [302, 302, 340, 261, 369]), row("process_madvise", [440, 440, 440, 440, 440]),
    row("process_mrelease", [448, 448, 448, 448, 448]), row("process_vm_readv", [310, 539, 347, 270, 376]),
    row("process_vm_writev", [311, 540, 348, 271, 377]), row("prof", [N, N, 44, N, N]),
    row("profil", [N, N, 98, N, N]), row("pselect6", [270, 270, 308, 72, 335]),
    row("pselect6_time64", [N, N, 413, N, 413]), row("ptrace", [101, 521, 26, 117, 26]),
    row("putpmsg", [182, 182, 189, N, N]), row("pwrite64", [18, 18, 181, 68, 181]),
    row("pwritev", [296, 535, 334, 70, 362]), row("pwritev2", [328, 547, 379, 287, 393]),
    row("query_module", [178, N, 167, N, N]), row("quotactl", [179, 179, 131, 60, 131]),
    row("quotactl_fd", [443, 443, 443, 443, 443]), row("read", [0, 0, 3, 63, 3]),
    row("readahead", [187, 187, 225, 213, 225]), row("readdir", [N, N, 89, N, N]),
    row("readlink", [89, 89, 85, N, 85]), row("readlinkat", [267, 267, 305, 78, 332]),
    row("readv", [19, 515, 145, 65, 145]), row("reboot", [169, 169, 88, 142, 88]),
    row("recv", [N, N, N, N, 291]), row("recvfrom", [45, 517, 371, 207, 292]),
    row("recvmmsg", [299, 537, 337, 243, 365]), row("recvmmsg_time64", [N, N, 417, N, 417]),
    row("recvmsg", [47, 519, 372, 212, 297]), row("remap_file_pages", [216, 216, 257, 234, 253]),
    row("removexattr", [197, 197, 235, 14, 235]), row("removexattrat", [466, 466, 466, 466, 466]),
    row("rename", [82, 82, 38, N, 38]), row("renameat", [264, 264, 302, 38, 329]),
    row("renameat2", [316, 316, 353, 276, 382]), row("request_key", [249, 249, 287, 218, 310]),
    row("restart_syscall", [219, 219, 0, 128, 0]), row("rmdir", [84, 84, 40, N, 40]),
    row("rseq", [334, 334, 386, 293, 398]), row("rseq_slice_yield", [471, 471, 471, 471, 471]),
    row("rt_sigaction", [13, 512, 174, 134, 174]), row("rt_sigpending", [127, 522, 176, 136, 176]),
    row("rt_sigprocmask", [14, 14, 175, 135, 175]), row("rt_sigqueueinfo", [129, 524, 178, 138, 178]),
    row("rt_sigreturn", [15, 513, 173, 139, 173]), row("rt_sigsuspend", [130, 130, 179, 133, 179]),
    row("rt_sigtimedwait", [128, 523, 177, 137, 177]), row("rt_sigtimedwait_time64", [N, N, 421, N, 421]),
    row("rt_tgsigqueueinfo", [297, 536, 335, 240, 363]), row("sched_get_priority_max", [146, 146, 159, 125, 159]),
    row("sched_get_priority_min", [147, 147, 160, 126, 160]), row("sched_getaffinity", [204, 204, 242, 123, 242]),
    row("sched_getattr", [315, 315, 352, 275, 381]), row("sched_getparam", [143, 143, 155, 121, 155]),
    row("sched_getscheduler", [145, 145, 157, 120, 157]), row("sched_rr_get_interval", [148, 148, 161, 127, 161]),
    row("sched_rr_get_interval_time64", [N, N, 423, N, 423]), row("sched_setaffinity", [203, 203, 241, 122, 241]),
    row("sched_setattr", [314, 314, 351, 274, 380]), row("sched_setparam", [142, 142, 154, 118, 154]),
    row("sched_setscheduler", [144, 144, 156, 119, 156]), row("sched_yield", [24, 24, 158, 124, 158]),
    row("seccomp", [317, 317, 354, 277, 383]), row("security", [185, 185, N, N, N]),
    row("select", [23, 23, 82, N, N]), row("semctl", [66, 66, 394, 191, 300]),
    row("semget", [64, 64, 393, 190, 299]), row("semop", [65, 65, N, 193, 298]),
    row("semtimedop", [220, 220, N, 192, 312]), row("semtimedop_time64", [N, N, 420, N, 420]),
    row("send", [N, N, N, N, 289]), row("sendfile", [40, 40, 187, 71, 187]),
    row("sendfile64", [N, N, 239, N, 239]), row("sendmmsg", [307, 538, 345, 269, 374]),
    row("sendmsg", [46, 518, 370, 211, 296]), row("sendto", [44, 44, 369, 206, 290]),
    row("set_mempolicy", [238, 238, 276, 237, 321]), row("set_mempolicy_home_node", [450, 450, 450, 450, 450]),
    row("set_robust_list", [273, 530, 311, 99, 338]), row("set_thread_area", [205, N, 243, N, N]),
    row("set_tid_address", [218, 218, 258, 96, 256]), row("set_tls", [N, N, N, N, 983_045]),
    row("setdomainname", [171, 171, 121, 162, 121]), row("setfsgid", [123, 123, 139, 152, 139]),
    row("setfsgid32", [N, N, 216, N, 216]), row("setfsuid", [122, 122, 138, 151, 138]),
    row("setfsuid32", [N, N, 215, N, 215]), row("setgid", [106, 106, 46, 144, 46]),
    row("setgid32", [N, N, 214, N, 214]), row("setgroups", [116, 116, 81, 159, 81]),
    row("setgroups32", [N, N, 206, N, 206]), row("sethostname", [170, 170, 74, 161, 74]),
    row("setitimer", [38, 38, 104, 103, 104]), row("setns", [308, 308, 346, 268, 375]),
    row("setpgid", [109, 109, 57, 154, 57]), row("setpriority", [141, 141, 97, 140, 97]),
    row("setregid", [114, 114, 71, 143, 71]), row("setregid32", [N, N, 204, N, 204]),
    row("setresgid", [119, 119, 170, 149, 170]), row("setresgid32", [N, N, 210, N, 210]),
    row("setresuid", [117, 117, 164, 147, 164]), row("setresuid32", [N, N, 208, N, 208]),
    row("setreuid", [113, 113, 70, 145, 70]), row("setreuid32", [N, N, 203, N, 203]),
    row("setrlimit", [160, 160, 75, 164, 75]), row("setsid", [112, 112, 66, 157, 66]),
    row("setsockopt", [54, 541, 366, 208, 294]), row("settimeofday", [164, 164, 79, 170, 79]),
    row("setuid", [105, 105, 23, 146, 23]), row("setuid32", [N, N, 213, N, 213]),
    row("setxattr", [188, 188, 226, 5, 226]), row("setxattrat", [463, 463, 463, 463, 463]),
    row("sgetmask", [N, N, 68, N, N]), row("shmat", [30, 30, 397, 196, 305]),
    row("shmctl", [31, 31, 396, 195, 308]), row("shmdt", [67, 67, 398, 197, 306]),
    row("shmget", [29, 29, 395, 194, 307]), row("shutdown", [48, 48, 373, 210, 293]),
    row("sigaction", [N, N, 67, N, 67]), row("sigaltstack", [131, 525, 186, 132, 186]),
    row("signal", [N, N, 48, N, N]), row("signalfd", [282, 282, 321, N, 349]),
    row("signalfd4", [289, 289, 327, 74, 355]), row("sigpending", [N, N, 73, N, 73]),
    row("sigprocmask", [N, N, 126, N, 126]), row("sigreturn", [N, N, 119, N, 119]),
    row("sigsuspend", [N, N, 72, N, 72]), row("socket", [41, 41, 359, 198, 281]),
    row("socketcall", [N, N, 102, N, N]), row("socketpair", [53, 53, 360, 199, 288]),
    row("splice", [275, 275, 313, 76, 340]), row("ssetmask", [N, N, 69, N, N]),
    row("stat", [4, 4, 106, N, 106]), row("stat64", [N, N, 195, N, 195]),
    row("statfs", [137, 137, 99, 43, 99]), row("statfs64", [N, N, 268, N, 266]),
    row("statmount", [457, 457, 457, 457, 457]), row("statx", [332, 332, 383, 291, 397]),
    row("stime", [N, N, 25, N, N]), row("stty", [N, N, 31, N, N]),
    row("swapoff", [168, 168, 115, 225, 115]), row("swapon", [167, 167, 87, 224, 87]),
    row("symlink", [88, 88, 83, N, 83]), row("symlinkat", [266, 266, 304, 36, 331]),
    row("sync", [162, 162, 36, 81, 36]), row("sync_file_range", [277, 277, 314, 84, N]),
    row("syncfs", [306, 306, 344, 267, 373]), row("sysfs", [139, 139, 135, N, 135]),
    row("sysinfo", [99, 99, 116, 179, 116]), row("syslog", [103, 103, 103, 116, 103]),
    row("tee", [276, 276, 315, 77, 342]), row("tgkill", [234, 234, 270, 131, 268]),
    row("time", [201, 201, 13, N, N]), row("timer_create", [222, 526, 259, 107, 257]),
    row("timer_delete", [226, 226, 263, 111, 261]), row("timer_getoverrun", [225, 225, 262, 109, 260]),
    row("timer_gettime", [224, 224, 261, 108, 259]), row("timer_gettime64", [N, N, 408, N, 408]),
    row("timer_settime", [223, 223, 260, 110, 258]), row("timer_settime64", [N, N, 409, N, 409]),
    row("timerfd_create", [283, 283, 322, 85, 350]), row("timerfd_gettime", [287, 287, 326, 87, 354]),
    row("timerfd_gettime64", [N, N, 410, N, 410]), row("timerfd_settime", [286, 286, 325, 86, 353]),
    row("timerfd_settime64", [N, N, 411, N, 411]), row("times", [100, 100, 43, 153, 43]),
    row("tkill", [200, 200, 238, 130, 238]), row("truncate", [76, 76, 92, 45, 92]),
    row("truncate64", [N, N, 193, N, 193]), row("tuxcall", [184, 184, N, N, N]),
    row("ugetrlimit", [N, N, 191, N, 191]), row("ulimit", [N, N, 58, N, N]),
    row("umask", [95, 95, 60, 166, 60]), row("umount", [N, N, 22, N, N]),
    row("umount2", [166, 166, 52, 39, 52]), row("uname", [63, 63, 122, 160, 122]),
    row("unlink", [87, 87, 10, N, 10]), row("unlinkat", [263, 263, 301, 35, 328]),
    row("unshare", [272, 272, 310, 97, 337]), row("uprobe", [336, 336, N, N, N]),
    row("uretprobe", [335, 335, N, N, N]), row("uselib", [134, N, 86, N, 86]),
    row("userfaultfd", [323, 323, 374, 282, 388]), row("usr26", [N, N, N, N, 983_043]),
    row("usr32", [N, N, N, N, 983_044]), row("ustat", [136, 136, 62, N, 62]),
    row("utime", [132, 132, 30, N, N]), row("utimensat", [280, 280, 320, 88, 348]),
    row("utimensat_time64", [N, N, 412, N, 412]), row("utimes", [235, 235, 271, N, 269]),
    row("vfork", [58, 58, 190, N, 190]), row("vhangup", [153, 153, 111, 58, 111]),
    row("vm86", [N, N, 166, N, N]), row("vm86old", [N, N, 113, N, N]),
    row("vmsplice", [278, 532, 316, 75, 343]), row("vserver", [236, N, 273, N, 313]),
    row("wait4", [61, 61, 114, 260, 114]), row("waitid", [247, 529, 284, 95, 280]),
    row("waitpid", [N, N, 7, N, N]), row("write", [1, 1, 4, 64, 4]),
    row("writev", [20, 516, 146, 66, 146]),
];

#[cfg(test)]
mod tests {
    use super::{N, Numbers, TABLE};

    #[test]
    fn names_are_in_order() {
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn finds_every_name_in_any_order() {
        let mut numbers = Numbers::default();
        for (name, row) in TABLE.iter().chain(TABLE.iter().rev()).chain(TABLE.iter().step_by(9)) {
            let name = str::from_utf8(name).unwrap().trim_end_matches('\0');
            assert_eq!(numbers.of(name), Some(*row), "{name}");
            assert_eq!(numbers.of("no_such_call"), None);
            assert_eq!(numbers.of("no_such_call_with_so_long_a_name"), None);
        }
        assert_eq!(numbers.of("writev"), Some([20, 516, 146, 66, 146]));
        assert_eq!(numbers.of("_llseek"), Some([N, N, 140, N, 140]));
    }
}
