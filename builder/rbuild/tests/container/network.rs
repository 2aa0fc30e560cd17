//! A network of a container's own: what reaches it, what it reaches, who joins it to the machine's.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Case;
use crate::background::SERVES;
use crate::world::{Mode, World};

pub(crate) const CASES: &[Case] = &[
    ("network-published", published),
    ("network-udp", datagrams),
    ("network-ranges-and-any-port", any_port),
    ("network-exposed", exposed),
    ("network-outward", outward),
    ("network-hides-loopback", hides_loopback),
    ("network-names", names),
    ("network-port-in-use", in_use),
    ("network-helper-missing", helper_missing),
    ("network-helper-killed", helper_killed),
    ("network-ends-with-the-container", ends_with_it),
    ("network-ends-with-rbuild", ends_with_rbuild),
    ("network-none-and-host", none_and_host),
    ("network-sysctl", sysctl),
    ("network-groups-and-domain", groups_and_domain),
];

/// The helpers that are here and can work: each case is tried with every one of them.
fn helpers() -> Vec<&'static str> {
    let tun = rustix::fs::access("/dev/net/tun", rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK);
    if tun.is_err() {
        eprintln!("SKIP: private networks: /dev/net/tun cannot be opened");
        return Vec::new();
    }
    let here = |name: &&str| {
        let found = Path::new("/usr/bin").join(name).exists();
        if !found {
            eprintln!("SKIP: private networks by {name}: it is not installed");
        }
        found
    };
    ["pasta", "slirp4netns"].into_iter().filter(here).collect()
}

/// A port of the machine that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// What a server says to who connects; none where nobody answers.
fn heard(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    (!text.is_empty()).then_some(text)
}

