//! What a process may do.

use crate::Case;
use crate::world::World;

pub(crate) const CASES: &[Case] = &[
    ("capabilities", capabilities),
    ("seccomp", seccomp),
    ("no-new-privileges", no_new_privileges),
    ("read-only", read_only),
    ("hidden-paths", hidden_paths),
];

fn capabilities(world: &World) {
    let bounding = "grep CapBnd /proc/self/status | cut -f2";
    assert_eq!(world.shell(&[], bounding), "00000000a80425fb\n");
    assert_eq!(world.shell(&["--cap-drop", "ALL"], bounding), "0000000000000000\n");
    assert_eq!(world.shell(&["--cap-drop", "ALL", "--cap-add", "chown"], bounding), "0000000000000001\n");
    assert_eq!(world.shell(&["--cap-add", "SYS_PTRACE"], bounding), "00000000a80c25fb\n");
    let chroot = "unshare -U true 2>/dev/null && echo yes || echo no";
    assert_eq!(world.shell(&[], chroot), "no\n", "Docker's profile refuses new namespaces");
}

fn seccomp(world: &World) {
    let mode = "grep Seccomp: /proc/self/status | cut -f2";
    assert_eq!(world.shell(&[], mode), "2\n");
    let outside = std::fs::read_to_string("/proc/self/status").unwrap();
    let outside = outside.lines().find_map(|line| line.strip_prefix("Seccomp:\t")).unwrap_or("0").to_owned();
    assert_eq!(world.shell(&["--security-opt", "seccomp=unconfined"], mode), format!("{outside}\n"));
    let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":13}]}"#;
    world.write("profile.json", profile);
    let script = "mkdir /x 2>/dev/null && echo made || echo refused";
    assert_eq!(world.shell(&["--security-opt", "seccomp=profile.json"], script), "refused\n");
    world.write("bad.json", r#"{"defaultAction":"SCMP_ACT_MAYBE"}"#);
    let ran = world.run(&["--rm", "--security-opt", "seccomp=bad.json", "box", "true"]);
    assert_eq!(ran.code, 125);
    assert!(ran.stderr.contains("SCMP_ACT_MAYBE"), "{ran:?}");
}

fn no_new_privileges(world: &World) {
    let flag = "grep NoNewPrivs /proc/self/status | cut -f2";
    let outside = std::fs::read_to_string("/proc/self/status").unwrap();
    if outside.contains("NoNewPrivs:\t1") {
        eprintln!("SKIP: no-new-privileges: this process has them already");
        return;
    }
    assert_eq!(world.shell(&[], flag), "0\n");
    assert_eq!(world.shell(&["--security-opt", "no-new-privileges"], flag), "1\n");
}

fn read_only(world: &World) {
    let script = "touch /x 2>/dev/null && echo root; touch /t/x && echo tmpfs; touch /v/x && echo volume; \
                  echo x 2>/dev/null >> /etc/hosts && echo hosts; touch /dev/shm/x && echo shm";
    let options = ["--read-only", "--tmpfs", "/t", "-v", "vol:/v"];
    assert_eq!(world.shell(&options, script), "tmpfs\nvolume\nshm\n");
}

fn hidden_paths(world: &World) {
    let script = "test -w /proc/sys/kernel/hostname && mount | grep -c ' /proc/sys '; ls /proc/scsi 2>/dev/null | wc -l; \
                  wc -c < /proc/timer_list 2>/dev/null || echo 0";
    let hidden = world.shell(&[], script);
    assert!(hidden.ends_with("0\n0\n"), "{hidden}");
    let mounts = |options: &[&str]| world.shell(options, "grep -c ' /proc/' /proc/mounts || true");
    assert_ne!(mounts(&[]), "0\n");
    assert_eq!(mounts(&["--security-opt", "systempaths=unconfined"]), "0\n");
}
