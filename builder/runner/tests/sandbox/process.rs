//! The process itself: streams, exit, identity, capabilities, what it can see and do.

use rbuild_runner::{Caps, Confinement, Limit, Network, Resource, User};

use crate::Case;
use crate::world::World;

pub(crate) const CASES: &[Case] = &[
    ("conformance", conformance),
    ("streams-and-exit", streams_and_exit),
    ("program-lookup", program_lookup),
    ("input-is-empty", input_is_empty),
    ("large-output", large_output),
    ("system-filesystems", system_filesystems),
    ("own-namespaces", own_namespaces),
    ("network-none", network_none),
    ("network-host", network_host),
    ("capabilities", capabilities),
    ("insecure", insecure),
    ("seccomp-refuses", seccomp_refuses),
    ("masked-and-read-only", masked_and_read_only),
    ("user-and-groups", user_and_groups),
    ("working-directory", working_directory),
    ("nothing-leaks-in", nothing_leaks_in),
    ("limits-are-lowered", limits_are_lowered),
    ("contradictions", contradictions),
];

fn conformance(world: &World) {
    rbuild_runner::testing::conformance(
        &world.sandbox,
        &rbuild_runner::testing::Conformance {
            speaks: world.shell("echo hello; echo oops >&2; exit 3"),
            missing: world.container(&["/no-such-program"]),
        },
    );
}

fn streams_and_exit(world: &World) {
    let ran = world.try_run(&world.shell("echo out; echo err >&2; exit 7")).unwrap();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(ran.outcome.exit.code(), 7);
    let ran = world.try_run(&world.shell("sh -c 'kill -9 $$'; exit $?")).unwrap();
    assert_eq!(ran.outcome.exit.code(), 137);
}

fn program_lookup(world: &World) {
    std::fs::create_dir(world.upper().join("dir")).unwrap();
    world.write("upper/plain", "echo hello\n");
    world.write("upper/dangling", "#!/no/such/shell\n");
    world.write("upper/binary", "\u{7f}ELF junk");
    for name in ["dangling", "binary"] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(world.upper().join(name), mode).unwrap();
    }
    for (program, code, words) in [
        ("foo", 127, "exec: \"foo\": executable file not found in $PATH"),
        ("/bin/foo", 127, "exec: \"/bin/foo\": no such file or directory"),
        ("./bin/foo", 127, "no such file or directory"),
        ("/bin/sh/foo", 127, "no such file or directory"),
        ("/dir", 126, "/dir is a directory"),
        ("/plain", 126, "permission denied on /plain"),
        ("/dangling", 127, "interpreter"),
        ("/binary", 126, "exec format error"),
    ] {
        let (message, got) = world.refusal(&world.container(&[program]));
        assert!(message.contains(words), "{program}: {message}");
        assert_eq!(got, code, "{program}: {message}");
    }
    let mut container = world.container(&["sh", "-c", "echo $0 $1", "a", "b"]);
    container.env = vec![b"PATH=/nowhere:/tmp:/bin".to_vec()];
    assert_eq!(world.run(&container), "a b\n");
    container.env = Vec::new();
    assert_eq!(world.run(&container), "a b\n", "the default PATH ends in /bin");
}

fn input_is_empty(world: &World) {
    assert_eq!(world.run(&world.shell("cat; echo done")), "done\n");
}

fn large_output(world: &World) {
    let ran = world.try_run(&world.shell("dd if=/dev/zero bs=65536 count=160; seq 1 20000 >&2")).unwrap();
    assert_eq!(ran.stdout.len(), 65_536 * 160);
    assert!(ran.stderr.contains("\n20000\n"));
}

fn system_filesystems(world: &World) {
    let script = "test -e /proc/self/status && test -d /sys/kernel && test -d /dev/pts && test -d /dev/shm || exit 1
        for d in null zero full random urandom tty; do test -c /dev/$d || exit 2; done
        for l in fd stdin stdout stderr ptmx; do test -L /dev/$l || exit 3; done
        echo x > /dev/null && head -c 3 /dev/zero | wc -c && head -c 9 /dev/urandom | wc -c
        stat -c %a /dev/null /dev/shm /dev/pts/ptmx
        echo fine > /dev/stderr; grep -q ' /dev/shm .*size=65536k' /proc/mounts && echo shm
        touch /sys/x 2>/dev/null || echo sys is read-only";
    assert_eq!(world.run(&world.shell(script)), "3\n9\n666\n1777\n666\nshm\nsys is read-only\n");
}

fn own_namespaces(world: &World) {
    let mut container = world
        .shell("hostname; echo $$; ls /proc | grep -c '^[0-9]'; ls -d /home/* /etc/passwd 2>&1 | grep -c 'No such'");
    container.hostname = b"build-host".to_vec();
    let said = world.run(&container);
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("build-host"));
    assert_eq!(lines.next(), Some("1"));
    assert!(lines.next().unwrap().parse::<u32>().unwrap() <= 4, "only own processes: {said}");
    assert_eq!(lines.next(), Some("2"), "nothing of the host's files: {said}");
}

fn network_none(world: &World) {
    let mut container = world.shell(
        "cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '; ls /sys/class/net; cat /sys/class/net/lo/flags",
    );
    container.network = Network::None;
    let said = world.run(&container);
    assert!(said.starts_with("lo\n") && said.ends_with("0x9\n"), "{said}");
    assert!(!said.contains("eth"), "{said}");
}