/// The same, as soon as the server is up.
fn hears(port: u16) -> String {
    let start = Instant::now();
    loop {
        if let Some(text) = heard(port) {
            return text;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "nobody answers on port {port}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An HTTP server that shows a file.
const SERVER: &str = "echo hello from inside >/tmp/index.html; busybox httpd -p 80 -h /tmp; echo up; sleep 60";

/// All processes whose program has that name.
fn running(program: &str) -> Vec<u32> {
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let first = line.split(|&byte| byte == 0).next().unwrap_or_default();
        Path::new(std::str::from_utf8(first).unwrap_or_default()).file_name().is_some_and(|name| name == program)
    };
    pids.filter(is).collect()
}

/// Processes of the helper below the supervisor of a container.
fn helpers_of(world: &World, name: &str, program: &str) -> Vec<u32> {
    let supervisor = parent(world.status(name).pid().unwrap());
    running(program).into_iter().filter(|pid| descends(*pid, supervisor)).collect()
}

fn parent(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

fn descends(mut pid: u32, root: u32) -> bool {
    while pid > 1 {
        if pid == root {
            return true;
        }
        pid = parent(pid);
    }
    false
}

fn gone(pids: &[u32]) {
    let start = Instant::now();
    while pids.iter().any(|pid| Path::new(&format!("/proc/{pid}/exe")).exists()) {
        assert!(start.elapsed() < Duration::from_secs(5), "{pids:?} are still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn published(world: &World) {
    for helper in helpers() {
        let port = free_port();
        let publish = format!("127.0.0.1:{port}:80");
        world.background(&["--name", "web", "--network", helper, "-p", &publish], SERVER);
        assert!(hears(port).ends_with("hello from inside\n"), "{helper}");
        assert_eq!(world.does(&["port", "web"]), format!("80/tcp -> 127.0.0.1:{port}\n"));
        assert_eq!(world.does(&["port", "web", "80"]), format!("127.0.0.1:{port}\n"));
        let none = world.verb(&["port", "web", "81/tcp"]);
        assert!(none.code == 1 && none.stderr.contains("web publishes no port 81/tcp"), "{none:?}");
        assert_eq!(world.does(&["ps", "--format", "{{.Ports}}"]), format!("127.0.0.1:{port}->80/tcp\n"));
        let format = "{{json .NetworkSettings.Ports}} {{.HostConfig.NetworkMode}}";
        let expected = format!("{{\"80/tcp\":[{{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"{port}\"}}]}} {helper}\n");
        assert_eq!(world.does(&["inspect", "--format", format, "web"]), expected);
        world.does(&["restart", "-t0", "web"]);
        assert!(hears(port).ends_with("hello from inside\n"), "{helper}, again");
        world.does(&["rm", "-f", "web"]);
        assert_eq!(heard(port), None, "{helper}");
    }
}

/// The word that makes this program send back every datagram that comes to port 7.
pub(crate) const AS_ECHO: &str = "--as-echo";

/// Does so, until it is killed.
pub(crate) fn echo() -> ! {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 7)).unwrap();
    let mut buffer = [0; 1500];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        socket.send_to(&buffer[..length], from).unwrap();
    }
}

/// Asked from where others ask: neither slirp4netns nor the pasta of 2023 brings every answer back to the machine's own
/// loopback.
fn datagrams(world: &World) {
    let route = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    if route.connect((Ipv4Addr::new(203, 0, 113, 1), 9)).is_err() {
        eprintln!("SKIP: datagrams: this machine has no way out");
        return;
    }
    let machine = route.local_addr().unwrap().ip();
    for helper in helpers() {
        let port = free_port();
        let publish = format!("{port}:7/udp");
        let program = format!("{}:/echo:ro", std::env::current_exe().unwrap().display());
        // Its libraries are the machine's: busybox has no server for datagrams.
        let libraries = ["/lib", "/lib64", "/usr/lib"].map(|path| format!("{path}:{path}:ro"));
        let volumes: Vec<&str> = libraries.iter().chain([&program]).flat_map(|spec| ["-v", spec.as_str()]).collect();
        let options = ["-d", "--name", "echo", "--network", helper, "-p", &publish];
        world.good(&[&options[..], &volumes, &["box", "/echo", AS_ECHO]].concat());
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut buffer = [0; 16];
        let answer = (0..30).find_map(|_| {
            socket.send_to(b"ping", (machine, port)).unwrap();
            socket.recv(&mut buffer).ok()
        });
        assert_eq!(answer.map(|length| &buffer[..length]), Some(&b"ping"[..]), "{helper}");
        world.does(&["rm", "-f", "echo"]);
    }
}

/// `-p` alone gives a private network, and a port that was free.
fn any_port(world: &World) {
    if helpers().is_empty() {
        return;
    }
    world.background(&["--name", "web", "-p", "80", "-p", "127.0.0.1::81"], SERVER);
    let shown = world.does(&["port", "web", "80"]);
    let port: u16 = shown.trim_end().strip_prefix("0.0.0.0:").unwrap().parse().unwrap();
    assert!(hears(port).ends_with("hello from inside\n"));
    assert!(world.does(&["port", "web", "81"]).starts_with("127.0.0.1:"));
    assert_eq!(world.does(&["inspect", "--format", "{{.HostConfig.NetworkMode}}", "web"]), "private\n");
    world.does(&["rm", "-f", "web"]);
    let busy = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let first = busy.local_addr().unwrap().port();
    if first < 65_000 {
        let range = format!("{first}-{}:80", first + 20);
        world.background(&["--name", "web", "-p", &range], SERVER);
        let shown = world.does(&["port", "web", "80"]);
        let port: u16 = shown.trim_end().rsplit(':').next().unwrap().parse().unwrap();
        assert!(port > first && port <= first + 20, "{port} in {range}");
        world.does(&["rm", "-f", "web"]);
    }
}

fn exposed(world: &World) {
    if helpers().is_empty() {
        return;
    }
    world.image("ports", |config| {
        config.cmd = Some(["sh", "-c", SERVER].map(str::to_owned).to_vec());
        config.exposed_ports = ["80/tcp", "53/udp"].map(|port| (port.to_owned(), serde_json::json!({}))).into();
    });
    world.good(&["-d", "--name", "all", "-P", "--expose", "443", "ports"]);
    let lines = world.does(&["port", "all"]);
    let ports: Vec<&str> = lines.lines().filter_map(|line| line.split(" -> ").next()).collect();
    assert_eq!(ports, ["53/udp", "80/tcp", "443/tcp"]);
    world.does(&["rm", "-f", "all"]);
    world.good(&["-d", "--name", "shown", "--network", "private", "ports"]);
    assert_eq!(world.does(&["ps", "--format", "{{.Ports}}"]), "80/tcp, 53/udp\n");
    world.does(&["rm", "-f", "shown"]);
}

/// The machine is reached at the address by which others reach it.
fn outward(world: &World) {
    for helper in helpers() {
        let server = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = server.local_addr().unwrap().port();
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let length = stream.read(&mut [0; 4096]).unwrap();
            assert!(length > 0);
            stream.write_all(b"from the machine\n").unwrap();
        });
        let address = "ip -4 -o addr show eth0 | grep -o 'inet [0-9.]*'";
        // Its input stays open until the answer is there.
        let script = format!("{address}; {{ echo hello; sleep 1; }} | busybox timeout 20 busybox nc machine {port}");
        let options = ["--network", helper, "--add-host", "machine:host-gateway"];
        assert_eq!(world.shell(&options, &script), "inet 10.0.2.100\nfrom the machine\n", "{helper}");
        serving.join().unwrap();
    }
}

