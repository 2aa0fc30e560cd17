//! PURE. What a container may use at most, and how each version of control groups is told (kernel documentation,
//! "admin-guide/cgroup-v1" and "cgroup-v2"). Writes nothing.

/// What a container may use at most; what is not set is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Bytes of memory and swap together; `Swap::Unlimited` leaves swap alone.
    pub memory_swap: Option<Swap>,
    /// Bytes of memory that it is pressed back to when the machine runs short.
    pub memory_reservation: Option<u64>,
    /// Processor time, in billionths of one processor.
    pub nano_cpus: Option<u64>,
    /// Its weight where processors are contended, 2 to 262144; others have 1024.
    pub cpu_shares: Option<u64>,
    /// The processors it runs on, as the kernel lists them: `0-3,5`.
    pub cpuset_cpus: Option<String>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

/// Memory and swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// As much swap as there is.
    Unlimited,
    /// Bytes of both together.
    Total(u64),
}

/// One file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Whose file it is.
    pub(super) controller: &'static str,
    /// The flag that asked for it.
    pub(super) flag: &'static str,
    /// The file in the group.
    pub(super) file: &'static str,
    /// What is written.
    pub(super) value: String,
}

/// Microseconds of the interval in which processor time is counted.
const PERIOD: u64 = 100_000;

impl Limits {
    /// The controllers that are needed, each with the flags that need it.
    pub(super) fn needs(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        let mut needs: Vec<(&str, Vec<&str>)> = Vec::new();
        for setting in self.version_two() {
            match needs.last_mut() {
                Some((controller, flags)) if *controller == setting.controller => flags.push(setting.flag),
                _ => needs.push((setting.controller, vec![setting.flag])),
            }
        }
        needs
    }

    /// The files of version 1, in the order that the kernel wants.
    pub(super) fn version_one(&self) -> Vec<Setting> {
        let mut all = Vec::new();
        let mut add = |controller, flag, file, value: Option<String>| {
            all.extend(value.map(|value| Setting { controller, flag, file, value }));
        };
        add("memory", "--memory", "memory.limit_in_bytes", self.memory.map(text));
        let swap = self.memory_swap.map(|swap| match swap {
            Swap::Unlimited => "-1".to_owned(),
            Swap::Total(bytes) => text(bytes),
        });
        add("memory", "--memory-swap", "memory.memsw.limit_in_bytes", swap);
        add("memory", "--memory-reservation", "memory.soft_limit_in_bytes", self.memory_reservation.map(text));
        add("cpu", "--cpus", "cpu.cfs_period_us", self.nano_cpus.map(|_| text(PERIOD)));
        add("cpu", "--cpus", "cpu.cfs_quota_us", self.nano_cpus.map(|nano| text(quota(nano))));
        add("cpu", "--cpu-shares", "cpu.shares", self.cpu_shares.map(text));
        add("cpuset", "--cpuset-cpus", "cpuset.cpus", self.cpuset_cpus.clone());
        add("pids", "--pids-limit", "pids.max", self.pids.map(text));
        all
    }

    /// The files of version 2.
    pub(super) fn version_two(&self) -> Vec<Setting> {
        let mut all = Vec::new();
        let mut add = |controller, flag, file, value: Option<String>| {
            all.extend(value.map(|value| Setting { controller, flag, file, value }));
        };
        add("memory", "--memory", "memory.max", self.memory.map(text));
        let swap = self.memory_swap.map(|swap| match swap {
            Swap::Unlimited => "max".to_owned(),
            Swap::Total(bytes) => text(bytes.saturating_sub(self.memory.unwrap_or(0))),
        });
        add("memory", "--memory-swap", "memory.swap.max", swap);
        add("memory", "--memory-reservation", "memory.low", self.memory_reservation.map(text));
        add("cpu", "--cpus", "cpu.max", self.nano_cpus.map(|nano| format!("{} {PERIOD}", quota(nano))));
        add("cpu", "--cpu-shares", "cpu.weight", self.cpu_shares.map(|shares| text(weight(shares))));
        add("cpuset", "--cpuset-cpus", "cpuset.cpus", self.cpuset_cpus.clone());
        add("pids", "--pids-limit", "pids.max", self.pids.map(text));
        all
    }
}

fn text(number: u64) -> String {
    number.to_string()
}

/// Microseconds in each period; the kernel takes no less than a thousand.
fn quota(nano_cpus: u64) -> u64 {
    (nano_cpus / (1_000_000_000 / PERIOD)).max(1000)
}

/// The range 2…262144 of version 1 laid over 1…10000.
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(settings: &[Setting]) -> String {
        settings.iter().map(|one| format!("{}={}", one.file, one.value)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn both_versions() {
        let all = Limits {
            memory: Some(64 << 20),
            memory_swap: Some(Swap::Total(128 << 20)),
            memory_reservation: Some(32 << 20),
            nano_cpus: Some(1_500_000_000),
            cpu_shares: Some(1024),
            cpuset_cpus: Some("0-1".to_owned()),
            pids: Some(100),
        };
        assert_eq!(
            show(&all.version_one()),
            "memory.limit_in_bytes=67108864 memory.memsw.limit_in_bytes=134217728 memory.soft_limit_in_bytes=33554432 \
             cpu.cfs_period_us=100000 cpu.cfs_quota_us=150000 cpu.shares=1024 cpuset.cpus=0-1 pids.max=100"
        );
        assert_eq!(
            show(&all.version_two()),
            "memory.max=67108864 memory.swap.max=67108864 memory.low=33554432 cpu.max=150000 100000 cpu.weight=39 \
             cpuset.cpus=0-1 pids.max=100"
        );
        let needs: Vec<String> = all.needs().iter().map(|(one, flags)| format!("{one}:{}", flags.join("+"))).collect();
        assert_eq!(
            needs.join(" "),
            "memory:--memory+--memory-swap+--memory-reservation cpu:--cpus+--cpu-shares cpuset:--cpuset-cpus pids:--pids-limit"
        );
    }

    #[test]
    fn the_edges() {
        let none = Limits::default();
        assert!(none.version_one().is_empty() && none.version_two().is_empty() && none.needs().is_empty());
        let free = Limits { memory: Some(8 << 20), memory_swap: Some(Swap::Unlimited), ..none.clone() };
        assert_eq!(show(&free.version_one()), "memory.limit_in_bytes=8388608 memory.memsw.limit_in_bytes=-1");
        assert_eq!(show(&free.version_two()), "memory.max=8388608 memory.swap.max=max");
        let small = Limits { nano_cpus: Some(1), cpu_shares: Some(2), ..none };
        assert_eq!(show(&small.version_two()), "cpu.max=1000 100000 cpu.weight=1");
        assert_eq!((weight(262_144), weight(1024), weight(512)), (10_000, 39, 20));
    }
}
