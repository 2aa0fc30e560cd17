//! Whether a process is stopped by the freezer of its control group (cgroups(7), both versions). Stops nobody.

use std::fs;
use std::path::PathBuf;

/// Whether the process with that number is frozen, as by `rbuild pause`. One that is gone is not.
pub fn is_frozen(pid: u32) -> bool {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    groups.lines().filter_map(switch).any(|(file, frozen)| {
        let state = fs::read_to_string(file).unwrap_or_default();
        frozen.contains(&state.trim_end())
    })
}

/// The file that says so for a line of `/proc/PID/cgroup`, and what it then says.
fn switch(line: &str) -> Option<(PathBuf, &'static [&'static str])> {
    const TOP: &str = "/sys/fs/cgroup";
    let mut fields = line.splitn(3, ':');
    let (version, controllers, group) = (fields.next()?, fields.next()?, fields.next()?.trim_start_matches('/'));
    let at = |top: &str, file: &str| [TOP, top, group, file].iter().collect::<PathBuf>();
    match (version, controllers) {
        ("0", "") => {
            let (pure, hybrid) = (at("", "cgroup.freeze"), at("unified", "cgroup.freeze"));
            Some((if pure.exists() { pure } else { hybrid }, &["1"]))
        }
        (_, controllers) if controllers.split(',').any(|name| name == "freezer") => {
            Some((at("freezer", "freezer.state"), &["FROZEN", "FREEZING"]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_freezer_is_found_in_both_versions() {
        let file = |line: &str| switch(line).map(|(path, _)| path.display().to_string());
        let v1 = "7:freezer:/rbuild/abc";
        assert_eq!(file(v1).unwrap(), "/sys/fs/cgroup/freezer/rbuild/abc/freezer.state");
        assert!(file("0::/rbuild/a:b").unwrap().ends_with("/rbuild/a:b/cgroup.freeze"));
        for line in ["4:cpu,cpuacct:/", "", "nonsense", "1:name=systemd:/init.scope"] {
            assert_eq!(file(line), None, "{line}");
        }
        assert!(!is_frozen(std::process::id()) && !is_frozen(4_194_304));
    }
}
