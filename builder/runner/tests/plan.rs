//! Goldens of the plan: `testdata/sandbox/<case>/container` (lines of `key value`) → `plan`. `UPDATE=1` rewrites.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rbuild_runner::cgroup::{Control, Limits};
use rbuild_runner::network::Private;
use rbuild_runner::userns::{Range, RawMap};
use rbuild_runner::{
    Access, Caps, Confinement, Container, IdMap, InjectedFile, Joining, Limit, MountSpec, Network, Overlay, Process,
    Propagation, Resource, Rootfs, Sizes, Source, Spaces, Stdio, Terminal, Tmpfs, User, plan, plan_joining,
    seccomp::SockFilter,
};

#[test]
fn plans_are_as_recorded() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/sandbox");
    let mut names: Vec<PathBuf> = fs::read_dir(&cases).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 8, "cases are there");
    for case in names {
        let text = fs::read_to_string(case.join("container")).unwrap();
        let actual = plan(&parse(&text)).to_string();
        if std::env::var_os("UPDATE").is_some() {
            fs::write(case.join("plan"), &actual).unwrap();
        }
        let expected = fs::read_to_string(case.join("plan")).unwrap();
        assert_eq!(actual, expected, "{}", case.display());
    }
}

#[test]
fn a_joining_process_gives_all_up_before_it_is_in_the_container() {
    let streams = [(); 3].map(|()| Arc::new(fs::File::open("/dev/null").unwrap().into()));
    let mut joining = Joining {
        process: Process::open(std::process::id()).unwrap().unwrap(),
        cgroups: vec!["/sys/fs/cgroup/pids/box/cgroup.procs".into()],
        argv: vec![b"/bin/sh".to_vec(), b"-c".to_vec(), b"true".to_vec()],
        env: vec![b"SECRET=x".to_vec()],
        cwd: b"/srv".to_vec(),
        user: User { uid: 7, gid: 8, groups: vec![9] },
        confinement: Confinement { no_new_privileges: true, ..Confinement::docker() },
        stdio: Stdio::Inherited(streams),
        limits: vec![Limit { resource: Resource::Nofile, soft: Some(1), hard: None }],
        ids: IdMap::Root,
    };
    let show = |joining: &Joining| {
        let ops = plan_joining(joining, Spaces::of(&["mnt", "pid", "net"]));
        ops.iter().map(|op| format!("{op}\n")).collect::<String>()
    };
    let caps = Caps::docker_default();
    let expected = format!(
        "be counted in /sys/fs/cgroup/pids/box/cgroup.procs\nenter namespaces mnt pid net of passed process 3\n\
         standard streams for user 7\nlimit Nofile to 1:unlimited\numask 0022\nchange to working directory /srv\n\
         no new privileges\nbounding set {caps}\ngroups [8, 9]\nbecome user 7:8\ngo on in a child\nstart a session\n\
         exec /bin/sh as [\"/bin/sh\", \"-c\", \"true\"]\n"
    );
    assert_eq!(show(&joining), expected);
    let null = Arc::new(fs::File::open("/dev/null").unwrap().into());
    joining.stdio = Stdio::Terminal(Terminal { input: null, sizes: Sizes::OfInput(None) });
    joining.ids = IdMap::Single;
    joining.cgroups.clear();
    joining.limits.clear();
    let expected = format!(
        "enter namespaces mnt pid net of passed process 3\nstandard streams for user 0\numask 0022\n\
         change to working directory /srv\nno new privileges\nbounding set {caps}\ncapabilities {caps}\n\
         go on in a child\nstart a session\nterminal\nexec /bin/sh as [\"/bin/sh\", \"-c\", \"true\"]\n"
    );
    assert_eq!(show(&joining), expected);
}

fn parse(text: &str) -> Container {
    let overlay = Overlay { lowers: vec![], upper: "/u".into(), work: "/w".into(), volatile: true, userxattr: false };
    let mut container = Container {
        rootfs: Rootfs::Overlay(overlay),
        root_access: Access::ReadWrite,
        mounts: Vec::new(),
        files: Vec::new(),
        argv: Vec::new(),
        env: Vec::new(),
        cwd: b"/".to_vec(),
        user: User::default(),
        hostname: b"buildkitsandbox".to_vec(),
        network: Network::Host,
        confinement: Confinement::docker(),
        stdio: Stdio::Captured,
        shm_size: 64 << 20,
        limits: Vec::new(),
        domainname: Vec::new(),
        sysctls: Vec::new(),
        oom_score_adj: None,
        control: None,
        init: false,
        ids: IdMap::Root,
    };
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        set(&mut container, key, value);
    }
    container
}