/// Neither its servers nor its abstract sockets.
fn hides_loopback(world: &World) {
    use std::os::linux::net::SocketAddrExt;
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = server.local_addr().unwrap().port();
    let name = format!("rbuild-test-{port}");
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
    let _abstract = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
    assert!(world.shell(&[], "cat /proc/net/unix").contains(&name), "on the machine's network it is seen");
    for helper in helpers() {
        let script = format!(
            "for place in 127.0.0.1 10.0.2.2; do busybox nc -w 2 $place {port} </dev/null && echo reached; done; \
             cat /proc/net/unix"
        );
        let seen = world.run(&["--rm", "--network", helper, "box", "sh", "-c", &script]);
        assert!(!seen.stdout.contains("reached") && !seen.stdout.contains(&name), "{helper}: {seen:?}");
    }
    server.set_nonblocking(true).unwrap();
    assert!(server.accept().is_err(), "nobody came");
}

fn names(world: &World) {
    let script = "cat /etc/resolv.conf; grep -v localhost /etc/hosts";
    let options = ["-h", "box", "--dns", "192.0.2.7", "--dns-search", "lan", "--dns-option", "ndots:3"];
    let expected = "nameserver 192.0.2.7\nsearch lan\noptions ndots:3\n127.0.0.1\tbox\n";
    assert_eq!(world.shell(&options, script), expected, "on the machine's network");
    if let Some(helper) = helpers().first() {
        let seen = world.shell(&["-h", "box", "--network", helper], script);
        assert!(seen.starts_with("nameserver 10.0.2.3\n") && seen.ends_with("10.0.2.100\tbox\n"), "{seen}");
    }
}

fn in_use(world: &World) {
    if helpers().is_empty() {
        return;
    }
    let port = free_port();
    let publish = format!("127.0.0.1:{port}:80");
    world.background(&["--name", "first", "-p", &publish], SERVES);
    let refused = format!("Bind for 127.0.0.1:{port} (tcp) failed: port is already allocated");
    for options in [&["-d"][..], &[]] {
        let ran = world.run(&[options, &["--rm", "-p", &publish, "box", "true"]].concat());
        assert!(ran.code == 125 && ran.stderr.contains(&refused), "{ran:?}");
    }
    world.does(&["rm", "-f", "first"]);
    let ran = world.run(&["--rm", "-p", "198.51.100.1:8080:80", "box", "true"]);
    assert!(ran.code == 125 && ran.stderr.contains("this machine has no such address"), "{ran:?}");
    let low = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    if world.mode != Mode::Root && low.trim() == "1024" {
        let ran = world.run(&["--rm", "-p", "127.0.0.1:81:80", "box", "true"]);
        assert!(ran.code == 125 && ran.stderr.contains("ports that low are root's"), "{ran:?}");
    }
}

