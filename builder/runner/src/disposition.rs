//! What a signal would do to a container's first process. The first process of a pid namespace is not touched by a
//! signal that it says nothing of, where any other process would end. Sends nothing.

use crate::executor::Process;

impl Process {
    /// Whether a thread of the process handles, ignores, blocks or waits for the signal of that number; if not, sending it is without
    /// effect. True where the machine does not let this be known.
    pub fn minds(&self, number: i32) -> bool {
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{}/task", self.pid())) else { return true };
        tasks.flatten().any(|task| {
            let read = |name: &str| std::fs::read_to_string(task.path().join(name));
            match (read("status"), read("syscall")) {
                (Ok(status), Ok(call)) => is_in_masks(&status, number) || is_waiting_for_signals(&call),
                _ => true,
            }
        })
    }
}

/// From `/proc/PID/task/TID/status` (proc_pid_status(5)).
fn is_in_masks(status: &str, number: i32) -> bool {
    let masks = ["SigBlk:", "SigIgn:", "SigCgt:"];
    let lines = status.lines().filter_map(|line| masks.iter().find_map(|name| line.strip_prefix(name)));
    let set = lines.filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok()).fold(0, |all, mask| all | mask);
    u32::try_from(number - 1).ok().and_then(|bit| 1u64.checked_shl(bit)).is_some_and(|bit| set & bit != 0)
}

/// From `/proc/PID/task/TID/syscall` (proc_pid_syscall(5)): while a thread waits for signals the kernel does not count
/// them as blocked.
fn is_waiting_for_signals(call: &str) -> bool {
    let number = call.split_ascii_whitespace().next().and_then(|number| number.parse::<libc::c_long>().ok());
    number == Some(libc::SYS_rt_sigtimedwait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::Signal;

    #[test]
    fn masks_and_calls_are_read() {
        let status =
            "Name:\tsh\nSigQ:\t0/1\nSigBlk:\t0000000000010000\nSigIgn:\t0000000000000004\nSigCgt:\t0000000000000002\n";
        let minded = |signal: Signal| is_in_masks(status, signal.as_raw());
        assert!(minded(Signal::INT) && minded(Signal::QUIT) && minded(Signal::CHILD));
        assert!(!minded(Signal::TERM) && !minded(Signal::HUP));
        assert!(is_waiting_for_signals(&format!(
            "{} 0x7ffc 0x0 0x0 0x8 0x0 0x0 0x7f 0x7f\n",
            libc::SYS_rt_sigtimedwait
        )));
        assert!(!is_waiting_for_signals("running\n") && !is_waiting_for_signals("-1 0x7f 0x7f\n"));
    }
}