fn set(container: &mut Container, key: &str, value: &str) {
    let words: Vec<&str> = value.split_whitespace().collect();
    let bytes = value.as_bytes().to_vec();
    let ids = |text: &str| text.split([':', ',']).map(|n| n.parse().unwrap()).collect::<Vec<u32>>();
    match key {
        "lower" => overlay(container).lowers.push(value.into()),
        "userxattr" => overlay(container).userxattr = true,
        "bind-root" => container.rootfs = Rootfs::Bind(value.into()),
        "read-only-root" => container.root_access = Access::ReadOnly,
        "arg" => container.argv.push(bytes),
        "env" => container.env.push(bytes),
        "cwd" => container.cwd = bytes,
        "hostname" => container.hostname = bytes,
        "user" => {
            let ids = ids(value);
            container.user = User { uid: ids[0], gid: ids[1], groups: ids[2..].to_vec() };
        }
        "network" => {
            container.network = match value {
                "none" => Network::None,
                "private" => Network::Private(Private { helpers: Vec::new(), forwards: Vec::new() }),
                _ => Network::Host,
            }
        }
        "domainname" => container.domainname = bytes,
        "sysctl" => container.sysctls.push((words[0].into(), words[1].into())),
        "oom-score-adj" => container.oom_score_adj = Some(value.parse().unwrap()),
        "group" => container.control = Some(Control { name: value.to_owned(), limits: Limits::default() }),
        "insecure" => container.confinement = Confinement::insecure(),
        "no-new-privileges" => container.confinement.no_new_privileges = true,
        "seccomp" => container.confinement.seccomp = Some(vec![SockFilter { code: 6, jt: 0, jf: 0, k: 0x7fff_0000 }]),
        "terminal" => container.stdio = Stdio::Terminal(Terminal { input: null(), sizes: Sizes::OfInput(None) }),
        "init" => container.init = true,
        "limit" => container.limits.push(Limit {
            resource: Resource::Nofile,
            soft: words[0].parse().ok(),
            hard: words[1].parse().ok(),
        }),
        "ids" => container.ids = id_map(value),
        "mount" => container.mounts.push(mount(&words)),
        "file" => container.files.push(file(&words)),
        _ => panic!("unknown key {key:?}"),
    }
}

fn overlay(container: &mut Container) -> &mut Overlay {
    match &mut container.rootfs {
        Rootfs::Overlay(overlay) => overlay,
        Rootfs::Bind(_) | Rootfs::Mounted(_) => panic!("not an overlay"),
    }
}

fn null() -> Arc<std::os::fd::OwnedFd> {
    Arc::new(fs::File::open("/dev/null").unwrap().into())
}

fn id_map(value: &str) -> IdMap {
    let range = |inside, outside, count| Range { inside, outside, count };
    match value {
        "single" => IdMap::Single,
        "subids" => {
            let ranges = vec![range(0, 1000, 1), range(1, 100_000, 65_536)];
            IdMap::of(RawMap { uids: ranges.clone(), gids: ranges })
        }
        _ => IdMap::Root,
    }
}

fn mount(words: &[&str]) -> MountSpec {
    let source = match words[0] {
        "tmpfs" => Source::Tmpfs(Tmpfs::new(Some(1 << 20), 0o1777)),
        "fd" => Source::Fd(null()),
        path => Source::Path(path.into()),
    };
    let has = |word: &str| words[2..].contains(&word);
    MountSpec {
        source,
        target: words[1].as_bytes().to_vec(),
        access: if has("ro") { Access::ReadOnly } else { Access::ReadWrite },
        propagation: if has("slave") { Propagation::Slave } else { Propagation::Private },
    }
}

fn file(words: &[&str]) -> InjectedFile {
    InjectedFile {
        path: words[0].as_bytes().to_vec(),
        content: words[1].as_bytes().to_vec(),
        mode: u32::from_str_radix(words[2], 8).unwrap(),
        uid: words[3].parse().unwrap(),
        gid: words[4].parse().unwrap(),
        access: Access::ReadOnly,
    }
}