/// PATH with all but the helpers.
fn helper_missing(world: &World) {
    let bin = world.path("bin");
    fs::create_dir(&bin).unwrap();
    for name in ["newuidmap", "newgidmap"] {
        symlink(Path::new("/usr/bin").join(name), bin.join(name)).unwrap();
    }
    let run = |network: &str| {
        let mut command = world.command(&["--rm", "--network", network, "box", "true"]);
        crate::world::Ran::from(command.env("PATH", &bin).output().unwrap())
    };
    let ran = run("private");
    let both = "needs pasta or slirp4netns, which is not installed: install the package passt or slirp4netns";
    assert!(ran.code == 125 && ran.stderr.contains(both) && ran.stderr.contains("--network host"), "{ran:?}");
    let ran = run("slirp4netns");
    assert!(ran.code == 125 && ran.stderr.contains("install the package slirp4netns"), "{ran:?}");
    assert_eq!(run("host").code, 0);
    // A helper that does not do its task is not waited for.
    fs::write(bin.join("pasta"), "#!/bin/sh\necho no luck >&2\nexit 1\n").unwrap();
    fs::set_permissions(bin.join("pasta"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let ran = run("private");
    assert!(ran.code == 125 && ran.stderr.contains("cannot set up the container's network: "), "{ran:?}");
    if !helpers().is_empty() {
        assert!(ran.stderr.contains("bin/pasta: no luck"), "{ran:?}");
    }
}

/// The container goes on without a network, and ends as it would.
fn helper_killed(world: &World) {
    for helper in helpers() {
        let port = free_port();
        let publish = format!("127.0.0.1:{port}:80");
        world.background(&["--name", "web", "--network", helper, "-p", &publish], SERVER);
        hears(port);
        let found = helpers_of(world, "web", helper);
        assert!(!found.is_empty(), "{helper}");
        for pid in &found {
            let pid = rustix::process::Pid::from_raw(*pid as i32).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        gone(&found);
        assert_eq!(heard(port), None, "{helper}");
        assert_eq!(world.does(&["exec", "web", "echo", "alive"]), "alive\n");
        world.does(&["restart", "-t0", "web"]);
        assert!(hears(port).ends_with("hello from inside\n"), "{helper}, again");
        world.does(&["rm", "-f", "web"]);
    }
}

fn ends_with_it(world: &World) {
    for helper in helpers() {
        world.background(&["--name", "web", "--network", helper], SERVES);
        let found = helpers_of(world, "web", helper);
        assert!(!found.is_empty(), "{helper}");
        world.does(&["stop", "web"]);
        gone(&found);
        world.does(&["rm", "web"]);
    }
}

/// Also where nobody could say so.
fn ends_with_rbuild(world: &World) {
    for helper in helpers() {
        world.background(&["--name", "web", "--network", helper], SERVES);
        let found = helpers_of(world, "web", helper);
        assert!(!found.is_empty(), "{helper}");
        let supervisor = rustix::process::Pid::from_raw(parent(world.status("web").pid().unwrap()) as i32).unwrap();
        rustix::process::kill_process(supervisor, rustix::process::Signal::KILL).unwrap();
        gone(&found);
        world.does(&["rm", "web"]);
    }
}

fn none_and_host(world: &World) {
    let ran = world.run(&["--rm", "--network", "none", "-p", "8080:80", "box", "ip", "-o", "link"]);
    assert!(ran.code == 0 && ran.stdout.lines().count() == 1 && ran.stdout.contains("lo:"), "{ran:?}");
    let ran = world.run(&["--rm", "--network", "host", "-p", "8080:80", "box", "true"]);
    let warning = "WARNING: Published ports are discarded when using host network mode\n";
    assert!(ran.code == 0 && ran.stderr.ends_with(warning), "{ran:?}");
    for network in ["mine", "container:other"] {
        let ran = world.run(&["--rm", "--network", network, "box", "true"]);
        assert!(ran.code == 125 && ran.stderr.contains("is not supported"), "{ran:?}");
    }
}

fn sysctl(world: &World) {
    let script = "cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/msgmax";
    let options = ["--network", "none", "--sysctl", "net.ipv4.ip_default_ttl=99", "--sysctl", "kernel.msgmax=4096"];
    assert_eq!(world.shell(&options, script), "99\n4096\n");
    let ran = world.run(&["--rm", "--sysctl", "net.ipv4.ip_default_ttl=99", "box", "true"]);
    assert!(ran.code == 125 && ran.stderr.contains("the network is the machine's own"), "{ran:?}");
}

fn groups_and_domain(world: &World) {
    let script = "cat /proc/sys/kernel/domainname; grep web /etc/hosts; id -G";
    let seen = world.shell(&["--domainname", "lan", "-h", "web", "--group-add", "extra", "--group-add", "99"], script);
    let groups = if world.is_single() { "0" } else { "0 77 99" };
    assert!(seen.starts_with("lan\n127.0.0.1\tweb.lan web\n"), "{seen}");
    assert!(world.is_single() || seen.ends_with(&format!("{groups}\n")), "{seen}");
    let ran = world.run(&["--rm", "--group-add", "nobodys", "box", "true"]);
    assert!(ran.code == 125 && ran.stderr.contains("unable to find group nobodys"), "{ran:?}");
}