fn network_host(world: &World) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"hello\n").unwrap();
    });
    assert_eq!(world.run(&world.shell(&format!("nc 127.0.0.1 {port}"))), "hello\n");
    server.join().unwrap();
}

fn capabilities(world: &World) {
    let said = world.run(&world.shell("grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status | tr -d '\\t'"));
    let expected = "CapInh:0000000000000000\nCapPrm:00000000a80425fb\nCapEff:00000000a80425fb\nCapBnd:00000000a80425fb\n\
                    CapAmb:0000000000000000\nNoNewPrivs:0\nSeccomp:2\n";
    assert_eq!(said, expected);
    let mut container = world.shell("grep -E '^(CapEff|NoNew)' /proc/self/status | tr -d '\\t'");
    container.confinement.caps = Caps::NONE.with(5);
    container.confinement.no_new_privileges = true;
    assert_eq!(world.run(&container), "CapEff:0000000000000020\nNoNewPrivs:1\n");
}

fn insecure(world: &World) {
    let mut container =
        world.shell("mount -t tmpfs none /tmp && grep -c ' /tmp tmpfs' /proc/mounts; grep Seccomp: /proc/self/status");
    container.confinement = Confinement::insecure();
    assert_eq!(world.run(&container), "1\nSeccomp:\t0\n");
}

fn seccomp_refuses(world: &World) {
    let ran = world.try_run(&world.shell("unshare -U true; mount -t tmpfs none /tmp")).unwrap();
    assert!(!ran.outcome.exit.is_success());
    assert_eq!(
        ran.stderr.matches("Operation not permitted").count() + ran.stderr.matches("permission denied").count(),
        2,
        "{ran:?}"
    );
}

fn masked_and_read_only(world: &World) {
    let script = "for f in /proc/kcore /proc/keys /proc/timer_list; do test -e $f && wc -c < $f; done
        ls /sys/firmware | wc -l
        echo 1 2>/dev/null > /proc/sys/vm/swappiness || echo refused
        echo h 2>/dev/null > /proc/sysrq-trigger || echo refused";
    let said = world.run(&world.shell(script));
    assert!(said.lines().all(|line| line == "0" || line == "refused"), "{said}");
    assert_eq!(said.matches("refused").count(), 2);
}

fn user_and_groups(world: &World) {
    let mut container = world.shell("id -u; id -g; id -G; grep -E '^Cap(Eff|Prm|Bnd)' /proc/self/status | tr -d '\\t'; echo through > /dev/stdout; touch /x || echo not mine");
    container.user = User { uid: 1234, gid: 1235, groups: vec![50, 2345] };
    if world.is_single() {
        eprintln!("SKIP: other users with a single id");
        assert!(world.run(&container).starts_with("0\n"), "the only user there is");
        return;
    }
    let said = world.try_run(&container).unwrap().stdout;
    let expected = "1234\n1235\n1235 50 2345\nCapPrm:0000000000000000\nCapEff:0000000000000000\n\
                    CapBnd:00000000a80425fb\nthrough\nnot mine\n";
    assert_eq!(said, expected);
}

fn working_directory(world: &World) {
    let mut container = world.shell("pwd; umask");
    container.cwd = b"/tmp".to_vec();
    assert_eq!(world.run(&container), "/tmp\n0022\n");
    container.cwd = b"/not/there".to_vec();
    assert_eq!(world.run(&container), "/not/there\n0022\n", "it is made");
    assert!(world.upper().join("not/there").is_dir(), "and stays");
    container.cwd = b"/bin/busybox".to_vec();
    let (message, code) = world.refusal(&container);
    assert!(message.contains("/bin/busybox") && message.contains("Not a directory"), "{message}");
    assert_eq!(code, 125);
}

fn nothing_leaks_in(world: &World) {
    let leaked = std::fs::File::open("/").unwrap();
    rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
    let mut container = world.container(&["env"]);
    container.env.push(b"A=b".to_vec());
    assert_eq!(world.run(&container), "PATH=/bin\nA=b\n");
    let fds = world.run(&world.container(&["ls", "/proc/self/fd"]));
    assert_eq!(fds, "0\n1\n2\n3\n", "3 is the directory that ls reads");
    let status = world.run(&world.container(&["cat", "/proc/self/status"]));
    for signals in ["SigBlk", "SigIgn"] {
        assert!(status.contains(&format!("{signals}:\t0000000000000000")), "{status}");
    }
}

fn limits_are_lowered(world: &World) {
    let mut container = world.shell("ulimit -n; ulimit -Hn");
    container.limits = vec![Limit { resource: Resource::Nofile, soft: Some(100), hard: Some(200) }];
    assert_eq!(world.run(&container), "100\n200\n");
    container.limits = vec![Limit { resource: Resource::Nofile, soft: None, hard: Some(1 << 40) }];
    let own = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.unwrap();
    assert_eq!(world.run(&container), format!("{own}\n{own}\n"));
}

fn contradictions(world: &World) {
    let mut container = world.container(&[]);
    assert!(world.refusal(&container).0.contains("command is empty"));
    container = world.container(&["true"]);
    container.cwd = b"tmp".to_vec();
    assert!(world.refusal(&container).0.contains("not absolute"));
    container = world.container(&["true", "a\0b"]);
    assert!(world.refusal(&container).0.contains("NUL"));
}
