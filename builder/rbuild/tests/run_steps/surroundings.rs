//! Namespaces, file systems, streams, limits and privileges of a step.

use std::collections::BTreeMap;
use std::fs;

use crate::user::User;
use crate::world::{BARE_STAGE, for_everyone};

/// Lines of the form `name value…`, by name.
fn facts(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .map(|line| line.split_once([' ', '\t', ':']).unwrap_or((line, "")))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

#[test]
fn namespaces_are_its_own_but_for_the_network() {
    for_everyone(|world| {
        let said = world.said(
            "RUN echo self $$; echo processes $(ls /proc | grep -c '^[0-9]'); \
             for n in mnt pid ipc uts cgroup net user; do echo $n $(readlink /proc/self/ns/$n); done",
        );
        let facts = facts(&said);
        assert_eq!(facts["self"], "1");
        assert!(facts["processes"].parse::<u32>().unwrap() <= 5, "{said}");
        for name in ["mnt", "pid", "ipc", "uts", "cgroup", "net", "user"] {
            let ours = fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
            let shared = name == "net" || (name == "user" && world.user == User::Root);
            assert_eq!(facts[name] == ours.to_str().unwrap(), shared, "{name} as {:?}: {said}", world.user);
        }
    });
}

#[test]
fn the_host_name_is_buildkits_or_the_one_asked_for() {
    for_everyone(|world| {
        let step = "RUN hostname; cat /proc/sys/kernel/hostname; grep -c $(hostname) /etc/hosts";
        assert_eq!(world.said(step), "buildkitsandbox\nbuildkitsandbox\n1\n");
        let asked = world.steps(step).args(["--build-arg", "BUILDKIT_SANDBOX_HOSTNAME=elsewhere"]);
        assert_eq!(asked.ok().said(), "elsewhere\nelsewhere\n1\n");
    });
}

#[test]
fn system_filesystems_are_mounted_as_docker_mounts_them() {
    for_everyone(|world| {
        let said = world.said("RUN while read -r _ at kind options _; do echo $at $kind,$options; done < /proc/mounts");
        let mounts = facts(&said);
        for (at, kind, options) in [
            ("/", "overlay", &["rw"][..]),
            ("/proc", "proc", &["rw", "nosuid", "nodev", "noexec"]),
            ("/sys", "sysfs", &["ro", "nosuid", "nodev", "noexec"]),
            ("/dev", "tmpfs", &["rw", "nosuid", "mode=755"]),
            ("/dev/pts", "devpts", &["rw", "nosuid", "noexec", "ptmxmode=666"]),
            ("/dev/shm", "tmpfs", &["rw", "nosuid", "nodev", "noexec", "size=65536k"]),
            ("/proc/sys", "proc", &["ro"]),
            ("/proc/bus", "proc", &["ro"]),
            ("/proc/fs", "proc", &["ro"]),
            ("/proc/irq", "proc", &["ro"]),
        ] {
            let mount = mounts.get(at).unwrap_or_else(|| panic!("{at} is no mount as {:?}: {said}", world.user));
            let words: Vec<&str> = mount.split(',').collect();
            assert_eq!(words[0], kind, "{at}: {said}");
            assert!(options.iter().all(|option| words.contains(option)), "{at} as {:?}: {mount}", world.user);
        }
        let system = ["/", "/proc", "/sys", "/dev", "/etc/resolv.conf", "/etc/hosts"];
        for at in mounts.keys() {
            let known = system.contains(&at.as_str()) || ["/proc/", "/sys/", "/dev/"].iter().any(|d| at.starts_with(d));
            assert!(known, "{at} is none of its business: {said}");
        }
    });
}

#[test]
fn a_root_without_places_to_mount_on_gets_those_and_no_other() {
    for_everyone(|world| {
        let seen = world.build(&format!("{BARE_STAGE}RUN ls -A / /etc; stat -c %a /etc\n")).ok().said();
        let expected = "/:\nbin\ndev\netc\nproc\nsys\n\n/etc:\nhosts\nresolv.conf\n755\n";
        assert_eq!(seen, expected, "as {:?}", world.user);
    });
}

#[test]
fn shared_memory_and_limits_are_the_requests_and_in_no_key() {
    for_everyone(|world| {
        let step = "RUN grep ' /dev/shm ' /proc/mounts | grep -o 'size=[0-9]*k'; ulimit -S -n; ulimit -H -n";
        let given = ["--shm-size", "1m", "--ulimit", "nofile=100:200"];
        assert_eq!(world.steps(step).args(given).ok().said(), "size=1024k\n100\n200\n", "as {:?}", world.user);
        assert_eq!(world.said(step), "", "as {:?}", world.user);
        let ended = world.steps(step).args(["--ulimit", "files=1"]).end();
        assert_eq!(ended.code, Some(2), "{}", ended.shown);
    });
}

#[test]
fn proxies_win_over_env_and_are_kept_nowhere() {
    for_everyone(|world| {
        let steps = "ENV http_proxy=own\nRUN echo $http_proxy $HTTP_PROXY";
        let said = world.steps(steps).args(["--build-arg", "HTTP_PROXY=given"]).ok().said();
        assert_eq!(said, "given given\n", "as {:?}", world.user);
        assert_eq!(world.said(steps), "", "as {:?}", world.user);
    });
}

#[test]
fn a_stage_can_be_done_again_by_its_name() {
    for_everyone(|world| {
        let stage =
            |name: &str| format!("FROM scratch AS {name}\nCOPY rootfs/ /\nRUN echo {name} > /{name}; cat /{name}\n");
        let dockerfile = format!("{}{}COPY --from=One /One /\n", stage("One"), stage("two"));
        assert_eq!(world.build(&dockerfile).ok().said(), "One\ntwo\n");
        let again = |filter: &str| world.build(&dockerfile).args(["--no-cache-filter", filter]).ok().said();
        assert_eq!(again("one"), "One\n", "as {:?}", world.user);
        assert_eq!(again("two"), "two\n", "as {:?}", world.user);
        assert_eq!(again("one,two"), "One\ntwo\n", "as {:?}", world.user);
        assert_eq!(again("three"), "", "as {:?}", world.user);
    });
}

#[test]
fn devices_work_and_are_few() {
    for_everyone(|world| {
        let said = world.said(
            "RUN ls /dev | sort | tr '\\n' ' '; echo; stat -c '%n %a %F' /dev/null /dev/shm /dev/tty; \
             echo gone > /dev/null; echo full > /dev/full || true; \
             head -c 5 /dev/zero | wc -c; head -c 5 /dev/urandom | wc -c; head -c 5 /dev/random | wc -c; \
             echo through | cat /dev/fd/0; echo out > /dev/stdout; (echo err > /dev/stderr) 2>&1; \
             for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done; \
             echo kept > /dev/shm/x && cat /dev/shm/x; test -c /dev/pts/ptmx && echo ptmx",
        );
        let lines: Vec<&str> = said.lines().filter(|line| !line.contains("No space left")).collect();
        assert_eq!(
            lines,
            [
                "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ",
                "/dev/null 666 character special file",
                "/dev/shm 1777 directory",
                "/dev/tty 666 character special file",
                "5",
                "5",
                "5",
                "through",
                "out",
                "err",
                "/proc/self/fd",
                "/proc/self/fd/0",
                "/proc/self/fd/1",
                "/proc/self/fd/2",
                "pts/ptmx",
                "kept",
                "ptmx",
            ],
            "as {:?}",
            world.user
        );
    });
}

#[test]
fn what_docker_hides_reads_as_empty_and_what_it_protects_refuses() {
    for_everyone(|world| {
        let masked = "/proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats \
             /proc/sched_debug /proc/scsi /proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap /sys/firmware";
        let refused = "/proc/sys/kernel/domainname /proc/sys/vm/drop_caches /proc/sysrq-trigger /sys/kernel/mm/ksm/run \
             /proc/irq/default_smp_affinity";
        let said = world.said(&format!(
            "RUN for p in {masked}; do if test -d $p; then ls -A $p; elif test -e $p; then head -c 9 $p; fi; done\n\
             RUN for p in {refused}; do test ! -e $p || (echo 1 > $p) 2>/dev/null && test -e $p && echo wrote $p; done; true\n\
             RUN mkdir /proc/x /sys/x 2>/dev/null && echo made; true",
        ));
        assert_eq!(said, "", "as {:?}", world.user);
    });
}

#[test]
fn streams_are_an_empty_input_and_two_pipes() {
    for_everyone(|world| {
        let said = world.said(
            "RUN cat; echo read $?; ls /proc/self/fd | tr '\\n' ' '; for n in 0 1 2; do test -t $n && echo tty; done; \
             for n in 1 2; do readlink /proc/$$/fd/$n | cut -d: -f1; done",
        );
        assert_eq!(said, "read 0\n0 1 2 3 pipe\npipe\n", "3 is ls's own; as {:?}", world.user);
    });
}

#[test]
fn capabilities_are_dockers() {
    let docker = "00000000a80425fb";
    for_everyone(|world| {
        let step = "RUN grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status";
        let root = facts(&world.said(step));
        for (name, value) in [
            ("CapInh", "0000000000000000"),
            ("CapPrm", docker),
            ("CapEff", docker),
            ("CapBnd", docker),
            ("CapAmb", "0000000000000000"),
            ("NoNewPrivs", "0"),
            ("Seccomp", "2"),
        ] {
            assert_eq!(root[name], value, "{name} as {:?}", world.user);
        }
        let app = facts(&world.said(&format!("USER app\n{step}")));
        assert_eq!((app["CapBnd"].as_str(), app["NoNewPrivs"].as_str()), (docker, "0"));
        if !world.user.has_one_id() {
            assert_eq!(app["CapEff"], "0000000000000000");
            assert_eq!(app["CapPrm"], "0000000000000000");
        }
    });
}

#[test]
fn signals_are_as_a_program_expects_them() {
    for_everyone(|world| {
        let signals = facts(&world.said("RUN [\"/bin/grep\", \"^Sig\", \"/proc/self/status\"]"));
        for name in ["SigBlk", "SigIgn", "SigCgt"] {
            assert_eq!(signals[name], "0000000000000000", "{name} as {:?}", world.user);
        }
    });
}

#[test]
fn umask_is_022_and_limits_are_the_callers() {
    for_everyone(|world| {
        let said = world.said("RUN umask; cat /proc/self/limits");
        let (umask, limits) = said.split_once('\n').unwrap();
        assert_eq!(umask, "0022");
        assert_eq!(limits, fs::read_to_string("/proc/self/limits").unwrap(), "as {:?}", world.user);
    });
}

/// A root below another one can be left by way of `..`: the host's must be gone, not covered.
#[test]
fn the_root_is_the_only_one() {
    for_everyone(|world| {
        let said = world.said(
            "RUN cut -d' ' -f5 /proc/self/mountinfo | grep -cx /; ls / > /tmp/a; ls /.. | cmp - /tmp/a && echo same",
        );
        assert_eq!(said, "1\nsame\n", "as {:?}", world.user);
    });
}

#[test]
fn nothing_of_the_host_is_in_sight() {
    for_everyone(|world| {
        let secret = world.path("scratch/host-file");
        fs::write(&secret, "host").unwrap();
        let said = world
            .steps(&format!("RUN ls {} /home /usr 2>&1 | grep -vc 'No such file'; env; ls /", secret.display()))
            .env("HOST_VARIABLE", "seen")
            .ok()
            .said();
        assert!(said.starts_with("0\n") && !said.contains("HOST_VARIABLE"), "{said}");
        assert!(said.contains("\nbin\ndev\netc\nproc\nsys\ntmp\n"), "nothing else in the root: {said}");
    });
}
