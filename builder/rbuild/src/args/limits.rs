//! The arguments that say what a container may use at most.

use clap::Args;

/// Limits, as typed.
#[derive(Args, Clone, Debug, Default)]
pub struct LimitArgs {
    /// Memory at most: bytes, or with b, k, m, g
    #[arg(short, long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Memory and swap together at most; -1 for as much swap as there is [default: twice the memory]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub memory_swap: Option<String>,
    /// Memory to be pressed back to when the machine runs short
    #[arg(long, value_name = "SIZE")]
    pub memory_reservation: Option<String>,
    /// Processors' worth of time at most, such as 1.5
    #[arg(long, value_name = "NUMBER")]
    pub cpus: Option<String>,
    /// Weight where processors are contended; others have 1024
    #[arg(short, long, value_name = "NUMBER")]
    pub cpu_shares: Option<u64>,
    /// Processors to run on, such as 0-3,5
    #[arg(long, value_name = "LIST")]
    pub cpuset_cpus: Option<String>,
    /// Processes and threads at most; -1 for any number
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub pids_limit: Option<i64>,
    /// How ready the kernel is to kill it when memory runs out, -1000 to 1000
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub oom_score_adj: Option<i32>,
}
