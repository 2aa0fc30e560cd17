//! How ready the kernel is to kill a process when memory runs out, as far as this program may choose. Sets nothing.

use rustix::thread::{CapabilitySet, capabilities};

use crate::userns::IdMap;

/// Why a score cannot be had: below this program's own it needs a privilege over the whole machine.
pub fn oom_score_shortcoming(score: i32) -> Option<String> {
    let own = std::fs::read_to_string("/proc/self/oom_score_adj").ok()?.trim().parse().unwrap_or(0);
    let root = matches!(IdMap::current(), Ok(IdMap::Root));
    let privileged = root && capabilities(None).is_ok_and(|held| held.effective.contains(CapabilitySet::SYS_RESOURCE));
    (score < own && !privileged).then(|| {
        format!("--oom-score-adj {score} will have no effect: below {own} it needs CAP_SYS_RESOURCE over the machine")
    })
}
