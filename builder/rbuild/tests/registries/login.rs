//! `rbuild login` and `rbuild logout`: docker's words, docker's file.

use crate::server::{Debian, HTPASSWD};
use crate::world::World;
use rbuild_oci::testing::random_image;
use rbuild_registry::testing::{Login, Registry};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

fn basic() -> Registry {
    Registry::with_login(Login::Basic("u".into(), "hunter2".into())).unwrap()
}

#[test]
fn a_login_is_proven_kept_used_and_forgotten() {
    let (world, registry) = (World::new(), basic());
    registry.put_image("team/app", "1", &random_image(1, 1));
    let (host, name) = (registry.host(), format!("{}/team/app:1", registry.host()));
    let kept =
        world.write(".docker/config.json", r#"{"psFormat": "x", "auths": {"other": {"auth": "eDp5"}}, "zz": [1]}"#);
    assert!(world.rbuild(&["pull", &name]).bad(1).contains(&format!("no credentials for {host}")));
    let came = world.told(&["login", "-u", "u", "--password-stdin", host], "hunter2\n");
    assert!(came.err.contains(&format!("stored unencrypted in '{}'", kept.display())), "{came:?}");
    assert_eq!(came.good(), "Login Succeeded\n");
    let text = world.logins();
    assert!(text.starts_with("{\n\t\"psFormat\": \"x\"") && text.contains("eDp5") && text.contains("\"zz\""), "{text}");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    world.rbuild(&["pull", &name]).good();
    let came = world.rbuild(&["login", host]);
    assert!(came.err.contains("Authenticating with existing credentials... [Username: u]"), "{came:?}");
    assert_eq!(came.good(), "Login Succeeded\n");
    assert_eq!(world.rbuild(&["logout", host]).good(), format!("Removing login credentials for {host}\n"));
    assert_eq!(world.rbuild(&["logout", host]).good(), format!("Not logged in to {host}\n"));
    assert!(world.logins().contains("eDp5") && !world.logins().contains(host));
}

#[test]
fn a_wrong_password_is_refused_kept_nowhere_and_never_shown() {
    for login in [Login::Basic("u".into(), "hunter2".into()), Login::Token("u".into(), "hunter2".into())] {
        let (world, registry) = (World::new(), Registry::with_login(login).unwrap());
        let came = world.told(&["login", "-u", "u", "--password-stdin", registry.host()], "hunter3");
        assert!(came.code == 1 && came.out.is_empty() && came.err.contains(registry.host()), "{came:?}");
        assert!(!came.err.contains("hunter3") && world.logins().is_empty(), "{came:?}");
    }
    let world = World::new();
    let came = world.told(&["login", "-u", "u", "--password-stdin", "registry.invalid"], "hunter3");
    assert!(came.code == 1 && came.err.contains("cannot reach registry.invalid"), "{came:?}");
}

#[test]
fn a_token_that_lasts_is_kept_in_place_of_the_password() {
    let registry = Registry::with_login(Login::Token("u".into(), "hunter2".into())).unwrap();
    let world = World::new();
    world.told(&["login", "-u", "u", "--password-stdin", registry.host()], "hunter2").good();
    assert!(world.logins().contains("\"identitytoken\": \"lasting\""), "{}", world.logins());
    assert_eq!(world.rbuild(&["login", registry.host()]).good(), "Login Succeeded\n");
}

#[test]
fn a_store_for_logins_is_used_where_the_file_names_one() {
    let (world, registry) = (World::new(), basic());
    let program = world.write("bin/docker-credential-box", "#!/bin/sh\ncase $1 in\nstore) cat >\"$HOME/kept\";;\nget) read x; cat \"$HOME/kept\" 2>/dev/null || { echo credentials not found in native keychain; exit 1; };;\nerase) rm \"$HOME/kept\";;\nesac\n");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let world = world.with("PATH", path);
    world.write(".docker/config.json", r#"{"credsStore": "box"}"#);
    let came = world.told(&["login", "-u", "u", "--password-stdin", registry.host()], "hunter2");
    assert!(came.err.is_empty(), "{came:?}");
    came.good();
    assert!(std::fs::read_to_string(world.path("kept")).unwrap().contains("hunter2"));
    assert!(!world.logins().contains("hunter2") && !world.logins().contains("auth\""));
    world.rbuild(&["login", registry.host()]).good();
    assert!(world.rbuild(&["logout", registry.host()]).good().starts_with("Removing"));
    assert!(!world.path("kept").exists());
}

#[test]
fn debians_registry_takes_the_login() {
    let (Some(registry), world) = (Debian::start(HTPASSWD), World::new()) else { return };
    let url = format!("http://{}/v2/", registry.host);
    world.told(&["login", "-u", "u", "--password-stdin", &url], "hunter2\n").good();
    registry.layout("layout", "v1", &random_image(2, 1));
    let target = format!("docker://{}/team/app:v1", registry.host);
    let authfile = format!("--authfile={}", world.path(".docker/config.json").display());
    registry.skopeo(&["copy", &authfile, "--dest-tls-verify=false", "oci:layout:v1", &target]);
    world.rbuild(&["pull", &target[9..]]).good();
    let error = world.told(&["login", "-u", "u", "--password-stdin", &registry.host], "no").bad(1);
    assert!(error.contains("refuses the login"), "{error}");
}

#[test]
fn command_lines_without_sense_say_so() {
    let world = World::new();
    for (args, said) in [
        (&["login", "r.example"][..], "non TTY"),
        (&["login", "--password-stdin", "r.example"], "Must provide --username"),
        (&["login", "-u", "u", "--password-stdin", "r.example"], "standard input is empty"),
        (&["login", "r.example/repo"], "HOST[:PORT]"),
        (&["logout", "a b"], "HOST[:PORT]"),
    ] {
        let error = world.rbuild(args).bad(2);
        assert!(error.contains(said), "{args:?}: {error}");
    }
}

#[test]
fn at_a_terminal_the_password_is_asked_for_and_not_shown() {
    let (world, registry) = (World::new(), basic());
    let outer = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&outer).unwrap();
    unlockpt(&outer).unwrap();
    let name = ptsname(&outer, Vec::new()).unwrap();
    let inner = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let side = || Stdio::from(inner.try_clone().unwrap());
    let mut command = world.command(&["login", registry.host()]);
    let mut child = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
    let mut keys = File::from(outer);
    let mut seen = until(&mut keys, "Username for");
    keys.write_all(b"u\r").unwrap();
    seen += &until(&mut keys, "Password: ");
    let begin = Instant::now();
    while tcgetattr(&inner).unwrap().local_modes.contains(LocalModes::ECHO) {
        assert!(begin.elapsed() < Duration::from_secs(20), "the terminal still shows what is typed");
        std::thread::yield_now();
    }
    keys.write_all(b"hunter2\r").unwrap();
    seen += &until(&mut keys, "Login Succeeded");
    assert!(!seen.contains("hunter2"), "{seen}");
    assert!(child.wait().unwrap().success());
    assert!(tcgetattr(&inner).unwrap().local_modes.contains(LocalModes::ECHO));
}

/// What a terminal shows until that is shown.
fn until(terminal: &mut File, wanted: &str) -> String {
    let (begin, mut seen) = (Instant::now(), String::new());
    while !seen.contains(wanted) {
        assert!(begin.elapsed() < Duration::from_secs(20), "no {wanted:?} in {seen:?}");
        let second = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
        if poll(&mut [PollFd::new(&*terminal, PollFlags::IN)], Some(&second)).unwrap() > 0 {
            let mut buffer = [0; 4096];
            let got = terminal.read(&mut buffer).unwrap();
            seen += &String::from_utf8_lossy(&buffer[..got]);
        }
    }
    seen
}
