//! What a container costs: `busybox true` many times, in the surroundings of a build, beside a plain spawn of it.
//! Usage: `cargo run --release -p rbuild-runner --example overhead [COUNT]`, as root or inside a user namespace.
#![allow(clippy::expect_used)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rbuild_oci::Cancel;
use rbuild_runner::cgroup::{Control, Limits};
use rbuild_runner::testing::Collected;
use rbuild_runner::{
    Access, Confinement, Container, Executor, IdMap, Network, Overlay, Rootfs, Sandbox, Stdio, User, docker_filter,
};

fn main() {
    rbuild_runner::maybe_init();
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(500);
    let dir = tempfile::tempdir().expect("a temporary directory");
    for name in ["bin", "proc", "sys", "dev"] {
        std::fs::create_dir_all(dir.path().join("lower").join(name)).expect("lower");
    }
    std::fs::copy("/bin/busybox", dir.path().join("lower/bin/true")).expect("a static busybox at /bin/busybox");
    let sandbox = Sandbox::new().expect("a sandbox");
    let ids = IdMap::current().expect("own id map");
    println!("ids {ids}, {count} runs each: min, median in microseconds");
    let program = dir.path().join("lower/bin/true");
    report("plain spawn", count, |_| || assert!(Command::new(&program).status().expect("spawn").success()));
    let group = |number: usize| Control { name: format!("overhead-{number}"), limits: Limits::default() };
    let kinds: [(&str, Network, bool); 3] = [
        ("container, host network", Network::Host, false),
        ("container, no network", Network::None, false),
        ("container, own group", Network::Host, true),
    ];
    for (name, network, grouped) in kinds {
        report(name, count, |number| {
            let mut container = container(&fresh(dir.path(), name, number), dir.path(), network.clone(), &ids);
            container.control = grouped.then(|| group(number));
            let sandbox = &sandbox;
            move || {
                let outcome = sandbox.run(&container, &mut Collected::default(), &Cancel::new()).expect("runs");
                assert!(outcome.exit.is_success());
            }
        });
    }
}

/// Times what `prepare` gives, `count` times.
fn report<F: FnOnce()>(name: &str, count: usize, prepare: impl Fn(usize) -> F) {
    let mut times: Vec<Duration> = (0..count)
        .map(|number| {
            let once = prepare(number);
            let start = Instant::now();
            once();
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("{name:<26} {:>6} {:>6}", times[0].as_micros(), times[count / 2].as_micros());
}

fn fresh(dir: &Path, name: &str, number: usize) -> std::path::PathBuf {
    let own = dir.join(format!("{name}-{number}"));
    std::fs::create_dir_all(own.join("upper")).expect("upper");
    std::fs::create_dir(own.join("work")).expect("work");
    own
}

fn container(own: &Path, dir: &Path, network: Network, ids: &IdMap) -> Container {
    let mut confinement = Confinement::docker();
    confinement.seccomp = Some(docker_filter(confinement.caps).expect("the profile compiles"));
    Container {
        rootfs: Rootfs::Overlay(Overlay {
            lowers: vec![dir.join("lower")],
            upper: own.join("upper"),
            work: own.join("work"),
            volatile: true,
            userxattr: *ids != IdMap::Root,
        }),
        root_access: Access::ReadWrite,
        mounts: Vec::new(),
        files: Vec::new(),
        argv: vec![b"true".to_vec()],
        env: vec![b"PATH=/bin".to_vec()],
        cwd: b"/".to_vec(),
        user: User::default(),
        hostname: b"box".to_vec(),
        network,
        confinement,
        stdio: Stdio::Captured,
        shm_size: 64 << 20,
        limits: Vec::new(),
        domainname: Vec::new(),
        sysctls: Vec::new(),
        oom_score_adj: None,
        control: None,
        init: false,
        ids: ids.clone(),
    }
}
